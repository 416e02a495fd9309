// Proves what many CAT_TP links behind one socket stand: floods of SYNs within their slots, forged
// datagrams, strangers who get nothing larger than they sent, and that idle links cost little.
#include "bip/cat_tp_links.h"

#include <malloc.h>

#include "cat_tp_world.h"

namespace {

using namespace bip;
using cat_tp_world::peer;
using What = CatTpLinks::Event::What;

const base::Bytes kIccid = base::from_hex("98445301200100103246").value();

// A server and its peers, without a network between them.
struct Server {
  explicit Server(CatTpSettings given = {})
      : settings(given), links(settings, [this] { return random(); }) {}

  void feed(const CatTpPdu& pdu, const SocketPeer& from) {
    CatTpOutput out;
    out.add(pdu);
    octets_in += out[0].size();
    links.feed(out[0], from, now);
  }
  // What was sent since the last time.
  std::vector<base::Bytes> sent() {
    std::vector<base::Bytes> all;
    for (std::size_t i = 0; i < links.outputs(); ++i) {
      all.emplace_back(links.output(i).begin(), links.output(i).end());
      octets_out += all.back().size();
    }
    links.clear_output();
    return all;
  }
  std::vector<CatTpLinks::Event> events() {
    std::vector<CatTpLinks::Event> all;
    while (auto event = links.next_event()) all.push_back(std::move(*event));
    return all;
  }
  CatTpPdu syn(std::uint16_t sequence, std::uint16_t port = 1) const {
    CatTpPdu pdu;
    pdu.flags = cat_tp::kSyn;
    pdu.source = port;
    pdu.destination = settings.port;
    pdu.sequence = sequence;
    pdu.window = 10;
    pdu.max_pdu = pdu.max_sdu = 1400;
    pdu.identification = kIccid;
    return pdu;
  }
  CatTpPdu plain(std::uint8_t flags, std::uint16_t sequence, std::uint16_t ack,
                 base::View data = {}) const {
    CatTpPdu pdu;
    pdu.flags = flags;
    pdu.source = 1;
    pdu.destination = settings.port;
    pdu.sequence = sequence;
    pdu.acknowledgement = ack;
    pdu.window = 10;
    pdu.data = data;
    return pdu;
  }
  // A whole opening; gives the server's initial sequence number.
  std::uint16_t open(const SocketPeer& from, std::uint16_t sequence) {
    feed(syn(sequence), from);
    const auto answers = sent();
    BOOST_REQUIRE_EQUAL(answers.size(), 1u);
    const auto answer = decode_cat_tp(answers[0]).value();
    BOOST_REQUIRE(answer.is(cat_tp::kSyn) && answer.acknowledgement == sequence);
    const std::uint16_t own = answer.sequence;
    feed(plain(cat_tp::kAck, static_cast<std::uint16_t>(sequence + 1), own), from);
    while (auto event = links.next_event()) {
      if (event->what == What::opened) opened.push_back(event->link);
    }
    return own;
  }

