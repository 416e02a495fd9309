// Whatever datagrams come, in whatever order and at whatever times: what is sent can be read, is no
// larger than the peer takes and, to strangers, no more than they sent; memory stays within the
// windows; an end that waits for something has a deadline.
//
// Input: pieces, each a control octet (size 0..63 in its low bits; b7: the octets are PDUs' parts
// as they are, otherwise lengths and checksum are put right; b8: time passes before) and octets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bip/cat_tp_links.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t kMostPdu = 200;

bip::CatTpSettings settings() {
  bip::CatTpSettings settings;
  settings.max_pdu = settings.max_sdu = kMostPdu;
  settings.window = 4;
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
  std::size_t in = 0, answered = 0;

  void outputs() {
    for (std::size_t i = 0; i < links.outputs(); ++i) {
      check(bip::decode_cat_tp(links.output(i)).has_value());
      answered += links.output(i).size();
    }
    if (links.open_links() == 0) check(answered <= in);
    links.clear_output();
    for (std::size_t i = 0; i < out.count(); ++i) check(bip::decode_cat_tp(out[i]).has_value());
    out.clear();
  }

  void events() {
    while (auto event = links.next_event()) {
      if (event->what == bip::CatTpLinks::Event::What::closed) {
        links.release(*event->link, now);
        continue;
      }
      while (auto sdu = links.take(*event->link, now)) {
        check(!sdu->empty() && sdu->size() <= numbers.max_sdu);
        links.send(*event->link, *sdu, now);
      }
    }
    while (auto sdu = card.take(now, out)) check(sdu->size() <= numbers.max_sdu);
  }

  void time_passes() {
    now.mono_ms += 700;
    if (links.deadline() <= now.mono_ms) links.on_deadline(now);
    check(links.deadline() > now.mono_ms);
    if (card.deadline() <= now.mono_ms) card.on_deadline(now, out);
    check(card.phase() == bip::CatTp::Phase::closed || card.deadline() > now.mono_ms);
    // Everything that is under way is waited for.
    if (card.backlog() > 0) check(card.deadline() != bip::CatTp::kNever);
  }

  void piece(bool as_it_is, base::View octets) {
    base::Bytes datagram(octets.begin(), octets.end());
    if (!as_it_is) put_right(datagram);
    in += datagram.size();
    links.feed(datagram, from, now);
    if (const auto pdu = bip::decode_cat_tp(datagram); pdu && pdu->version() == 0) {
      card.feed(*pdu, now, out);
      if (card.backlog() < 1'000) card.send(base::Bytes(150, 0x55), now, out);
    }
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
    world.events();
    world.outputs();
  }
  return 0;
}
