// What show prints of keys that were given for another card's record, and unlock of their reset.
#include <boost/test/unit_test.hpp>

#include <sstream>

#include "cli/care_view.h"

namespace {

constexpr std::int64_t kUntil = 1'764'000'000'000;

vault::CareView view_of(const vault::ForeignKeys& keys) {
  vault::CareView view{vault::Record(*vault::Iccid::from_digits("8986001234567890120")),
                       vault::RecordState::empty,
                       3,
                       {},
                       {},
                       {},
                       "Do this.",
                       {},
                       std::nullopt,
                       std::nullopt,
                       keys};
  return view;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string json(const vault::CareView& view) {
  std::ostringstream out;
  cli::view_json(view).stringify(out);
  return out.str();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(care_show)

BOOST_AUTO_TEST_CASE(given_and_taken) {
  const vault::CareView given = view_of({2, 1, 0, 0, kUntil});
  BOOST_TEST(
      contains(cli::view_text(given),
               "\nAnother's key     2 wrong by this card for another card's record, 1 left\n"));
  BOOST_TEST(!contains(cli::view_text(given), "by other cards"));
  BOOST_TEST(contains(json(given), "\"foreign_wrong_keys\":2"));
  BOOST_TEST(contains(json(given), "\"foreign_keys_left\":1"));
  BOOST_TEST(contains(json(given), "\"claim_barred_until\":\"" + base::iso_date(kUntil) + "\""));
  const vault::CareView taken = view_of({0, 3, 3, kUntil, 0});
  BOOST_TEST(contains(cli::view_text(taken),
                      "\nKey by others     3 wrong by other cards for this record, forgotten " +
                          base::iso_date(kUntil) + "\n"));
  BOOST_TEST(contains(json(taken), "\"stranger_wrong_keys\":3"));
  BOOST_TEST(contains(json(taken), "\"stranger_keys_until\":\"" + base::iso_date(kUntil) + "\""));
  BOOST_TEST(!contains(json(taken), "foreign"));
}

BOOST_AUTO_TEST_CASE(none_given) {
  const vault::CareView view = view_of({});
  for (const char* word : {"other", "foreign", "stranger", "barred"}) {
    BOOST_TEST(!contains(cli::view_text(view), word), word);
    BOOST_TEST(!contains(json(view), word), word);
  }
}

BOOST_AUTO_TEST_CASE(unlocked) {
  const vault::Iccid card = *vault::Iccid::from_digits("8986001234567890120");
  BOOST_TEST(cli::unlocked_text({card, false, false, 0, true, 0}) ==
             "8986001234567890120: attempts reset; it may give three keys for another card's "
             "record again");
  BOOST_TEST(cli::unlocked_text({card, false, false, 0, true, kUntil})
                 .ends_with("again; no key is tried for the record that it claims until " +
                            base::iso_date(kUntil) + ": confirm-move, or an order, moves it"));
  BOOST_TEST(cli::unlocked_text({card, true, false, 0, false, 0}) ==
             "8986001234567890120 unlocked");
}

// Proves that what people and cards have written is not obeyed by the agent's terminal.
BOOST_AUTO_TEST_CASE(nothing_for_a_terminal_to_obey) {
  vault::CareView view = view_of({});
  view.record.customer = "C\u009B2J";
  view.record.last_error = "\u202Eabc";
  for (const char* form : {"text", "json"}) {
    std::ostringstream out, err;
    cli::CommandLine line;
    if (form == std::string("json")) line.options["json"] = "";
    const cli::Tool tool("bipvault-care", line, out, err);
    cli::report_view(tool, view);
    tool.fail(cli::kFailed, "no card \u009B1m");
    const std::string all = out.str() + err.str();
    for (const char* mark : {"\u009B", "\u202E"}) BOOST_TEST(!contains(all, mark), all);
    BOOST_TEST(contains(all, line.options.empty() ? "C<U+009B>2J" : "C\\u009B2J"), all);
    BOOST_TEST(contains(err.str(), "no card <U+009B>1m"), all);
  }
}

BOOST_AUTO_TEST_SUITE_END()
