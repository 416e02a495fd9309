// Octets in and out: the only way in which this project parses or builds binary data.
// Plain values, no locks: one thread at a time per object. All integers are big-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

// Bounded reader with a sticky failure: once a read went past the end every later read gives
// zero or an empty view and ok() is false. A parser reads all fields and checks ok() once.
class Reader {
 public:
  explicit Reader(View data) : data_(data) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && pos_ == data_.size(); }
  std::size_t left() const { return ok_ ? data_.size() - pos_ : 0; }
  std::size_t position() const { return pos_; }

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u40() { return number(5); }
  std::uint64_t u64() { return number(8); }
  View take(std::size_t size);
  View rest() { return take(left()); }
  // BER length: 00-7F, 81 xx, 82 xx xx (ISO/IEC 8825-1 8.1.3; longer forms fail).
  std::size_t ber_length();
  void fail() { ok_ = false; }

 private:
  std::uint64_t number(std::size_t octets);

  View data_;
  std::size_t pos_ = 0;
  bool ok_ = true;
};

// One TLV with a one-octet tag and a BER length.
struct Tlv {
  std::uint8_t tag = 0;
  View value;
};

// The next TLV, or nothing at the end or on a malformed one (then reader.ok() is false).
std::optional<Tlv> next_tlv(Reader& reader);

// Appends to a byte string that it owns.
class Writer {
 public:
  Writer& u8(std::uint8_t value) { return number(value, 1); }
  Writer& u16(std::uint16_t value) { return number(value, 2); }
  Writer& u32(std::uint32_t value) { return number(value, 4); }
  Writer& u40(std::uint64_t value) { return number(value, 5); }
  Writer& u64(std::uint64_t value) { return number(value, 8); }
  Writer& bytes(View value);
  Writer& text(std::string_view value);
  Writer& ber_length(std::size_t length);  // at most FFFF
  Writer& tlv(std::uint8_t tag, View value);

  std::size_t size() const { return out_.size(); }
  const Bytes& view() const { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  Writer& number(std::uint64_t value, int octets);

  Bytes out_;
};

inline View as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(View bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(View bytes);                        // upper case, no separators
std::optional<Bytes> from_hex(std::string_view text);  // both cases; blanks are skipped

}  // namespace base
