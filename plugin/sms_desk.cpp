#include "plugin/sms_desk.h"

#include <algorithm>

#include "smsc/esme.h"

namespace plugin {

namespace {

// The host's clock may jump: it is looked at at least so often.
constexpr auto kLongestWait = std::chrono::milliseconds(200);
constexpr std::int64_t kAfterLostTurn = 5 * base::kSecondMs;

class EsmeCarrier : public SmsCarrier {
 public:
  EsmeCarrier(std::vector<smsc::Settings> smscs, const smsc::CommonSettings& common,
              const smsc::Esme::Parts& parts)
      : esme_(std::move(smscs), common, parts) {}

  base::Status start() override { return esme_.start(); }
  void drain() override { esme_.drain(); }
  void stop(std::int64_t deadline_ms) override { esme_.stop(deadline_ms); }
  Taken submit(const vault::OutgoingSms& sms) override { return esme_.submit(sms); }
  std::size_t room() const override { return esme_.room(); }
  std::vector<vault::SmscState> state() const override { return esme_.state(); }

 private:
  smsc::Esme esme_;
};

}  // namespace

SmsDesk::SmsDesk(Settings settings, const Parts& parts)
    : settings_(std::move(settings)), parts_(parts), inbox_(settings_.common.mo_queue) {
  if (parts_.carrier) {
    carrier_ = parts_.carrier(inbox_);
    return;
  }
  carrier_ = std::make_unique<EsmeCarrier>(
      settings_.smscs, settings_.common,
      smsc::Esme::Parts{inbox_, parts_.clock, parts_.log, parts_.counters, parts_.alarm});
}

SmsDesk::~SmsDesk() {
  while (!stop(0)) {
  }
}

base::Status SmsDesk::start() {
  if (base::Status started = carrier_->start(); !started) return started;
  if (thread_.start("bv-sms", [this] { run(); })) return {};
  carrier_->stop(0);
  return base::Error{"the system gives no thread"};
}

void SmsDesk::reconfigure(const vault::ReminderSettings& reminder, const vault::Policy& policy) {
  change_.with([&](auto& change) { change.emplace(reminder, policy); });
  inbox_.wake();
}

void SmsDesk::drain() { carrier_->drain(); }

bool SmsDesk::stop(std::int64_t deadline_ms) {
  const base::SystemClock clock;  // the host's may stand still
  const std::int64_t end = clock.now().mono_ms + deadline_ms;
  // The last outcomes must still be committed.
  carrier_->stop(deadline_ms * 2 / 3);
  gate_.close();
  inbox_.wake();
  const std::int64_t left = std::max<std::int64_t>(end - clock.now().mono_ms, 0);
  if (!gate_.empty_within(std::chrono::milliseconds(left))) return false;
  thread_.join();
  return true;
}

void SmsDesk::run() {
  const base::Gate::Pass inside(gate_);
  if (!inside) return;
  const std::unique_ptr<vault::Store> store = parts_.stores.open();
  vault::ReminderService service(settings_.reminder, settings_.policy, settings_.instance, *store,
                                 *carrier_, parts_.wake_up, parts_.log, parts_.counters);
  while (!gate_.closed_within(std::chrono::milliseconds(0))) turn(service);
  const base::Now now = parts_.clock.now();
  hand_over(service, inbox_.take(std::chrono::milliseconds(0)), now);
  service.finish(now);
}

// Out of memory: this turn is lost, the next one comes. Messages that were not kept stay with the
// SMSC.
void SmsDesk::turn(vault::ReminderService& service) try {
  const std::int64_t before = parts_.clock.now().mono_ms;
  const bool at_once = before >= next_work_;
  SmsInbox::Contents contents = inbox_.take(at_once ? std::chrono::milliseconds(0) : kLongestWait);
  const base::Now now = parts_.clock.now();
  if (auto change = change_.with([](auto& c) { return std::exchange(c, std::nullopt); })) {
    service.reconfigure(change->first, change->second);
  }
  if (!contents.empty()) next_work_ = now.mono_ms;
  hand_over(service, std::move(contents), now);
  if (now.mono_ms >= next_work_) next_work_ = service.work(now);
} catch (...) {
  next_work_ = parts_.clock.now().mono_ms + kAfterLostTurn;
  parts_.counters.add("vault.sms_lost_turns");
}

void SmsDesk::hand_over(vault::ReminderService& service, SmsInbox::Contents contents,
                        base::Now now) {
  for (const vault::SmsOutcome& outcome : contents.outcomes) service.outcome(outcome);
  if (!contents.arrivals.empty()) {
    const bool kept = service.keep(std::move(contents.arrivals), now);
    for (const vault::Kept& answer : contents.kept) answer(kept);
  }
  for (const vault::Msisdn& number : contents.back) service.subscriber_back(number, now);
}

}  // namespace plugin
