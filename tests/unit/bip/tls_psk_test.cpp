// Proves the TLS-PSK endpoint against OpenSSL's own client: suites, versions, what is switched off,
// records as small as cards need them, that the key may come late, and that a wrong key and an
// unknown identity cannot be told apart.
#include "bip/tls_psk.h"

#include <openssl/ssl.h>

#include <boost/test/unit_test.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "base/crypto.h"
#include "tests/support/tls_client.h"
#include "tests/support/tls_sealer.h"

namespace {

using bip::TlsPsk;
using support::TlsClient;
using Phase = TlsPsk::Phase;

const std::string kIdentity = "8944351002100001236";
const base::Bytes kKey(16, 0x5A);
constexpr base::Now kStart{1'000, 0};

bip::Settings with_suites(std::vector<std::string> suites, bool tls13 = false) {
  bip::Settings settings;
  settings.tls_suites = std::move(suites);
  settings.tls13 = tls13;
  return settings;
}
bip::Settings with_tls13() {
  bip::Settings settings;
  settings.tls13 = true;
  return settings;
}
TlsClient::Options client_options(bool tls13 = false) {
  TlsClient::Options options;
  options.identity = kIdentity;
  options.psk = kKey;
  if (tls13) options.least_version = options.most_version = TLS1_3_VERSION;
  return options;
}

std::vector<base::Bytes> records(base::View stream) {
  std::vector<base::Bytes> all;
  for (bool broken = false; !stream.empty();) {
    const auto record = bip::next_record(stream, broken);
    BOOST_REQUIRE(record && record->size <= stream.size());
    all.emplace_back(stream.begin(), stream.begin() + static_cast<long>(record->size));
    stream = stream.subspan(record->size);
  }
  return all;
}

// Both ends. The key is given at once, unless a test holds it back.
struct Pair {
  explicit Pair(TlsClient::Options options = client_options(),
                const bip::Settings& settings = bip::Settings())
      : context(bip::TlsContext::make(settings)),
        client(std::move(options)),
        server(*context, settings, kStart) {}

  // What the server does not take now waits for the next time.
  void to_server(base::View octets) {
    waiting.insert(waiting.end(), octets.begin(), octets.end());
    while (!waiting.empty() && server.room() > 0) {
      const std::size_t size = std::min({piece, waiting.size(), server.room()});
      server.feed(base::View(waiting).first(size));
      waiting.erase(waiting.begin(), waiting.begin() + static_cast<long>(size));
    }
  }
  base::Bytes take_output() {
    base::Bytes octets(server.output().begin(), server.output().end());
    if (!octets.empty()) server.consume(octets.size());
    return octets;
  }
  void answer() {
    if (server.phase() != Phase::wants_psk) return;
    ++asked;
    server.give_psk(known ? std::optional(base::Secret(base::View(key))) : std::nullopt);
    to_server({});
  }
  void run() {
    for (int i = 0; i < 6; ++i) {
      client.handshake();
      to_server(client.output());
      answer();
      const base::Bytes octets = take_output();
      server_said.insert(server_said.end(), octets.begin(), octets.end());
      client.feed(octets);
    }
  }
  base::Bytes server_reads() {
    base::Bytes all(4096);
    all.resize(server.read(all));
    return all;
  }
  bool open() { return server.phase() == Phase::open && SSL_is_init_finished(client.ssl()) == 1; }

  base::Result<std::shared_ptr<const bip::TlsContext>> context;
  TlsClient client;
  TlsPsk server;
  base::Bytes server_said, waiting;
  base::Bytes key = kKey;
  bool known = true;
  int asked = 0;
  std::size_t piece = SIZE_MAX;  // in which the client's octets come
};

void exchange_data(Pair& pair) {
  const base::Bytes up(1400, 0x01), down(1400, 0x02);
  pair.client.write(up);
  pair.to_server(pair.client.output());
  BOOST_TEST((pair.server_reads() == up));
  pair.server.write(down);
  pair.client.feed(pair.take_output());
  BOOST_TEST((pair.client.read() == down));
}

const std::vector<std::string> kEverySuite{"PSK-AES128-GCM-SHA256",
                                           "PSK-AES256-GCM-SHA384",
                                           "PSK-CHACHA20-POLY1305",
                                           "PSK-AES128-CCM",
                                           "PSK-AES128-CCM8",
                                           "PSK-AES256-CCM",
                                           "PSK-AES256-CCM8",
                                           "PSK-AES128-CBC-SHA256",
                                           "PSK-AES256-CBC-SHA384",
                                           "ECDHE-PSK-AES128-CBC-SHA256",
                                           "ECDHE-PSK-AES256-CBC-SHA384",
                                           "ECDHE-PSK-CHACHA20-POLY1305",
                                           "PSK-AES128-CBC-SHA",
                                           "PSK-AES256-CBC-SHA",
                                           "PSK-NULL-SHA256",
                                           "PSK-NULL-SHA"};
const std::vector<std::string> kEverySuite13{"TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256",
                                             "TLS_AES_128_CCM_8_SHA256",
                                             "TLS_CHACHA20_POLY1305_SHA256"};

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_psk)

// Every suite of TLS 1.2 that can be configured works, with the octets in pieces of any size, and
// asks for the key of the identity once.
BOOST_AUTO_TEST_CASE(every_suite_and_any_pieces) {
  for (const std::string& suite : kEverySuite) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
      BOOST_TEST_CONTEXT(suite << " in pieces of " << piece) {
        TlsClient::Options options = client_options();
        options.suites = suite;
        Pair pair(options, with_suites({suite}));
        BOOST_REQUIRE(pair.context.ok());
        pair.piece = piece;
        pair.run();
        BOOST_REQUIRE(pair.open());
        BOOST_TEST(pair.asked == 1);
        BOOST_TEST(pair.server.identity() == kIdentity);
        BOOST_TEST(pair.server.suite() == "TLSv1.2 " + suite);
        BOOST_TEST(pair.server.ciphered() == (suite.find("NULL") == suite.npos));
        exchange_data(pair);
      }
    }
  }
}

