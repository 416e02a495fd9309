// CSV files of operators are read by their header's names, within limits, and one bad record never
// spoils the others.
#include <boost/test/unit_test.hpp>

#include <random>

#include "base/csv.h"

namespace {

using Got = base::CsvReader::Got;

// "a|b;c|d" for records, "!line reason" for bad ones.
std::string read_all(std::string_view text) {
  base::Lines lines(text);
  base::CsvReader reader(lines);
  if (const base::Status status = reader.open(); !status) return "!" + status.error();
  std::string out;
  std::vector<std::string> fields;
  for (;;) {
    const Got got = reader.next(fields);
    if (got == Got::end) return out;
    if (!out.empty()) out += ";";
    if (got != Got::record) {
      out += "!" + std::to_string(reader.line()) + " " + reader.fault();
      continue;
    }
    for (std::size_t i = 0; i < fields.size(); ++i) out += (i == 0 ? "" : "|") + fields[i];
  }
}

}  // namespace

// Proves quoting, separators, line ends and trimming by what comes out.
BOOST_AUTO_TEST_CASE(csv_forms) {
  const std::pair<const char*, const char*> cases[] = {
      {"a,b\n1,2\n", "1|2"},
      {"a;b\n1;2,5\n", "1|2,5"},
      {"a\tb\n1\t2\n", "1|2"},
      {"\xEF\xBB\xBF"
       "a,b\r\n1,2\r\n\r\n3,4",
       "1|2;3|4"},
      {"\n\na\n1\n", "1"},
      {"a,b\n \"x, y\" ,z\n", "x, y|z"},
      {"a,b\n\"say \"\"hi\"\"\",2\n", "say \"hi\"|2"},
      {"a,b\n\"two\nlines\",2\n3,4\n", "two\nlines|2;3|4"},
      {"a,b\n,\n", "|"},
      {"a,b\n1\n2,3\n", "!2 1 fields instead of 2;2|3"},
      {"a,b\n1,2,3\n", "!2 3 fields instead of 2"},
      {"a,b\n\"x\"y,2\n3,4\n", "!2 text behind a closing quote;3|4"},
      {"a,b\n\"open,2\n3,4\n5,6\n", "!2 a quote is not closed;3|4;5|6"},
      {"", "!the file is empty: a line with column names is missing"},
      {"a,,b\n", "!column 2 has no name"},
      {"Key Set,key_set\n", "!column 2 has the name of column 1"},
      {"a\xff,b\n", "!column 1: name is not valid UTF-8"},
  };
  for (const auto& [text, expected] : cases) BOOST_TEST(read_all(text) == expected);
}

// Proves that columns are found by name whatever their order, case and word separators.
BOOST_AUTO_TEST_CASE(csv_columns_by_name) {
  base::Lines lines("Key-Set;ICCID\n");
  base::CsvReader reader(lines);
  BOOST_REQUIRE(reader.open().ok());
  BOOST_TEST(*reader.column("iccid") == 1u);
  BOOST_TEST(*reader.column("key_set") == 0u);
  BOOST_TEST(!reader.column("kic"));
}

// Proves the limits: a line over 64 KiB is one bad record, a quote spans at most 16 lines, and a
// header has at most 256 columns.
BOOST_AUTO_TEST_CASE(csv_limits) {
  const std::string long_line = "a\n" + std::string(70'000, 'x') + "\n1\n";
  BOOST_TEST(read_all(long_line) == "!2 the line is too long;1");
  std::string open_quote = "a\n\"\n";
  for (int i = 0; i < 20; ++i) open_quote += "1\n";
  open_quote += "\"\n";
  BOOST_TEST(read_all(open_quote).starts_with("!2 a quote is not closed;1;1;1;"));
  BOOST_TEST(read_all(std::string(256, ',')) ==
             "!the line with column names: more than 256 fields");
}

// Proves that every prefix of a file, and random octets, end without harm.
BOOST_AUTO_TEST_CASE(csv_hostile) {
  const std::string text = "a,b,c\n\"x \"\" y\",\"two\nlines\",3\r\n4,5,6\n";
  for (std::size_t size = 0; size <= text.size(); ++size) read_all(text.substr(0, size));
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string noise(random() % 200, '\0');
    for (char& c : noise) c = ",;\t\"\n\r ab"[random() % 9];
    const std::string out = read_all("a,b\n" + noise);
    BOOST_TEST(out.size() <= noise.size() * 40 + 40);
  }
}
