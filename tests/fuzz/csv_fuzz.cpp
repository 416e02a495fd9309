// No octets make the CSV reader fail, loop, or give a record with another number of fields than
// its header has.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Lines lines(std::string_view(reinterpret_cast<const char*>(data), size));
  base::CsvReader reader(lines);
  if (!reader.open()) return 0;
  std::vector<std::string> fields;
  std::size_t answers = 0;
  for (;;) {
    const auto got = reader.next(fields);
    if (got == base::CsvReader::Got::end || got == base::CsvReader::Got::failed) return 0;
    if (got == base::CsvReader::Got::bad && reader.fault().empty()) std::abort();
    const bool record = got == base::CsvReader::Got::record;
    if (record && fields.size() != reader.names().size()) std::abort();
    if (++answers > size + 1) std::abort();
  }
}
