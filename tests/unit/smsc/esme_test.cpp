// Proves the live ESME against an SMSC on a loopback port: every segment has one outcome whatever
// the SMSC does, answers to incoming messages wait for the store, binds come back, and stop ends
// it.
#include "smsc/esme.h"

#include <boost/test/unit_test.hpp>

#include <map>

#include "base/guarded.h"
#include "smsc/esme_conn.h"
#include "tests/support/collected_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/until.h"
#include "tests/unit/smsc/fake_smsc.h"

namespace {

using namespace smsc;
using scripted::FakeSmsc;
using support::until;
using Kind = vault::SmsOutcome::Kind;
using Taken = vault::SmsOut::Taken;

struct Sink : vault::SmsSink {
  struct State {
    std::vector<vault::SmsOutcome> outcomes;
    std::vector<vault::IncomingSms> incoming;
    std::vector<vault::SmsReceipt> receipts;
    std::vector<vault::Kept> kept;
    std::vector<std::string> back;
    int rooms = 0;
  };
  base::Guarded<State> state;
  std::atomic<bool> keep_at_once{true};

  void outcome(const vault::SmsOutcome& one) override {
    state.with([&](State& s) { s.outcomes.push_back(one); });
  }
  void receipt(vault::SmsReceipt one, vault::Kept kept) override {
    state.with([&](State& s) { s.receipts.push_back(std::move(one)); });
    kept(true);
  }
  void incoming(vault::IncomingSms one, vault::Kept kept) override {
    state.with([&](State& s) {
      s.incoming.push_back(std::move(one));
      if (!keep_at_once) s.kept.push_back(kept);
    });
    if (keep_at_once) kept(true);
  }
  void subscriber_back(const vault::Msisdn& number) override {
    state.with([&](State& s) { s.back.push_back(number.digits()); });
  }
  void room() override {
    state.with([](State& s) { ++s.rooms; });
  }
  std::size_t count() {
    return state.with([](State& s) { return s.outcomes.size(); });
  }
  std::size_t count(Kind kind) {
    return state.with([&](State& s) {
      return static_cast<std::size_t>(std::count_if(
          s.outcomes.begin(), s.outcomes.end(), [&](const auto& one) { return one.kind == kind; }));
    });
  }
};

struct World {
  Sink sink;
  base::SystemClock clock;
  support::CollectedLog log;
  base::Counters counters;
  base::Guarded<std::vector<std::string>> alarms;
  std::unique_ptr<Esme> esme;

