// bipvault-ops export: the list of all cards, as it is written, and read again by import.
#include <sys/stat.h>

#include <filesystem>

#include "base/time.h"
#include "cli/card_export.h"
#include "cli/export.h"
#include "tests/unit/cli/tools.h"

using namespace tools;

// Proves that the list is a private file with every card, that import finds nothing new in it, and
// that an existing file is left alone.
BOOST_AUTO_TEST_CASE(list_of_cards) {
  const Laboratory lab;
  lab.set_up();
  const std::string file = (lab.path / "list.csv").string();
  BOOST_TEST(contains(lab.ops({"export", file}), "wrote 2 cards"));
  struct stat info {};
  BOOST_REQUIRE(::stat(file.c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 0777) == 0600u);
  BOOST_TEST(contains(lab.ops({"import", file}), "created 0, updated 0, unchanged 2, bad 0"));
  BOOST_TEST(lab.ops({"export", file}).code == 1);
  const Ended shown = lab.ops({"export", "-"});
  BOOST_TEST(shown.code == 0);
  BOOST_TEST(shown.output.starts_with("iccid,msisdn,customer,language,state,stored,octets\n"));
  BOOST_TEST(contains(lab.ops({"--json", "export", file + "2"}), "\"cards\": 2"));
  const Ended refused = lab.ops({"--json", "export", "-"});
  BOOST_TEST(refused.code == 2);
  BOOST_TEST(refused.output ==
             "bipvault-ops: --json: the list is CSV; name a FILE and its counts are JSON\n");
  const Ended content = lab.care(
      proven({"export", "8986001234567890120", "--format", "text", "--output", "-", "--json"}));
  BOOST_TEST(content.code == 2);
  BOOST_TEST(contains(content, "--json and --output - exclude each other"), content.output);
}

BOOST_AUTO_TEST_CASE(a_list_that_breaks_off_is_removed) {
  const Laboratory lab;
  const std::string path = lab.path / "list.csv";
  for (const bool whole : {false, true}) {
    {
      cli::ExportFile file(path);
      BOOST_REQUIRE(file.made().ok());
      BOOST_TEST(file.write(base::as_bytes("iccid\n")).ok());
      if (whole) BOOST_TEST(file.keep().ok());
    }
    BOOST_TEST(std::filesystem::exists(path) == whole);
  }
}

// Proves the line of a card: what provisioning told, quoted where it must be, and its state.
BOOST_AUTO_TEST_CASE(line_of_a_card) {
  vault::Record record(*vault::Iccid::from_digits("8986012345678901239"));
  const base::Now now{1'000, 1'764'000'000'000};
  BOOST_TEST(cli::card_line(record, now) == "8986012345678901239,,,,empty,,\n");
  record.msisdn_provisioned = vault::Msisdn::from_text("+8613800138000");
  record.customer = "A \"B\", C";
  record.language = "zh-CN";
  record.locked_at = now.utc_ms;
  BOOST_TEST(cli::card_line(record, now) ==
             "8986012345678901239,+8613800138000,\"A \"\"B\"\", C\",zh-CN,locked,,\n");
}

// Proves that `stored` is the date of the newest version, and of no answer to a reminder.
BOOST_AUTO_TEST_CASE(the_newest_version_of_a_card) {
  vault::Record record(*vault::Iccid::from_digits("8986012345678901239"));
  const base::Now now{1'000, 1'764'000'000'000};
  record.image.emplace();
  record.image->bytes = 7;
  record.image->stored_at = now.utc_ms - 2 * base::kDayMs;
  record.updated_at = now.utc_ms;
  BOOST_TEST(cli::card_line(record, now) == "8986012345678901239,,,,held,2025-11-22T16:00:00Z,7\n");
}
