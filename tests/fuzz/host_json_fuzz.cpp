// First line: a member's name, the rest: the plugin's health, whatever it says. Nothing, or a part
// of that text that is found again where it stands alone.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "host/json.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = base::as_text({data, size});
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string_view object = input.substr(std::min(line + 1, input.size()));
  const auto value = host::json_member(object, input.substr(0, line));
  if (!value) return 0;
  check(!value->empty() && value->data() >= object.data() &&
        value->data() + value->size() <= object.data() + object.size());
  const std::string alone = "{\"a\": " + std::string(*value) + "}";
  check(host::json_member(alone, "a") == value);
  check(!host::json_member(alone, "b"));
  return 0;
}
