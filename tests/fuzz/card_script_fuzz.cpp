// No text makes the script reader fail; a fault names its line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "card/script.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto lines = card::parse_script({reinterpret_cast<const char*>(data), size});
  if (!lines && lines.error().find("line ") == std::string::npos) std::abort();
  return 0;
}
