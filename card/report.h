// What happens inside, told to whoever watches the simulator: one event, one line of output.
// Never holds a key or content.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace card {

struct Event {
  std::string kind;  // "message", "session", "image", "identity", "screen", ...
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields;  // for JSON
};
using Report = std::function<void(const Event&)>;

}  // namespace card
