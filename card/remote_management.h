// The card's remote management behind its own TAR, beside the applet and unknown to it. A PUSH that
// is sent here gets its channel, as on a real card: it belongs to remote management, which waits
// for the server to speak first. Coroutines of one thread.
#pragma once

#include <array>
#include <cstdint>

#include "card/proactive.h"
#include "card/profile.h"
#include "card/push.h"
#include "card/report.h"
#include "card/task.h"

namespace card {

class RemoteManagement {
 public:
  static constexpr std::array<std::uint8_t, 3> kTar{0x00, 0x00, 0x00};  // issuer security domain
  static constexpr std::uint8_t kGuardTimer = 5;
  static constexpr int kGuardSeconds = 120;

  // References outlive the object.
  RemoteManagement(const Card& card, Proactive& proactive, Report report)
      : card_(card), proactive_(proactive), report_(std::move(report)) {}

  Task<Response> open(Push push);
  // Until the server ends it or the guard time is over; what the server says is not looked at.
  Task<> hold();

  void on_event(const Envelope& event);
  void on_guard_timer() { expired_ = true; }

 private:
  void tell(const char* text) const;

  const Card& card_;
  Proactive& proactive_;
  Report report_;
  std::uint8_t channel_ = 0;  // 0: closed
  bool dropped_ = false, expired_ = false;
};

}  // namespace card
