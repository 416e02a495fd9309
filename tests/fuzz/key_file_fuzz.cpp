// The file of a vault's own keys, whatever it holds: a refusal of one line that repeats no key, or
// keys of 32 octets that are read again from lines of their own.
#include <cstdlib>

#include "base/log.h"
#include "db/key_files.h"
#include "tests/fuzz/long_numbers.h"
#include "tests/fuzz/private_file.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

std::string lines_of(const db::NumberedKeys& keys) {
  std::string lines;
  for (const auto& [number, key] : keys) {
    lines += base::cat(number, " ", base::to_hex(key.view()), "\n");
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::PrivateFile file;
  const auto keys = db::read_key_file(file.with({data, size}));
  if (!keys) {
    check(!keys.error().empty() && keys.error().find('\n') == std::string::npos);
    check(fuzz::longest_number(keys.error()) <= fuzz::kLongestNumber);
    return 0;
  }
  check(!keys->empty());
  for (const auto& [number, key] : *keys) {
    check(number >= 1 && number <= db::kHighestKeyNumber && key.size() == 32);
  }
  const std::string lines = lines_of(*keys);
  if (lines.size() > 64 * 1024) return 0;  // longer than such a file may be
  const auto again = db::read_key_file(file.with(base::as_bytes(lines)));
  check(again && lines_of(*again) == lines);
  return 0;
}
