// Proves the border for messages that the platform carries: what operations ask for goes out
// through it and learns its outcome; what comes in is acknowledged when it is in the store, once;
// what makes no sense is refused; a stop takes no answer for granted.
#include "bipvault/ext/sms.h"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "tests/host/workspace.h"

namespace {

using support::Guest;
using support::MinimalHost;
using support::plugin_entry;
using support::wait_for;
using support::Workspace;

struct Sent {
  std::uint64_t ref;
  std::string number;
  std::string text;
};

// The platform's side; one at a time.
struct Platform {
  std::mutex mutex;
  std::vector<Sent> sent;
  std::multimap<std::uint64_t, bv_status> kept;
  std::atomic<bv_status> answer{BV_OK};
  std::atomic<bool> throwing{false};
  std::function<void(const Sent&)> on_submit;
  std::atomic<bv_status> said{-1};  // by on_submit; the main thread judges it

  std::size_t count() {
    const std::lock_guard lock(mutex);
    return sent.size();
  }
  bool was_kept(std::uint64_t id, bv_status status) {
    return wait_for([&] {
      const std::lock_guard lock(mutex);
      return kept.count(id) == 1 && kept.find(id)->second == status;
    });
  }
};
Platform* platform = nullptr;

std::string text_of(bv_bytes octets) {
  return {reinterpret_cast<const char*>(octets.data), octets.size};
}
bv_bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

constexpr bv_sms_1 kSms{
    [](const bv_host*, const bv_sms_message* message) -> bv_status {
      if (platform->throwing) throw std::runtime_error("defect");
      const bv_status answer = platform->answer;
      if (answer != BV_OK) return answer;
      const Sent sent{message->ref, text_of(message->number), text_of(message->text)};
      {
        const std::lock_guard lock(platform->mutex);
        platform->sent.push_back(sent);
      }
      if (platform->on_submit) platform->on_submit(sent);
      return BV_OK;
    },
    [](const bv_host*) -> uint32_t { return 10; },
    [](const bv_host*, uint64_t id, bv_status status) {
      const std::lock_guard lock(platform->mutex);
      platform->kept.emplace(id, status);
    }};

struct Fixture {
  Platform side;
  Workspace workspace;
  MinimalHost host;
  Guest guest{plugin_entry(), host};
  const bv_sms_sink_1* sink = static_cast<const bv_sms_sink_1*>(guest.extension(BV_EXT_SMS_SINK));