  std::mt19937_64 random{1};
  CatTpSettings settings;
  CatTpLinks links;
  base::Now now{5'000, 0};
  std::vector<CatTpLinks::Link*> opened;
  std::size_t octets_in = 0, octets_out = 0;
};

std::size_t memory_used() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::uint8_t reset_reason(const base::Bytes& octets) {
  const auto pdu = decode_cat_tp(octets).value();
  BOOST_REQUIRE(pdu.is(cat_tp::kRst));
  return pdu.reason;
}

BOOST_AUTO_TEST_SUITE(cat_tp_links)

BOOST_AUTO_TEST_CASE(what_a_listener_refuses) {
  using Refusal = CatTpLinks::Refusal;
  Server server;
  const SocketPeer from = peer(1, 1);
  struct Case {
    const char* what;
    CatTpReset reason;
    CatTpLinks::Refusal refusal;  // for the log
    std::function<void(CatTpPdu&)> change;
  };
  const base::Bytes long_identification(33, 1);
  const Case cases[] = {
      {"port", CatTpReset::port_not_available, Refusal::port,
       [](CatTpPdu& p) { p.destination = 1; }},
      {"PDU too small", CatTpReset::illegal_parameters, Refusal::maxima,
       [](CatTpPdu& p) { p.max_pdu = 22; }},
      {"no SDU", CatTpReset::illegal_parameters, Refusal::maxima,
       [](CatTpPdu& p) { p.max_sdu = 0; }},
      {"identification", CatTpReset::illegal_parameters, Refusal::identification,
       [&](CatTpPdu& p) { p.identification = long_identification; }},
      {"SYN/ACK", CatTpReset::unexpected_pdu, Refusal::acknowledges,
       [](CatTpPdu& p) { p.flags |= cat_tp::kAck; }},
      {"version", CatTpReset::version_not_supported, Refusal::version,
       [](CatTpPdu& p) { p.flags |= 1; }},
  };
  for (const Case& one : cases) {
    CatTpPdu pdu = server.syn(7);
    one.change(pdu);
    server.feed(pdu, from);
    const auto answers = server.sent();
    BOOST_TEST_CONTEXT(one.what) {
      BOOST_REQUIRE_EQUAL(answers.size(), 1u);
      BOOST_TEST(reset_reason(answers[0]) == static_cast<int>(one.reason));
      BOOST_TEST(decode_cat_tp(answers[0]).value().acknowledgement == 7);
      BOOST_TEST((server.links.counts().last_refusal == one.refusal));
    }
  }
  server.links.accept(false);
  server.feed(server.syn(7), from);
  BOOST_TEST(reset_reason(server.sent().at(0)) == 2);
  BOOST_TEST((server.links.counts().last_refusal == Refusal::not_accepting));
  BOOST_TEST(server.links.half_open() == 0u);
  BOOST_TEST(server.links.counts().refused == 7u);
  BOOST_TEST(server.octets_out <= server.octets_in);
}

BOOST_AUTO_TEST_CASE(a_repeated_syn_gets_the_same_answer) {
  Server server;
  const SocketPeer from = peer(1, 1);
  server.feed(server.syn(100), from);
  const auto first = server.sent();
  server.feed(server.syn(100), from);
  BOOST_TEST((server.sent() == first));
  // Another number: an older opening is in the way. The card says so, and begins anew.
  server.feed(server.syn(200), from);
  const auto old = decode_cat_tp(server.sent().at(0)).value();
  BOOST_TEST(old.acknowledgement == 100);
  server.feed(server.plain(cat_tp::kRst, static_cast<std::uint16_t>(old.acknowledgement + 1), 0),
              from);
  BOOST_TEST(server.links.half_open() == 0u);
  BOOST_TEST(server.sent().empty());
}

// Whoever forges an address has it sent ten SYN/ACKs for a slot, however often he asks. Who got
// only the last of them still opens; who got none does when the slot has gone.
BOOST_AUTO_TEST_CASE(a_slot_has_ten_answers) {
  Server server;
  const SocketPeer from = peer(1, 1);
  std::vector<base::Bytes> answers;
  const auto asks = [&](std::uint16_t sequence) {
    for (int i = 0; i < 50; ++i) server.feed(server.syn(sequence), from);
    answers = server.sent();
    return answers.size();
  };
  BOOST_TEST(asks(100) == 10u);
  BOOST_TEST(asks(200) == 0u);
  server.now.mono_ms = server.links.deadline();
  server.links.on_deadline(server.now);
  BOOST_TEST(asks(200) == 10u);
  const std::uint16_t own = decode_cat_tp(answers.back()).value().sequence;
  server.feed(server.plain(cat_tp::kAck, 201, own), from);
  BOOST_TEST(server.links.open_links() == 1u);
}

BOOST_AUTO_TEST_CASE(only_who_got_the_answer_opens) {
  Server server;
  const SocketPeer from = peer(1, 1);
  server.feed(server.syn(100), from);
  const std::uint16_t own = decode_cat_tp(server.sent().at(0)).value().sequence;
  for (int i = 1; i < 65'536; ++i) {
    const auto wrong = static_cast<std::uint16_t>(own + i);
    server.feed(server.plain(cat_tp::kAck, 101, wrong), from);
  }
  BOOST_TEST(server.links.open_links() == 0u);
  BOOST_TEST(server.sent().empty());
  // The acknowledgement was lost: the first data open as well.
  const base::Bytes data{1, 2, 3};
  server.feed(server.plain(cat_tp::kAck, 101, own, data), from);
  const auto events = server.events();
  BOOST_REQUIRE_EQUAL(events.size(), 2u);
  BOOST_TEST((events[0].what == What::opened));
  BOOST_TEST((events[1].what == What::readable));
  BOOST_TEST((server.links.take(*events[0].link, server.now).value() == data));
}

BOOST_AUTO_TEST_CASE(half_open_links_expire) {
  Server server;
  for (std::uint16_t i = 0; i < 5; ++i) {
    server.feed(server.syn(1, i), peer(1, 1));
    server.now.mono_ms += 1000;
  }
  BOOST_TEST(server.links.half_open() == 5u);
  server.now.mono_ms = server.links.deadline();
  server.links.on_deadline(server.now);
  BOOST_TEST(server.links.half_open() == 4u);
  server.now.mono_ms += 4'000;
  server.links.on_deadline(server.now);
  BOOST_TEST(server.links.half_open() == 0u);
  BOOST_TEST(server.links.deadline() == CatTp::kNever);
  BOOST_TEST(server.links.counts().unopened == 5u);
}

// Without ACK the number after the SYN's counts, with it the one that it acknowledges.
BOOST_AUTO_TEST_CASE(which_rst_ends_a_half_open_link) {
  Server server;
  const SocketPeer from = peer(1, 1);
  server.feed(server.syn(100), from);
  const std::uint16_t own = decode_cat_tp(server.sent().at(0)).value().sequence;
  const auto wrong = static_cast<std::uint16_t>(own + 1);
  server.feed(server.plain(cat_tp::kRst, 100, 0), from);
  server.feed(server.plain(cat_tp::kRst, 102, 0), from);
  server.feed(server.plain(cat_tp::kRst | cat_tp::kAck, 101, wrong), from);
  BOOST_TEST(server.links.half_open() == 1u);
  server.feed(server.plain(cat_tp::kRst | cat_tp::kAck, 101, own), from);
  BOOST_TEST(server.links.half_open() == 0u);
  server.feed(server.syn(100), from);
  server.feed(server.plain(cat_tp::kRst, 101, 0), from);
  BOOST_TEST(server.links.half_open() == 0u);
  BOOST_TEST(server.links.counts().stray == 0u);
}

// 1,000,000 SYNs from as many addresses: slots are bounded, the oldest goes, links that are open
// stay, nobody is sent more than he sent, and a card that comes meanwhile still gets through.
BOOST_AUTO_TEST_CASE(a_flood_of_syns) {
  Server server;
  const SocketPeer card = peer(0x0A000001, 1000);
  const std::uint16_t own = server.open(card, 5);
  server.octets_in = server.octets_out = 0;
  std::mt19937 random(3);
  for (int i = 0; i < 1'000'000; ++i) {
    server.feed(server.syn(static_cast<std::uint16_t>(random())),
                peer(static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(random())));
    server.sent();
    if (i % 100'000 == 50'000) server.open(peer(0x0B000000u + static_cast<unsigned>(i), 7), 9);
  }
  BOOST_TEST(server.links.half_open() == server.settings.half_open);
  BOOST_TEST(server.octets_out <= server.octets_in);
  BOOST_TEST(server.links.open_links() == 11u);
  BOOST_TEST(server.links.counts().displaced > 990'000u);
  server.feed(server.plain(cat_tp::kAck, 6, own, kIccid), card);
  BOOST_TEST((server.links.take(*server.opened[0], server.now).value() == kIccid));
}

BOOST_AUTO_TEST_CASE(one_address_has_few_slots) {
  Server server;
  for (std::uint16_t port = 0; port < 1'000; ++port) server.feed(server.syn(1), peer(9, port));
  BOOST_TEST(server.links.half_open() == server.settings.half_open_per_ip);
  server.sent();
  server.open(peer(10, 1), 1);
  BOOST_TEST(server.links.open_links() == 1u);
}

// A stranger who believes in a link is told the truth, by no more than he sent; bare
// acknowledgements, which are smaller than an RST, and RSTs are not answered.
BOOST_AUTO_TEST_CASE(strangers) {
  Server server;
  const SocketPeer from = peer(1, 1);
  server.feed(server.plain(cat_tp::kAck, 10, 20), from);
  server.feed(server.plain(cat_tp::kAck | cat_tp::kNul, 10, 20), from);
  server.feed(server.plain(cat_tp::kRst, 10, 20), from);
  BOOST_TEST(server.sent().empty());
  server.feed(server.plain(cat_tp::kAck, 10, 20, base::Bytes{1}), from);
  const auto answers = server.sent();
  BOOST_REQUIRE_EQUAL(answers.size(), 1u);
  const auto rst = decode_cat_tp(answers[0]).value();
  BOOST_TEST(rst.is(cat_tp::kRst));
  BOOST_TEST(rst.sequence == 21);
  BOOST_TEST(rst.acknowledgement == 10);
  BOOST_TEST(server.octets_out <= server.octets_in);
  BOOST_TEST(server.links.counts().stray == 4u);
}

BOOST_AUTO_TEST_CASE(random_datagrams_change_nothing) {
  Server server;
  const SocketPeer card = peer(1, 1);
  const std::uint16_t own = server.open(card, 5);
  std::mt19937 random(5);
  for (int i = 0; i < 100'000; ++i) {
    base::Bytes octets(random() % 100);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    server.links.feed(octets, card, server.now);
  }
  BOOST_TEST(server.sent().empty());
  BOOST_TEST(server.links.counts().malformed > 99'000u);
  server.feed(server.plain(cat_tp::kAck, 6, own, kIccid), card);
  BOOST_TEST((server.links.take(*server.opened[0], server.now).value() == kIccid));
}

// Who knows a card's address and ports, but not its numbers, sends 1,000,000 datagrams of every
// kind at 1,000 links. What ends a link is an RST with the one right number: 1 in 65,536 of them.
BOOST_AUTO_TEST_CASE(a_million_forged_datagrams) {
  Server server;
  const int links = 1'000;
  std::vector<std::uint16_t> own;
  std::mt19937 random(7);
  const auto any = [&] { return static_cast<std::uint16_t>(random()); };
  const auto card = [](int i) { return peer(0x0A000000u + static_cast<unsigned>(i), 40'000); };
  std::vector<std::uint16_t> first;
  for (int i = 0; i < links; ++i) {
    first.push_back(any());
    own.push_back(server.open(card(i), first.back()));
  }
  server.octets_in = server.octets_out = 0;
  const base::Bytes junk(20, 0xEE);
  int resets = 0, lost = 0, corrupted = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    CatTpPdu pdu;
    switch (i % 4) {
      case 0:
      case 1:
        pdu = server.plain(cat_tp::kRst, any(), 0);
        ++resets;
        break;
      case 2:
        pdu = server.plain(cat_tp::kAck, any(), any(), junk);
        break;
      default:
        pdu = i % 8 == 3 ? server.syn(any())
                         : server.plain(cat_tp::kRst | cat_tp::kAck, any(), any());
    }
    server.now.mono_ms += i % 10 == 0;
    server.feed(pdu, card(i / 4 % links));
    server.sent();
    while (auto event = server.links.next_event()) {
      if (event->what == What::closed) ++lost;
      if (event->what == What::readable) ++corrupted;
    }
  }
  const double expected = resets / 65'536.0;
  BOOST_TEST_MESSAGE("1,000,000 forged datagrams, of them "
                     << resets << " RST without ACK: " << lost << " links lost, expected "
                     << expected << "; forged data taken " << corrupted);
  BOOST_TEST(lost <= expected * 4);
  BOOST_TEST(corrupted == 0);
  BOOST_TEST(server.octets_out <= server.octets_in);
  // Every link that stands still works.
  int working = 0;
  for (int i = 0; i < links; ++i) {
    const std::uint16_t sequence =
        static_cast<std::uint16_t>(first[static_cast<std::size_t>(i)] + 1);
    server.feed(server.plain(cat_tp::kAck, sequence, own[static_cast<std::size_t>(i)], kIccid),
                card(i));
  }
  while (auto event = server.links.next_event()) {
    working += event->what == What::readable &&
               server.links.take(*event->link, server.now).value() == kIccid;
  }
  BOOST_TEST(working == links - lost);
}

// A SYN at an open link is answered, and only an RST that fits ends the link.
BOOST_AUTO_TEST_CASE(a_syn_does_not_end_an_open_link) {
  Server server;
  const SocketPeer card = peer(1, 1);
  const std::uint16_t own = server.open(card, 100);
  server.feed(server.syn(105), card);
  const auto answers = server.sent();
  BOOST_REQUIRE_EQUAL(answers.size(), 1u);
  const auto ack = decode_cat_tp(answers[0]).value();
  BOOST_TEST(ack.flags == cat_tp::kAck);
  BOOST_TEST(ack.acknowledgement == 100);
  BOOST_TEST(ack.sequence == static_cast<std::uint16_t>(own + 1));
  BOOST_TEST(server.events().empty());
  // An RST of the window that is not the next one is asked back; the next one counts.
  server.now.mono_ms += 1'000;
  server.feed(server.plain(cat_tp::kRst, 103, 0), card);
  BOOST_TEST(server.sent().size() == 1u);
  server.feed(server.plain(cat_tp::kRst | cat_tp::kAck, 101, static_cast<std::uint16_t>(own + 5)),
              card);
  BOOST_TEST(server.events().empty());
  server.feed(server.plain(cat_tp::kRst, 101, 0), card);
  const auto events = server.events();
  BOOST_REQUIRE_EQUAL(events.size(), 1u);
  BOOST_TEST((events[0].what == What::closed));
  server.links.release(*events[0].link, server.now);
  BOOST_TEST(server.links.open_links() == 0u);
}

// The same card from a new address: a link of its own, beside the old one, which its taker ends
// when the new one has proven itself.
BOOST_AUTO_TEST_CASE(a_syn_from_a_new_address) {
  Server server;
  server.open(peer(1, 1), 100);
  server.open(peer(2, 7), 100);
  BOOST_TEST(server.links.open_links() == 2u);
  server.links.release(*server.opened[0], server.now);
  BOOST_TEST(reset_reason(server.sent().at(0)) == 0);
  BOOST_TEST(server.links.open_links() == 1u);
}

// The slot, and what finds it by link and counts it by address; each of an address of its own.
BOOST_AUTO_TEST_CASE(what_a_half_open_link_costs) {
  const std::size_t before = memory_used();
  Server server;
  for (unsigned i = 0; i < server.settings.half_open; ++i) {
    server.feed(server.syn(1), peer(0x0A000000u + i, 1));
    server.links.clear_output();
  }
  BOOST_REQUIRE(server.links.half_open() == server.settings.half_open);
  const std::size_t each = (memory_used() - before) / server.settings.half_open;
  BOOST_TEST_MESSAGE("half-open links: " << each << " octets each");
  BOOST_TEST(each <= 384u);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_idle_links) {
  const std::size_t before = memory_used();
  Server server;
  server.opened.reserve(100'000);
  for (unsigned i = 0; i < 100'000; ++i) {
    const SocketPeer from = peer(0x0A000000u + i / 50'000, static_cast<std::uint16_t>(i));
    const std::uint16_t own = server.open(from, 1);
    // Each was busy once: what that took must be given back.
    server.feed(server.plain(cat_tp::kAck, 2, own, kIccid), from);
    server.events();
    server.links.take(*server.opened.back(), server.now);
    server.links.send(*server.opened.back(), kIccid, server.now);
    server.feed(server.plain(cat_tp::kAck, 3, static_cast<std::uint16_t>(own + 1)), from);
    server.events();
    server.sent();
  }
  BOOST_TEST(server.links.open_links() == 100'000u);
  server.now.mono_ms += 1'000'000;
  server.links.on_deadline(server.now);
  BOOST_TEST(server.links.deadline() == CatTp::kNever);
  const std::size_t each = (memory_used() - before) / 100'000;
  BOOST_TEST_MESSAGE("100,000 idle links: " << each << " octets each");
  BOOST_TEST(each <= 512u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