  static Settings settings(std::uint16_t port, std::string name = "a") {
    Settings made;
    made.name = std::move(name);
    made.port = port;
    made.system_id = "bv";
    made.password = std::make_shared<base::Secret>(base::as_bytes("secret"));
    made.source = "12345";
    made.reconnect_min = 50;
    return made;
  }
  explicit World(std::vector<Settings> smscs, CommonSettings common = {}) {
    const Esme::Parts parts{sink, clock, log, counters,
                            [this](const std::string& smsc, const std::string& text) {
                              alarms.with([&](auto& all) { all.push_back(smsc + ":" + text); });
                            }};
    esme = std::make_unique<Esme>(std::move(smscs), common, parts);
    BOOST_REQUIRE(esme->start().ok());
  }
  ~World() { esme->stop(0); }
  bool bound(std::size_t smsc = 0, std::uint32_t binds = 1) {
    return until([&] { return esme->state()[smsc].binds == binds; });
  }
  static vault::OutgoingSms message(vault::SmsRef ref, std::string text = "Back up? Y/N") {
    return {ref,
            vault::SmsKind::reminder,
            vault::Msisdn::from_text("+491701234567").value(),
            std::move(text),
            {},
            0,
            0,
            ""};
  }
  Taken submit(vault::SmsRef ref) { return esme->submit(message(ref)); }
};

// A host that takes no connection and refuses none: its queue of connections is full.
class DeafHost {
 public:
  DeafHost() {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof own;
    auto* const address = reinterpret_cast<sockaddr*>(&own);
    sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE(::bind(sockets_[0], address, size) == 0);
    BOOST_REQUIRE(::listen(sockets_[0], 0) == 0);
    BOOST_REQUIRE(::getsockname(sockets_[0], address, &size) == 0);
    port_ = ntohs(own.sin_port);
    for (int i = 0; i < 3; ++i) {
      sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)::connect(sockets_.back(), address, size);
    }
  }
  ~DeafHost() {
    for (const int one : sockets_) ::close(one);
  }
  DeafHost(const DeafHost&) = delete;
  DeafHost& operator=(const DeafHost&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  std::vector<int> sockets_;
  std::uint16_t port_ = 0;
};

void says_text(FakeSmsc::Client& client, std::uint32_t sequence, std::string_view text,
               int esm_class = 0) {
  std::string body(
      "\0\1\1"
      "491701234567\0"
      "\0\1"
      "12345\0",
      24);
  body.push_back(static_cast<char>(esm_class));
  body.append(8, '\0');
  body.push_back(static_cast<char>(text.size()));
  body += text;
  client.say(command::kDeliverSm, 0, sequence, body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(esmes)

BOOST_AUTO_TEST_CASE(messages_go_out_and_have_their_outcomes) {
  FakeSmsc smsc(FakeSmsc::behave);
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  BOOST_TEST(world.esme->room() == 32u);
  vault::SmsRef ref = 0;
  while (ref < 500) {
    if (world.submit(ref + 1) == Taken::yes) ++ref;
  }
  BOOST_REQUIRE(until([&] { return world.sink.count() == 500; }));
  BOOST_TEST(world.sink.count(Kind::accepted) == 500u);
  std::map<vault::SmsRef, int> seen;
  world.sink.state.with([&](auto& s) {
    for (const auto& one : s.outcomes) ++seen[one.ref];
    BOOST_TEST(!s.outcomes[0].message_id.empty());
    BOOST_TEST(s.outcomes[0].smsc == "a");
  });
  BOOST_TEST(seen.size() == 500u);
  world.esme->stop(5'000);
  BOOST_TEST(world.log.count("bound as transceiver to fake") == 1u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sent_is_said_at_once) {
  FakeSmsc smsc(FakeSmsc::behave);
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  BOOST_TEST((world.esme->submit(World::message(1, "\xFF")) == Taken::impossible));
  auto named = World::message(1);
  named.smsc = "nobody";
  BOOST_TEST((world.esme->submit(named) == Taken::impossible));
  named.smsc = "a";
  BOOST_TEST((world.esme->submit(named) == Taken::yes));
  // Long texts: an outcome for each segment, but for those that were accepted before.
  auto parts = World::message(2, std::string(400, 'x'));
  parts.accepted_segments = 0b010;
  parts.accepted_of = 2;
  BOOST_TEST((world.esme->submit(parts) == Taken::impossible));  // of another cut
  parts.accepted_of = 3;
  BOOST_TEST((world.esme->submit(parts) == Taken::yes));
  BOOST_REQUIRE(until([&] { return world.sink.count() == 3; }));
  world.sink.state.with([&](auto& s) {
    BOOST_TEST(s.outcomes[1].segment == 1);
    BOOST_TEST(s.outcomes[2].segment == 3);
    BOOST_TEST(s.outcomes[2].segments == 3);
  });
}

BOOST_AUTO_TEST_CASE(without_an_smsc_nothing_is_taken_and_nothing_fails) {
  World world({World::settings(1)});
  BOOST_TEST(world.esme->room() == 0u);
  BOOST_TEST((world.submit(1) == Taken::busy));
  BOOST_REQUIRE(until([&] { return world.counters.get("smsc.failed_binds") >= 3; }));
  BOOST_TEST(world.log.count("not bound") == 1u);  // however often it was tried
  BOOST_TEST(!world.esme->state()[0].trouble.empty());
  BOOST_TEST(world.sink.count() == 0u);
}

BOOST_AUTO_TEST_CASE(a_lost_connection_leaves_written_ones_uncertain_and_comes_back) {
  std::atomic<bool> silent{true};
  std::atomic<int> unanswered{0};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (silent && frame.header.command == command::kSubmitSm) {
      ++unanswered;
      return;
    }
    FakeSmsc::behave(client, frame);
  });
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  for (vault::SmsRef ref = 1; ref <= 15; ++ref) BOOST_TEST((world.submit(ref) == Taken::yes));
  // Read by the SMSC, not only written: what it reads later it would answer.
  BOOST_REQUIRE(until([&] { return unanswered == 10; }));
  // The state is published after the write, which the SMSC may have read by then.
  BOOST_REQUIRE(until([&] { return world.esme->state()[0].in_flight == 10; }));
  silent = false;
  smsc.each([](FakeSmsc::Client& client) { client.close = true; });
  // The window was written; the five behind it go out on the next connection.
  BOOST_REQUIRE(until([&] { return world.sink.count() == 15; }));
  BOOST_TEST(world.sink.count(Kind::uncertain) == 10u);
  BOOST_TEST(world.sink.count(Kind::accepted) == 5u);
  BOOST_TEST(smsc.accepted() == 2);
  BOOST_TEST(world.log.count("lost: ") == 1u);
}

// It has lost our bind, and says so message by message.
BOOST_AUTO_TEST_CASE(a_window_that_is_not_bound_goes_out_again) {
  base::Guarded<std::vector<Header>> waiting;
  std::atomic<int> submits{0};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command == command::kSubmitSm && ++submits <= 10) {
      waiting.with([&](auto& all) { all.push_back(frame.header); });
      if (submits < 10) return;
      return client.answer(frame.header, status::kBadBindState);
    }
    FakeSmsc::behave(client, frame);
  });
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  for (vault::SmsRef ref = 1; ref <= 10; ++ref) BOOST_TEST((world.submit(ref) == Taken::yes));
  BOOST_REQUIRE(until([&] { return submits == 10; }));
  BOOST_REQUIRE(until([&] { return world.esme->state()[0].in_flight == 9; }));
  BOOST_TEST(!world.esme->state()[0].bound);
  smsc.each([&](FakeSmsc::Client& client) {
    auto headers = waiting.with([](auto& all) { return std::move(all); });
    headers.pop_back();
    for (const Header& header : headers) {
      client.answer(header, status::kBadBindState);
    }
  });
  BOOST_REQUIRE(until([&] { return world.sink.count() == 10; }));
  BOOST_TEST(world.sink.count(Kind::accepted) == 10u);
  BOOST_TEST(smsc.accepted() == 2);
}

