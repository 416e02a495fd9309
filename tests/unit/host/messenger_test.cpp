// Proves the messages that the host carries: what the plugin hands over reaches an SMSC and has one
// outcome for each segment, what the SMSC says is acknowledged as the plugin answers, and nothing
// goes either way before the start. The plugin here is the test.
#include "host/messenger.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <vector>

#include "base/guarded.h"
#include "host/settings.h"
#include "tests/support/collected_log.h"
#include "tests/support/until.h"
#include "tests/unit/smsc/fake_smsc.h"
#include "tests/unit/smsc/scripted_smsc.h"

namespace {

using scripted::FakeSmsc;
using support::until;

std::string text_of(bv_bytes octets) {
  return {reinterpret_cast<const char*>(octets.data), octets.size};
}
bv_bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

struct Sink {
  struct Seen {
    std::vector<bv_sms_result> results;
    std::vector<std::string> ids, texts, receipts, back;
    std::vector<std::uint64_t> numbers;  // of what is to be kept
    int rooms = 0;
  };
  base::Guarded<Seen> seen;
  std::atomic<bv_status> answer{BV_OK};

  static Sink& of(bv_plugin* plugin) { return *static_cast<Sink*>(plugin->self); }
  template <class F>
  static bv_status note(bv_plugin* plugin, F f) {
    of(plugin).seen.with(f);
    return of(plugin).answer;
  }
  static constexpr bv_sms_sink_1 kTable{
      [](bv_plugin* plugin, const bv_sms_result* result) {
        return note(plugin, [&](Seen& seen) {
          seen.results.push_back(*result);
          seen.ids.push_back(text_of(result->message_id));
        });
      },
      [](bv_plugin* plugin, const bv_sms_receipt* receipt) {
        return note(plugin, [&](Seen& seen) {
          seen.receipts.push_back(text_of(receipt->message_id) + " " +
                                  std::to_string(receipt->outcome) + " " +
                                  text_of(receipt->number));
          seen.numbers.push_back(receipt->id);
        });
      },
      [](bv_plugin* plugin, const bv_sms_incoming* message) {
        return note(plugin, [&](Seen& seen) {
          seen.texts.push_back(text_of(message->from) + ": " + text_of(message->text));
          seen.numbers.push_back(message->id);
        });
      },
      [](bv_plugin* plugin) { return note(plugin, [](Seen& seen) { ++seen.rooms; }); },
      [](bv_plugin* plugin, bv_bytes number) {
        return note(plugin, [&](Seen& seen) { seen.back.push_back(text_of(number)); });
      }};

  template <class F>
  auto get(F f) {
    return seen.with([&](Seen& all) { return f(all); });
  }
  bv_plugin plugin{sizeof(bv_plugin), 0,       this,    nullptr, nullptr,
                   nullptr,           nullptr, nullptr, nullptr, nullptr};
};

// Status of each answer to a deliver_sm, in order.
struct Answers {
  base::Guarded<std::vector<std::uint32_t>> all;
  std::size_t count() {
    return all.with([](auto& held) { return held.size(); });
  }
  std::uint32_t last() {
    return all.with([](auto& held) { return held.back(); });
  }
};

struct Rig {
  Answers answers;
  FakeSmsc smsc{[this](FakeSmsc::Client& client, const smsc::Frame& frame) {
    if (frame.header.command == (smsc::command::kDeliverSm | smsc::command::kResponse)) {
      answers.all.with([&](auto& all) { all.push_back(frame.header.status); });
    }
    FakeSmsc::behave(client, frame);
  }};
  Sink sink;
  support::CollectedLog log;
  base::SystemClock clock;
  host::Messenger messenger{log, clock};

