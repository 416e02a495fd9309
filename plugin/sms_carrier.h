// Who carries the desk's messages: the ESME, or the platform.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "vault/sms_ports.h"

namespace plugin {

// Lifecycle calls come from one thread at a time; the sink is not called any more once stop() has
// returned.
class SmsCarrier : public vault::SmsOut {
 public:
  virtual base::Status start() = 0;
  virtual void drain() = 0;  // takes nothing more; returns at once
  // Every segment that was taken has had its outcome then.
  virtual void stop(std::int64_t deadline_ms) = 0;
};

}  // namespace plugin