// The same for TLS 1.3 where it is switched on.
BOOST_AUTO_TEST_CASE(tls13) {
  for (const std::string& suite : kEverySuite13) {
    for (std::size_t piece : {std::size_t{1}, SIZE_MAX}) {
      BOOST_TEST_CONTEXT(suite) {
        TlsClient::Options options = client_options(true);
        options.suites13 = suite;
        options.tickets = true;
        Pair pair(options, with_suites({suite}, true));
        BOOST_REQUIRE(pair.context.ok());
        pair.piece = piece;
        pair.run();
        BOOST_REQUIRE(pair.open());
        BOOST_TEST(pair.asked == 1);
        BOOST_TEST(pair.server.suite() == "TLSv1.3 " + suite);
        BOOST_TEST(pair.server.ciphered());
        exchange_data(pair);
      }
    }
  }
}

// TLS 1.2 unless 1.3 is switched on; never older; who offers both gets the newest that is allowed.
BOOST_AUTO_TEST_CASE(versions) {
  const auto negotiated = [](int least, int most, bool tls13) {
    TlsClient::Options options = client_options();
    options.suites = "PSK";
    options.least_version = least;
    options.most_version = most;
    const bip::Settings settings = tls13 ? with_tls13() : bip::Settings();
    Pair pair(options, settings);
    pair.run();
    if (pair.open()) return pair.server.suite().substr(0, 7);
    return std::string(pair.server.failure().starts_with("no common version") ? "none" : "?");
  };
  BOOST_TEST(negotiated(TLS1_2_VERSION, TLS1_3_VERSION, false) == "TLSv1.2");
  BOOST_TEST(negotiated(TLS1_2_VERSION, TLS1_3_VERSION, true) == "TLSv1.3");
  BOOST_TEST(negotiated(TLS1_2_VERSION, TLS1_2_VERSION, true) == "TLSv1.2");
  BOOST_TEST(negotiated(TLS1_3_VERSION, TLS1_3_VERSION, false) == "none");
  BOOST_TEST(negotiated(TLS1_VERSION, TLS1_1_VERSION, false) == "none");
  BOOST_TEST(negotiated(TLS1_VERSION, TLS1_1_VERSION, true) == "none");
}

