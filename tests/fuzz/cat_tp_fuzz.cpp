// Whatever datagrams come, in whatever order and at whatever times: what is sent can be read, is no
// larger than the peer takes and, to strangers, no more than the datagram that it answers; what
// waits for its taker stays within the window, and what waits for the peer is what it was given to
// send; half-open links keep their limit; an end that waits for something has a deadline.
//
// Input: pieces, each a control octet (size 0..63 in its low bits; b7: the octets are PDUs' parts
// as they are, otherwise lengths and checksum are put right; b8: time passes before, and what has
// come is taken) and octets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "bip/cat_tp_links.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t kMostPdu = 200;
constexpr std::uint16_t kWindow = 4;
constexpr std::size_t kMostHeld = kWindow * (kMostPdu - bip::cat_tp::kHeader);  // octets
constexpr std::size_t kMuch = 1'000;  // octets that wait for the peer: no more is given

bip::CatTpSettings settings() {
  bip::CatTpSettings settings;
  settings.max_pdu = settings.max_sdu = kMostPdu;
  settings.window = kWindow;
  settings.half_open = 3;
  settings.half_open_per_ip = 2;
  settings.keep_alive = 60'000;
  return settings;
}

// Lengths and checksum that fit, so that what is behind them is reached.
void put_right(base::Bytes& octets) {
  if (octets.size() < bip::cat_tp::kHeader) octets.resize(bip::cat_tp::kHeader);
  const std::size_t header = bip::cat_tp::kHeader + octets[3] % (octets.size() - 17);
  octets[3] = static_cast<std::uint8_t>(header);
  octets[8] = 0;
  octets[9] = static_cast<std::uint8_t>(octets.size() - header);
  octets[16] = octets[17] = 0;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) sum += octets[i] * (i % 2 == 0 ? 256u : 1u);
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  octets[16] = static_cast<std::uint8_t>(~sum >> 8);
  octets[17] = static_cast<std::uint8_t>(~sum);
}

struct World {
  std::uint64_t counter = 0;
  bip::CatTpSettings numbers = settings();
  bip::CatTpLinks links{numbers, [this] { return counter; }};  // numbers that inputs can guess
  bip::CatTp card{numbers, {1, 9000}};
  bip::CatTpOutput out;
  base::Now now{1'000, 0};
  bip::SocketPeer from;
  // Largest maximum that a SYN of these ports (ours, the peer's) has told, and one to the card.
  std::map<std::pair<int, int>, std::size_t> told;
  std::size_t told_card = 0;
  std::set<bip::CatTpLinks::Link*> readable;

  static void check_size(std::size_t size, std::size_t peer_takes) {
    const std::size_t least = bip::cat_tp::kLeastPdu;  // RST, SYN/ACK: every peer takes them
    check(size <= std::max(least, std::min(kMostPdu, peer_takes)));
  }

  std::size_t outputs() {
    std::size_t octets = 0;
    for (std::size_t i = 0; i < links.outputs(); ++i) {
      const auto pdu = bip::decode_cat_tp(links.output(i));
      check(pdu.has_value());
      check_size(links.output(i).size(), told[{pdu->source, pdu->destination}]);
      octets += links.output(i).size();
    }
    links.clear_output();
    for (std::size_t i = 0; i < out.count(); ++i) {
      check(bip::decode_cat_tp(out[i]).has_value());
      check_size(out[i].size(), told_card);
    }
    out.clear();
    return octets;
  }

  void events() {
    while (auto event = links.next_event()) {
      using What = bip::CatTpLinks::Event::What;
      if (event->what == What::readable) readable.insert(event->link);
      if (event->what != What::closed) continue;
      take_all(*event->link);
      readable.erase(event->link);
      links.release(*event->link, now);
    }
  }

  // What has come, and no more of it than the window allows, goes back.
  void take_all(bip::CatTpLinks::Link& link) {
    std::size_t sdus = 0, octets = 0;
    while (auto sdu = links.take(link, now)) {
      check(!sdu->empty() && sdu->size() <= numbers.max_sdu);
      ++sdus;
      octets += sdu->size();
      if (link.machine().backlog() >= kMuch) continue;
      if (!links.send(link, *sdu, now)) continue;
      check(sdu->size() <= link.machine().peer_max_sdu());
    }
    check(sdus <= kWindow && octets <= kMostHeld);
    check(link.machine().backlog() <= kMuch + numbers.max_sdu);
  }

  void card_takes() {
    std::size_t octets = 0;
    while (auto sdu = card.take(now, out)) {
      check(sdu->size() <= numbers.max_sdu);
      octets += sdu->size();
    }
    check(octets <= kMostHeld && card.backlog() <= kMuch + numbers.max_sdu);
  }

  void time_passes() {
    now.mono_ms += 700;
    if (links.deadline() <= now.mono_ms) links.on_deadline(now);
    check(links.deadline() > now.mono_ms);
    if (card.deadline() <= now.mono_ms) card.on_deadline(now, out);
    check(card.phase() == bip::CatTp::Phase::closed || card.deadline() > now.mono_ms);
    // Everything that is under way is waited for.
    if (card.backlog() > 0) check(card.deadline() != bip::CatTp::kNever);
    for (bip::CatTpLinks::Link* link : std::exchange(readable, {})) take_all(*link);
    card_takes();
    events();
    outputs();
  }

  void piece(bool as_it_is, base::View octets) {
    base::Bytes datagram(octets.begin(), octets.end());
    if (!as_it_is) put_right(datagram);
    const auto pdu = bip::decode_cat_tp(datagram);
    if (pdu && pdu->is(bip::cat_tp::kSyn)) {
      std::size_t& largest = told[{pdu->destination, pdu->source}];
      largest = std::max<std::size_t>(largest, pdu->max_pdu);
      told_card = std::max<std::size_t>(told_card, pdu->max_pdu);
    }
    const bool strangers = links.open_links() == 0;
    links.feed(datagram, from, now);
    check(links.half_open() <= numbers.half_open_per_ip);
    const bool still = links.open_links() == 0;
    events();
    const std::size_t answered = outputs();
    if (strangers && still) check(answered <= datagram.size());
    if (pdu && pdu->version() == 0) {
      card.feed(*pdu, now, out);
      if (card.backlog() < kMuch) card.send(base::Bytes(150, 0x55), now, out);
    }
    outputs();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  world.card.open(base::View(), 0, world.now, world.out);
  base::Reader reader(base::View(data, size));
  while (reader.left() > 0) {
    const std::uint8_t control = reader.u8();
    if (control & 0x80) world.time_passes();
    const std::size_t octets = std::min<std::size_t>(control & 0x3F, reader.left());
    world.piece((control & 0x40) != 0, reader.take(octets));
  }
  world.time_passes();
  return 0;
}
