// Proves that the plugin outlives hosts whose services fail in every way that C++ allows: one
// defect per case, then the same plugin serves a card as if nothing had been.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <condition_variable>
#include <stdexcept>

#include "tests/host/loopback.h"
#include "tests/host/test_card.h"
#include "tests/host/workspace.h"
#include "tests/support/thread_stack.h"

namespace {

using support::Guest;
using support::Loopback;
using support::MinimalHost;
using support::Octets;
using support::plugin_entry;
using support::TestCard;
using support::Workspace;

struct Fixture {
  Workspace workspace;
  MinimalHost host;
  Guest guest{plugin_entry(), host};
  TestCard card;
  std::uint64_t counter = 0;

  void run() {
    const auto ready = guest.init(workspace.config());
    BOOST_REQUIRE_MESSAGE(ready.status == BV_OK, ready.why);
    const auto running = guest.start();
    BOOST_REQUIRE_MESSAGE(running.status == BV_OK, running.why);
  }
  // The answer to one REPORT on a channel of its own; empty: closed without one.
  Octets report() {
    Loopback channel(guest.number("tcp"));
    BOOST_REQUIRE(channel.open());
    BOOST_REQUIRE(channel.send(card.identification()));
    BOOST_REQUIRE(channel.send(card.report(++counter)));
    return channel.receive();
  }
  void serves_the_card() {
    const auto answer = card.answer(report());
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(static_cast<int>(answer->status) == 0);
    BOOST_TEST(answer->data.size() > 0u);
    BOOST_TEST(answer->counter == counter);
  }
  // A clear answer: 02, length, RHL, TAR, CNTR, PCNTR, status, and no data.
  void refuses_the_card(int status) {
    const Octets answer = report();
    BOOST_REQUIRE_EQUAL(answer.size(), 13u);
    BOOST_TEST(static_cast<int>(answer[0]) == 0x02);
    BOOST_TEST(static_cast<int>(answer[12]) == status);
    BOOST_TEST(guest.state() == "running");
  }
};

bv_status good_keys(const TestCard& card, bv_ota_key_set* keys) {
  keys->algorithm = BV_ALGORITHM_AES;
  keys->kic_size = keys->kid_size = 16;
  std::copy(card.kic.begin(), card.kic.end(), keys->kic);
  std::copy(card.kid.begin(), card.kid.end(), keys->kid);
  return BV_OK;
}

// Keys from the host: a defect that can be switched on and off while the plugin runs.
struct WithKeys : Fixture {
  using Defect = bv_status (*)(const TestCard& card, bv_ota_key_set* keys);
  std::atomic<Defect> defect{nullptr};
  std::atomic<int> asked{0};
  std::atomic<int> off_the_stack{0};

  WithKeys() {
    workspace.without_card_keys();
    host.give_keys();
    host.on_keys = [this](const uint8_t* iccid, uint8_t key_set, bv_ota_key_set* keys) {
      ++asked;
      if (!support::on_thread_stack()) ++off_the_stack;
      const bool same = std::equal(card.iccid.begin(), card.iccid.end(), iccid);
      if (!same || key_set != card.key_set) return BV_E_NOT_FOUND;
      const Defect now = defect;
      return now != nullptr ? now(card, keys) : good_keys(card, keys);
    };
  }
  void suffers(Defect bad) {
    if (guest.state() == "created") run();
    serves_the_card();
    defect = bad;
    refuses_the_card(1);
    defect = nullptr;
    serves_the_card();
  }
};

// Whole packets by the host. A good host here uses the test's own codec.
struct WithCrypto : Fixture {
  using Unwrap = bv_status (*)(bv_packet_head*, bv_buffer*);
  using Wrap = bv_status (*)(bv_buffer*);
  std::atomic<Unwrap> bad_unwrap{nullptr};
  std::atomic<Wrap> bad_wrap{nullptr};

