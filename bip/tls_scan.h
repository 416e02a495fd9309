// Where in the plain part of a TLS 1.2 handshake the client has named its PSK identity (RFC 4279
// section 2: ClientKeyExchange). OpenSSL asks for the key in a callback that cannot wait, so the
// record is held back until the key is there. Only for that: what is found here is believed only
// as far as OpenSSL then reads the same identity. Pure, one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace bip {

struct TlsRecord {
  static constexpr std::size_t kHeader = 5;
  static constexpr std::size_t kMostContent = 16 * 1024 + 2048;
  static constexpr std::uint8_t kChangeCipherSpec = 20;
  static constexpr std::uint8_t kHandshake = 22;

  std::uint8_t type = 0;
  std::size_t size = 0;  // header included
};

// The record at the front, as soon as its header is there. Nothing: not yet, or (`broken`) what
// comes is no TLS record.
inline std::optional<TlsRecord> next_record(base::View octets, bool& broken) {
  broken = !octets.empty() && (octets[0] < 20 || octets[0] > 23);
  if (octets.size() < TlsRecord::kHeader) return std::nullopt;
  base::Reader reader(octets);
  TlsRecord record;
  record.type = reader.u8();
  reader.u16();
  const std::size_t content = reader.u16();
  record.size = TlsRecord::kHeader + content;
  broken = broken || content > TlsRecord::kMostContent;
  return broken ? std::nullopt : std::optional(record);
}

// How long the handshake messages are that come in the clear. OpenSSL takes memory for the length
// that a ClientHello announces, up to 128 KiB, before any of it has come.
class HandshakeSizes {
 public:
  static constexpr std::size_t kMost = 8 * 1024;  // a card's hello has less than 1 KiB

  // One whole record. False: a message is longer. Behind ChangeCipherSpec they are enciphered and
  // not looked at; in TLS 1.3 it means nothing.
  bool record(base::View record, bool tls13) {
    if (enciphered_) return true;
    enciphered_ = record[0] == TlsRecord::kChangeCipherSpec && !tls13;
    return record[0] != TlsRecord::kHandshake || take(record.subspan(TlsRecord::kHeader));
  }

 private:
  bool take(base::View content) {
    while (!content.empty()) {
      if (left_ > 0) {
        const std::size_t size = std::min(left_, content.size());
        left_ -= size;
        content = content.subspan(size);
        continue;
      }
      head_[have_++] = content[0];
      content = content.subspan(1);
      if (have_ < head_.size()) continue;
      have_ = 0;
      left_ = std::size_t{head_[1]} << 16 | std::size_t{head_[2]} << 8 | head_[3];
      if (left_ > kMost) return false;
    }
    return true;
  }

  std::array<std::uint8_t, 4> head_{};  // type, length
  std::size_t have_ = 0;
  std::size_t left_ = 0;  // of the message's body
  bool enciphered_ = false;
};

class PskIdentityScan {
 public:
  static constexpr std::size_t kMostOctets = 32 * 1024;  // of a handshake in the clear

  // One whole record. The identity, when this record completes the message that holds it.
  std::optional<std::string> record(base::View record) {
    if (record[0] != TlsRecord::kHandshake) {
      if (record[0] != kAlert) end();
      return std::nullopt;
    }
    const base::View content = record.subspan(TlsRecord::kHeader);
    if (messages_.size() + content.size() > kMostOctets) {
      end();
      return std::nullopt;
    }
    messages_.insert(messages_.end(), content.begin(), content.end());
    return next_messages();
  }
  bool over() const { return over_; }
  void end() {
    over_ = true;
    base::Bytes().swap(messages_);
  }

 private:
  static constexpr std::uint8_t kAlert = 21;
  static constexpr std::uint8_t kClientKeyExchange = 16;

  std::optional<std::string> next_messages() {
    base::Reader reader(messages_);
    std::size_t done = 0;
    std::optional<std::string> identity;
    while (!identity) {
      const std::uint8_t type = reader.u8();
      const std::size_t high = reader.u8();
      const base::View body = reader.take(high << 16 | reader.u16());
      if (!reader.ok()) break;
      done = reader.position();
      if (type != kClientKeyExchange) continue;
      base::Reader exchange(body);
      const base::View name = exchange.take(exchange.u16());
      identity.emplace(base::as_text(name));
    }
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(done));
    return identity;
  }

  base::Bytes messages_;  // handshake messages that are not whole yet
  bool over_ = false;
};

}  // namespace bip