// While the key is looked up nothing is read, nothing is said, no deadline runs; then it goes on.
BOOST_AUTO_TEST_CASE(the_key_may_come_late) {
  for (const bool tls13 : {false, true}) {
    Pair pair(client_options(tls13), with_tls13());
    pair.client.handshake();
    pair.to_server(pair.client.output());
    if (!tls13) {
      BOOST_TEST(pair.server.identity().empty());
      pair.client.feed(pair.take_output());
      pair.client.handshake();
      pair.to_server(pair.client.output());
    }
    BOOST_TEST((pair.server.phase() == Phase::wants_psk));
    BOOST_TEST(pair.server.identity() == kIdentity);
    BOOST_TEST(pair.server.room() == 0u);
    BOOST_TEST(pair.server.output().empty());
    BOOST_TEST(pair.server.deadline() == TlsPsk::kNever);
    pair.server.on_deadline({kStart.mono_ms + 10'000'000, 0});
    BOOST_TEST((pair.server.phase() == Phase::wants_psk));
    pair.answer();
    pair.client.feed(pair.take_output());
    pair.run();
    BOOST_TEST(pair.open());
    exchange_data(pair);
  }
}

// A wrong key, an unknown identity, one that is no ICCID and a key of an impossible size look the
// same to the peer: octet by octet, up to what is random.
BOOST_AUTO_TEST_CASE(no_oracle) {
  for (const bool tls13 : {false, true}) {
    std::set<std::string> ends;
    std::set<std::size_t> sizes;
    for (int how = 0; how < 4; ++how) {
      TlsClient::Options options = client_options(tls13);
      if (how == 2) options.identity = "somebody";
      Pair pair(options, with_tls13());
      if (how == 0) pair.key = base::Bytes(16, 0x77);
      if (how == 1 || how == 2) pair.known = false;
      if (how == 3) pair.key = base::Bytes(TlsPsk::kLeastPsk - 1, 0x5A);
      pair.run();
      BOOST_TEST((pair.server.phase() == Phase::ended));
      BOOST_TEST((pair.server.end() == TlsPsk::End::handshake));
      BOOST_TEST(!pair.server.opened());
      BOOST_TEST(pair.asked == 1);
      constexpr std::array kWhy{"wrong key", "no key for its identity", "its identity is no ICCID",
                                "no key for its identity"};
      BOOST_TEST(pair.server.failure() == kWhy[static_cast<std::size_t>(how)]);  // to the operator
      ends.insert(base::to_hex(records(pair.server_said).back()));
      sizes.insert(pair.server_said.size());
      BOOST_TEST(!pair.client.failure().empty());
    }
    BOOST_TEST(ends.size() == 1u);
    BOOST_TEST(sizes.size() == 1u);
    BOOST_TEST(ends.begin()->starts_with("15"));  // an alert
  }
}

// Two clients that differ in nothing but the key of the vault's side: the right one is needed.
BOOST_AUTO_TEST_CASE(keys_of_all_sizes) {
  for (std::size_t size : {std::size_t{16}, std::size_t{24}, std::size_t{32}, std::size_t{64}}) {
    TlsClient::Options options = client_options();
    options.psk.assign(size, 0x33);
    Pair pair(options);
    pair.key = options.psk;
    pair.run();
    BOOST_TEST(pair.open());
  }
}

// No ticket, no resumption, no encrypt-then-MAC, no compression.
BOOST_AUTO_TEST_CASE(nothing_is_resumed) {
  static std::set<int> told;
  const auto note = [](SSL*, int from_client, int type, const unsigned char*, int, void*) {
    if (from_client == 1) told.insert(type);  // 1: it came from the server
  };
  for (const bool tls13 : {false, true}) {
    told.clear();
    TlsClient::Options options = client_options(tls13);
    options.tickets = true;
    options.suites = "PSK-AES128-CBC-SHA256";
    Pair first(options, with_tls13());
    SSL_set_tlsext_debug_callback(first.client.ssl(), +note);
    first.run();
    BOOST_REQUIRE(first.open());
    exchange_data(first);
    BOOST_TEST(!told.contains(TLSEXT_TYPE_session_ticket));
    BOOST_TEST(!told.contains(TLSEXT_TYPE_encrypt_then_mac));
    SSL_SESSION* const session = SSL_get1_session(first.client.ssl());
    BOOST_TEST(SSL_SESSION_has_ticket(session) == 0);
    unsigned id_size = 0;
    if (!tls13) SSL_SESSION_get_id(session, &id_size);
    BOOST_TEST(id_size == 0u);
    BOOST_TEST((SSL_get_current_compression(first.client.ssl()) == nullptr));
    SSL_SESSION_free(session);
  }
}