  WithCrypto() {
    workspace.without_card_keys();
    host.give_crypto();
    host.on_unwrap = [this](bv_packet_head* head, bv_bytes packet, bv_buffer* data) {
      const Unwrap bad = bad_unwrap;
      return bad != nullptr ? bad(head, data) : unwrap(head, packet, data);
    };
    host.on_wrap = [this](const bv_packet_head* head, bv_bytes data, bv_buffer* packet) {
      const Wrap bad = bad_wrap;
      return bad != nullptr ? bad(packet) : wrap(head, data, packet);
    };
  }

  static bv_status give(const base::Bytes& octets, bv_buffer* out) {
    out->size = octets.size();
    if (octets.size() > out->capacity) return BV_E_TOO_SMALL;
    std::copy(octets.begin(), octets.end(), out->data);
    return BV_OK;
  }
  bv_status unwrap(bv_packet_head* head, bv_bytes packet, bv_buffer* data) const {
    const auto read =
        bip::unwrap_command(bip::Carrier::bip, {packet.data, packet.size}, {card.kic, card.kid});
    head->status = read ? 0 : 1;
    if (!read) return BV_OK;
    base::Writer cntr;
    cntr.u40(read->counter);
    std::copy(cntr.view().begin(), cntr.view().end(), head->cntr);
    return give(read->data, data);
  }
  bv_status wrap(const bv_packet_head* head, bv_bytes data, bv_buffer* packet) const {
    bip::ResponsePacket response;
    std::copy(head->tar, head->tar + 3, response.tar.begin());
    response.counter = base::Reader(head->cntr).u40();
    response.status = static_cast<bip::PacketStatus>(head->status);
    response.data.assign(data.data, data.data + data.size);
    const auto wrapped =
        bip::wrap_response(bip::Carrier::bip, card.head(), response, {card.kic, card.kid});
    return wrapped ? give(*wrapped, packet) : BV_E_INTERNAL;
  }

