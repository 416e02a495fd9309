// An SmsOut and a WakeUp that do what a test tells them, and remember what they were given.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "vault/sms_ports.h"

namespace support {

class ScriptedOut : public vault::SmsOut {
 public:
  Taken submit(const vault::OutgoingSms& sms) override {
    if (before_write) before_write(sms);
    if (answer != Taken::yes) return answer;
    if (!sms.smsc.empty() && sms.smsc == away) return Taken::busy;
    at_smsc.push_back(sms);
    if (after_write) after_write(sms);
    return Taken::yes;
  }
  std::size_t room() const override { return free; }
  std::vector<vault::SmscState> state() const override { return {}; }

  // What became of the message handed over last, as one segment.
  vault::SmsOutcome outcome(
      vault::SmsOutcome::Kind kind = vault::SmsOutcome::Kind::accepted) const {
    const auto number = std::to_string(at_smsc.size());
    return {at_smsc.back().ref, 1, 1, kind, "smsc", "id" + number, 0, false};
  }

  Taken answer = Taken::yes;
  std::string away;  // an SMSC that is not bound
  std::size_t free = 10;
  std::vector<vault::OutgoingSms> at_smsc;  // as often as it was sent
  std::function<void(const vault::OutgoingSms&)> before_write;
  std::function<void(const vault::OutgoingSms&)> after_write;
};

class ScriptedWakeUp : public vault::WakeUp {
 public:
  std::uint8_t key_set() const override { return keys; }
  bool platform_counts() const override { return platform; }
  vault::WakeBuilt build(const vault::Iccid&, vault::WakeReason reason, std::uint8_t key_set,
                         vault::Counter counter) override {
    if (kind != vault::WakeBuilt::Kind::done) return {kind, {}};
    built.push_back(platform ? 9000 + built.size() : counter);
    return {kind, {{0x57, 0x01, static_cast<std::uint8_t>(reason)}, tar, built.back(), key_set}};
  }
  // "por STATUS COUNTER", in octets: 71, status, counter's low octet, authentic.
  base::Result<std::optional<vault::Por>> read_por(const vault::Iccid&, std::uint8_t key_set,
                                                   base::View data) override {
    if (away) return base::Error{"away"};
    if (data.size() != 4 || data[0] != 0x71) return std::optional<vault::Por>();
    asked_for = key_set;
    vault::Counter counter = 0;
    for (const vault::Counter known : built) {
      if ((known & 0xFF) == data[2]) counter = known;
    }
    return std::optional(vault::Por{tar, counter, data[1], data[3] != 0});
  }

  std::uint8_t keys = 1;
  std::uint8_t asked_for = 0;  // key set of the last answer
  bool platform = false;
  bool away = false;  // the keys, for proofs
  vault::WakeBuilt::Kind kind = vault::WakeBuilt::Kind::done;
  std::array<std::uint8_t, 3> tar{0xBF, 0xFF, 0x01};
  std::vector<vault::Counter> built;
};

}  // namespace support
