// The one JSON object that the plugin writes (bv.health/1). A JSON library is not worth what it
// would bring into the host's process; the tools use Poco's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace plugin {

class JsonObject {
 public:
  void add(std::string_view name, std::int64_t value) { add_raw(name, std::to_string(value)); }
  void add(std::string_view name, std::string_view text) { add_raw(name, quoted(text)); }
  void add_raw(std::string_view name, std::string_view json) {
    if (!body_.empty()) body_ += ", ";
    body_ += quoted(name);
    body_ += ": ";
    body_ += json;
  }
  std::string text() const { return "{" + body_ + "}"; }

 private:
  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
      const bool control = static_cast<unsigned char>(c) < 0x20;
      if (c == '"' || c == '\\') out += '\\';
      out += control ? ' ' : c;
    }
    return out + "\"";
  }

  std::string body_;
};

}  // namespace plugin