  void unwraps_badly(Unwrap bad, int status) {
    serves_the_card();
    bad_unwrap = bad;
    refuses_the_card(status);
    bad_unwrap = nullptr;
    serves_the_card();
  }
  void wraps_badly(Wrap bad) {
    serves_the_card();
    bad_wrap = bad;
    const Octets answer = report();  // whatever it is, it is not the host's garbage
    BOOST_TEST(answer.size() <= 13u);
    bad_wrap = nullptr;
    serves_the_card();
  }
};

struct WithClock : Fixture {
  std::atomic<std::int64_t> utc{1'800'000'000'000};
  std::atomic<std::int64_t> mono{1'000};
  std::atomic<int> answer{BV_OK};  // 1: throw

  WithClock() {
    workspace.change("[bip]\n", "[bip]\nidentify_timeout = 1s\nidentify_complete = 1s\n");
    host.give_clock();
    host.on_now = [this](int64_t* utc_ms, int64_t* mono_ms) -> bv_status {
      if (answer == 1) throw std::runtime_error("clock");
      *utc_ms = utc;
      *mono_ms = mono;
      return answer;
    };
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(services)

// ---- get_extension ----------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(get_extension_throws, Fixture) {
  host.on_get_extension = [](const char*) -> const void* { throw std::runtime_error("no"); };
  run();
  serves_the_card();
  BOOST_TEST(guest.number("log_lines_dropped") > 0);
}

BOOST_FIXTURE_TEST_CASE(get_extension_throws_what_is_no_exception, Fixture) {
  host.on_get_extension = [](const char*) -> const void* { throw 42; };
  run();
  serves_the_card();
}

BOOST_FIXTURE_TEST_CASE(get_extension_knows_nothing, Fixture) {
  host.on_get_extension = [](const char*) -> const void* { return nullptr; };
  run();
  serves_the_card();
  BOOST_TEST(guest.number("log_lines_dropped") > 0);
}

BOOST_FIXTURE_TEST_CASE(no_keys_from_anywhere, Fixture) {
  workspace.without_card_keys();
  const auto answer = guest.init(workspace.config());
  BOOST_TEST(answer.status == BV_E_INVALID);
  BOOST_TEST(answer.why.find("card_keys") != std::string::npos, answer.why);
  BOOST_TEST(answer.why.find("bv.ota-keys/1") != std::string::npos, answer.why);
  BOOST_TEST(guest.state() == "created");
}

BOOST_FIXTURE_TEST_CASE(tables_without_functions, Fixture) {
  host.log.write = nullptr;
  host.give(BV_EXT_CLOCK, &host.clock);
  host.give(BV_EXT_OTA_KEYS, &host.keys);
  host.give(BV_EXT_OTA_CRYPTO, &host.crypto);
  run();
  serves_the_card();
  BOOST_TEST(guest.number("log_lines_dropped") > 0);
}

BOOST_FIXTURE_TEST_CASE(key_table_without_functions_is_no_key_source, Fixture) {
  workspace.without_card_keys();
  host.give(BV_EXT_OTA_KEYS, &host.keys);
  BOOST_TEST(guest.init(workspace.config()).status == BV_E_INVALID);
}

BOOST_FIXTURE_TEST_CASE(crypto_table_with_half_its_functions_is_none, WithKeys) {
  host.crypto.unwrap_command = [](const bv_host*, bv_packet_head*, bv_bytes, bv_buffer*) {
    return BV_E_INTERNAL;
  };
  host.give(BV_EXT_OTA_CRYPTO, &host.crypto);
  run();
  serves_the_card();
  BOOST_TEST(asked > 0);
}

// ---- bv.log/1 ---------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(log_throws, Fixture) {
  host.on_log = [](const char*) { throw std::runtime_error("disk full"); };
  run();
  serves_the_card();
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(guest.start().status == BV_OK);
  BOOST_TEST(!host.lines().empty());
}

BOOST_FIXTURE_TEST_CASE(log_gets_no_secret, Fixture) {
  run();
  serves_the_card();
  --counter;  // a replay
  refuses_the_card(2);
  BOOST_TEST(guest.stop() == BV_OK);
  for (const std::string& secret : {base::to_hex(card.kic), base::to_hex(card.kid)}) {
    BOOST_TEST(host.logged(secret) == 0);
  }
  for (const MinimalHost::Line& line : host.lines()) {
    BOOST_TEST(line.text.find('\n') == std::string::npos, line.text);
    BOOST_TEST(!line.text.empty());
    BOOST_TEST(line.severity >= BV_LOG_DEBUG);
    BOOST_TEST(line.severity <= BV_LOG_ERROR);
  }
}

// ---- bv.ota-keys/1 ----------------------------------------------------------------------------

// A host may be written in a language whose runtime looks for the bounds of its stack.
BOOST_FIXTURE_TEST_CASE(keys_are_asked_for_on_the_stack_of_a_thread, WithKeys) {
  run();
  serves_the_card();
  BOOST_TEST(asked > 0);
  BOOST_TEST(off_the_stack == 0);
}

BOOST_FIXTURE_TEST_CASE(keys_throw, WithKeys) {
  suffers([](const TestCard&, bv_ota_key_set*) -> bv_status { throw std::runtime_error("hsm"); });
  BOOST_TEST(host.logged("bv.ota-keys/1", BV_LOG_ERROR) > 0);
}

BOOST_FIXTURE_TEST_CASE(keys_not_found, WithKeys) {
  suffers([](const TestCard&, bv_ota_key_set*) -> bv_status { return BV_E_NOT_FOUND; });
  BOOST_TEST(host.logged("bv.ota-keys/1", BV_LOG_ERROR) == 0);
}

BOOST_FIXTURE_TEST_CASE(keys_fail_with_every_status, WithKeys) {
  suffers([](const TestCard& c, bv_ota_key_set* k) { return good_keys(c, k), BV_E_TIMEOUT; });
  suffers([](const TestCard& c, bv_ota_key_set* k) { return good_keys(c, k), 12345; });
  suffers([](const TestCard& c, bv_ota_key_set* k) { return good_keys(c, k), INT32_MIN; });
}

BOOST_FIXTURE_TEST_CASE(keys_say_ok_and_give_nothing, WithKeys) {
  suffers([](const TestCard&, bv_ota_key_set*) -> bv_status { return BV_OK; });
  BOOST_TEST(host.logged("unusable", BV_LOG_ERROR) > 0);
}

BOOST_FIXTURE_TEST_CASE(keys_of_200_octets, WithKeys) {
  suffers([](const TestCard& c, bv_ota_key_set* k) {
    good_keys(c, k);
    k->kic_size = 200;
    return BV_OK;
  });
  suffers([](const TestCard& c, bv_ota_key_set* k) {
    good_keys(c, k);
    k->kid_size = 255;
    return BV_OK;
  });
}

BOOST_FIXTURE_TEST_CASE(keys_of_sizes_that_no_algorithm_has, WithKeys) {
  suffers([](const TestCard& c, bv_ota_key_set* k) {
    good_keys(c, k);
    k->kic_size = 7;
    return BV_OK;
  });
  suffers([](const TestCard& c, bv_ota_key_set* k) {
    good_keys(c, k);
    k->kid_size = 0;
    return BV_OK;
  });
}

BOOST_FIXTURE_TEST_CASE(keys_of_another_algorithm, WithKeys) {
  suffers([](const TestCard& c, bv_ota_key_set* k) {
    good_keys(c, k);
    k->algorithm = 77;
    return BV_OK;
  });
  suffers([](const TestCard& c, bv_ota_key_set* k) {
    good_keys(c, k);
    k->algorithm = BV_ALGORITHM_3DES;
    return BV_OK;
  });
}

// A key service that does not return: stop says so and joins nothing by force; when the call is
// back, stop ends and the plugin starts again.
BOOST_FIXTURE_TEST_CASE(keys_come_late, WithKeys) {
  std::mutex mutex;
  std::condition_variable wake;
  bool released = false, waiting = false;
  const auto answer = host.on_keys;
  host.on_keys = [&](const uint8_t* iccid, uint8_t key_set, bv_ota_key_set* keys) {
    std::unique_lock lock(mutex);
    waiting = true;
    wake.notify_all();
    wake.wait(lock, [&] { return released; });
    return answer(iccid, key_set, keys);
  };
  run();
  Loopback channel(guest.number("tcp"));
  BOOST_REQUIRE(channel.send(card.identification()));
  BOOST_REQUIRE(channel.send(card.report(++counter)));
  {
    std::unique_lock lock(mutex);
    BOOST_REQUIRE(wake.wait_for(lock, std::chrono::seconds(20), [&] { return waiting; }));
  }
  const auto began = std::chrono::steady_clock::now();
  BOOST_TEST(guest.stop(200) == BV_E_TIMEOUT);
  BOOST_TEST((std::chrono::steady_clock::now() - began < std::chrono::seconds(10)));
  BOOST_TEST(guest.state() == "stopping");
  BOOST_TEST(guest.start().status == BV_E_STATE);
  BOOST_TEST(guest.reload(workspace.config()).status == BV_E_STATE);
  BOOST_TEST(guest.drain(0) == BV_E_STATE);
  guest.table()->destroy(guest.table());
  BOOST_TEST(guest.stop(0) == BV_E_TIMEOUT);
  BOOST_TEST(guest.state() == "stopping");
  {
    std::lock_guard lock(mutex);
    released = true;
  }
  wake.notify_all();
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(guest.state() == "ready");
  BOOST_REQUIRE(guest.start().status == BV_OK);
  serves_the_card();
}

// ---- bv.ota-crypto/1 --------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(crypto_unwraps_badly, WithCrypto) {
  run();
  unwraps_badly([](bv_packet_head*, bv_buffer*) -> bv_status { throw std::runtime_error("hsm"); },
                1);
  unwraps_badly([](bv_packet_head*, bv_buffer*) -> bv_status { return BV_E_NOT_FOUND; }, 1);
  unwraps_badly([](bv_packet_head*, bv_buffer*) -> bv_status { return BV_E_TIMEOUT; }, 1);
  unwraps_badly([](bv_packet_head*, bv_buffer*) -> bv_status { return 12345; }, 1);
  unwraps_badly(
      [](bv_packet_head* head, bv_buffer* data) -> bv_status {
        head->status = 0;
        data->size = data->capacity + 1;
        return BV_OK;
      },
      1);
  unwraps_badly(
      [](bv_packet_head* head, bv_buffer* data) -> bv_status {
        head->status = 0;
        data->size = SIZE_MAX;
        return BV_OK;
      },
      1);
  unwraps_badly(
      [](bv_packet_head* head, bv_buffer*) -> bv_status {
        head->status = 0xEE;
        return BV_OK;
      },
      1);
}

// The host moves the buffer's pointer instead of filling it: nothing of it is followed.
BOOST_FIXTURE_TEST_CASE(crypto_moves_the_buffer, WithCrypto) {
  run();
  serves_the_card();
  bad_unwrap = [](bv_packet_head* head, bv_buffer* data) -> bv_status {
    head->status = 0;
    data->data = nullptr;
    data->capacity = 0;
    data->size = 16;
    return BV_OK;
  };
  report();
  bad_unwrap = nullptr;
  serves_the_card();
}

BOOST_FIXTURE_TEST_CASE(crypto_wraps_badly, WithCrypto) {
  run();
  wraps_badly([](bv_buffer*) -> bv_status { throw 1; });
  wraps_badly([](bv_buffer*) -> bv_status { return BV_E_INTERNAL; });
  wraps_badly([](bv_buffer* packet) -> bv_status {
    packet->size = packet->capacity + 1;
    return BV_OK;
  });
  wraps_badly([](bv_buffer* packet) -> bv_status {
    packet->size = SIZE_MAX;
    return BV_OK;
  });
  wraps_badly([](bv_buffer* packet) -> bv_status {
    packet->size = 0;
    return BV_OK;
  });
}

// ---- bv.clock/1 -------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(clock_fails_from_the_beginning, WithClock) {
  answer = BV_E_INTERNAL;
  run();
  serves_the_card();
}

