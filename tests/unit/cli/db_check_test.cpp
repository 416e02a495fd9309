// db check as an operator calls it, and the file in which it keeps how far it has come.
#include "cli/db_check.h"

#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

db::CheckState a_state() {
  db::CheckState state;
  state.after = base::Bytes(16, 0x7F);
  state.records = 12'345;
  state.versions = 2;
  state.octets = 1'000'000'000'000;
  state.parts = 4;
  state.entries = 5;
  state.faults = 3;
  state.listed = {{"8986001234567890120", "version 0: the digest does not fit"},
                  {"own history", "history 2: entry changed"}};
  return state;
}

// Cards enough for three pages.
void import_many(const Laboratory& lab) {
  std::string rows = "iccid\n";
  for (int i = 0; i < 500; ++i) rows += "89860000000000" + std::to_string(10'000 + i) + "\n";
  const Ended imported = lab.ops({"import", "-"}, rows);
  BOOST_REQUIRE_MESSAGE(contains(imported, "created 500"), imported.output);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(db_check)

// Proves that a state comes back as it was, and only for the store that it is of.
BOOST_AUTO_TEST_CASE(state_comes_back) {
  const std::string text = cli::check_state_text(42, a_state());
  BOOST_REQUIRE(cli::read_check_state(text, 42).has_value());
  BOOST_TEST((*cli::read_check_state(text, 42) == a_state()));
  BOOST_TEST(!cli::read_check_state(text, 43).has_value());
  const std::string empty = cli::check_state_text(42, {});
  BOOST_TEST((*cli::read_check_state(empty, 42) == db::CheckState()));
}

// Proves that what is cut off or is not a state is none: nothing would be left out because of it.
BOOST_AUTO_TEST_CASE(no_state) {
  const std::string text = cli::check_state_text(42, a_state());
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto read = cli::read_check_state(text.substr(0, size), 42);
    // Whole lines of faults may be missing, which are counted; nothing else.
    if (!read) continue;
    BOOST_TEST(text[size - 1] == '\n');
    BOOST_TEST(read->faults == 3u);
    BOOST_TEST((read->after == a_state().after));
  }
  for (const char* wrong : {"", "\n", "after", "bipvault db check 1\nstore x\n",
                            "bipvault db check 1\nstore 42\nafter 0\n"}) {
    BOOST_TEST(!cli::read_check_state(wrong, 42).has_value(), wrong);
  }
  std::string negative = text;
  negative.replace(negative.find("parts 4"), 7, "parts -4");
  BOOST_TEST(!cli::read_check_state(negative, 42).has_value());
  std::string longer = text;
  longer.replace(longer.find("after "), 6, "after 00");
  BOOST_TEST(!cli::read_check_state(longer, 42).has_value());
}

// Proves the counts and exit codes of a check in one go.
BOOST_AUTO_TEST_CASE(in_one_go) {
  const Laboratory lab;
  lab.set_up();
  const Ended whole = lab.ops({"db", "check"});
  BOOST_TEST(whole.code == 0, whole.output);
  BOOST_TEST(contains(whole, "checked 2 records, 0 versions"));
  BOOST_TEST(contains(whole, "all is whole"));
  const Ended json = lab.ops({"--json", "db", "check"});
  BOOST_TEST(contains(json, "\"finished\": true"));
  BOOST_TEST(contains(json, "\"faults\": 0"));
  BOOST_TEST(lab.ops({"db", "check", "--for", "2h"}).code == 2);
  BOOST_TEST(lab.ops({"db", "check", "--for", "soon", "--state", "x"}).code == 2);
  fs::remove(lab.path / "bipvault.db");
  BOOST_TEST(lab.ops({"db", "check"}).code == 4);
}

// Proves that a check whose time is over goes on behind what it has seen, ends with the whole
// count, and takes its file away.
BOOST_AUTO_TEST_CASE(in_portions) {
  const Laboratory lab;
  lab.set_up();
  import_many(lab);
  const std::string file = lab.path / "check.state";
  const Arguments portion{"db", "check", "--state", file, "--for", "0"};
  const Ended first = lab.ops(portion);
  BOOST_TEST(first.code == 6);
  BOOST_TEST(contains(first, "checked so far 200 records"), first.output);
  BOOST_TEST(fs::exists(file));
  BOOST_TEST(lab.ops(portion).code == 6);
  const Ended unseen =
      run("bipvault-ops", {"--config", lab.ini, "db", "check", "--state", file}, "", "/dev/full");
  BOOST_TEST(unseen.code == 1);
  BOOST_TEST(fs::exists(file));  // the report can be had again
  const Ended last = lab.ops(portion);
  BOOST_TEST(last.code == 0);
  BOOST_TEST(contains(last, "checked 502 records"), last.output);
  BOOST_TEST(!fs::exists(file));
}

// Proves that a file that is something else is neither used nor overwritten.
BOOST_AUTO_TEST_CASE(strange_file) {
  const Laboratory lab;
  lab.set_up();
  const std::string file = lab.path / "letter";
  std::ofstream(file) << "Dear Sir or Madam\n";
  const Ended refused = lab.ops({"db", "check", "--state", file});
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(contains(refused, "not the state of a check of this store"));
  BOOST_TEST(fs::file_size(file) == 18u);
}

BOOST_AUTO_TEST_SUITE_END()