BOOST_AUTO_TEST_CASE(throttled_messages_come_through_later) {
  std::atomic<int> refusals{12};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command == command::kSubmitSm && refusals-- > 0) {
      return client.answer(frame.header, status::kThrottled);
    }
    FakeSmsc::behave(client, frame);
  });
  auto settings = World::settings(smsc.port());
  settings.throttle_hold = 20;
  settings.rate = 10'000;
  World world({settings});
  BOOST_REQUIRE(world.bound());
  for (vault::SmsRef ref = 1; ref <= 20; ++ref) BOOST_TEST((world.submit(ref) == Taken::yes));
  BOOST_REQUIRE(until([&] { return world.sink.count() == 20; }));
  BOOST_TEST(world.sink.count(Kind::accepted) == 20u);
  BOOST_TEST(world.counters.get("smsc.throttled") == 12);
}

BOOST_AUTO_TEST_CASE(wrong_credentials_raise_an_alarm_and_are_not_hammered) {
  std::atomic<int> binds{0};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    ++binds;
    client.answer(frame.header, status::kBadPassword);
  });
  auto settings = World::settings(smsc.port());
  settings.refused_retry = 400;
  World world({settings});
  BOOST_REQUIRE(until([&] { return binds == 3; }));
  BOOST_TEST(world.alarms.with([](auto& all) { return all.size(); }) == 1u);
  BOOST_TEST(world.alarms.with([](auto& all) { return all[0]; }).find("invalid password") !=
             std::string::npos);
  BOOST_TEST(world.log.all().find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_be_bound_with_do_not_start) {
  auto settings = World::settings(1);
  settings.password = std::make_shared<base::Secret>(base::as_bytes("longer than eight"));
  Sink sink;
  base::SystemClock clock;
  base::NoLog log;
  base::Counters counters;
  Esme esme({settings}, {}, {sink, clock, log, counters, {}});
  const auto started = esme.start();
  BOOST_REQUIRE(!started.ok());
  BOOST_TEST(started.error().find("[smsc.a]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(incoming_messages_are_answered_when_they_are_durable) {
  base::Guarded<std::map<std::uint32_t, std::uint32_t>> answers;
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command == 0x80000005) {
      answers.with([&](auto& all) { all[frame.header.sequence] = frame.header.status; });
    }
    FakeSmsc::behave(client, frame);
  });
  CommonSettings common;
  common.mo_queue = 3;
  World world({World::settings(smsc.port())}, common);
  world.sink.keep_at_once = false;
  BOOST_REQUIRE(world.bound());
  smsc.each([](FakeSmsc::Client& client) {
    for (std::uint32_t i = 1; i <= 4; ++i) says_text(client, i, i % 2 == 0 ? "N" : "Y");
  });
  // The fourth is one too many; the others have no answer yet.
  BOOST_REQUIRE(until([&] { return answers.with([](auto& all) { return all.count(4) == 1; }); }));
  BOOST_TEST(answers.with([](auto& all) { return all.size(); }) == 1u);
  BOOST_TEST(answers.with([](auto& all) { return all[4]; }) == status::kThrottled);
  auto kept = world.sink.state.with([](auto& s) { return std::move(s.kept); });
  world.sink.state.with([](auto& s) { s.kept.clear(); });
  BOOST_REQUIRE(kept.size() == 3u);
  kept[0](true);
  kept[0](false);  // the first word counts
  kept[1](false);
  kept[2] = nullptr;
  kept.clear();  // nobody will ever say anything
  BOOST_REQUIRE(until([&] { return answers.with([](auto& all) { return all.size() == 4; }); }));
  BOOST_TEST(answers.with([](auto& all) { return all[1]; }) == status::kOk);
  BOOST_TEST(answers.with([](auto& all) { return all[2]; }) == status::kTemporaryError);
  BOOST_TEST(answers.with([](auto& all) { return all[3]; }) == status::kTemporaryError);
  world.sink.state.with([](auto& s) {
    BOOST_TEST(s.incoming[0].text == "Y");
    BOOST_TEST(s.incoming[0].from->digits() == "491701234567");
  });
}