BOOST_FIXTURE_TEST_CASE(clock_throws_from_the_beginning, WithClock) {
  answer = 1;
  run();
  serves_the_card();
}

// When the clock fails in between, time goes on from where it was: nobody's deadline jumps.
BOOST_FIXTURE_TEST_CASE(clock_fails_in_between, WithClock) {
  run();
  serves_the_card();
  Loopback waiting(guest.number("tcp"));
  BOOST_REQUIRE(waiting.send(card.identification()));
  BOOST_REQUIRE(support::wait_for([&] { return guest.number("sessions") >= 1; }));
  for (const int bad : {1, static_cast<int>(BV_E_TIMEOUT)}) {
    answer = bad;
    serves_the_card();
  }
  BOOST_REQUIRE(waiting.send(card.report(++counter)));
  BOOST_TEST(card.answer(waiting.receive()).has_value());
  answer = BV_OK;
  serves_the_card();
}

BOOST_FIXTURE_TEST_CASE(clock_jumps_back, WithClock) {
  mono = 10'000'000;
  run();
  serves_the_card();
  mono = 5'000'000;
  utc = 1'000'000'000'000;
  serves_the_card();
  // Deadlines still come: a card that never identifies itself is closed after a second.
  Loopback silent(guest.number("tcp"));
  BOOST_REQUIRE(support::wait_for([&] { return guest.number("sessions") >= 1; }));
  BOOST_TEST(!silent.closed_by_peer(700));
  mono = 5'002'000;
  BOOST_TEST(silent.closed_by_peer());
  serves_the_card();
}

BOOST_FIXTURE_TEST_CASE(clock_lies_wildly, WithClock) {
  run();
  for (const std::int64_t lie : {INT64_MIN, INT64_MAX, std::int64_t{-1}, std::int64_t{0}}) {
    utc = lie;
    mono = lie;
    serves_the_card();
  }
}

BOOST_AUTO_TEST_SUITE_END()