// Who offers the id of a session, of which this end keeps none, shakes hands in full, with the key.
BOOST_AUTO_TEST_CASE(a_foreign_session_id) {
  Pair first;
  first.run();
  BOOST_REQUIRE(first.open());
  const auto id = base::random_array<32>();
  const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
      SSL_SESSION_dup(SSL_get0_session(first.client.ssl())), &SSL_SESSION_free);
  BOOST_REQUIRE(SSL_SESSION_set1_id(session.get(), id.data(), id.size()) == 1);
  for (const bool right : {true, false}) {
    Pair second;
    if (!right) second.key = base::Bytes(16, 0x77);
    BOOST_REQUIRE(SSL_set_session(second.client.ssl(), session.get()) == 1);
    second.client.handshake();
    const base::Bytes hello = second.client.output();
    BOOST_REQUIRE(std::search(hello.begin(), hello.end(), id.begin(), id.end()) != hello.end());
    second.to_server(hello);
    second.client.feed(second.take_output());
    second.run();
    BOOST_TEST(second.open() == right);
    BOOST_TEST(second.asked == 1);
    if (right) BOOST_TEST(SSL_session_reused(second.client.ssl()) == 0);
    if (right) exchange_data(second);
  }
}

// What a client of TLS 1.3 sends before the handshake is over could be anybody's repetition: it is
// refused, nothing of it is read, and the channel opens all the same.
BOOST_AUTO_TEST_CASE(early_data) {
  Pair pair(client_options(true), with_tls13());
  SSL* const ssl = pair.client.ssl();
  SSL_set_psk_use_session_callback(ssl, [](SSL* of, const EVP_MD*, const unsigned char** id,
                                           std::size_t* size, SSL_SESSION** out) {
    static constexpr unsigned char kAes128Gcm[] = {0x13, 0x01};
    SSL_SESSION* const session = SSL_SESSION_new();
    SSL_SESSION_set1_master_key(session, kKey.data(), kKey.size());
    SSL_SESSION_set_cipher(session, SSL_CIPHER_find(of, kAes128Gcm));
    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
    SSL_SESSION_set_max_early_data(session, 1000);
    *id = reinterpret_cast<const unsigned char*>(kIdentity.data());
    *size = kIdentity.size();
    *out = session;
    return 1;
  });
  const base::Bytes early(100, 0x0E);
  std::size_t written = 0;
  BOOST_REQUIRE(SSL_write_early_data(ssl, early.data(), early.size(), &written) == 1);
  BOOST_TEST(written == early.size());
  pair.run();
  BOOST_REQUIRE(pair.open());
  BOOST_TEST(SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_REJECTED);
  BOOST_TEST(pair.server_reads().empty());
  BOOST_TEST(pair.asked == 1);
  exchange_data(pair);
}

// A second handshake inside the channel is refused, and the channel goes on.
BOOST_AUTO_TEST_CASE(no_renegotiation) {
  Pair pair;
  pair.run();
  BOOST_REQUIRE(pair.open());
  SSL_renegotiate(pair.client.ssl());
  pair.client.handshake();
  pair.to_server(pair.client.output());
  BOOST_TEST(pair.server_reads().empty());
  BOOST_TEST((pair.server.phase() == Phase::open));
  pair.client.feed(pair.take_output());
  BOOST_TEST(!pair.client.handshake());
  BOOST_TEST(pair.client.failure() == "no renegotiation");
  BOOST_TEST(pair.asked == 1);
}

// One that is begun and not gone on with leaves OpenSSL waiting for the rest of it: nothing can be
// written any more, and the end says why. The hello is the client's own: it holds the key.
BOOST_AUTO_TEST_CASE(another_handshake_that_stops) {
  Pair pair;
  pair.run();
  BOOST_REQUIRE(pair.open());
  support::TlsSealer sealer(pair.client);
  pair.to_server(sealer.record(SSL3_RT_APPLICATION_DATA, base::Bytes{1, 2}));
  BOOST_TEST((pair.server_reads() == base::Bytes{1, 2}));
  pair.to_server(sealer.record(SSL3_RT_HANDSHAKE, base::Bytes{1, 0, 1, 0, 3, 3}));
  BOOST_TEST(pair.server_reads().empty());
  BOOST_TEST((pair.server.phase() == Phase::open));
  pair.server.write(base::Bytes{3});
  BOOST_TEST((pair.server.end() == TlsPsk::End::record));
  BOOST_TEST(pair.server.failure() == "the peer has begun another handshake");
}

