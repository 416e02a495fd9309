#include "plugin/alarms.h"

namespace plugin {

void Alarms::set(const std::string& id, const std::string& text, std::int32_t severity) {
  const bool changed = raised_.with([&](auto& map) {
    const auto found = map.find(id);
    if (text.empty()) return map.erase(id) > 0;
    if (found != map.end() && found->second == text) return false;
    map.insert_or_assign(id, text);
    return true;
  });
  // With no lock held: the host may call back.
  if (changed) host_.alarm(id, text, severity);
}

void Alarms::clear_all() {
  for (const auto& [id, text] : raised()) set(id, "");
}

}  // namespace plugin
