#include "card/trace.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "card/toolkit.h"

namespace card {
namespace {

constexpr std::uint16_t kPort = 4729;
constexpr std::uint8_t kFetch = 0x12, kTerminalResponse = 0x14;
constexpr std::size_t kHeader = 5;
constexpr std::size_t kShortestKey = 7;
constexpr std::uint8_t kUcs2 = 0x08;

bool digit(std::uint8_t octet) { return octet >= '0' && octet <= '9'; }

// Octets of a text string behind its DCS: every digit run long enough for a key.
template <class Octets>
void mask_runs(Octets&& octets) {
  for (std::size_t at = 0; at < octets.size();) {
    std::size_t end = at;
    while (end < octets.size() && digit(static_cast<std::uint8_t>(octets[end]))) ++end;
    if (end - at >= kShortestKey) {
      for (std::size_t i = at; i < end; ++i) octets[i] = '*';
    }
    at = end == at ? at + 1 : end;
  }
}

void mask_text(std::span<std::uint8_t> value, bool all) {
  if (value.empty()) return;
  const bool ucs2 = value[0] == kUcs2;
  const std::span<std::uint8_t> text = value.subspan(1);
  if (ucs2) {
    // One code unit each; digits of UCS2 stand in the low octet.
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
      if (!all && !(text[i] == 0 && digit(text[i + 1]))) continue;
      text[i] = 0x00;
      text[i + 1] = '*';
    }
  } else if (all) {
    std::fill(text.begin(), text.end(), std::uint8_t{'*'});
  } else {
    mask_runs(text);
  }
}

base::Bytes masked_command(base::View data) {
  auto command = decode_command(data);
  if (!command || command->type != CommandType::display_text) return {data.begin(), data.end()};
  mask_text(command->objects.find_mutable(tag::kText), false);
  return encode(*command);
}

base::Bytes masked_response(base::View data) {
  auto response = decode_response(data);
  if (!response || response->type != CommandType::get_input) return {data.begin(), data.end()};
  mask_text(response->objects.find_mutable(tag::kText), true);
  return encode(*response);
}

std::uint16_t header_checksum(base::View header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < header.size(); i += 2) {
    sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// IPv4 and UDP from and to the loopback address, as if sent on this machine.
base::Bytes datagram(base::View payload) {
  const auto udp = static_cast<std::uint16_t>(8 + payload.size());
  const auto header = [&](std::uint16_t checksum) {
    base::Writer ip;
    ip.u16(0x4500).u16(static_cast<std::uint16_t>(20 + udp)).u32(0).u8(64).u8(17).u16(checksum);
    ip.u32(0x7F000001).u32(0x7F000001);
    return ip.take();
  };
  base::Writer packet;
  packet.bytes(header(header_checksum(header(0))));
  packet.u16(kPort).u16(kPort).u16(udp).u16(0).bytes(payload);
  return packet.take();
}

// pcap is written in this machine's order of octets, which its magic number tells.
void put32(std::FILE* file, std::uint32_t value) { std::fwrite(&value, sizeof value, 1, file); }

}  // namespace

Trace::~Trace() {
  if (file_) std::fclose(file_);
  if (socket_ >= 0) ::close(socket_);
}

base::Status Trace::write_pcap(const std::string& path) {
  path_ = path;
  file_ = std::fopen(path.c_str(), "wb");
  if (!file_) return base::Error{path + ": " + std::strerror(errno)};
  put32(file_, 0xA1B2C3D4);
  put32(file_, 4u << 16 | 2u);  // version 2.4
  for (std::uint32_t value : {0u, 0u, 65535u, 101u}) put32(file_, value);
  if (std::fflush(file_) != 0) give_up_file();
  return written_;
}

void Trace::give_up_file() {
  written_ = base::Error{path_ + ": " + std::strerror(errno)};
  std::fclose(file_);
  file_ = nullptr;
}

base::Status Trace::end() {
  if (!file_) return written_;
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (!closed) written_ = base::Error{path_ + ": " + std::strerror(errno)};
  return written_;
}

base::Status Trace::send_to(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(kPort).c_str(), &hints, &found) != 0) {
    return base::Error{host + ": no such host"};
  }
  socket_ = ::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool ok = socket_ >= 0 && ::connect(socket_, found->ai_addr, found->ai_addrlen) == 0;
  ::freeaddrinfo(found);
  if (!ok) return base::Error{host + ": " + std::strerror(errno)};
  return {};
}

void Trace::exchange(base::View command, base::View answer, std::uint16_t status,
                     std::int64_t utc_ms) {
  if (!file_ && socket_ < 0) return;
  const base::Bytes packet = gsmtap_packet(command, answer, status);
  // Nobody listening there is no fault of the card.
  if (socket_ >= 0) (void)::send(socket_, packet.data(), packet.size(), MSG_NOSIGNAL);
  if (!file_) return;
  const base::Bytes whole = datagram(packet);
  const auto size = static_cast<std::uint32_t>(whole.size());
  put32(file_, static_cast<std::uint32_t>(utc_ms / 1000));
  put32(file_, static_cast<std::uint32_t>(utc_ms % 1000 * 1000));
  put32(file_, size);
  put32(file_, size);
  std::fwrite(whole.data(), 1, whole.size(), file_);
  if (std::fflush(file_) != 0) give_up_file();
}

base::Bytes gsmtap_packet(base::View command, base::View answer, std::uint16_t status) {
  base::Bytes apdu(command.begin(), command.end());
  base::Bytes data(answer.begin(), answer.end());
  if (apdu.size() >= kHeader && apdu[1] == kTerminalResponse) {
    const base::Bytes masked = masked_response(command.subspan(kHeader));
    std::copy(masked.begin(), masked.end(), apdu.begin() + kHeader);
  }
  if (apdu.size() >= kHeader && apdu[1] == kFetch) data = masked_command(answer);
  base::Writer packet;
  packet.bytes(base::Bytes{0x02, 0x04, 0x04, 0x00}).u32(0).u32(0).u32(0);
  packet.bytes(apdu).bytes(data).u16(status);
  return packet.take();
}

std::string mask_digits(std::string text) {
  mask_runs(text);
  return text;
}

}  // namespace card