  host::SmscSettings settings() const {
    return {"127.0.0.1:" + std::to_string(smsc.port()), "platform", "", "12345"};
  }
  void run() {
    BOOST_REQUIRE(messenger.open(settings()).ok());
    BOOST_REQUIRE(messenger.start(&sink.plugin, &Sink::kTable).ok());
    BOOST_REQUIRE(until([&] { return messenger.room() > 0; }));
  }
  bv_status text(std::uint64_t ref, std::string_view words, std::string_view to = "491721234567") {
    bv_sms_message message{};
    message.ref = ref;
    message.number = bytes_of(to);
    message.text = bytes_of(words);
    return messenger.submit(message);
  }
  void say(const base::Bytes& pdu) {
    smsc.each([pdu](FakeSmsc::Client& client) {
      client.out.insert(client.out.end(), pdu.begin(), pdu.end());
    });
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(messengers)

BOOST_AUTO_TEST_CASE(each_segment_has_one_outcome) {
  Rig rig;
  rig.run();
  BOOST_TEST(rig.text(1, "Hello") == BV_OK);
  BOOST_TEST(rig.text(2, std::string(200, 'x')) == BV_OK);
  const auto results = [](Sink::Seen& seen) { return seen.results.size(); };
  BOOST_REQUIRE(until([&] { return rig.sink.get(results) == 3; }));
  rig.sink.get([](Sink::Seen& seen) {
    std::map<std::uint64_t, std::uint64_t> segments;
    for (const bv_sms_result& result : seen.results) {
      BOOST_TEST(result.outcome == BV_SMS_ACCEPTED);
      BOOST_TEST(result.segments == result.ref);
      segments[result.ref] |= 1u << (result.segment - 1);
    }
    BOOST_TEST(segments[1] == 1u);
    BOOST_TEST(segments[2] == 3u);
    for (const std::string& id : seen.ids) BOOST_TEST(!id.empty());
  });
  rig.messenger.stop();
}

// What an SMSC has of a message already: the rest goes, and has its outcome.
BOOST_AUTO_TEST_CASE(the_rest_of_a_message_is_sent) {
  Rig rig;
  rig.run();
  const std::string long_text(400, 'x');
  bv_sms_message message{};
  message.ref = 7;
  message.number = bytes_of("491721234567");
  message.text = bytes_of(long_text);
  message.accepted = 0b1000;  // it has three
  BOOST_TEST(rig.messenger.submit(message) == BV_E_INVALID);
  message.accepted = 0b101;
  BOOST_REQUIRE(rig.messenger.submit(message) == BV_OK);
  const auto results = [](Sink::Seen& seen) { return seen.results.size(); };
  BOOST_REQUIRE(until([&] { return rig.sink.get(results) == 1; }));
  rig.sink.get([](Sink::Seen& seen) {
    BOOST_TEST(seen.results[0].outcome == BV_SMS_ACCEPTED);
    BOOST_TEST(seen.results[0].segment == 2u);
    BOOST_TEST(seen.results[0].segments == 3u);
  });
  rig.messenger.stop();
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
  Rig rig;
  rig.run();
  BOOST_TEST(rig.text(1, "Hello", "") == BV_E_INVALID);
  BOOST_TEST(rig.text(1, "Hello", "no number") == BV_E_INVALID);
  BOOST_TEST(rig.text(1, "") == BV_E_INVALID);
  BOOST_TEST(rig.text(1, std::string(5'000, 'x')) == BV_E_INVALID);
  bv_sms_message both{};
  both.number = bytes_of("491721234567");
  both.text = both.packet = bytes_of("x");
  BOOST_TEST(rig.messenger.submit(both) == BV_E_INVALID);
  rig.messenger.stop();
  BOOST_TEST(rig.sink.get([](Sink::Seen& seen) { return seen.results.size(); }) == 0u);
}

BOOST_AUTO_TEST_CASE(acknowledged_when_the_plugin_keeps_it) {
  Rig rig;
  rig.run();
  const auto came = [&](std::size_t count) {
    return until([&] {
      return rig.sink.get([&](Sink::Seen& seen) { return seen.numbers.size() == count; });
    });
  };
  const auto keep = [&](bv_status status) {
    rig.messenger.kept(rig.sink.get([](Sink::Seen& seen) { return seen.numbers.back(); }), status);
  };
  rig.say(scripted::deliver(1, "Y"));
  BOOST_REQUIRE(came(1));
  rig.messenger.kept(4711, BV_OK);  // nobody's
  BOOST_TEST(rig.answers.count() == 0u);
  keep(BV_OK);
  BOOST_REQUIRE(until([&] { return rig.answers.count() == 1; }));
  BOOST_TEST(rig.answers.last() == 0u);

  rig.say(scripted::deliver(2, "id:7 sub:001 dlvrd:001 done date:2611240906 stat:DELIVRD", "04"));
  BOOST_REQUIRE(came(2));
  keep(BV_E_BUSY);
  BOOST_REQUIRE(until([&] { return rig.answers.count() == 2; }));
  BOOST_TEST(rig.answers.last() != 0u);
  rig.sink.get([](Sink::Seen& seen) {
    BOOST_TEST(seen.texts.at(0) == ": Y");  // 491 is too short for a number
    BOOST_TEST(seen.receipts.at(0) == "7 1 ");
  });
  rig.messenger.stop();
}

BOOST_AUTO_TEST_CASE(what_the_plugin_does_not_take) {
  Rig rig;
  rig.run();
  rig.sink.answer = BV_E_BUSY;
  rig.say(scripted::deliver(1, "Y"));
  BOOST_REQUIRE(until([&] { return rig.answers.count() == 1; }));
  BOOST_TEST(rig.answers.last() != 0u);  // the SMSC offers it again
  rig.sink.answer = BV_E_INVALID;
  rig.say(scripted::deliver(2, "Y"));
  BOOST_REQUIRE(until([&] { return rig.answers.count() == 2; }));
  BOOST_TEST(rig.answers.last() == 0u);  // not for ever
  rig.messenger.stop();
  BOOST_TEST(rig.log.count("makes no sense") == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_before_the_start) {
  Rig rig;
  BOOST_REQUIRE(rig.messenger.open(rig.settings()).ok());
  BOOST_TEST(rig.text(1, "Hello") == BV_E_BUSY);
  BOOST_TEST(rig.messenger.room() == 0u);
  rig.sink.answer = BV_E_STATE;  // by_host is off
  const base::Status started = rig.messenger.start(&rig.sink.plugin, &Sink::kTable);
  BOOST_REQUIRE(!started.ok());
  BOOST_TEST(started.error().find("by_host") != std::string::npos);
  BOOST_TEST(rig.smsc.accepted() == 0);
  rig.messenger.stop();
}

BOOST_AUTO_TEST_CASE(a_password_that_others_can_read) {
  char path[] = "/tmp/bipvault-messenger-XXXXXX";
  const int file = ::mkstemp(path);
  BOOST_REQUIRE(::write(file, "hush\n", 5) == 5);
  ::fchmod(file, 0644);
  Rig rig;
  host::SmscSettings settings = rig.settings();
  settings.password_file = path;
  const base::Status opened = rig.messenger.open(settings);
  BOOST_REQUIRE(!opened.ok());
  BOOST_TEST(opened.error().find("hush") == std::string::npos);
  ::fchmod(file, 0600);
  BOOST_TEST(rig.messenger.open(settings).ok());
  ::close(file);
  ::unlink(path);
}

BOOST_AUTO_TEST_CASE(keys_of_the_host) {
  const auto parse = [](const std::string& lines) {
    return host::parse_settings("[host]\nplugin = p\nplugin_config = c\n" + lines, "h.ini");
  };
  const auto on = parse(
      "carry_sms = yes\nsmsc = [::1]:2775\nsmsc_system_id = me\nsmsc_source = 12345\n"
      "smsc_password_file = /secret\n");
  const auto& settings = std::get<host::Settings>(on);
  BOOST_TEST(settings.carry_sms);
  BOOST_TEST(settings.smsc.address == "[::1]:2775");
  BOOST_TEST(settings.smsc.password_file == "/secret");
  BOOST_TEST(!std::get<host::Settings>(parse("")).carry_sms);
  const auto first = [&](const std::string& lines) {
    return std::get<std::vector<std::string>>(parse(lines)).at(0);
  };
  BOOST_TEST(first("carry_sms = yes\n").find("[host] smsc: must be an address") !=
             std::string::npos);
  BOOST_TEST(first("smsc_system_id = 0123456789012345\n").find("15 characters") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