BOOST_AUTO_TEST_CASE(receipts_before_the_answer_and_alerts) {
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command == command::kSubmitSm) {
      says_text(client, 900, "id:0A sub:001 dlvrd:001 done date:1 stat:DELIVRD err:0", 4);
      client.say(command::kAlertNotification, 0, 901,
                 std::string_view("\3\1"
                                  "491701234567\0\0\0"
                                  "1\0",
                                  19));
      return client.answer(frame.header, 0, std::string_view("000a\0", 5));
    }
    FakeSmsc::behave(client, frame);
  });
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  world.submit(1);
  BOOST_REQUIRE(until([&] { return world.sink.count() == 1; }));
  world.sink.state.with([](auto& s) {
    BOOST_REQUIRE(s.receipts.size() == 1u);
    BOOST_TEST(s.receipts[0].message_id == s.outcomes[0].message_id);
    BOOST_TEST((s.receipts[0].kind == vault::SmsReceipt::Kind::delivered));
    BOOST_TEST(s.back.size() == 1u);
  });
}

BOOST_AUTO_TEST_CASE(the_second_takes_over_and_the_first_comes_back) {
  std::atomic<int> first_got{0}, second_got{0};
  const auto counting = [](std::atomic<int>& count) {
    return [&count](FakeSmsc::Client& client, const Frame& frame) {
      if (frame.header.command == command::kSubmitSm) ++count;
      FakeSmsc::behave(client, frame);
    };
  };
  auto first = std::make_unique<FakeSmsc>(counting(first_got));
  FakeSmsc second(counting(second_got));
  std::atomic<bool> refusing{false};
  World world({World::settings(first->port(), "first"), World::settings(second.port(), "second")});
  BOOST_REQUIRE(world.bound(0));
  BOOST_REQUIRE(world.bound(1));
  world.submit(1);
  BOOST_REQUIRE(until([&] { return world.sink.count() == 1; }));
  BOOST_TEST(first_got == 1);
  first->each([](FakeSmsc::Client& client) { client.close = true; });
  BOOST_REQUIRE(until([&] { return !world.esme->state()[0].bound || first->accepted() == 2; }));
  std::size_t taken = 1;
  for (vault::SmsRef ref = 2; world.sink.count() < 20; ++ref) {
    if (world.submit(ref) == Taken::yes) ++taken;
  }
  BOOST_REQUIRE(world.bound(0));
  // None of them may still be on its way to the first.
  BOOST_REQUIRE(until([&] { return world.sink.count() == taken; }));
  const int before = first_got;
  BOOST_REQUIRE((world.submit(1'000) == Taken::yes));
  BOOST_REQUIRE(until([&] { return first_got == before + 1; }));
  first.reset();
  BOOST_REQUIRE(until([&] { return !world.esme->state()[0].bound; }));
  const int second_before = second_got;
  BOOST_REQUIRE((world.submit(2'000) == Taken::yes));
  BOOST_REQUIRE(until([&] { return second_got == second_before + 1; }));
}

BOOST_AUTO_TEST_CASE(transmitters_and_receivers_several_of_each) {
  std::atomic<int> transmitters{0}, receivers{0};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command == command::kBindTransmitter) ++transmitters;
    if (frame.header.command == command::kBindReceiver) ++receivers;
    FakeSmsc::behave(client, frame);
  });
  auto settings = World::settings(smsc.port());
  settings.bind = BindMode::transmitter_receiver;
  settings.binds = 2;
  World world({settings});
  BOOST_REQUIRE(world.bound(0, 4));
  BOOST_TEST(transmitters == 2);
  BOOST_TEST(receivers == 2);
  BOOST_TEST(world.esme->room() == 40u);  // two windows, twice
}

BOOST_AUTO_TEST_CASE(stop_gives_every_segment_its_outcome) {
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command != command::kSubmitSm) FakeSmsc::behave(client, frame);
  });
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  for (vault::SmsRef ref = 1; ref <= 20; ++ref) world.submit(ref);
  BOOST_REQUIRE(until([&] { return world.esme->state()[0].in_flight == 10; }));
  world.esme->stop(100);
  BOOST_TEST(world.sink.count(Kind::uncertain) == 10u);
  BOOST_TEST(world.sink.count(Kind::not_sent) == 10u);
  BOOST_TEST((world.submit(99) == Taken::busy));
  BOOST_TEST(world.esme->start().ok());  // and once more
  BOOST_TEST(world.bound());
}

