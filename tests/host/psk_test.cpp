// What is logged when the host's key service fails for a pre-shared key: the card, and nothing else
// of an identity that anybody may have sent.
#include <boost/test/unit_test.hpp>

#include "bipvault/ext/psk.h"
#include "plugin/host.h"
#include "tests/support/collected_log.h"
#include "tests/support/minimal_host.h"

namespace {

constexpr const char* kCard = "89443510021000012364";

bv_status answer = BV_OK;
std::string asked;

constexpr bv_psk_1 kPsk{[](const bv_host*, bv_bytes identity, bv_buffer* out) {
  asked.assign(reinterpret_cast<const char*>(identity.data), identity.size);
  out->size = 1;  // no key is so short
  return answer;
}};

struct Fixture {
  support::MinimalHost minimal;
  support::CollectedLog log;

  // What is logged while the key for that realm is asked for.
  std::string logged(bv_status status, const std::string& realm) {
    answer = status;
    minimal.give(BV_EXT_PSK, &kPsk);
    plugin::Host host(&minimal.table);
    host.fetch_extensions();
    plugin::HostPskSource source(host, log);
    BOOST_TEST(!source.get(kCard + realm).ok());
    BOOST_TEST(asked == kCard + realm);
    return log.all();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pre_shared_keys, Fixture)

BOOST_AUTO_TEST_CASE(a_realm_is_told_to_nobody_but_the_host) {
  const std::string realm =
      "@x\r\n2026-01-01T00:00:00Z error forged \x1b[2J" + std::string(1, '\0');
  for (const bv_status status : {bv_status{BV_OK}, bv_status{BV_E_INTERNAL}}) {
    const std::string line = logged(status, realm);
    BOOST_TEST(line.find(std::string("for card ") + kCard) != std::string::npos, line);
    BOOST_TEST(line.find("forged") == std::string::npos, line);
    BOOST_TEST(line.find('\x1b') == std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
