// `import --dry-run` tells what the import does then, and does nothing.
#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

std::string last_line(const std::string& text) {
  const std::size_t begin = text.rfind('\n', text.size() - 2);
  return text.substr(begin == std::string::npos ? 0 : begin + 1);
}

}  // namespace

// Proves that the counts are those of the real run: of cards that are there and changed or not, of
// new ones, and of cards that stand in the file several times, over several batches.
BOOST_AUTO_TEST_CASE(a_dry_run_foretells) {
  const Laboratory lab;
  lab.set_up();
  const std::string file = lab.path / "cards.csv";
  std::ofstream(file) << "iccid,msisdn,customer,language\n"
                         "8986001234567890120,+8613800000001,,\n"    // as it is
                         "8986001234567890138,+8613800000002,C1,\n"  // a customer
                         "8986001234567890146,+8613800000003,,en\n"  // new
                         "8986001234567890120,,,\n"                  // as it is
                         "8986001234567890146,,,EN\n"                // as it will be
                         "8986001234567890146,+8613800000004,,\n"    // another number
                         "8986001234567890138,,C1,\n"                // as it will be
                         "nonsense,,,\n";
  const Ended dry = lab.ops({"import", file, "--dry-run", "--batch", "2"});
  BOOST_TEST(dry.code == 1);
  const std::string counts = "created 1, updated 2, unchanged 4, bad 1\n";
  BOOST_TEST(last_line(dry.output) == "dry run, nothing is stored: would have " + counts,
             dry.output);
  BOOST_TEST(contains(lab.ops({"--json", "import", file, "--dry-run"}), "\"created\": 1"));
  BOOST_TEST(lab.care(proven({"show", "8986001234567890146"})).code == 5, "nothing was stored");
  BOOST_TEST(last_line(lab.ops({"import", file}).output) == counts);
  BOOST_TEST(
      last_line(lab.ops({"import", file, "--dry-run"}).output).find("updated 2, unchanged 5") !=
      std::string::npos);
}

// Proves that warnings and bad lines come in the order of the file.
BOOST_AUTO_TEST_CASE(notes_in_the_order_of_the_file) {
  const Laboratory lab;
  lab.set_up();
  const Ended told = lab.ops({"import", "-"},
                             "iccid,msisdn\nnonsense,\n8986001234567890126,+8613800000009\n"
                             "8986001234567890146,x\n8986001234567890146,+8613800000009\n");
  std::size_t at = 0;
  for (const char* line :
       {"line 2: the ICCID", "line 3: warning: ICCID 8986001234567890126: the last digit",
        "line 4: the msisdn", "line 5: warning: number +8613800000009", "created 2"}) {
    const std::size_t found = told.output.find(line, at);
    BOOST_TEST(found != std::string::npos, line << " in " << told.output);
    at = std::min(found, told.output.size());
  }
}
