// A store in memory, an SMSC and a card's keys as scripts, and one or more instances at work.
#pragma once

#include <memory>

#include "base/counters.h"
#include "tests/support/collected_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"
#include "tests/support/scripted_sms.h"
#include "vault/reminder_service.h"

namespace test {

struct ReminderWorld {
  ReminderWorld() {
    settings.enabled = true;
    settings.msisdn_allow = {"49"};
  }

  vault::Record& add(const std::string& iccid, const std::string& number = "+491721234567") {
    vault::Record record(*vault::Iccid::from_digits(iccid));
    record.id[0] = static_cast<std::uint8_t>(data.state.records.size() + 1);
    record.msisdn_provisioned = vault::Msisdn::from_text(number);
    record.language = "en";
    record.image = vault::ImageInfo{};
    record.image->stored_at = record.updated_at = record.identity_at = now().utc_ms;
    record.key_state = vault::KeyState::active;
    const auto id = record.id;
    return data.state.records.emplace(id, std::move(record)).first->second;
  }

  // Another instance, or the same one after a restart.
  struct Instance {
    support::MemoryStore store;
    vault::ReminderService service;
    Instance(ReminderWorld& world, const std::string& name)
        : store(world.data),
          service(world.settings, world.policy, name, store, world.out, &world.wake, world.log,
                  world.counters) {}
  };
  std::unique_ptr<Instance> start(const std::string& name = "a") {
    return std::make_unique<Instance>(*this, name);
  }

  base::Now now() const { return clock.now(); }
  void pass(std::int64_t ms) { clock.advance(ms); }
  // Until nothing is left to do at once; what the SMSC gets it accepts, if `accepting`.
  void work(vault::ReminderService& service) {
    for (int i = 0; i < 50; ++i) {
      const bool more = service.work(now()) <= now().mono_ms;
      const bool sent = told < out.at_smsc.size();
      for (; told < out.at_smsc.size(); ++told) {
        if (!accepting) continue;
        service.outcome({out.at_smsc[told].ref, 1, 1, vault::SmsOutcome::Kind::accepted, "smsc",
                         "id" + std::to_string(told), 0, false});
      }
      if (!more && !sent) break;
    }
  }
  // An answer, from the number that it was sent to if none is given.
  bool say(vault::ReminderService& service, const std::string& text,
           const std::string& from = "+491721234567") {
    vault::IncomingSms sms;
    sms.mark = base::sha256(base::as_bytes(text + from + std::to_string(said++)));
    sms.smsc = "smsc";
    sms.from = vault::Msisdn::from_text(from);
    sms.text = text;
    return service.keep({sms}, now());
  }
  bool por(vault::ReminderService& service, std::uint8_t status, bool authentic = true) {
    vault::IncomingSms sms;
    sms.mark = base::sha256(base::as_bytes("por" + std::to_string(said++)));
    sms.from = vault::Msisdn::from_text("+491721234567");
    sms.binary = true;
    sms.user_data = {0x71, status, static_cast<std::uint8_t>(wake.built.back() & 0xFF),
                     static_cast<std::uint8_t>(authentic ? 1 : 0)};
    return service.keep({sms}, now());
  }

  std::size_t noted(const std::string& kind) const {
    std::size_t found = 0;
    for (const auto& [id, note] : data.state.history) found += note.kind == kind ? 1 : 0;
    return found;
  }
  std::size_t texts() const { return sent(vault::SmsKind::reminder); }
  std::size_t wakes() const { return sent(vault::SmsKind::wake_up); }
  std::size_t sent(vault::SmsKind kind) const {
    std::size_t found = 0;
    for (const auto& sms : out.at_smsc) found += sms.kind == kind ? 1 : 0;
    return found;
  }
  const vault::Reminder& reminder(const vault::Record& record) {
    return data.state.reminders[record.id];
  }
  vault::WakeUpRow& card(const vault::Record& record) {
    return data.state.wake_ups.try_emplace(record.iccid, record.iccid).first->second;
  }

  support::MemoryData data;
  support::ScriptedOut out;
  support::ScriptedWakeUp wake;
  support::FakeClock clock;
  support::CollectedLog log;
  base::Counters counters;
  vault::ReminderSettings settings;
  vault::Policy policy;
  bool accepting = true;
  int said = 0;
  std::size_t told = 0;  // of what is at the SMSC
};

inline constexpr char kCard[] = "8944351002100001231";
inline constexpr std::int64_t kTwoMonths = 61 * base::kDayMs;  // 24 November to 24 January

}  // namespace test
