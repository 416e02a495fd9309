// First line: the operator's country code, the rest: a number as somebody typed it. It has a fault
// or is a number; of a number the digits are those typed, with the country code in place of a trunk
// prefix and of nothing else; written out, it is read as the same again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "cli/phone_number.h"

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c >= '0' && c <= '9'; });
  return digits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = base::as_text({data, size});
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string code = cli::read_country_code(input.substr(0, line)).value_or("");
  const std::string_view text = input.substr(std::min(line + 1, input.size()));
  must(code.size() <= 3 && !code.starts_with('0') && digits_of(code) == code);

  const cli::TypedNumber typed = cli::read_number(text, code);
  must(typed.number.has_value() == typed.fault.empty());
  if (!typed.number) return 0;
  const std::string number(typed.number->digits());
  const std::string wrote = digits_of(text);
  if (typed.national) {
    must(!code.empty() && wrote.starts_with('0') && number == code + wrote.substr(1));
  } else {
    must(number == (wrote.starts_with("00") ? wrote.substr(2) : wrote));
  }
  must(!(typed.national && typed.without_plus) && !number.starts_with('0'));
  const cli::TypedNumber again = cli::read_number("+" + number, code);
  must(again.number == typed.number && !again.national && !again.without_plus);
  return 0;
}
