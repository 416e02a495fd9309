#include "base/bytes.h"

namespace base {

std::uint64_t Reader::number(std::size_t octets) {
  std::uint64_t value = 0;
  for (std::uint8_t octet : take(octets)) value = value << 8 | octet;
  return value;
}

View Reader::take(std::size_t size) {
  if (size > left()) {
    ok_ = false;
    return {};
  }
  View part = data_.subspan(pos_, size);
  pos_ += size;
  return part;
}

std::size_t Reader::ber_length() {
  const std::uint8_t first = u8();
  if (first < 0x80) return first;
  if (first == 0x81) return u8();
  if (first == 0x82) return u16();
  ok_ = false;
  return 0;
}

std::optional<Tlv> next_tlv(Reader& reader) {
  if (!reader.ok() || reader.left() == 0) return std::nullopt;
  Tlv tlv;
  tlv.tag = reader.u8();
  tlv.value = reader.take(reader.ber_length());
  if (!reader.ok()) return std::nullopt;
  return tlv;
}

Writer& Writer::number(std::uint64_t value, int octets) {
  for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) {
    out_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  return *this;
}

Writer& Writer::bytes(View value) {
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

Writer& Writer::text(std::string_view value) { return bytes(as_bytes(value)); }

Writer& Writer::ber_length(std::size_t length) {
  if (length < 0x80) return u8(static_cast<std::uint8_t>(length));
  if (length <= 0xFF) return u8(0x81).u8(static_cast<std::uint8_t>(length));
  return u8(0x82).u16(static_cast<std::uint16_t>(length));
}

Writer& Writer::tlv(std::uint8_t tag, View value) {
  return u8(tag).ber_length(value.size()).bytes(value);
}

std::string to_hex(View bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t octet : bytes) {
    text.push_back(kDigits[octet >> 4]);
    text.push_back(kDigits[octet & 0x0F]);
  }
  return text;
}

namespace {

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Bytes> from_hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (char c : text) {
    if (c == ' ' || c == '\t') continue;
    const int value = nibble(c);
    if (value < 0) return std::nullopt;
    if (high < 0) {
      high = value;
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high << 4 | value));
      high = -1;
    }
  }
  if (high >= 0) return std::nullopt;
  return bytes;
}

}  // namespace base