// What record_room() allows is one record of at most tls_record octets, for each suite, and no
// record is smaller than it has to be.
BOOST_AUTO_TEST_CASE(one_record_within_its_limit) {
  std::vector<std::string> suites = kEverySuite;
  suites.insert(suites.end(), kEverySuite13.begin(), kEverySuite13.end());
  for (const std::string& suite : suites) {
    const bool tls13 = suite.starts_with("TLS_");
    bip::Settings settings = with_suites({suite}, tls13);
    TlsClient::Options options = client_options(tls13);
    if (!tls13) options.suites = suite;
    if (tls13) options.suites13 = suite;
    Pair pair(options, settings);
    pair.run();
    BOOST_TEST_CONTEXT(suite) {
      BOOST_REQUIRE(pair.open());
      const std::size_t room = pair.server.record_room();
      pair.server.write(base::Bytes(room, 0x11));
      const auto fits = records(pair.take_output());
      BOOST_TEST(fits.size() == 1u);
      BOOST_TEST(fits[0].size() <= settings.tls_record);
      pair.server.write(base::Bytes(room + 1, 0x11));
      BOOST_TEST(records(pair.take_output())[0].size() > settings.tls_record);
    }
  }
}

// max_fragment_length (RFC 6066) is honoured down to 512, and record_room() knows it.
BOOST_AUTO_TEST_CASE(fragment_length) {
  for (std::uint8_t code = 1; code <= 4; ++code) {
    bip::Settings settings;
    settings.tls_record = 16'000;
    TlsClient::Options options = client_options();
    options.max_fragment = code;
    Pair pair(options, settings);
    pair.run();
    BOOST_REQUIRE(pair.open());
    const std::size_t limit = std::size_t{256} << code;
    BOOST_TEST(pair.server.record_room() == limit);
    const base::Bytes much(10'000, 0x44);
    pair.server.write(much);
    const base::Bytes octets = pair.take_output();
    const auto all = records(octets);
    BOOST_TEST(all.size() == (much.size() + limit - 1) / limit);
    for (const base::Bytes& one : all) BOOST_TEST(one.size() <= limit + 29);
    pair.client.feed(octets);
    BOOST_TEST((pair.client.read() == much));
  }
}

// close_notify, whoever says it first, is answered; what came before it is still read.
BOOST_AUTO_TEST_CASE(closing) {
  Pair by_card;
  by_card.run();
  by_card.client.write(base::Bytes(3, 0x01));
  SSL_shutdown(by_card.client.ssl());
  by_card.to_server(by_card.client.output());
  BOOST_TEST(by_card.server_reads().size() == 3u);
  BOOST_TEST((by_card.server.phase() == Phase::ended));
  BOOST_TEST((by_card.server.end() == TlsPsk::End::by_peer));
  by_card.server.close();
  BOOST_TEST((by_card.server.end() == TlsPsk::End::by_peer));
  by_card.client.feed(by_card.take_output());
  by_card.client.read();
  BOOST_TEST(by_card.client.closed());

  Pair by_us;
  by_us.run();
  by_us.server.close();
  BOOST_TEST((by_us.server.end() == TlsPsk::End::by_us));
  by_us.client.feed(by_us.take_output());
  by_us.client.read();
  BOOST_TEST(by_us.client.closed());
  by_us.server.write(base::Bytes(3, 0x01));
  BOOST_TEST(by_us.server.output().empty());
}

// A record that does not verify ends the channel; nothing of it is read.
BOOST_AUTO_TEST_CASE(a_forged_record) {
  Pair pair;
  pair.run();
  pair.client.write(base::Bytes(40, 0x01));
  base::Bytes octets = pair.client.output();
  octets.back() ^= 1;
  pair.to_server(octets);
  BOOST_TEST(pair.server_reads().empty());
  BOOST_TEST((pair.server.end() == TlsPsk::End::record));
  BOOST_TEST(pair.server.room() == 0u);
}

// Ten seconds to the first octet, a minute for the handshake, then none.
BOOST_AUTO_TEST_CASE(deadlines) {
  Pair silent;
  BOOST_TEST(silent.server.deadline() == kStart.mono_ms + 10'000);
  silent.server.on_deadline({kStart.mono_ms + 9'999, 0});
  BOOST_TEST((silent.server.phase() == Phase::handshake));
  silent.server.on_deadline({kStart.mono_ms + 10'000, 0});
  BOOST_TEST((silent.server.end() == TlsPsk::End::timeout));

  Pair slow;
  slow.client.handshake();
  slow.to_server(base::View(slow.client.output()).first(1));
  BOOST_TEST(slow.server.deadline() == kStart.mono_ms + 60'000);
  slow.server.on_deadline({kStart.mono_ms + 60'000, 0});
  BOOST_TEST((slow.server.end() == TlsPsk::End::timeout));

  Pair quick;
  quick.run();
  BOOST_TEST(quick.server.deadline() == TlsPsk::kNever);
}

// The client's octets cut off anywhere: no channel, no crash, and still a deadline.
BOOST_AUTO_TEST_CASE(cut_at_every_octet) {
  for (const bool tls13 : {false, true}) {
    Pair whole(client_options(tls13), with_tls13());
    whole.client.handshake();
    const base::Bytes hello = whole.client.output();
    for (std::size_t size = 0; size < hello.size(); ++size) {
      Pair pair(client_options(tls13), with_tls13());
      pair.to_server(base::View(hello).first(size));
      BOOST_TEST((pair.server.phase() == Phase::handshake));
      BOOST_TEST(pair.server.deadline() != TlsPsk::kNever);
      BOOST_TEST(pair.server.output().empty());
    }
  }
}

// Whatever is no TLS ends at once or by its deadline, and asks for no key.
BOOST_AUTO_TEST_CASE(no_tls_at_all) {
  for (int i = 0; i < 500; ++i) {
    Pair pair(client_options(), with_tls13());
    base::Bytes octets(1 + base::random_below(400));
    base::fill_random(octets);
    if (i % 3 == 0) octets[0] = static_cast<std::uint8_t>(20 + i % 4);
    if (i % 3 == 1) octets = base::Bytes{0x03, 0x0C, 0x36, 0x0A, 0x98, 0x44};
    pair.to_server(octets);
    BOOST_TEST((pair.server.phase() == Phase::ended || pair.server.phase() == Phase::handshake));
    BOOST_TEST(!pair.server.opened());
  }
  Pair plain;  // a card that was told the wrong port
  plain.to_server(base::Bytes{0x03, 0x0C, 0x36, 0x0A, 0x98, 0x44});
  BOOST_TEST(plain.server.failure() == "what came is no TLS");
  Pair large;  // a record header that promises more than a record may have
  large.to_server(base::Bytes{22, 3, 1, 0xFF, 0xFF, 1, 0, 0, 0});
  BOOST_TEST((large.server.end() == TlsPsk::End::handshake));
}

// Octets that are changed anywhere in the handshake never open a channel (but for the version in
// the first record's header, which says nothing).
BOOST_AUTO_TEST_CASE(changed_octets) {
  for (int i = 0; i < 400; ++i) {
    Pair pair;
    pair.client.handshake();
    base::Bytes octets = pair.client.output();
    const bool in_hello = i % 2 == 0;
    const auto change = [&](base::Bytes& stream) {
      const auto size = static_cast<std::uint32_t>(stream.size());
      const std::uint32_t first = in_hello ? bip::TlsRecord::kHeader : 0;
      stream[first + base::random_below(size - first)] ^=
          static_cast<std::uint8_t>(1 + base::random_below(255));
    };
    if (in_hello) change(octets);
    pair.to_server(octets);
    pair.client.feed(pair.take_output());
    pair.client.handshake();
    octets = pair.client.output();
    if (!in_hello && !octets.empty()) change(octets);
    pair.to_server(octets);
    pair.answer();
    BOOST_TEST(!pair.server.opened());
  }
}

// A suite that OpenSSL does not have is refused by its name.
BOOST_AUTO_TEST_CASE(a_suite_that_is_not_there) {
  const auto missing =
      bip::TlsContext::make(with_suites({"PSK-AES128-GCM-SHA256", "PSK-3DES-EDE-CBC-SHA"}));
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.error().find("PSK-3DES-EDE-CBC-SHA") != std::string::npos);
}

// Old suites are off by default; so is the one without ciphering.
BOOST_AUTO_TEST_CASE(weak_suites_are_off) {
  for (const char* suite : {"PSK-NULL-SHA256", "PSK-AES128-CBC-SHA", "PSK-AES128-CCM8"}) {
    TlsClient::Options options = client_options();
    options.suites = suite;
    Pair pair(options);
    pair.run();
    BOOST_TEST(!pair.open());
    BOOST_TEST(pair.asked == 0);
    BOOST_TEST(pair.server.failure().starts_with("no common suite"));
  }
}

// The PSK identity names the card.
BOOST_AUTO_TEST_CASE(identity_to_card) {
  const auto digits = [](std::string_view identity) {
    const auto card = bip::card_of_identity(identity);
    return card ? card->digits() : std::string("none");
  };
  BOOST_TEST(digits("8944351002100001236") == "8944351002100001236");
  BOOST_TEST(digits("8944351002100001236@vault.example") == "8944351002100001236");
  BOOST_TEST(digits("8944351002100001236@") == "8944351002100001236");
  for (const char* bad : {"", "@realm", "somebody", "89443510021000012 36", "89443510021000012A"}) {
    BOOST_TEST(digits(bad) == "none");
  }
  BOOST_TEST(digits("8944351002100001236@" + std::string(200, 'x')) == "none");
  BOOST_TEST(digits(std::string("8944351002100001236\0", 20)) == "none");
}

// OpenSSL would take memory for what a hello announces, before any of it has come. What is too long
// is refused before OpenSSL sees it, in whatever records it comes; a long one goes on.
BOOST_AUTO_TEST_CASE(a_hello_that_announces_too_much) {
  const auto record = [](std::uint8_t type, base::View content) {
    base::Writer writer;
    const auto size = static_cast<std::uint16_t>(content.size());
    return writer.u8(type).u16(0x0303).u16(size).bytes(content).take();
  };
  const auto hello = [](std::size_t length) {
    return base::Bytes{
        1, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), 3, 3};
  };
  const base::Bytes too_long = hello(bip::HandshakeSizes::kMost + 1);
  for (const std::size_t each : {too_long.size(), std::size_t{1}}) {
    Pair pair;
    base::View rest = too_long;
    while (!rest.empty() && pair.server.phase() == Phase::handshake) {
      pair.to_server(record(22, rest.first(each)));
      rest = rest.subspan(each);
    }
    BOOST_TEST((pair.server.phase() == Phase::ended));
    BOOST_TEST((pair.server.end() == TlsPsk::End::handshake));
    BOOST_TEST(pair.server.failure() == "a handshake message that is too long");
  }
  Pair patient;
  patient.to_server(record(22, hello(bip::HandshakeSizes::kMost)));
  BOOST_TEST((patient.server.phase() == Phase::handshake));

  // As the second of TLS 1.3, behind a record that means nothing there.
  Pair second(client_options(true), with_tls13());
  second.client.handshake();
  second.to_server(second.client.output());
  second.answer();
  BOOST_REQUIRE((second.server.phase() == Phase::handshake));
  second.to_server(record(20, base::Bytes{1}));
  BOOST_REQUIRE((second.server.phase() == Phase::handshake));
  second.to_server(record(22, too_long));
  BOOST_TEST((second.server.phase() == Phase::ended));
}

// TLS answers some records by itself. Who asks for more and more of that and reads nothing is not
// heard any more, until it reads.
BOOST_AUTO_TEST_CASE(who_does_not_read_is_not_heard) {
  Pair pair(client_options(true), with_tls13());
  pair.run();
  BOOST_REQUIRE(pair.open());
  for (int i = 0; i < 3'000; ++i) {
    BOOST_REQUIRE(SSL_key_update(pair.client.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    pair.client.handshake();
    pair.to_server(pair.client.output());
    pair.server_reads();
  }
  BOOST_TEST(pair.server.output().size() < 40u * 1024);
  BOOST_TEST(pair.server.room() == 0u);
  BOOST_TEST(!pair.waiting.empty());
  while (!pair.waiting.empty()) {
    pair.client.feed(pair.take_output());
    pair.to_server({});
    pair.server_reads();
  }
  pair.client.read();
  pair.client.feed(pair.take_output());
  exchange_data(pair);
}

BOOST_AUTO_TEST_SUITE_END()
