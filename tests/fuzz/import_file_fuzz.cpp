// No octets make the reader of an import file, CSV or a vendor's, fail or loop. A card that it
// gives has an ICCID; a bad line has a reason, and no reason repeats a long number of the file: it
// may be a card's secret.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/files.h"
#include "cli/import_file.h"
#include "tests/fuzz/long_numbers.h"

namespace {

void read(std::string_view text, cli::ImportFormat format, const char* country_code) {
  base::Lines lines(text);
  auto opened = cli::open_import(lines, format);
  if (!opened) {
    const std::string& why = opened.error();
    if (why.empty() || fuzz::longest_number(why) > fuzz::kLongestNumber) std::abort();
    return;
  }
  cli::ImportReader& reader = **opened;
  reader.set_country_code(country_code);
  for (std::size_t answers = 0;; ++answers) {
    using Got = cli::ImportReader::Got;
    const Got got = reader.next();
    if (got == Got::end || got == Got::failed) return;
    if (got == Got::card && reader.take().iccid.digits().empty()) std::abort();
    if (got == Got::bad && reader.fault().empty()) std::abort();
    if (got == Got::bad && fuzz::longest_number(reader.fault()) > fuzz::kLongestNumber)
      std::abort();
    if (answers > text.size() + 1) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text, cli::ImportFormat::automatic, "");
  read(text, cli::ImportFormat::vendor, "49");
  read(text, cli::ImportFormat::csv, "86");
  return 0;
}