BOOST_AUTO_TEST_CASE(drain_unbinds) {
  std::atomic<int> unbinds{0};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command == command::kUnbind) ++unbinds;
    FakeSmsc::behave(client, frame);
  });
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  world.esme->drain();
  BOOST_REQUIRE(until([&] { return world.esme->drained(); }));
  BOOST_TEST(unbinds == 1);
}

BOOST_AUTO_TEST_CASE(something_else_than_smpp_is_left_alone) {
  FakeSmsc smsc([](FakeSmsc::Client& client, const Frame&) {
    const std::string_view text = "HTTP/1.1 400 Bad Request\r\n\r\n";
    client.out.insert(client.out.end(), text.begin(), text.end());
  });
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(until([&] { return world.counters.get("smsc.failed_binds") >= 2; }));
  BOOST_TEST(world.log.count("not SMPP") == 1u);
}

// A program that the platform starts must not hold the connection after we have closed it.
BOOST_AUTO_TEST_CASE(no_program_that_is_started_inherits_the_connection) {
  FakeSmsc smsc(FakeSmsc::behave);
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  int connections = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    connections += peer.sin_family == AF_INET && ntohs(peer.sin_port) == smsc.port() ? 1 : 0;
    BOOST_TEST((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, fd);
  }
  BOOST_TEST(connections == 1);
}

