// Notices are counted each time and logged once a minute per kind, with card, figures and how many
// were left out; two kinds do not silence each other.
#include <boost/test/unit_test.hpp>

#include "tests/support/collected_log.h"
#include "vault/notices.h"

namespace {

struct Fixture {
  void happen(std::string_view counter, const char* digits = "8986001234567890120") {
    notices.happened(counter, *vault::Iccid::from_digits(digits), now, "7 octets");
  }

  support::CollectedLog log;
  base::Counters counters;
  vault::Notices notices{log, counters};
  base::Now now{1000, 0};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(notices, Fixture)

BOOST_AUTO_TEST_CASE(once_a_minute) {
  for (int i = 0; i < 5; ++i) happen("vault.too_large");
  BOOST_TEST(counters.get("vault.too_large") == 5);
  BOOST_TEST(
      log.all() ==
      "vault.too_large: upload over max_image_bytes refused: card 8986001234567890120, 7 octets\n");
  now.mono_ms += base::kMinuteMs;
  happen("vault.too_large", "8986001234567890138");
  BOOST_TEST(log.count("card 8986001234567890138, 7 octets (4 more since the last line)") == 1u);
  now.mono_ms += 2 * base::kMinuteMs;
  happen("vault.too_large");
  BOOST_TEST(log.count("") == 3u);
  BOOST_TEST(log.count("more since") == 1u);
}

BOOST_AUTO_TEST_CASE(kinds_do_not_silence_each_other) {
  for (const char* name :
       {"vault.unknown_card", "vault.too_large", "vault.digest_mismatch", "vault.offset_gaps",
        "vault.offset_repeats", "vault.upload_cut", "vault.staging_full", "vault.staging_disk_full",
        "vault.pepper_missing"}) {
    happen(name);
    happen(name);
  }
  BOOST_TEST(log.count("card 8986001234567890120") == 9u);
}

BOOST_AUTO_TEST_CASE(what_has_no_text_is_only_counted) {
  happen("vault.moves");
  BOOST_TEST(counters.get("vault.moves") == 1);
  BOOST_TEST(log.all().empty());
}

BOOST_AUTO_TEST_SUITE_END()
