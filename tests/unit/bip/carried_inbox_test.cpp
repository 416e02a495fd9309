// Proves the mailbox between a platform's threads and the gateway: bounded, in order, BUSY always
// followed by the word to go on, nothing heard before listen() and after hang_up().
#include "bip/carried_inbox.h"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>

namespace {

using bip::CarriedInbox;
using Taken = CarriedInbox::Taken;

struct Fixture {
  Fixture() { listen(); }
  void listen() {
    inbox.listen({2, 1000}, [this] { ++wakes; });
  }
  Taken open(std::uint64_t id) {
    CarriedInbox::Opening opening;
    opening.id = id;
    return inbox.open(opening);
  }
  base::Bytes take(std::uint64_t id, std::size_t most = 100'000) {
    return inbox.take(id, most).octets;
  }
  CarriedInbox inbox;
  std::atomic<int> wakes{0};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(carried_inbox, Fixture)

BOOST_AUTO_TEST_CASE(what_happened_is_told_once_and_together) {
  BOOST_TEST((open(7) == Taken::yes));
  BOOST_TEST((inbox.feed(7, base::Bytes{1, 2}) == Taken::yes));
  BOOST_TEST((inbox.feed(7, base::Bytes{3}) == Taken::yes));
  BOOST_TEST((inbox.ended(7, false) == Taken::yes));
  BOOST_TEST(wakes == 1);
  const auto news = inbox.news();
  BOOST_REQUIRE_EQUAL(news.size(), 1u);
  BOOST_TEST(news[0].id == 7u);
  BOOST_TEST(news[0].opening.has_value());
  BOOST_TEST(news[0].ended);
  BOOST_TEST(!news[0].gone);
  BOOST_TEST((take(7, 2) == base::Bytes{1, 2}));
  BOOST_TEST((take(7, 2) == base::Bytes{3}));
  BOOST_TEST(take(7).empty());
  BOOST_TEST(inbox.news().empty());
  BOOST_TEST((inbox.writable(7) == Taken::yes));
  BOOST_TEST(wakes == 2);
  BOOST_TEST(inbox.news().at(0).writable);
  BOOST_TEST((inbox.ended(7, true) == Taken::yes));
  const auto last = inbox.news();
  BOOST_TEST(last.at(0).gone);
  BOOST_TEST(!last.at(0).opening.has_value());
  BOOST_TEST(!last.at(0).writable);
}

BOOST_AUTO_TEST_CASE(a_full_buffer_takes_nothing_and_tells_when_half_is_free) {
  BOOST_REQUIRE((open(1) == Taken::yes));
  BOOST_TEST((inbox.feed(1, base::Bytes(1000, 1)) == Taken::yes));
  BOOST_TEST((inbox.feed(1, base::Bytes(1, 2)) == Taken::busy));
  BOOST_TEST(!inbox.take(1, 499).room_again);
  BOOST_TEST(inbox.take(1, 1).room_again);
  BOOST_TEST(!inbox.take(1, 1).room_again);
  BOOST_TEST((inbox.feed(1, base::Bytes(1, 2)) == Taken::yes));
  const base::Bytes rest = take(1);
  BOOST_REQUIRE_EQUAL(rest.size(), 500u);
  BOOST_TEST(rest.back() == 2);
}

BOOST_AUTO_TEST_CASE(an_empty_buffer_takes_any_piece_up_to_the_largest) {
  BOOST_REQUIRE((open(1) == Taken::yes));
  BOOST_TEST((inbox.feed(1, base::Bytes(CarriedInbox::kLargestPiece + 1)) == Taken::invalid));
  BOOST_TEST((inbox.feed(1, base::Bytes(CarriedInbox::kLargestPiece)) == Taken::yes));
  BOOST_TEST((inbox.feed(1, base::Bytes(1)) == Taken::busy));
  BOOST_TEST((inbox.feed(1, {}) == Taken::busy));
  BOOST_TEST(take(1).size() == CarriedInbox::kLargestPiece);
  BOOST_TEST((inbox.feed(1, {}) == Taken::yes));
}

BOOST_AUTO_TEST_CASE(what_a_platform_should_not_do) {
  BOOST_TEST((inbox.feed(5, base::Bytes{1}) == Taken::unknown));
  BOOST_TEST((inbox.ended(5, true) == Taken::unknown));
  BOOST_TEST((inbox.writable(5) == Taken::unknown));
  BOOST_REQUIRE((open(5) == Taken::yes));
  BOOST_TEST((open(5) == Taken::invalid));
  BOOST_TEST((open(6) == Taken::yes));
  BOOST_TEST((open(8) == Taken::busy));  // of two channels
  inbox.ended(5, false);
  BOOST_TEST((inbox.feed(5, base::Bytes{1}) == Taken::invalid));
  inbox.forget(5);
  BOOST_TEST((inbox.feed(5, base::Bytes{1}) == Taken::unknown));
  BOOST_TEST((open(8) == Taken::yes));
  inbox.accept(false);
  inbox.forget(8);
  BOOST_TEST((open(9) == Taken::busy));
}

BOOST_AUTO_TEST_CASE(newcomers_wait_in_a_bounded_queue_and_are_told_in_portions) {
  inbox.listen({100'000, 1000}, [this] { ++wakes; });
  for (std::uint64_t id = 0; id < CarriedInbox::kMostUntold; ++id) {
    BOOST_REQUIRE((open(id) == Taken::yes));
  }
  BOOST_TEST((open(5000) == Taken::busy));
  BOOST_TEST(wakes == 1);
  std::uint64_t next = 0;
  for (int i = 1; next < CarriedInbox::kMostUntold; ++i) {
    const auto news = inbox.news();
    BOOST_REQUIRE_EQUAL(news.size(), CarriedInbox::kMostNews);
    for (const auto& one : news) BOOST_REQUIRE_EQUAL(one.id, next++);
    const bool more = next < CarriedInbox::kMostUntold;
    BOOST_TEST(wakes == i + (more ? 1 : 0));
  }
  BOOST_TEST((open(5000) == Taken::yes));
  inbox.forget(5000);
  BOOST_TEST(inbox.news().empty());
}

BOOST_AUTO_TEST_CASE(nobody_listens_before_listen_and_after_hang_up) {
  BOOST_REQUIRE((open(1) == Taken::yes));
  BOOST_TEST(inbox.news().size() == 1u);
  BOOST_REQUIRE((open(2) == Taken::yes));
  BOOST_TEST((inbox.hang_up() == std::vector<std::uint64_t>{2}));
  BOOST_TEST(inbox.hang_up().empty());
  BOOST_TEST((open(3) == Taken::stopped));
  BOOST_TEST((inbox.feed(1, base::Bytes{1}) == Taken::stopped));
  BOOST_TEST((CarriedInbox().ended(1, true) == Taken::stopped));
  BOOST_TEST(wakes == 2);
  listen();
  BOOST_TEST((inbox.feed(1, base::Bytes{1}) == Taken::unknown));
  BOOST_TEST((open(1) == Taken::yes));
}

// Platform threads that keep what is BUSY and go on when told; a loop that takes a little at a
// time.
BOOST_AUTO_TEST_CASE(octets_of_many_threads_arrive_whole_and_in_order) {
  constexpr int kThreads = 4;
  constexpr std::size_t kOctets = 200'000;
  inbox.hang_up();
  inbox.listen({kThreads, 1000}, [this] { ++wakes; });
  std::atomic<bool> go_on[kThreads] = {};
  std::atomic<bool> wrong{false};
  std::vector<std::thread> platform;
  for (std::uint64_t id = 0; id < kThreads; ++id) {
    platform.emplace_back([this, id, &go_on, &wrong] {
      if (open(id) != Taken::yes) wrong = true;
      for (std::size_t at = 0; at < kOctets && !wrong;) {
        base::Bytes piece;
        while (piece.size() < 1 + at % 700 && at + piece.size() < kOctets) {
          piece.push_back(static_cast<std::uint8_t>((at + piece.size()) * 7 % 251));
        }
        go_on[id] = false;
        const Taken taken = inbox.feed(id, piece);
        if (taken == Taken::yes) {
          at += piece.size();
        } else {
          if (taken != Taken::busy) wrong = true;
          while (!go_on[id] && !wrong) std::this_thread::yield();
        }
      }
      inbox.ended(id, false);
    });
  }
  std::size_t got[kThreads] = {};
  for (std::size_t done = 0; done < kThreads * kOctets && !wrong;) {
    inbox.news();
    for (std::uint64_t id = 0; id < kThreads; ++id) {
      const auto piece = inbox.take(id, 333);
      BOOST_REQUIRE(piece.octets.size() <= 333u);
      for (const std::uint8_t octet : piece.octets) {
        BOOST_REQUIRE_EQUAL(octet, got[id]++ * 7 % 251);
      }
      if (piece.room_again) go_on[id] = true;
      done += piece.octets.size();
    }
  }
  for (std::thread& thread : platform) thread.join();
  BOOST_TEST(!wrong);
}

BOOST_AUTO_TEST_SUITE_END()