// It enquires and enquires, and reads none of the answers: it is not read either, until it does.
BOOST_AUTO_TEST_CASE(one_that_takes_no_answers_is_not_listened_to) {
  constexpr std::size_t kMost = std::size_t{4} << 20;  // enquiries: 64 MB, and as much of answers
  std::atomic<std::size_t> asked{0}, answered{0};
  std::atomic<bool> stuck{false};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command == (command::kEnquireLink | command::kResponse)) ++answered;
    FakeSmsc::behave(client, frame);
  });
  World world({World::settings(smsc.port())});
  BOOST_REQUIRE(world.bound());
  smsc.each([&](FakeSmsc::Client& client) {
    FakeSmsc::Client pdu;
    pdu.say(command::kEnquireLink, 0, 7);
    pollfd room{client.fd, POLLOUT, 0};
    while (asked < kMost && !stuck) {
      if (client.out.empty()) {
        for (int i = 0; i < 4096; ++i) {
          client.out.insert(client.out.end(), pdu.out.begin(), pdu.out.end());
        }
        asked += 4096;
      }
      const ssize_t sent = ::send(client.fd, client.out.data(), client.out.size(), MSG_NOSIGNAL);
      if (sent > 0) client.out.erase(client.out.begin(), client.out.begin() + sent);
      if (sent < 0) stuck = ::poll(&room, 1, 3'000) == 0;
    }
  });
  const auto in_the_end = [](auto condition) {  // there is much to send, and a sanitizer is slow
    for (int i = 0; i < 10; ++i) {
      if (until(condition)) return true;
    }
    return false;
  };
  BOOST_REQUIRE(in_the_end([&] { return stuck || asked >= kMost; }));
  BOOST_TEST(stuck);
  BOOST_TEST(in_the_end([&] { return answered == asked; }));
  BOOST_TEST((world.submit(1) == Taken::yes));
  BOOST_TEST(until([&] { return world.sink.count(Kind::accepted) == 1; }));
}

// The SMSC has not noticed yet that the last connection is gone. Whatever it says and however
// often, the next attempt comes, and no earlier than it can help.
BOOST_AUTO_TEST_CASE(already_bound_is_waited_for_and_tried_again) {
  std::atomic<int> binds{0};
  FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
    const bool refused = frame.header.command == command::kBindTransceiver && ++binds <= 3;
    refused ? client.answer(frame.header, status::kAlreadyBound) : FakeSmsc::behave(client, frame);
  });
  Sink sink;
  support::FakeClock clock;
  support::CollectedLog log;
  base::Counters counters;
  std::atomic<int> alarms{0};
  Esme esme(
      {World::settings(smsc.port())}, {},
      {sink, clock, log, counters, [&](const std::string&, const std::string&) { ++alarms; }});
  BOOST_REQUIRE(esme.start().ok());
  for (int attempt = 1; attempt <= 3; ++attempt) {
    BOOST_REQUIRE(until([&] { return counters.get("smsc.failed_binds") == attempt; }));
    clock.advance(2 * base::kMinuteMs);
  }
  BOOST_TEST(until([&] { return esme.state()[0].bound; }));
  BOOST_TEST(alarms == 0);
  BOOST_TEST(log.count("not bound") == 1u);
  esme.stop(0);
}

