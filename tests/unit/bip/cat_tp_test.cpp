// Proves that a CAT_TP link carries SDUs whole and in order over a network that loses, repeats and
// reorders, within bounded time and within what both ends have announced; and how it ends.
#include "bip/cat_tp.h"

#include "cat_tp_world.h"

namespace {

using namespace bip;
using namespace cat_tp_world;
using Phase = CatTp::Phase;
using End = CatTp::End;

const base::Bytes kIccid = base::from_hex("98445301200100103246").value();

base::Bytes image(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  base::Bytes octets(size);
  for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
  return octets;
}

std::vector<base::Bytes> cut(const base::Bytes& octets, std::size_t piece) {
  std::vector<base::Bytes> pieces;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    const auto end = std::min(at + piece, octets.size());
    pieces.emplace_back(octets.begin() + static_cast<long>(at),
                        octets.begin() + static_cast<long>(end));
  }
  return pieces;
}

base::Bytes joined(const std::vector<base::Bytes>& pieces) {
  base::Bytes all;
  for (const auto& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

CatTpPdu pdu_of(base::View octets) { return decode_cat_tp(octets).value(); }

void open_now(World& world) {
  const Weather weather = std::exchange(world.weather, {});
  world.open(kIccid);
  BOOST_REQUIRE(world.run([&] { return world.open_both(); }, 60'000));
  world.weather = weather;
}

BOOST_AUTO_TEST_SUITE(cat_tp_link)

BOOST_AUTO_TEST_CASE(opens_and_hands_over_the_identification) {
  World world(1);
  open_now(world);
  BOOST_TEST(base::to_hex(world.identification) == base::to_hex(kIccid));
  BOOST_TEST(world.datagrams == 3u);
  // Idle: no deadline, nothing under way.
  BOOST_TEST(world.card.deadline() == CatTp::kNever);
  BOOST_TEST(world.links.deadline() == CatTp::kNever);
}

BOOST_AUTO_TEST_CASE(an_answer_carries_the_acknowledgement) {
  World world(2);
  open_now(world);
  world.echo = true;
  world.send(image(100, 1));
  BOOST_REQUIRE(world.run([&] { return world.at_card.size() == 1; }, 10'000));
  BOOST_TEST(world.datagrams == 5u);
  BOOST_TEST(world.run([&] { return world.card.deadline() == CatTp::kNever; }, 10'000));
  BOOST_TEST(world.datagrams == 6u);
}

// The issue's own measure: 30 % loss, duplicates and reordering both ways, 64 KiB up and down.
BOOST_AUTO_TEST_CASE(an_image_up_and_down_in_bad_weather) {
  std::int64_t longest = 0, all = 0;
  std::size_t datagrams = 0;
  const int seeds = 40;
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    World world(seed, {0.3, 0.1, 20, 400});
    world.echo = true;
    const base::Bytes octets = image(64 * 1024, seed);
    const auto pieces = cut(octets, 1024);
    const std::int64_t begin = world.now.mono_ms;
    world.open(kIccid);
    std::size_t next = 0;
    const auto finished = [&] {
      // As a card does: some ahead, and more when there is room.
      while (next < pieces.size() && world.card.backlog() < 4 * 1024) world.send(pieces[next++]);
      return world.at_card.size() == pieces.size();
    };
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_REQUIRE(world.run(finished, 30 * base::kMinuteMs));
      BOOST_TEST((joined(world.at_server) == octets));
      BOOST_TEST((joined(world.at_card) == octets));
      BOOST_TEST(world.opened == 1);
      BOOST_TEST((world.card.phase() == Phase::open));
    }
    longest = std::max(longest, world.now.mono_ms - begin);
    all += world.now.mono_ms - begin;
    datagrams += world.datagrams;
  }
  BOOST_TEST_MESSAGE("64 KiB up and down, " << seeds << " seeds: mean " << all / seeds
                                            << " ms, longest " << longest << " ms, "
                                            << datagrams / seeds << " datagrams");
}

BOOST_AUTO_TEST_CASE(sdus_of_every_size_and_many_pdus) {
  CatTpSettings small;
  small.max_pdu = 100;
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    World world(seed, {0.2, 0.2, 5, 300}, small, small);
    world.echo = true;
    open_now(world);
    std::vector<base::Bytes> sdus;
    for (std::size_t size : {1, 81, 82, 83, 163, 164, 165, 1399, 1400}) {
      sdus.push_back(image(size, seed + static_cast<std::uint32_t>(size)));
      world.send(sdus.back());
    }
    BOOST_REQUIRE(world.run([&] { return world.at_card.size() == sdus.size(); }, 30 * 60'000));
    BOOST_TEST((world.at_server == sdus));
    BOOST_TEST((world.at_card == sdus));
  }
}

// What is given to a link before it is open waits for the peer's maxima. If it does not fit in
// them the link ends, and nothing of it leaves.
BOOST_AUTO_TEST_CASE(what_waits_for_the_opening_must_fit) {
  for (const std::size_t size : {std::size_t{300}, std::size_t{301}}) {
    CatTpSettings narrow;
    narrow.max_sdu = 300;
    World world(1, {}, {}, narrow);
    world.open(kIccid);
    world.send(image(128, 1));
    world.send(image(size, 2));
    world.run([] { return false; }, 60'000);
    const bool fits = size == 300;
    BOOST_TEST(world.card_open() == fits);
    BOOST_TEST(world.at_server.size() == (fits ? 2u : 0u));
    BOOST_TEST((world.card.end() == (fits ? End::none : End::violated)));
    if (!fits) BOOST_TEST((world.card.reason() == CatTpReset::illegal_parameters));
    if (!fits) BOOST_TEST(world.datagrams == 3u, "SYN, SYN/ACK and RST");
    BOOST_TEST(world.opened == int{fits});
    BOOST_TEST(world.links.half_open() == 0u, "the server was told");
  }
}

BOOST_AUTO_TEST_CASE(a_peer_with_the_smallest_maxima) {
  CatTpSettings least;
  least.max_pdu = cat_tp::kLeastPdu;
  least.max_sdu = 128;
  least.window = 1;
  World world(3, {0.1, 0.1, 5, 100}, least);
  open_now(world);
  BOOST_TEST(world.link->machine().peer_max_sdu() == 128);
  world.reply(image(128, 5));
  BOOST_TEST(!world.links.send(*world.link, image(129, 5), world.now));
  world.send(image(1400, 6));
  BOOST_REQUIRE(world.run([&] { return world.at_card.size() == 1 && world.at_server.size() == 1; },
                          30 * 60'000));
  BOOST_TEST((world.at_card[0] == image(128, 5)));
  for (const base::Bytes& datagram : world.log_to_card) {
    BOOST_TEST(datagram.size() <= cat_tp::kLeastPdu);
  }
}

BOOST_AUTO_TEST_CASE(sequence_numbers_wrap) {
  for (const int first : {0xFFFF, 0xFFFE, 0xFFF8, 0x7FFF, 0x7FF8}) {
    World world(static_cast<std::uint32_t>(first), {0.3, 0.1, 5, 200});
    world.first = static_cast<std::uint16_t>(first);
    world.echo = true;
    open_now(world);
    const base::Bytes octets = image(30'000, 9);
    for (const auto& piece : cut(octets, 700)) world.send(piece);
    BOOST_REQUIRE(
        world.run([&] { return joined(world.at_card).size() == octets.size(); }, 30 * 60'000));
    BOOST_TEST((joined(world.at_card) == octets));
  }
}

BOOST_AUTO_TEST_CASE(more_than_65536_pdus) {
  World world(4, {0, 0, 1, 1});
  open_now(world);
  for (int i = 0; i < 70'000; ++i) {
    world.send(base::Bytes{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)});
    BOOST_REQUIRE(world.run([&] { return world.at_server.size() == 1; }, 10'000));
    BOOST_REQUIRE(world.at_server[0][0] == static_cast<std::uint8_t>(i));
    world.at_server.clear();
  }
}

BOOST_AUTO_TEST_CASE(nothing_beyond_the_window) {
  CatTpSettings server;
  server.window = 3;
  World world(5, {}, {}, server);
  open_now(world);
  world.weather.loss = 1;
  for (std::uint8_t i = 0; i < 9; ++i) world.send(base::Bytes{i});
  BOOST_TEST(world.datagrams == 6u);  // three of the opening, three data
  world.weather.loss = 0;
  BOOST_REQUIRE(world.run([&] { return world.at_server.size() == 9; }, 600'000));
}

// An owner that does not take: the window closes, nothing is lost, and it opens again even when
// the news of that is lost.
BOOST_AUTO_TEST_CASE(window_closed_and_opened) {
  for (const bool lost : {false, true}) {
    World world(6);
    open_now(world);
    world.server_takes = false;
    const auto pieces = cut(image(40'000, 1), 1000);
    for (const auto& piece : pieces) world.send(piece);
    BOOST_TEST(!world.run([&] { return world.card.backlog() == 0; }, 120'000));
    BOOST_TEST(world.card.backlog() == 30'000u);
    BOOST_TEST((world.card.phase() == Phase::open));
    world.server_takes = true;
    world.weather.loss = lost ? 1 : 0;
    world.reply(base::Bytes{1});
    world.run([] { return false; }, 100);
    world.weather.loss = 0;
    BOOST_TEST(world.run([&] { return world.at_server.size() == 40; }, 200'000));
    BOOST_TEST((world.at_server == pieces));
  }
}

// A peer that does not ask whether a closed window has opened: it is told again, thrice at most,
// and no more once it has gone on.
BOOST_AUTO_TEST_CASE(the_opening_of_a_window_is_told_again) {
  for (const bool goes_on : {false, true}) {
    World world(8);
    CatTpSettings settings;
    settings.window = 1;
    CatTp end(settings, {{9000, 1}, 5, 77, 1400, 1400, 10}, world.now);
    CatTpPdu data;
    data.source = 1;
    data.destination = 9000;
    data.flags = cat_tp::kAck;
    data.acknowledgement = 5;
    data.window = 10;
    const base::Bytes octets(300, 1);
    data.data = octets;
    data.sequence = 78;
    end.feed(data, world.now, world.out);
    BOOST_TEST(pdu_of(world.out[world.out.count() - 1]).window == 0);
    world.out.clear();
    BOOST_REQUIRE(end.take(world.now, world.out));
    for (int again = 0; again < (goes_on ? 2 : 3); ++again) {
      world.out.clear();
      BOOST_REQUIRE(end.deadline() == world.now.mono_ms + end.rto());
      world.now.mono_ms = end.deadline();
      end.on_deadline(world.now, world.out);
      BOOST_REQUIRE(world.out.count() == 1u);
      const CatTpPdu pdu = pdu_of(world.out[0]);
      BOOST_TEST((pdu.flags == cat_tp::kAck && pdu.acknowledgement == 78 && pdu.window == 1));
    }
    if (goes_on) {
      data.sequence = 79;
      end.feed(data, world.now, world.out);
    }
    BOOST_TEST(end.deadline() == CatTp::kNever);
  }
}

BOOST_AUTO_TEST_CASE(a_gap_is_told_and_filled_without_waiting_for_the_timer) {
  World world(7, {0, 0, 20, 20});
  open_now(world);
  world.weather.loss = 1;
  world.send(base::Bytes{0});
  world.weather.loss = 0;
  for (std::uint8_t i = 1; i < 6; ++i) world.send(base::Bytes{i});
  const std::int64_t begin = world.now.mono_ms;
  BOOST_REQUIRE(world.run([&] { return world.at_server.size() == 6; }, 60'000));
  BOOST_TEST(world.now.mono_ms - begin == 60);  // there, the EACKs back, the lost one again
  bool eack = false;
  for (const auto& datagram : world.log_to_card) eack |= pdu_of(datagram).is(cat_tp::kEack);
  BOOST_TEST(eack);
}

BOOST_AUTO_TEST_CASE(round_trip_is_measured) {
  CatTpSettings settings;
  settings.rto_min = 50;
  World world(8, {0, 0, 500, 500}, settings, settings);
  open_now(world);
  world.echo = true;
  for (int i = 0; i < 30; ++i) {
    world.send(base::Bytes{1});
    world.run([&] { return world.at_card.size() == static_cast<std::size_t>(i) + 1; }, 60'000);
  }
  BOOST_TEST(world.card.rto() >= 1000);
  BOOST_TEST(world.card.rto() <= 1300);
}

// A repetition says nothing about the round trip (Karn), but patience stays.
BOOST_AUTO_TEST_CASE(repetitions_are_not_measured) {
  CatTpSettings settings;
  settings.rto_initial = settings.rto_min = 200;
  World world(9, {0, 0, 1000, 1000}, settings, settings);
  world.open(kIccid);
  world.run([] { return false; }, 60'000);
  world.send(base::Bytes{1});
  world.run([] { return false; }, 60'000);
  BOOST_TEST(world.card.rto() >= 400);
  for (int i = 0; i < 8; ++i) {
    world.send(base::Bytes{1});
    world.run([] { return false; }, 60'000);
  }
  const std::size_t before = world.datagrams;
  world.send(base::Bytes{1});
  world.run([] { return false; }, 60'000);
  BOOST_TEST(world.datagrams - before == 2u);  // the round trip is known: nothing is sent twice
}

BOOST_AUTO_TEST_CASE(gives_up_after_the_repetitions) {
  CatTpSettings settings;
  settings.retries = 4;
  World world(10, {}, settings);
  open_now(world);
  world.weather.loss = 1;
  const std::size_t before = world.datagrams;
  world.send(base::Bytes{1});
  const std::int64_t begin = world.now.mono_ms;
  BOOST_REQUIRE(world.run([&] { return world.card.phase() == Phase::closed; }, 600'000));
  BOOST_TEST((world.card.end() == End::no_answer));
  BOOST_TEST((world.card.reason() == CatTpReset::retries_exceeded));
  BOOST_TEST(world.datagrams - before == 6u);  // once, four times again, RST
  BOOST_TEST(world.now.mono_ms - begin == 31 * world.card.rto());
}

BOOST_AUTO_TEST_CASE(nobody_answers_the_syn) {
  World world(11, {1, 0, 1, 1});
  world.open(kIccid);
  BOOST_REQUIRE(world.run([&] { return world.card.phase() == Phase::closed; }, 3'600'000));
  BOOST_TEST((world.card.end() == End::no_answer));
}

BOOST_AUTO_TEST_CASE(either_end_closes) {
  World world(12);
  open_now(world);
  world.card.close(CatTpReset::normal, world.now, world.out);
  BOOST_TEST(world.run([&] { return world.closed == 1; }, 10'000));
  World other(13);
  open_now(other);
  other.links.close(*other.link, CatTpReset::temporarily_unable, other.now);
  other.links.release(*other.link, other.now);
  other.link = nullptr;
  BOOST_TEST(other.run([&] { return other.card.phase() == Phase::closed; }, 10'000));
  BOOST_TEST((other.card.end() == End::by_peer));
  BOOST_TEST((other.card.reason() == CatTpReset::temporarily_unable));
}

BOOST_AUTO_TEST_CASE(what_came_before_the_end_may_be_taken) {
  World world(14);
  open_now(world);
  world.card_takes = false;
  world.reply(base::Bytes{7});
  world.links.close(*world.link, CatTpReset::normal, world.now);
  world.run([&] { return world.card.phase() == Phase::closed; }, 10'000);
  const auto sdu = world.card.take(world.now, world.out);
  BOOST_REQUIRE(sdu);
  BOOST_TEST((*sdu)[0] == 7);
}

BOOST_AUTO_TEST_CASE(keep_alive_finds_a_dead_peer) {
  CatTpSettings settings;
  settings.keep_alive = 30'000;
  settings.retries = 3;
  World world(15, {}, settings);
  open_now(world);
  world.run([] { return false; }, 100'000);
  BOOST_TEST((world.card.phase() == Phase::open));
  BOOST_TEST(world.datagrams == 3u + 3 * 2);
  world.weather.loss = 1;
  BOOST_TEST(world.run([&] { return world.card.phase() == Phase::closed; }, 100'000));
}

// The server forgets everything (a restart): the next data PDU is answered by an RST that fits.
BOOST_AUTO_TEST_CASE(a_peer_that_forgot_the_link) {
  World world(16);
  open_now(world);
  world.weather.loss = 1;
  world.links.release(*world.link, world.now);
  world.links.clear_output();
  world.link = nullptr;
  world.weather.loss = 0;
  world.send(base::Bytes{1, 2, 3});
  BOOST_TEST(world.run([&] { return world.card.phase() == Phase::closed; }, 10'000));
  BOOST_TEST((world.card.end() == End::by_peer));
}

// The card forgets everything and opens again from the same address and port.
BOOST_AUTO_TEST_CASE(a_card_that_forgot_the_link) {
  World world(17);
  open_now(world);
  world.card = CatTp(world.card_settings, {1, world.server_settings.port});
  world.open(kIccid);
  BOOST_REQUIRE(world.run([&] { return world.closed == 1; }, 10'000));
  BOOST_REQUIRE(world.run([&] { return world.open_both(); }, 60'000));
  BOOST_TEST(world.opened == 2);
  world.send(base::Bytes{5});
  BOOST_TEST(world.run([&] { return world.at_server.size() == 1; }, 10'000));
}

BOOST_AUTO_TEST_CASE(an_sdu_larger_than_announced_ends_the_link) {
  CatTpSettings server;
  server.max_sdu = 500;
  World world(18, {}, {}, server);
  open_now(world);
  BOOST_TEST(!world.card.send(image(501, 1), world.now, world.out));
  // A peer that does not care.
  const CatTp::Opened numbers{{9000, 1}, 5, 77, 1400, 1400, 10};
  CatTp end(server, numbers, world.now);
  CatTpPdu data;
  data.source = 1;
  data.destination = 9000;
  data.acknowledgement = 5;
  data.flags = cat_tp::kAck | cat_tp::kSeg;
  const base::Bytes octets(300, 1);
  data.data = octets;
  for (std::uint16_t i = 78; i < 80; ++i) {
    data.sequence = i;
    end.feed(data, world.now, world.out);
  }
  BOOST_TEST((end.end() == End::too_large));
  BOOST_TEST((end.reason() == CatTpReset::unexpected_pdu));
}

// A peer that names everything as come out of order and acknowledges nothing is still waited for.
BOOST_AUTO_TEST_CASE(an_eack_of_the_oldest_number_is_no_acknowledgement) {
  World world(19);
  const CatTp::Opened numbers{{9000, 1}, 5, 77, 1400, 1400, 2};
  CatTp end(world.server_settings, numbers, world.now);
  for (int i = 0; i < 3; ++i) BOOST_TEST(end.send(base::Bytes{1}, world.now, world.out));
  CatTpPdu eack;
  eack.source = 1;
  eack.destination = 9000;
  eack.flags = bip::cat_tp::kAck | bip::cat_tp::kEack;
  eack.sequence = 78;
  eack.acknowledgement = 5;
  eack.window = 2;
  const base::Bytes all{0, 6, 0, 7};
  eack.eacks = all;
  end.feed(eack, world.now, world.out);
  BOOST_TEST(end.backlog() == 3u);
  BOOST_TEST(end.deadline() == world.now.mono_ms + end.rto());
  // It drops again what it had named.
  eack.flags = bip::cat_tp::kAck;
  eack.eacks = {};
  eack.acknowledgement = 6;
  end.feed(eack, world.now, world.out);
  BOOST_TEST(end.deadline() != CatTp::kNever);
}

BOOST_AUTO_TEST_CASE(an_idle_link_is_small) {
  BOOST_TEST(sizeof(CatTpLinks::Link) <= 256u);
  BOOST_TEST(sizeof(CatTpHalfOpen::Slot) <= 128u);
  BOOST_TEST_MESSAGE("link " << sizeof(CatTpLinks::Link) << " octets, machine " << sizeof(CatTp)
                             << ", half-open slot " << sizeof(CatTpHalfOpen::Slot));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
