// No octets make the INI reader fail otherwise than by problems with a line and a text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = config::parse(text, "fuzz.ini", config::Check::syntax_only);
  if (const auto* problems = std::get_if<std::vector<config::Problem>>(&result)) {
    if (problems->empty()) std::abort();
    for (const config::Problem& problem : *problems) {
      if (problem.text.empty() || problem.to_string().empty()) std::abort();
    }
  }
  return 0;
}