  Fixture() {
    platform = &side;
    host.give(BV_EXT_SMS, &kSms);
    // The desk looks for requests every five seconds: its seconds are short ones.
    host.give_clock();
    host.on_now = [](int64_t* utc_ms, int64_t* mono_ms) {
      using namespace std::chrono;
      const auto ms = [](auto time) {
        return duration_cast<milliseconds>(time.time_since_epoch()).count();
      };
      *utc_ms = ms(system_clock::now());
      *mono_ms = ms(steady_clock::now()) * 20;
      return BV_OK;
    };
    workspace.change(
        "[smsc.away]\nhost = 127.0.0.1\nport = 1\nsystem_id = bipvault\nsource = 12345\n"
        "reconnect_min = 100ms\n",
        "[smsc]\nby_host = yes\nmo_queue = 3\n");
  }
  void run() {
    const auto ready = guest.init(workspace.config());
    BOOST_REQUIRE_MESSAGE(ready.status == BV_OK, ready.why);
    const auto running = guest.start();
    BOOST_REQUIRE_MESSAGE(running.status == BV_OK, running.why);
  }
  // What `smsc send-test` ends with.
  int send_test(const std::string& wait) {
    const std::string command = std::string(BIPVAULT_OPS " --config ") + workspace.config() +
                                " smsc send-test +491721234567 Hello --wait " + wait +
                                " >/dev/null 2>&1";
    const int status = std::system(command.c_str());
    return WEXITSTATUS(status);
  }
  bv_status result(std::uint64_t ref, std::uint32_t outcome, std::uint32_t segment = 1,
                   std::uint32_t segments = 1) {
    bv_sms_result told{};
    told.ref = ref;
    told.segment = segment;
    told.segments = segments;
    told.outcome = outcome;
    told.message_id = bytes_of("id-1");
    return sink->on_result(guest.table(), &told);
  }
  bv_sms_incoming incoming(std::uint64_t id, std::string_view text) {
    bv_sms_incoming message{};
    message.id = id;
    message.sent_at_ms = 1'800'000'000'000;
    message.from = bytes_of("491721234567");
    message.to = bytes_of("12345");
    message.text = bytes_of(text);
    message.parts = message.part = 1;
    return message;
  }
  bv_status say(const bv_sms_incoming& message) {
    return sink->on_message(guest.table(), &message);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sms_by_host, Fixture)

BOOST_AUTO_TEST_CASE(a_message_goes_out_and_has_its_outcome) {
  // The outcome comes before submit has returned.
  side.on_submit = [&](const Sent& sent) { side.said = result(sent.ref, BV_SMS_ACCEPTED); };
  run();
  BOOST_TEST(send_test("20s") == 0);
  BOOST_TEST(side.said == BV_OK);
  BOOST_REQUIRE_EQUAL(side.count(), 1u);
  BOOST_TEST(side.sent[0].number == "491721234567");
  BOOST_TEST(side.sent[0].text == "Hello");
  BOOST_TEST(guest.health().find("\"name\": \"host\", \"bound\": true") != std::string::npos);
  // It is over: nothing more is to be said of it.
  BOOST_TEST(result(side.sent[0].ref, BV_SMS_ACCEPTED) == BV_E_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(a_message_that_is_refused) {
  side.on_submit = [&](const Sent& sent) { side.said = result(sent.ref, BV_SMS_REFUSED); };
  run();
  BOOST_TEST(send_test("20s") == 1);
  BOOST_TEST(side.said == BV_OK);
}

BOOST_AUTO_TEST_CASE(a_platform_that_has_no_room) {
  side.answer = BV_E_BUSY;
  run();
  BOOST_TEST(send_test("1s") == 4);
  BOOST_TEST(side.count() == 0u);
  side.answer = BV_OK;
  BOOST_TEST(sink->on_room(guest.table()) == BV_OK);
  BOOST_TEST(wait_for([&] { return side.count() == 1; }));
  BOOST_TEST(guest.stop(300) == BV_OK);  // it is never answered
}

BOOST_AUTO_TEST_CASE(a_platform_that_throws) {
  side.throwing = true;
  run();
  BOOST_TEST(send_test("1s") == 4);
  BOOST_TEST(wait_for([&] { return host.logged("bv.sms/1 submit answered", BV_LOG_ERROR) >= 1; }));
  side.throwing = false;
  BOOST_TEST(wait_for([&] { return side.count() == 1; }));
  BOOST_TEST(guest.stop(300) == BV_OK);  // it is never answered
}

BOOST_AUTO_TEST_CASE(results_that_make_no_sense) {
  run();
  BOOST_TEST(send_test("0") == 4);
  BOOST_REQUIRE(wait_for([&] { return side.count() == 1; }));
  const std::uint64_t ref = side.sent[0].ref;
  BOOST_TEST(sink->on_result(guest.table(), nullptr) == BV_E_INVALID);
  BOOST_TEST(result(ref, 0) == BV_E_INVALID);
  BOOST_TEST(result(ref, 5) == BV_E_INVALID);
  BOOST_TEST(result(ref, BV_SMS_ACCEPTED, 0, 1) == BV_E_INVALID);
  BOOST_TEST(result(ref, BV_SMS_ACCEPTED, 2, 1) == BV_E_INVALID);
  BOOST_TEST(result(ref, BV_SMS_ACCEPTED, 1, 65) == BV_E_INVALID);
  BOOST_TEST(result(ref + 1, BV_SMS_ACCEPTED) == BV_E_NOT_FOUND);
  BOOST_TEST(result(ref, BV_SMS_ACCEPTED, 1, 2) == BV_OK);
  BOOST_TEST(result(ref, BV_SMS_ACCEPTED, 1, 2) == BV_E_INVALID, "told twice");
  BOOST_TEST(result(ref, BV_SMS_ACCEPTED, 2, 3) == BV_E_INVALID, "another number of segments");
  BOOST_TEST(result(ref, BV_SMS_ACCEPTED, 2, 2) == BV_OK);
}

BOOST_AUTO_TEST_CASE(incoming_messages_are_kept) {
  run();
  BOOST_TEST(say(incoming(7, "Y")) == BV_OK);
  BOOST_TEST(side.was_kept(7, BV_OK));
  // Offered again, it is the same one.
  BOOST_TEST(say(incoming(7, "Y")) == BV_OK);
  BOOST_TEST(wait_for([&] {
    const std::lock_guard lock(side.mutex);
    return side.kept.count(7) == 2;
  }));
  bv_sms_receipt receipt{};
  receipt.id = 8;
  receipt.message_id = bytes_of("nobody's");
  receipt.outcome = BV_SMS_DELIVERED;
  BOOST_TEST(sink->on_receipt(guest.table(), &receipt) == BV_OK);
  BOOST_TEST(side.was_kept(8, BV_OK));
  BOOST_TEST(sink->on_reachable(guest.table(), bytes_of("491721234567")) == BV_OK);
  BOOST_TEST(wait_for([&] { return guest.number("vault.answers_of_nobody") == 1; }));
}

BOOST_AUTO_TEST_CASE(messages_that_make_no_sense) {
  run();
  const auto bad = [&](auto change) {
    bv_sms_incoming message = incoming(1, "Y");
    change(message);
    BOOST_TEST(say(message) == BV_E_INVALID);
  };
  bad([](auto& m) { m.text = {}; });
  bad([](auto& m) { m.text = bytes_of("\xFF"); });
  bad([](auto& m) { m.user_data = bytes_of("both"); });
  bad([](auto& m) { m.parts = 0; });
  bad([](auto& m) { m.part = 2; });
  bad([](auto& m) { m.parts = 256; });
  bad([](auto& m) { m.reference = 65'536; });
  const std::string longer(141, 'x');
  bad([&](auto& m) {
    m.text = {};
    m.user_data = bytes_of(longer);
  });
  BOOST_TEST(sink->on_message(guest.table(), nullptr) == BV_E_INVALID);
  BOOST_TEST(sink->on_receipt(guest.table(), nullptr) == BV_E_INVALID);
  BOOST_TEST(sink->on_reachable(guest.table(), bytes_of("nobody")) == BV_E_INVALID);
  BOOST_TEST(sink->on_reachable(guest.table(), bv_bytes{}) == BV_E_INVALID);
  BOOST_TEST(guest.state() == "running");
}

BOOST_AUTO_TEST_CASE(nobody_listens_before_start_and_after_stop) {
  BOOST_TEST(say(incoming(1, "Y")) == BV_E_STATE);
  BOOST_TEST(sink->on_room(guest.table()) == BV_E_STATE);
  run();
  BOOST_TEST(send_test("0") == 4);
  BOOST_REQUIRE(wait_for([&] { return side.count() == 1; }));
  BOOST_TEST(guest.stop(1'000) == BV_OK);
  BOOST_TEST(result(side.sent[0].ref, BV_SMS_ACCEPTED) == BV_E_STATE);
  BOOST_TEST(say(incoming(1, "Y")) == BV_E_STATE);
  // It was written, and nobody has answered: it is not sent again.
  side.on_submit = [&](const Sent& sent) { side.said = result(sent.ref, BV_SMS_ACCEPTED); };
  BOOST_TEST(guest.start().status == BV_OK);
  BOOST_TEST(send_test("20s") == 0, "the next one goes out");
  BOOST_TEST(side.said == BV_OK);
  BOOST_REQUIRE_EQUAL(side.count(), 2u);
  BOOST_TEST(side.sent[1].ref != side.sent[0].ref);
}

BOOST_AUTO_TEST_CASE(a_host_that_carries_none) {
  MinimalHost other;
  Guest without(plugin_entry(), other);
  const auto refused = without.init(workspace.config());
  BOOST_TEST(refused.status == BV_E_INVALID);
  BOOST_TEST(refused.why.find("[smsc] by_host") != std::string::npos, refused.why);
  static constexpr bv_sms_1 half{kSms.submit, kSms.room, nullptr};
  other.give(BV_EXT_SMS, &half);
  Guest halved(plugin_entry(), other);
  BOOST_TEST(halved.init(workspace.config()).status == BV_E_INVALID);
}

BOOST_AUTO_TEST_SUITE_END()
