// Proves what a card's channel does with bytes and time alone: the same result for every way of
// cutting the stream, limits, deadlines, and that nothing is believed before identification.
#include "bip/session.h"

#include <boost/test/unit_test.hpp>

#include <random>

namespace {

using namespace bip;
using End = Session::End;
using Phase = Session::Phase;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

const char* const kIdentification = "030C360A98445301200100103246";

base::Now at(std::int64_t ms) { return {ms, 0}; }

std::shared_ptr<const Settings> defaults() { return std::make_shared<const Settings>(); }

base::Bytes packet(std::size_t content, std::uint8_t fill = 0x11) {
  base::Writer writer;
  writer.u8(1).ber_length(content).bytes(base::Bytes(content, fill));
  return writer.take();
}

base::Bytes operator+(base::Bytes a, const base::Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Session identified(std::shared_ptr<const Settings> settings = defaults()) {
  Session session(std::move(settings), at(0));
  session.feed(hex(kIdentification), at(0));
  BOOST_REQUIRE((session.phase() == Phase::open));
  return session;
}

// What a worker would send back.
void answer(Session& session, std::unique_ptr<Batch> batch, const base::Bytes& octets,
            std::int64_t now) {
  batch->answers = octets;
  session.reply(std::move(batch), at(now));
}

// A first packet that proves the card, at time 0.
Session proven() {
  Session session = identified();
  session.feed(packet(5), at(0));
  auto batch = session.next_batch(at(0));
  batch->card->proven = true;
  session.reply(std::move(batch), at(0));
  return session;
}

// Every packet handed over, in order, when the stream is fed in pieces of the given size.
struct Trace {
  base::Bytes packets;
  Phase phase = Phase::identifying;
  End end = End::none;
  bool operator==(const Trace&) const = default;
};

template <class NextSize>
Trace trace(base::View stream, NextSize next_size) {
  Session session(defaults(), at(0));
  Trace result;
  std::int64_t now = 0;
  const auto serve = [&] {
    while (session.ready()) {
      auto batch = session.next_batch(at(now));
      result.packets = result.packets + batch->packets;
      session.reply(std::move(batch), at(now));
    }
  };
  while (!stream.empty() && session.room() > 0) {
    const std::size_t size =
        std::min({std::max<std::size_t>(next_size(), 1), stream.size(), session.room()});
    session.feed(stream.first(size), at(++now));
    stream = stream.subspan(size);
    serve();
  }
  now += Session::kGather;
  session.on_deadline(at(now));
  serve();
  result.phase = session.phase();
  result.end = session.end();
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session)

BOOST_AUTO_TEST_CASE(identification_in_both_tags_and_all_lengths) {
  for (const char* text : {"030C360A98445301200100103246", "030CB60A98445301200100103246",
                           "03810C360A98445301200100103246", "0382000C360A98445301200100103246"}) {
    Session session(defaults(), at(0));
    session.feed(hex(text), at(0));
    BOOST_REQUIRE((session.phase() == Phase::open));
    BOOST_TEST(session.iccid()->digits() == "89443510021000012364");
    BOOST_TEST(!session.ready());
  }
}

BOOST_AUTO_TEST_CASE(anything_else_first_closes_at_once) {
  for (const char* text :
       {"01", "16", "47455420", "030D360A9844530120010010324600", "030B3609984453012001001032",
        "030C350A98445301200100103246", "030C360B98445301200100103246", "0380", "0383", "0384FF",
        "030C360A9A445301200100103246", "030C360AFFFFFFFFFFFFFFFFFFFF", "030400", "0300"}) {
    Session session(defaults(), at(0));
    session.feed(hex(text), at(0));
    // What is only a beginning waits; what cannot become an identification is closed.
    if (hex(text).size() == 3 && hex(text)[1] == 4) {
      session.feed(hex("000000"), at(0));
    }
    BOOST_TEST((session.phase() == Phase::closed), text);
    BOOST_TEST((session.end() == End::bad_identification), text);
    BOOST_TEST(!session.iccid().has_value());
  }
}

// Packets that want no answer wait for more of them, but not for ever and not at the end.
BOOST_AUTO_TEST_CASE(pipelined_packets_are_gathered) {
  const base::Bytes quiet = hex("01 10 0F 16 1A 12 12 BF FF 01") + base::Bytes(8, 0x55);
  const base::Bytes loud = hex("01 10 0F 16 19 12 12 BF FF 01") + base::Bytes(8, 0x55);
  const auto fed = [&](int count) {
    Session session = identified();
    for (int i = 0; i < count; ++i) session.feed(quiet, at(10));
    return session;
  };
  const auto most = static_cast<int>(defaults()->batch);
  Session few = fed(most - 1);
  BOOST_TEST(!few.ready());
  BOOST_TEST(few.deadline() == 10 + Session::kGather);
  few.on_deadline(at(10 + Session::kGather));
  BOOST_TEST(few.ready());
  BOOST_TEST(few.next_batch(at(300))->packets.size() == (most - 1) * quiet.size());
  BOOST_TEST(fed(most).ready());
  Session asked = fed(3);
  asked.feed(loud, at(20));
  BOOST_TEST(asked.ready());
  Session ended = fed(3);
  ended.end_of_input(at(20));
  BOOST_TEST(ended.ready());
  Session broken = fed(3);
  broken.feed(hex("02"), at(20));
  BOOST_TEST(broken.ready());
  Session drained = fed(3);
  drained.drain();
  BOOST_TEST(drained.ready());
  // What is put off is gathered anew after a batch.
  Session again = fed(most);
  again.feed(quiet, at(20));
  auto batch = again.next_batch(at(20));
  again.reply(std::move(batch), at(20));
  BOOST_TEST(!again.ready());
  BOOST_TEST(again.deadline() <= 20 + Session::kGather);
}

BOOST_AUTO_TEST_CASE(the_pieces_make_no_difference) {
  base::Bytes stream = hex(kIdentification);
  for (std::size_t size : {0u, 1u, 100u, 127u, 128u, 255u, 256u, 1396u}) {
    stream = stream + packet(size, static_cast<std::uint8_t>(size));
  }
  const Trace whole = trace(stream, [] { return std::size_t{100'000}; });
  BOOST_TEST(whole.packets.size() == stream.size() - 14);
  BOOST_TEST((trace(stream, [] { return std::size_t{1}; }) == whole));
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    BOOST_TEST((trace(stream, [&] { return random() % 300; }) == whole));
  }
  // The same when the stream ends in something that is no packet: what was complete is served.
  const base::Bytes broken = stream + hex("02000000");
  const Trace broken_whole = trace(broken, [] { return std::size_t{100'000}; });
  BOOST_TEST(broken_whole.packets.size() == stream.size() - 14);
  BOOST_TEST((broken_whole.end == End::bad_packet));
  BOOST_TEST((trace(broken, [] { return std::size_t{1}; }) == broken_whole));
}

BOOST_AUTO_TEST_CASE(two_packets_in_one_read_are_one_batch_and_only_one_is_under_way) {
  Session session = identified();
  session.feed(packet(5, 1) + packet(6, 2), at(1));
  BOOST_REQUIRE(session.ready());
  auto first = session.next_batch(at(1));
  BOOST_TEST(first->packets == packet(5, 1) + packet(6, 2));
  BOOST_REQUIRE(first->card);
  session.feed(packet(7, 3), at(2));
  BOOST_TEST(!session.ready());  // the card's state is away
  answer(session, std::move(first), hex("0201FF"), 3);
  BOOST_REQUIRE(session.ready());
  BOOST_TEST(session.next_batch(at(3))->packets == packet(7, 3));
}

BOOST_AUTO_TEST_CASE(a_batch_is_limited) {
  Session session = identified();
  base::Bytes many;
  const std::size_t most = defaults()->batch;
  for (std::size_t i = 0; i < most + 4; ++i) many = many + packet(3, static_cast<std::uint8_t>(i));
  session.feed(many + hex("0105"), at(1));
  auto batch = session.next_batch(at(1));
  BOOST_TEST(batch->packets.size() == most * 5);
  answer(session, std::move(batch), {}, 1);
  batch = session.next_batch(at(1));
  BOOST_TEST(batch->packets.size() == 4u * 5);
  answer(session, std::move(batch), {}, 1);
  BOOST_TEST(!session.ready());
  session.feed(base::Bytes(5, 9), at(2));
  BOOST_REQUIRE(session.ready());
  BOOST_TEST(session.next_batch(at(2))->packets == packet(5, 9));
}

BOOST_AUTO_TEST_CASE(a_second_identification_closes) {
  Session session = identified();
  session.feed(hex(kIdentification), at(1));
  BOOST_TEST((session.phase() == Phase::closed));
  BOOST_TEST((session.end() == End::second_identification));
}

BOOST_AUTO_TEST_CASE(an_oversized_packet_closes_before_it_came_whole) {
  Session fits = identified();
  fits.feed(packet(1396), at(1));
  BOOST_TEST(fits.ready());  // 1,400 octets with identifier and length
  Session session = identified();
  session.feed(hex("01820575"), at(1));  // 1,397 to come
  BOOST_TEST((session.phase() == Phase::closed));
  BOOST_TEST((session.end() == End::packet_too_large));
}

BOOST_AUTO_TEST_CASE(after_an_answer_it_waits_for_the_card_to_fetch_it) {
  Session session = identified();
  session.feed(packet(5) + hex("FF"), at(1));
  BOOST_REQUIRE(session.ready());
  answer(session, session.next_batch(at(1)), hex("0201AA"), 1000);
  BOOST_TEST((session.phase() == Phase::closing));
  BOOST_TEST((session.end() == End::bad_packet));
  BOOST_TEST(base::to_hex(session.output()) == "0201AA");
  session.feed(packet(5), at(1500));  // thrown away
  BOOST_TEST(!session.ready());
  session.consume(3, at(2000));
  BOOST_TEST(session.deadline() == 32'000);
  session.on_deadline(at(31'999));
  BOOST_TEST((session.phase() == Phase::closing));
  session.on_deadline(at(32'000));
  BOOST_TEST((session.phase() == Phase::closed));
}

BOOST_AUTO_TEST_CASE(too_many_security_errors_close_after_the_answer) {
  Session session = identified();
  session.feed(packet(5), at(1));
  auto batch = session.next_batch(at(1));
  batch->close = true;
  answer(session, std::move(batch), hex("0201AA"), 2);
  BOOST_TEST((session.phase() == Phase::closing));
  BOOST_TEST((session.end() == End::security));
  BOOST_TEST(session.output().size() == 3u);
}

BOOST_AUTO_TEST_CASE(deadlines_of_identification) {
  Session silent(defaults(), at(500));
  BOOST_TEST(silent.deadline() == 10'500);
  silent.on_deadline(at(10'499));
  BOOST_TEST((silent.phase() == Phase::identifying));
  silent.on_deadline(at(10'500));
  BOOST_TEST((silent.end() == End::never_identified));

  // One octet a minute, or any other pace, does not hold the channel open.
  Session slow(defaults(), at(0));
  const base::Bytes octets = hex(kIdentification);
  for (std::int64_t i = 0; i < 13; ++i) {
    slow.feed(base::View(octets).subspan(static_cast<std::size_t>(i), 1), at(i * 2000));
    BOOST_TEST(slow.deadline() == 30'000);
  }
  slow.on_deadline(at(30'000));
  BOOST_TEST((slow.phase() == Phase::closed));
}

BOOST_AUTO_TEST_CASE(deadlines_of_packets_and_of_idling) {
  Session session = proven();
  BOOST_TEST(session.deadline() == 180'000);
  session.feed(hex("01"), at(100'000));
  BOOST_TEST(session.deadline() == 160'000);
  session.feed(hex("05"), at(150'000));  // its octets buy no time
  BOOST_TEST(session.deadline() == 160'000);
  session.feed(base::Bytes(5, 0), at(155'000));
  auto batch = session.next_batch(at(155'000));
  BOOST_TEST(session.deadline() == Session::kNever);  // it is us who are slow
  answer(session, std::move(batch), {}, 200'000);
  BOOST_TEST(session.deadline() == 380'000);
  session.on_deadline(at(380'000));
  BOOST_TEST((session.end() == End::idle));

  Session partial = proven();
  partial.feed(hex("01820500"), at(1000));
  partial.on_deadline(at(61'000));
  BOOST_TEST((partial.end() == End::packet_timeout));
}

// The channel below can hand nothing over before a record or an SDU is whole.
BOOST_AUTO_TEST_CASE(what_has_begun_below_counts_for_packet_timeout) {
  Session session = proven();
  session.unfinished_below(false, at(5000));
  BOOST_TEST(session.deadline() == 180'000);
  session.unfinished_below(true, at(10'000));
  session.unfinished_below(true, at(40'000));  // still the same one
  BOOST_TEST(session.deadline() == 70'000);
  session.feed(hex("0182"), at(50'000));  // a part of the packet: it has begun before
  session.unfinished_below(false, at(50'000));
  BOOST_TEST(session.deadline() == 70'000);
  session.on_deadline(at(70'000));
  BOOST_TEST((session.end() == End::packet_timeout));

  Session next = proven();
  next.unfinished_below(true, at(10'000));
  next.feed(packet(5), at(20'000));  // whole, and something else has begun behind it
  next.unfinished_below(true, at(20'000));
  answer(next, next.next_batch(at(20'000)), {}, 21'000);
  BOOST_TEST(next.deadline() == 80'000);
  next.unfinished_below(false, at(30'000));
  BOOST_TEST(next.deadline() == 201'000);
}

// Who claims to be a card and proves nothing is gone after packet_timeout, whatever it sends: idle,
// in the middle of a packet, or after an answer that it may still fetch.
BOOST_AUTO_TEST_CASE(who_proves_nothing_is_not_waited_for) {
  Session idle = identified();
  BOOST_TEST(idle.deadline() == 60'000);
  idle.on_deadline(at(59'999));
  BOOST_TEST((idle.phase() == Phase::open));
  idle.on_deadline(at(60'000));
  BOOST_TEST((idle.end() == End::never_proven));

  Session slow = identified();
  slow.feed(hex("0182"), at(50'000));
  BOOST_TEST(slow.deadline() == 60'000);
  slow.on_deadline(at(60'000));
  BOOST_TEST((slow.end() == End::never_proven));

  Session refused = identified();
  refused.feed(packet(5), at(55'000));
  answer(refused, refused.next_batch(at(55'000)), hex("0201AA"), 58'000);
  BOOST_TEST(refused.deadline() == 88'000);
  refused.consume(3, at(80'000));
  refused.on_deadline(at(88'000));
  BOOST_TEST((refused.end() == End::never_proven));

  Session waiting = identified();
  waiting.feed(packet(5), at(1000));
  BOOST_TEST(waiting.deadline() == Session::kNever);  // it is us who are slow
  waiting.on_deadline(at(70'000));
  BOOST_TEST((waiting.phase() == Phase::open));
}

BOOST_AUTO_TEST_CASE(a_user_who_types_a_key_is_given_time) {
  Session session = proven();
  session.feed(packet(5), at(0));
  auto batch = session.next_batch(at(0));
  batch->key_entry = true;
  answer(session, std::move(batch), hex("0201AA"), 1000);
  session.consume(3, at(1000));
  BOOST_TEST(session.deadline() == 301'000);
  session.feed(packet(5), at(300'000));
  answer(session, session.next_batch(at(300'000)), {}, 300'000);
  BOOST_TEST(session.deadline() == 480'000);
}

BOOST_AUTO_TEST_CASE(slow_fetching_keeps_the_channel_alive) {
  Session session = proven();
  session.feed(packet(5), at(0));
  answer(session, session.next_batch(at(0)), base::Bytes(1000, 2), 0);
  for (int i = 1; i <= 4; ++i) {
    session.consume(237, at(i * 100'000));
    BOOST_TEST(session.deadline() == i * 100'000 + 180'000);
  }
  BOOST_TEST(session.output().size() == 52u);
}

BOOST_AUTO_TEST_CASE(a_full_input_stops_reading_until_half_is_free) {
  auto settings = std::make_shared<Settings>();
  Session session = identified(settings);
  BOOST_TEST(session.room() == settings->session_input + settings->max_packet);
  while (session.room() > 0) {
    session.feed(packet(std::min<std::size_t>(session.room(), 1000) - 4 > 200 ? 996 : 100), at(1));
  }
  // Batches of 16 take the input down; reading resumes below half.
  BOOST_TEST(session.room() == 0u);
  answer(session, session.next_batch(at(2)), {}, 2);
  BOOST_TEST(session.room() > 0u);

  // Many small ones: above half it stays stopped.
  Session small = identified(settings);
  while (small.room() > 0) small.feed(packet(8), at(1));
  while (small.room() == 0) {
    BOOST_REQUIRE(small.ready());
    answer(small, small.next_batch(at(2)), {}, 2);
  }
  BOOST_TEST(small.room() > settings->session_input / 2 + settings->max_packet);
}

// Else its end would never be read.
BOOST_AUTO_TEST_CASE(the_beginning_of_a_packet_alone_never_stops_reading) {
  auto settings = std::make_shared<Settings>();
  settings->session_input = 256;
  settings->max_packet = 200;
  Session session = identified(settings);
  const base::Bytes last = packet(190);
  const base::View beginning = base::View(last).first(150);
  session.feed(packet(150) + base::Bytes(beginning.begin(), beginning.end()), at(1));
  BOOST_TEST(session.room() == 0u);
  answer(session, session.next_batch(at(2)), {}, 2);
  BOOST_TEST(session.room() >= 50u);
  session.feed(base::View(last).subspan(150), at(3));
  BOOST_TEST(session.ready());
}

BOOST_AUTO_TEST_CASE(a_card_that_does_not_fetch_gets_no_new_batch) {
  auto settings = std::make_shared<Settings>();
  settings->session_output = 1000;
  Session session = identified(settings);
  session.feed(packet(5) + packet(5), at(0));
  auto batch = session.next_batch(at(0));
  session.feed(packet(6), at(0));
  answer(session, std::move(batch), base::Bytes(1000, 2), 0);
  BOOST_TEST(!session.ready());
  BOOST_TEST(session.deadline() == 180'000);
  session.consume(1, at(1));
  BOOST_TEST(session.ready());
}

BOOST_AUTO_TEST_CASE(the_cards_end_of_input_lets_what_came_be_served) {
  Session idle = identified();
  idle.end_of_input(at(1));
  BOOST_TEST((idle.phase() == Phase::closed && idle.end() == End::by_card));

  Session session = identified();
  session.feed(packet(5), at(0));
  session.end_of_input(at(1));
  BOOST_REQUIRE(session.ready());
  BOOST_TEST(session.room() == 0u);
  answer(session, session.next_batch(at(1)), hex("0201AA"), 2);
  BOOST_TEST((session.phase() == Phase::open));
  session.consume(3, at(3));
  BOOST_TEST((session.phase() == Phase::closed));
}

// A card that goes behind whole packets, or before it has said anything, has cut nothing.
BOOST_AUTO_TEST_CASE(an_end_of_input_within_a_packet_is_told_apart) {
  base::Bytes most = packet(5);
  most.pop_back();
  Session asked = identified();
  asked.feed(packet(5), at(0));
  asked.feed(most, at(0));
  asked.end_of_input(at(1));  // the whole one is still served
  BOOST_REQUIRE(asked.ready());
  answer(asked, asked.next_batch(at(1)), hex("0201AA"), 2);
  asked.consume(3, at(3));
  BOOST_TEST((asked.phase() == Phase::closed && asked.end() == End::cut_packet));

  Session reset = identified();
  reset.feed(most, at(0));
  reset.broken_off(at(1));
  BOOST_TEST((reset.phase() == Phase::closed && reset.end() == End::cut_packet));

  Session below = identified();
  below.unfinished_below(true, at(0));
  below.end_of_input(at(1));
  BOOST_TEST((below.end() == End::cut_packet));

  Session naming(defaults(), at(0));
  naming.feed(hex("030C"), at(0));
  naming.end_of_input(at(1));
  BOOST_TEST((naming.end() == End::cut_packet));

  Session silent(defaults(), at(0));
  silent.end_of_input(at(1));
  BOOST_TEST((silent.end() == End::by_card));
}

BOOST_AUTO_TEST_CASE(what_ended_the_channel_below_is_told_and_what_came_before_is_served) {
  Session unknown(defaults(), at(0));
  unknown.ended_below(End::packet_too_large, at(1));
  BOOST_TEST((unknown.phase() == Phase::closed && unknown.end() == End::packet_too_large));

  Session session = identified();
  session.feed(packet(5), at(0));
  session.ended_below(End::packet_too_large, at(1));
  BOOST_REQUIRE(session.ready());
  auto batch = session.next_batch(at(1));
  session.ended_below(End::packet_too_large, at(1));  // told again: the batch is still waited for
  BOOST_TEST((session.phase() == Phase::open));
  answer(session, std::move(batch), hex("0201AA"), 2);
  session.consume(3, at(3));
  BOOST_TEST((session.phase() == Phase::closed && session.end() == End::packet_too_large));

  Session closed = identified();
  closed.close(End::limited);
  closed.ended_below(End::packet_too_large, at(1));
  BOOST_TEST((closed.end() == End::limited));
}

BOOST_AUTO_TEST_CASE(draining_shortens_idling_but_not_a_transfer) {
  Session session = identified();
  session.drain();
  BOOST_TEST(session.deadline() == 30'000);
  session.feed(packet(5), at(0));
  auto batch = session.next_batch(at(0));
  BOOST_TEST(batch->draining);
  batch->card->transfer = batch->card->proven = true;
  answer(session, std::move(batch), {}, 0);
  BOOST_TEST(session.deadline() == 180'000);
}

BOOST_AUTO_TEST_CASE(a_closed_session_keeps_the_cards_state_for_its_end) {
  Session session = identified();
  session.feed(packet(5), at(0));
  auto batch = session.next_batch(at(0));
  BOOST_TEST(!session.take_card());
  session.close(End::stopped);
  answer(session, std::move(batch), hex("0201AA"), 1);
  BOOST_TEST(session.output().empty());
  BOOST_TEST(session.take_card() != nullptr);
  BOOST_TEST((session.end() == End::stopped));
}

BOOST_AUTO_TEST_CASE(random_octets_never_get_through_unidentified) {
  std::mt19937 random(4);
  for (int round = 0; round < 5000; ++round) {
    base::Bytes stream;
    if (round % 2 == 0) stream = hex(kIdentification);
    for (std::size_t i = random() % 200; i > 0; --i) {
      stream.push_back(static_cast<std::uint8_t>(random() % (round % 3 == 0 ? 4 : 256)));
    }
    const auto some = [&] { return random() % 40; };
    const Trace result = trace(stream, some);
    if (round % 2 != 0) BOOST_TEST(result.packets.empty());
    BOOST_TEST((result == trace(stream, [] { return std::size_t{100'000}; })));
  }
}

BOOST_AUTO_TEST_CASE(an_idle_session_is_small) {
  // Beside the socket: the object, the card's state, a possible channel. No buffers.
  BOOST_TEST(sizeof(Session) + sizeof(Card) < 1024u);
}

BOOST_AUTO_TEST_SUITE_END()
