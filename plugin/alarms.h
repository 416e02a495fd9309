// What somebody must see to, told to the host while it lasts (bv.alarm/1).
#pragma once

#include <map>
#include <string>

#include "base/guarded.h"
#include "plugin/host.h"

namespace plugin {

// Any thread. Without bv.alarm/1 they are only kept, for health.
class Alarms {
 public:
  explicit Alarms(const Host& host) : host_(host) {}

  // An empty text: it is over. The host is told of changes only; `severity` is one of bv.alarm/1.
  void set(const std::string& id, const std::string& text,
           std::int32_t severity = BV_ALARM_CRITICAL);
  void clear_all();
  std::map<std::string, std::string> raised() const {
    return raised_.with([](const auto& map) { return map; });
  }

 private:
  const Host& host_;
  base::Guarded<std::map<std::string, std::string>> raised_;
};

}  // namespace plugin
