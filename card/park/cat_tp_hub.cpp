#include "card/park/cat_tp_hub.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/crypto.h"

namespace card::park {
namespace {

constexpr std::uint32_t kLoopbackNet = 0x7F000000;
constexpr int kBuffer = 4 * 1024 * 1024;  // as far as the system lets us
constexpr int kDatagramsAtOnce = 64;
constexpr std::uint16_t kMostPorts = 60'000;

}  // namespace

CatTpHub::CatTpHub(const Settings& settings, Heard heard)
    : settings_(settings), heard_(std::move(heard)), random_(base::random_number()) {
  numbers_.ack_delay = 20;
}

CatTpHub::~CatTpHub() {
  for (const auto& [descriptor, socket] : by_descriptor_) ::close(descriptor);
}

CatTpHub::Socket* CatTpHub::socket_for(std::uint32_t source) {
  auto& place = sockets_[source];
  if (place) return place.get();
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = source == 0 ? INADDR_ANY : htonl(kLoopbackNet | source);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(settings_.server.port);
  std::memcpy(&server.sin_addr, settings_.server.ip.data(), 4);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
    ::close(fd);
    return nullptr;
  }
  place = std::make_unique<Socket>();
  place->descriptor = fd;
  by_descriptor_[fd] = place.get();
  return place.get();
}

std::unique_ptr<CatTpLink> CatTpHub::open(const ParkCard& card, std::uint32_t source,
                                          base::Now now) {
  Socket* const socket = socket_for(source);
  if (socket == nullptr || socket->links.size() >= kMostPorts) return nullptr;
  do {
    if (++socket->last_port > kMostPorts) socket->last_port = 1;
  } while (socket->links.contains(socket->last_port));
  auto link =
      std::make_unique<CatTpLink>(*this, *socket, bip::CatTp::Ports{socket->last_port, kCatTpPort});
  socket->links[socket->last_port] = link.get();
  link->begin(card.iccid, now);
  return link;
}

std::vector<int> CatTpHub::descriptors() const {
  std::vector<int> all;
  for (const auto& [descriptor, socket] : by_descriptor_) all.push_back(descriptor);
  return all;
}

bool CatTpHub::lost() {
  return settings_.loss > 0 &&
         std::uniform_real_distribution<double>(0, 1)(random_) < settings_.loss;
}

void CatTpHub::send(int descriptor, base::View datagram, base::Now now) {
  if (lost()) return;
  if (settings_.delay_ms > 0) {
    delayed_.push_back({now.mono_ms + settings_.delay_ms, descriptor,
                        base::Bytes(datagram.begin(), datagram.end())});
    return;
  }
  (void)::send(descriptor, datagram.data(), datagram.size(), MSG_NOSIGNAL);
}

void CatTpHub::on_deadline(base::Now now) {
  while (!delayed_.empty() && delayed_.front().due <= now.mono_ms) {
    const Delayed& next = delayed_.front();
    (void)::send(next.descriptor, next.octets.data(), next.octets.size(), MSG_NOSIGNAL);
    delayed_.pop_front();
  }
}

void CatTpHub::on_readable(int descriptor, base::Now now) {
  const auto found = by_descriptor_.find(descriptor);
  if (found == by_descriptor_.end()) return;
  Socket& socket = *found->second;
  std::array<std::uint8_t, 2048> octets;
  for (int i = 0; i < kDatagramsAtOnce; ++i) {
    const ssize_t got = ::recv(descriptor, octets.data(), octets.size(), 0);
    if (got < 0) return;
    if (lost()) continue;
    const auto pdu = bip::decode_cat_tp(base::View(octets).first(static_cast<std::size_t>(got)));
    if (!pdu || pdu->version() != 0 || pdu->source != kCatTpPort) continue;
    const auto link = socket.links.find(pdu->destination);
    if (link == socket.links.end()) continue;
    link->second->feed(*pdu, now);
    heard_(*link->second);
  }
}

void CatTpLink::begin(base::View identification, base::Now now) {
  const auto isn = static_cast<std::uint16_t>(hub_.random_());
  machine_.open(identification, isn, now, hub_.out_);
  flush(now);
}

void CatTpLink::feed(const bip::CatTpPdu& pdu, base::Now now) {
  machine_.feed(pdu, now, hub_.out_);
  if (machine_.phase() == bip::CatTp::Phase::open) {
    for (const base::Bytes& packet : std::exchange(waiting_, {})) {
      machine_.send(packet, now, hub_.out_);
    }
  }
  flush(now);
}

void CatTpLink::send(base::View packet, base::Now now) {
  if (machine_.phase() == bip::CatTp::Phase::opening) {
    waiting_.emplace_back(packet.begin(), packet.end());
    return;
  }
  machine_.send(packet, now, hub_.out_);
  flush(now);
}

std::optional<base::Bytes> CatTpLink::answer(base::Now now) {
  auto sdu = machine_.take(now, hub_.out_);
  flush(now);
  return sdu;
}

void CatTpLink::close(base::Now now) {
  machine_.close(bip::CatTpReset::normal, now, hub_.out_);
  flush(now);
}

Channel::State CatTpLink::state() const {
  switch (machine_.phase()) {
    case bip::CatTp::Phase::opening:
      return State::opening;
    case bip::CatTp::Phase::open:
      return State::open;
    case bip::CatTp::Phase::closed:
      // What has come before the end can still be read.
      return machine_.readable() ? State::open : State::closed;
  }
  return State::closed;
}

void CatTpLink::on_deadline(base::Now now) {
  if (machine_.deadline() <= now.mono_ms) machine_.on_deadline(now, hub_.out_);
  flush(now);
}

void CatTpLink::flush(base::Now now) {
  for (std::size_t i = 0; i < hub_.out_.count(); ++i) {
    hub_.send(socket_.descriptor, hub_.out_[i], now);
  }
  hub_.out_.clear();
}

}  // namespace card::park
