// Pre-shared keys over the border: what the host's key service answers arrives as it is; what is
// logged when it fails is the card, and nothing else of an identity that anybody may have sent; and
// cards get into the plugin by TLS with the keys of the host, or of its own file where the host
// gives none.
#include <boost/test/unit_test.hpp>

#include "bipvault/ext/psk.h"
#include "plugin/host.h"
#include "tests/host/loopback.h"
#include "tests/host/test_card.h"
#include "tests/host/workspace.h"
#include "tests/support/collected_log.h"
#include "tests/support/minimal_host.h"
#include "tests/support/tls_client.h"

namespace {

constexpr const char* kCard = "89443510021000012364";

bv_status answer = BV_OK;
base::Bytes key;
std::string asked;

constexpr bv_psk_1 kPsk{[](const bv_host*, bv_bytes identity, bv_buffer* out) {
  asked.assign(reinterpret_cast<const char*>(identity.data), identity.size);
  out->size = key.size();
  std::copy(key.begin(), key.end(), out->data);
  return answer;
}};

// Any thread: one card has a key.
const std::string kKnown = support::TestCard().digits;
constexpr std::uint8_t kKnownKey = 0x43;
constexpr bv_psk_1 kOfOneCard{[](const bv_host*, bv_bytes identity, bv_buffer* out) {
  if (base::as_text({identity.data, identity.size}) != kKnown) return bv_status{BV_E_NOT_FOUND};
  out->size = BV_PSK_LEAST;
  std::fill_n(out->data, out->size, kKnownKey);
  return bv_status{BV_OK};
}};

struct Fixture {
  support::MinimalHost minimal;
  support::CollectedLog log;

  base::Result<std::optional<base::Secret>> get(bv_status status, const base::Bytes& psk,
                                                const std::string& realm = "") {
    answer = status;
    key = psk;
    minimal.give(BV_EXT_PSK, &kPsk);
    plugin::Host host(&minimal.table);
    host.fetch_extensions();
    auto got = plugin::HostPskSource(host, log).get(kCard + realm);
    BOOST_TEST(asked == kCard + realm);
    return got;
  }
};

// A running plugin with a TLS listener, and a key file in which the card has that key.
struct WithTls {
  support::Workspace workspace;
  support::MinimalHost host;
  support::Guest guest{support::plugin_entry(), host};
  support::TestCard card;

  void run(const base::Bytes& psk_of_file) {
    workspace.change("tcp = 127.0.0.1:0\n", "tcp = 127.0.0.1:0\ntls_psk = 127.0.0.1:0\n");
    std::string text = card.csv();
    text.insert(text.find('\n'), ",psk");
    text.insert(text.rfind('\n'), "," + base::to_hex(psk_of_file));
    workspace.put("cards.csv", text);
    const auto ready = guest.init(workspace.config());
    BOOST_REQUIRE_MESSAGE(ready.status == BV_OK, ready.why);
    const auto running = guest.start();
    BOOST_REQUIRE_MESSAGE(running.status == BV_OK, running.why);
  }

  // By TLS with that key: a REPORT, and whether its answer is the vault's.
  bool served(const base::Bytes& psk) { return served(card.digits, psk); }
  bool served(const std::string& identity, const base::Bytes& psk) {
    support::TlsClient::Options options;
    options.identity = identity;
    options.psk = psk;
    support::TlsClient client(options);
    support::Loopback channel(guest.number("tls_psk"));
    BOOST_REQUIRE(channel.open());
    while (!client.handshake()) {
      channel.send(client.output());
      const support::Octets octets = channel.receive();
      if (octets.empty()) return false;
      client.feed(octets);
    }
    client.write(card.report(++counter));
    channel.send(client.output());
    client.feed(channel.receive());
    const auto answered = card.answer(client.read());
    return answered && answered->status == bip::PacketStatus::por_ok &&
           answered->counter == counter && !answered->data.empty() && answered->data[0] == 0;
  }

  std::uint64_t counter = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pre_shared_keys, Fixture)

// Of the least and of the greatest size; "no such card" is an answer and not a failure.
BOOST_AUTO_TEST_CASE(the_hosts_answer_arrives) {
  for (const std::size_t size : {BV_PSK_LEAST, BV_PSK_MOST}) {
    const base::Bytes psk(size, 0x5A);
    const auto got = get(BV_OK, psk, "@vault");
    BOOST_REQUIRE(got.ok());
    BOOST_REQUIRE(got->has_value());
    BOOST_TEST((base::to_hex((*got)->view()) == base::to_hex(psk)));
  }
  const auto nobody = get(BV_E_NOT_FOUND, {});
  BOOST_REQUIRE(nobody.ok());
  BOOST_TEST(!nobody->has_value());
  BOOST_TEST(log.all() == "");
}

BOOST_AUTO_TEST_CASE(a_realm_is_told_to_nobody_but_the_host) {
  const std::string realm =
      "@x\r\n2026-01-01T00:00:00Z error forged \x1b[2J" + std::string(1, '\0');
  for (const bv_status status : {bv_status{BV_OK}, bv_status{BV_E_INTERNAL}}) {
    BOOST_TEST(!get(status, base::Bytes(1), realm).ok());  // no key is so short
    const std::string line = log.all();
    BOOST_TEST(line.find(std::string("for card ") + kCard) != std::string::npos, line);
    BOOST_TEST(line.find("forged") == std::string::npos, line);
    BOOST_TEST(line.find('\x1b') == std::string::npos);
  }
}

// Without bv.psk/1: the column psk of the laboratory's file.
BOOST_FIXTURE_TEST_CASE(cards_get_in_with_the_key_of_the_file, WithTls) {
  const base::Bytes psk(16, 0x42);
  run(psk);
  BOOST_TEST(served(psk));
  BOOST_TEST(!served(base::Bytes(16, 0x43)));
}

// With it the file's is not looked at, and a card that the host does not know stays outside.
BOOST_FIXTURE_TEST_CASE(cards_get_in_with_the_key_of_the_host, WithTls) {
  const base::Bytes in_file(16, 0x42);
  const base::Bytes of_host(16, kKnownKey);
  host.give(BV_EXT_PSK, &kOfOneCard);
  run(in_file);
  BOOST_TEST(served(of_host));
  BOOST_TEST(!served(in_file));
  BOOST_TEST(!served("89860000000000000026", of_host));
  BOOST_TEST(host.logged("bv.psk/1") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
