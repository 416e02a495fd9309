#include "tests/support/cat_tp_front.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

namespace card_test {
namespace {

std::uint64_t number() {
  static std::mt19937_64 random(4);
  return random();
}

}  // namespace

CatTpFront::CatTpFront(FakeVault& vault) : vault_(vault), links_(settings_, number) {}

CatTpFront::~CatTpFront() {
  if (datagrams_ >= 0) ::close(datagrams_);
  if (stream_ >= 0) ::close(stream_);
}

int CatTpFront::connect() {
  if (datagrams_ >= 0) ::close(datagrams_);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) != 0) return -1;
  datagrams_ = ends[0];
  ++card_.port;
  return ends[1];
}

void CatTpFront::forget(base::Now now) {
  if (link_ != nullptr) links_.release(*link_, now);
  links_.clear_output();
  link_ = nullptr;
}

bool CatTpFront::serve(base::Now now) {
  if (datagrams_ < 0) return false;
  bool active = receive(now);
  if (links_.deadline() <= now.mono_ms) links_.on_deadline(now);
  events(now);
  while (vault_.serve()) active = true;
  active |= answers(now);
  return send() || active;
}

bool CatTpFront::receive(base::Now now) {
  std::array<std::uint8_t, 2048> datagram;
  const ssize_t got = ::recv(datagrams_, datagram.data(), datagram.size(), 0);
  if (got <= 0) return false;
  const auto octets = base::View(datagram).first(static_cast<std::size_t>(got));
  ++datagrams;
  largest = std::max(largest, octets.size());
  if (lose()) {
    ++lost;
  } else {
    links_.feed(octets, card_, now);
  }
  return true;
}

void CatTpFront::events(base::Now now) {
  using What = bip::CatTpLinks::Event::What;
  while (auto event = links_.next_event()) {
    if (event->what == What::opened) {
      if (link_ != nullptr) links_.release(*link_, now);
      link_ = event->link;
      identification = event->identification;
      if (stream_ >= 0) ::close(stream_);
      stream_ = vault_.connect();
      answers_.clear();
      base::Writer packet;
      packet.tlv(0x03, base::Writer().tlv(0x36, identification).view());
      to_vault(packet.view());
    } else if (event->what == What::closed) {
      links_.release(*event->link, now);
      if (event->link == link_) link_ = nullptr;
    } else if (event->what == What::readable && event->link == link_) {
      while (const auto sdu = links_.take(*link_, now)) to_vault(*sdu);
    }
  }
}

void CatTpFront::to_vault(base::View packet) {
  (void)::send(stream_, packet.data(), packet.size(), MSG_NOSIGNAL);
}

// One response packet, one SDU.
bool CatTpFront::answers(base::Now now) {
  std::array<std::uint8_t, 4096> piece;
  const ssize_t got = stream_ < 0 ? 0 : ::recv(stream_, piece.data(), piece.size(), 0);
  if (got > 0) answers_.insert(answers_.end(), piece.begin(), piece.begin() + got);
  bool any = false;
  for (;;) {
    base::Reader reader(answers_);
    reader.u8();
    const std::size_t length = reader.ber_length();
    if (!reader.ok() || length > reader.left()) return any;
    const std::size_t size = reader.position() + length;
    if (link_ != nullptr) links_.send(*link_, base::View(answers_).first(size), now);
    answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(size));
    any = true;
  }
}

bool CatTpFront::send() {
  const bool any = links_.outputs() > 0;
  for (std::size_t i = 0; i < links_.outputs(); ++i) {
    ++datagrams;
    const base::View octets = links_.output(i);
    if (lose()) {
      ++lost;
    } else {
      (void)::send(datagrams_, octets.data(), octets.size(), MSG_NOSIGNAL);
    }
  }
  links_.clear_output();
  return any;
}

}  // namespace card_test
