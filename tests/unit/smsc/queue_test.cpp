// Proves what an SMSC's queue does with time and answers: the rate as measured here, one throttle
// for a whole window and a way back up, order, limited repetitions, and no segment lost or doubled.
#include "smsc/queue.h"

#include <boost/test/unit_test.hpp>

#include <random>

namespace {

using namespace smsc;
using Kind = vault::SmsOutcome::Kind;

struct Fixture {
  std::shared_ptr<Settings> settings = std::make_shared<Settings>();
  std::int64_t time = 10'000;
  std::unique_ptr<Queue> queue;

  explicit Fixture(std::uint32_t rate = 0) {
    settings->name = "a";
    settings->rate = rate;
    queue = std::make_unique<Queue>(settings);
  }
  base::Now now() const { return {time, time}; }
  void push(vault::SmsRef ref, std::uint32_t cost = 1) {
    Segment segment;
    segment.ref = ref;
    segment.cost = cost;
    segment.give_up_at = 10'000'000;
    queue->push(std::move(segment));
  }
  vault::SmsRef next_ref() {
    const auto segment = queue->next(now());
    return segment ? segment->ref : 0;
  }
  // How many may be written within that time, when each is answered at once.
  int sent_in(std::int64_t ms, std::uint32_t status = 0) {
    int sent = 0;
    const std::int64_t until = time + ms;
    for (;;) {
      int at_once = 0;  // without a limit it would never end
      for (; at_once < 100; ++at_once) {
        auto segment = queue->next(now());
        if (!segment) break;
        ++sent;
        if (queue->answered(std::move(*segment), status, "", now())) push(1);
      }
      const std::int64_t at = std::max(queue->next_at(now()), time + 1);
      if (at >= until) break;
      time = at;
    }
    time = until;
    return sent;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(queues)

BOOST_AUTO_TEST_CASE(in_order) {
  Fixture f;
  for (vault::SmsRef ref = 1; ref <= 3; ++ref) f.push(ref);
  BOOST_TEST(f.next_ref() == 1u);
  BOOST_TEST(f.next_ref() == 2u);
  BOOST_TEST(f.next_ref() == 3u);
  BOOST_TEST(f.next_ref() == 0u);
  BOOST_TEST(f.queue->next_at(f.now()) == Queue::kNever);
}

BOOST_AUTO_TEST_CASE(no_rate_is_no_limit) {
  Fixture f(0);
  for (vault::SmsRef ref = 1; ref <= 10'000; ++ref) f.push(ref);
  int taken = 0;
  while (f.next_ref() != 0) ++taken;
  BOOST_TEST(taken == 10'000);
  BOOST_TEST(f.queue->allowed_rate() == 0u);
}

BOOST_AUTO_TEST_CASE(the_rate_is_kept) {
  for (std::uint32_t rate : {1u, 7u, 50u, 1'000u, 3'000u}) {
    Fixture f(rate);
    for (int i = 0; i < 100; ++i) f.push(1);
    const int sent = f.sent_in(20'000);
    BOOST_TEST(sent <= static_cast<int>(rate * 20 + rate / 10 + 1));
    BOOST_TEST(sent >= static_cast<int>(rate * 20 * 97 / 100) - 1);
  }
}

BOOST_AUTO_TEST_CASE(segments_are_counted_not_messages) {
  Fixture f(10);
  for (int i = 0; i < 100; ++i) f.push(1, 3);
  int sent = 0;
  for (const std::int64_t end = f.time + 30'000; f.time < end; f.time += 10) {
    while (f.queue->next(f.now())) ++sent;
  }
  BOOST_TEST(sent >= 98);
  BOOST_TEST(sent <= 101);
}

BOOST_AUTO_TEST_CASE(throttled_holds_all_and_keeps_the_order) {
  Fixture f(100);
  for (vault::SmsRef ref = 1; ref <= 20; ++ref) f.push(ref);
  std::vector<Segment> window;
  while (auto segment = f.queue->next(f.now())) window.push_back(std::move(*segment));
  BOOST_TEST(window.size() >= 1u);
  f.time += 40;
  while (auto segment = f.queue->next(f.now())) window.push_back(std::move(*segment));
  for (Segment& segment : window) {
    BOOST_TEST(!f.queue->answered(std::move(segment), 0x58, "", f.now()).has_value());
  }
  BOOST_TEST(f.queue->allowed_rate() == 50u);  // once, not once per answer
  BOOST_TEST(f.queue->size() == 20u);
  BOOST_TEST(f.next_ref() == 0u);
  BOOST_TEST(f.queue->next_at(f.now()) >= f.time + 1'000);
  f.time += 999;
  BOOST_TEST(f.next_ref() == 0u);
  f.time += 1;
  for (vault::SmsRef expected = 1; expected <= 20; ++expected) {
    vault::SmsRef got = 0;
    while ((got = f.next_ref()) == 0) f.time += 5;
    BOOST_TEST(got == expected);
  }
}

BOOST_AUTO_TEST_CASE(the_rate_comes_back_and_goes_down_again) {
  Fixture f(100);
  for (int i = 0; i < 10; ++i) f.push(1);
  f.sent_in(1'000);
  auto segment = f.queue->next(f.now());
  while (!segment) {
    f.time += 1;
    segment = f.queue->next(f.now());
  }
  (void)f.queue->answered(std::move(*segment), 0x58, "", f.now());
  BOOST_TEST(f.queue->allowed_rate() == 50u);
  f.sent_in(5'000);
  BOOST_TEST(f.queue->allowed_rate() > 50u);
  BOOST_TEST(f.queue->allowed_rate() < 100u);
  f.sent_in(20'000);
  BOOST_TEST(f.queue->allowed_rate() == 100u);
  // An SMSC that throttles everything gets one a second at last, not none and not many.
  f.sent_in(30'000, 0x58);
  BOOST_TEST(f.queue->allowed_rate() <= 6u);
  const int tried = f.sent_in(10'000, 0x58);
  BOOST_TEST(tried >= 4);
  BOOST_TEST(tried <= 12);
}

BOOST_AUTO_TEST_CASE(an_unlimited_rate_is_measured_when_throttled) {
  Fixture f(0);
  for (int i = 0; i < 200; ++i) f.push(1);
  for (int i = 0; i < 100; ++i) {
    auto segment = f.queue->next(f.now());
    BOOST_REQUIRE(segment.has_value());
    f.time += 5;  // 200 a second
    if (i == 99) {
      (void)f.queue->answered(std::move(*segment), 0x58, "", f.now());
    }
  }
  BOOST_TEST(f.queue->allowed_rate() == 50u);
  for (int i = 0; i < 60 && f.queue->allowed_rate() != 0; ++i) f.sent_in(1'000);
  BOOST_TEST(f.queue->allowed_rate() == 0u);
}

BOOST_AUTO_TEST_CASE(queue_full_goes_behind_the_others) {
  Fixture f;
  f.push(1);
  f.push(2);
  auto first = f.queue->next(f.now());
  BOOST_TEST(!f.queue->answered(std::move(*first), 0x14, "", f.now()).has_value());
  BOOST_TEST(f.next_ref() == 2u);
  BOOST_TEST(f.next_ref() == 0u);
  BOOST_TEST(f.queue->next_at(f.now()) == f.time + 5'000);
  f.push(3);
  f.time += 5'000;
  BOOST_TEST(f.next_ref() == 3u);
  BOOST_TEST(f.next_ref() == 1u);
}

BOOST_AUTO_TEST_CASE(repetitions_end) {
  for (std::uint32_t status : {0x14u, 0x08u, 0x45u, 0xFFu, 0x4FFu}) {
    Fixture f;
    f.push(1);
    int tries = 0;
    std::optional<vault::SmsOutcome> outcome;
    std::int64_t last_wait = 0;
    while (!outcome && tries < 100) {
      const std::int64_t at = f.queue->next_at(f.now());
      BOOST_TEST(at - f.time >= last_wait);  // growing
      if (tries > 0) last_wait = at - f.time;
      f.time = at;
      auto segment = f.queue->next(f.now());
      BOOST_REQUIRE(segment.has_value());
      ++tries;
      outcome = f.queue->answered(std::move(*segment), status, "", f.now());
    }
    BOOST_TEST(tries == (status == 0x45 ? 4 : 5));
    BOOST_TEST((outcome->kind == Kind::refused));
    BOOST_TEST(outcome->status == status);
    BOOST_TEST(f.queue->size() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(outcomes_by_status) {
  Fixture f;
  const auto answer = [&](std::uint32_t status) {
    f.push(9);
    return f.queue->answered(*f.queue->next(f.now()), status, "00AB", f.now());
  };
  auto outcome = answer(0);
  BOOST_TEST((outcome->kind == Kind::accepted));
  BOOST_TEST(outcome->message_id == "ab");
  BOOST_TEST(outcome->smsc == "a");
  BOOST_TEST(outcome->ref == 9u);
  outcome = answer(0x0B);
  BOOST_TEST((outcome->kind == Kind::refused));
  BOOST_TEST(outcome->bad_number);
  outcome = answer(0x43);
  BOOST_TEST(!outcome->bad_number);
  BOOST_TEST(f.queue->trouble().empty());
  outcome = answer(0x0A);
  BOOST_TEST((outcome->kind == Kind::refused));
  BOOST_TEST(f.queue->trouble().find("source") != std::string::npos);
  answer(0);
  BOOST_TEST(f.queue->trouble().empty());
  BOOST_TEST(!answer(0x04).has_value());  // not bound, it thinks
  BOOST_TEST(f.next_ref() == 9u);
  // As the operator says.
  f.settings->reactions[0x43] = Reaction::throttled;
  BOOST_TEST(!answer(0x43).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_over_is_given_up) {
  Fixture f;
  for (vault::SmsRef ref = 1; ref <= 3; ++ref) f.push(ref);
  (void)f.queue->answered(*f.queue->next(f.now()), 0x08, "", f.now());
  (void)f.queue->answered(*f.queue->next(f.now()), 0x58, "", f.now());
  BOOST_TEST(f.queue->expired(f.now()).empty());
  f.time = 10'000'000;
  std::map<vault::SmsRef, vault::SmsOutcome> over;
  for (const auto& outcome : f.queue->expired(f.now())) over.emplace(outcome.ref, outcome);
  BOOST_REQUIRE(over.size() == 3u);
  BOOST_TEST((over[1].kind == Kind::refused));  // the SMSC said no to it
  BOOST_TEST(over[1].status == 0x08u);
  BOOST_TEST((over[2].kind == Kind::not_sent));  // the SMSC never judged it
  BOOST_TEST((over[3].kind == Kind::not_sent));
  BOOST_TEST(f.queue->size() == 0u);
}

// A stop is not the end of the repetitions: who starts next goes on with them.
BOOST_AUTO_TEST_CASE(what_waits_to_be_repeated_is_not_refused_by_a_stop) {
  for (std::uint32_t status : {0x58u, 0x08u, 0x14u, 0x45u, 0x64u}) {
    Fixture f;
    f.push(1);
    f.push(2);
    BOOST_TEST(!f.queue->answered(*f.queue->next(f.now()), status, "", f.now()).has_value());
    const auto left = f.queue->take_all();
    BOOST_REQUIRE(left.size() == 2u);
    for (const auto& outcome : left) BOOST_TEST((outcome.kind == Kind::not_sent), status);
    BOOST_TEST(f.queue->size() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(what_is_pinned_does_not_move) {
  Fixture f;
  f.push(1);
  Segment pinned;
  pinned.ref = 2;
  pinned.pinned = true;
  f.queue->push(pinned);
  f.push(3);
  const auto moved = f.queue->take_movable();
  BOOST_REQUIRE(moved.size() == 2u);
  BOOST_TEST(moved[1].ref == 3u);
  BOOST_TEST(f.next_ref() == 2u);
}

// Nobody asks for the next one while the SMSC is away: what waits for a repetition moves as well.
BOOST_AUTO_TEST_CASE(what_waits_to_be_repeated_moves) {
  Fixture f;
  Segment pinned;
  pinned.ref = 1;
  pinned.pinned = true;
  pinned.give_up_at = 10'000'000;
  f.queue->push(pinned);
  for (vault::SmsRef ref = 2; ref <= 4; ++ref) f.push(ref);
  for (int i = 0; i < 4; ++i) {
    (void)f.queue->answered(*f.queue->next(f.now()), 0x08, "", f.now());
  }
  const auto moved = f.queue->take_movable();
  BOOST_REQUIRE(moved.size() == 3u);
  BOOST_TEST(moved[0].ref == 2u);  // in order
  BOOST_TEST(moved[1].ref == 3u);
  BOOST_TEST(moved[2].ref == 4u);
  f.time += 5'000;
  BOOST_TEST(f.next_ref() == 1u);
  BOOST_TEST(f.next_ref() == 0u);
}

// Any order of answers: at the end each segment has exactly one outcome.
BOOST_AUTO_TEST_CASE(none_is_lost_or_doubled) {
  std::mt19937 random(21);
  const std::uint32_t statuses[] = {0, 0, 0, 0x58, 0x14, 0x08, 0x0B, 0x45, 0x04, 0x400, 0x1234};
  Fixture f(200);
  std::map<vault::SmsRef, int> outcomes;
  for (vault::SmsRef ref = 1; ref <= 500; ++ref) f.push(ref);
  std::vector<Segment> window;
  for (int step = 0; step < 2'000'000 && outcomes.size() < 500; ++step) {
    if (window.size() < 10) {
      if (auto segment = f.queue->next(f.now())) window.push_back(std::move(*segment));
    }
    if (!window.empty() && random() % 2 == 0) {
      std::swap(window[random() % window.size()], window.back());
      Segment segment = std::move(window.back());
      window.pop_back();
      if (random() % 20 == 0) {
        f.queue->put_back(std::move(segment));
      } else if (const auto outcome = f.queue->answered(
                     std::move(segment), statuses[random() % std::size(statuses)], "", f.now())) {
        ++outcomes[outcome->ref];
      }
    }
    f.time += 1 + (window.empty() ? 200 : 0);
    for (const auto& outcome : f.queue->expired(f.now())) ++outcomes[outcome.ref];
  }
  BOOST_TEST(outcomes.size() == 500u);
  for (const auto& [ref, count] : outcomes) BOOST_TEST(count == 1);
  BOOST_TEST(f.queue->size() + window.size() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(reactions)

BOOST_AUTO_TEST_CASE(by_table_by_range_and_by_order) {
  const std::map<std::uint32_t, Reaction> none;
  BOOST_TEST((reaction_of(0x58, none) == Reaction::throttled));
  BOOST_TEST((reaction_of(0x14, none) == Reaction::queue_full));
  BOOST_TEST((reaction_of(0x401, none) == Reaction::retry));
  BOOST_TEST((reaction_of(0x500, none) == Reaction::refused));
  BOOST_TEST((reaction_of(0x401, {{0x401, Reaction::throttled}}) == Reaction::throttled));
  for (int i = 0; i <= static_cast<int>(Reaction::throttled); ++i) {
    const auto reaction = static_cast<Reaction>(i);
    BOOST_TEST((parse_reaction(name_of(reaction)) == reaction));
  }
  BOOST_TEST(!parse_reaction("never").has_value());
  BOOST_TEST(name_of_status(0x58) == "throttled");
}

BOOST_AUTO_TEST_SUITE_END()