// A pause that is for the other side's sake is never cut short.
BOOST_AUTO_TEST_CASE(pauses_after_a_refused_bind_are_kept) {
  for (const std::uint32_t refusal : {status::kAlreadyBound, status::kBadPassword}) {
    std::atomic<int> binds{0};
    FakeSmsc smsc([&](FakeSmsc::Client& client, const Frame& frame) {
      ++binds;
      client.answer(frame.header, refusal);
    });
    auto settings = World::settings(smsc.port());
    settings.refused_retry = 8'000;
    const std::int64_t least = refusal == status::kBadPassword ? 8'000 : 5'000;
    Sink sink;
    support::FakeClock clock;
    base::NoLog log;
    base::Counters counters;
    Esme esme({settings}, {}, {sink, clock, log, counters, {}});
    BOOST_REQUIRE(esme.start().ok());
    BOOST_REQUIRE(until([&] { return counters.get("smsc.failed_binds") == 1; }));
    clock.advance(least - 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // two turns of the loop
    BOOST_TEST(binds == 1);
    clock.advance(least / 2 + 1);
    BOOST_TEST(until([&] { return binds == 2; }));
    esme.stop(0);
  }
}

BOOST_AUTO_TEST_CASE(a_connection_that_never_comes_is_given_up) {
  const DeafHost deaf;
  auto settings = World::settings(deaf.port());
  settings.connect_timeout = 100;
  World world({settings});
  BOOST_TEST(until([&] { return world.counters.get("smsc.failed_binds") >= 2; }));
  BOOST_TEST(world.esme->state()[0].trouble == "no connection in time");
}

// Of a name's addresses the first ones are deaf: the others have their share of the time.
BOOST_AUTO_TEST_CASE(a_deaf_address_leaves_time_for_the_others) {
  using boost::asio::ip::tcp;
  const DeafHost deaf;
  FakeSmsc smsc(FakeSmsc::behave);
  const auto at = [](std::uint16_t port) {
    return tcp::endpoint(boost::asio::ip::address_v4::loopback(), port);
  };
  boost::asio::io_context context;
  base::SystemClock clock;
  auto settings = std::make_shared<Settings>(World::settings(smsc.port()));
  settings->connect_timeout = 600;
  for (const bool heard : {true, false}) {
    const auto conn = std::make_shared<Conn>(Conn::Parts{context, clock, settings, nullptr, [] {}},
                                             Role::transceiver);
    const std::int64_t begun = clock.now().mono_ms;
    conn->open({at(deaf.port()), at(deaf.port()), at(heard ? smsc.port() : deaf.port())});
    until([&] {
      context.restart();
      context.poll();
      if (conn->deadline() <= clock.now().mono_ms) conn->on_deadline(clock.now());
      return conn->link() != nullptr || conn->ended();
    });
    const std::int64_t took = clock.now().mono_ms - begun;
    BOOST_TEST((conn->link() != nullptr) == heard);
    BOOST_TEST(took >= (heard ? 400 : 600));
    BOOST_TEST(conn->error() == "no connection in time");
    conn->close();
    context.poll();
  }
}

// One that binds and then never reads: what is for the other, and what comes from it, goes on.
BOOST_AUTO_TEST_CASE(one_that_answers_nothing_holds_nobody_up) {
  FakeSmsc stuck([&](FakeSmsc::Client& client, const Frame& frame) {
    if (frame.header.command != command::kSubmitSm) FakeSmsc::behave(client, frame);
  });
  FakeSmsc good(FakeSmsc::behave);
  World world({World::settings(stuck.port(), "stuck"), World::settings(good.port(), "good")});
  BOOST_REQUIRE(world.bound(0));
  BOOST_REQUIRE(world.bound(1));
  auto message = World::message(1);
  message.smsc = "stuck";
  while (world.esme->submit(message) == Taken::yes) ++message.ref;
  BOOST_REQUIRE(until([&] { return world.esme->state()[0].in_flight == 10; }));
  message.smsc = "good";
  for (message.ref = 1'000; message.ref < 1'100;) {
    if (world.esme->submit(message) == Taken::yes) ++message.ref;
  }
  good.each([](FakeSmsc::Client& client) { says_text(client, 900, "Y"); });
  BOOST_TEST(until([&] { return world.sink.count(Kind::accepted) == 100; }));
  BOOST_TEST(
      until([&] { return world.sink.state.with([](auto& s) { return s.incoming.size(); }) == 1; }));
  BOOST_TEST(world.esme->state()[0].in_flight == 10u);
}

BOOST_AUTO_TEST_SUITE_END()
