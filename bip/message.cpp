#include "bip/message.h"

#include <algorithm>

namespace bip {

namespace {

constexpr std::size_t kMaxNumber = 16;
constexpr std::size_t kMaxHandset = 255;
constexpr std::size_t kMaxData = 1024;

template <std::size_t N>
bool put(std::optional<std::array<std::uint8_t, N>>& field, base::View value) {
  if (value.size() != N) return false;
  std::copy(value.begin(), value.end(), field.emplace().begin());
  return true;
}

template <class T>
bool put(std::optional<T>& field, base::View value) {
  if (value.size() != sizeof(T)) return false;
  T number = 0;
  for (std::uint8_t octet : value) number = static_cast<T>(number << 8 | octet);
  field = number;
  return true;
}

bool put(std::optional<base::Bytes>& field, base::View value, std::size_t least, std::size_t most) {
  if (value.size() < least || value.size() > most) return false;
  field.emplace(value.begin(), value.end());
  return true;
}

bool put(std::optional<base::Secret>& field, base::View value) {
  if (value.size() < 7 || value.size() > 16) return false;
  field.emplace(value);
  return true;
}

bool put_counts(std::optional<std::array<std::uint16_t, 2>>& field, base::View value) {
  if (value.size() != 4) return false;
  base::Reader reader(value);
  field = {reader.u16(), reader.u16()};
  return true;
}

// Of a tag given twice the first counts: `field` is then left as it is.
template <class Field, class... Limits>
bool first(Field& field, base::View value, Limits... limits) {
  return field.has_value() || put(field, value, limits...);
}

bool put_number(base::Bytes& field, base::View value) {
  if (value.size() > kMaxNumber) return false;
  if (field.empty()) field.assign(value.begin(), value.end());
  return true;
}

bool put_tlv(Fields& f, std::uint8_t tag, base::View value) {
  switch (tag) {
    case 0x80:
      return first(f.iccid, value);
    case 0x81:
      return first(f.previous, value);
    case 0x82:
      return put_number(f.number, value);
    case 0x83:
      return first(f.key, value);
    case 0x84:
      return first(f.transaction, value);
    case 0x85:
      return first(f.total, value);
    case 0x86:
      return first(f.offset, value);
    case 0x87:
      return first(f.data, value, std::size_t{1}, kMaxData);
    case 0x88:
      return first(f.digest, value);
    case 0x89:
      return first(f.attempts_left, value);
    case 0x8A:
      return first(f.date, value);
    case 0x8B:
      return first(f.record_state, value);
    case 0x8C:
      return first(f.max_data, value);
    case 0x8D:
      return first(f.key_state, value);
    case 0x8E:
      return first(f.version, value);
    case 0x8F:
      return f.counts.has_value() || put_counts(f.counts, value);
    case 0x90:
      return first(f.flags, value);
    case 0x91:
      return first(f.handset, value, std::size_t{8}, kMaxHandset);
    case 0x92:
      return first(f.origin, value);
    default:
      return true;
  }
}

class TlvWriter {
 public:
  explicit TlvWriter(std::uint8_t code, std::size_t size) {
    out_.reserve(size);
    out_.push_back(code);
  }

  void add(std::uint8_t tag, base::View value) {
    out_.push_back(tag);
    const std::size_t size = value.size();
    if (size > 0xFF) {
      out_.insert(out_.end(), {0x82, static_cast<std::uint8_t>(size >> 8)});
    } else if (size >= 0x80) {
      out_.push_back(0x81);
    }
    out_.push_back(static_cast<std::uint8_t>(size));
    out_.insert(out_.end(), value.begin(), value.end());
  }
  template <std::size_t N>
  void add(std::uint8_t tag, const std::optional<std::array<std::uint8_t, N>>& field) {
    if (field) add(tag, base::View(*field));
  }
  template <class T>
  requires std::is_integral_v<T>
  void add(std::uint8_t tag, const std::optional<T>& field) {
    if (field) add_number(tag, *field, sizeof(T));
  }
  void add(std::uint8_t tag, const std::optional<base::Bytes>& field) {
    if (field) add(tag, base::View(*field));
  }
  void add_number(std::uint8_t tag, std::uint64_t value, std::size_t octets) {
    std::uint8_t buffer[8];
    for (std::size_t i = 0; i < octets; ++i) {
      buffer[i] = static_cast<std::uint8_t>(value >> 8 * (octets - 1 - i));
    }
    add(tag, base::View(buffer, octets));
  }
  base::Bytes take() { return std::move(out_); }

 private:
  base::Bytes out_;
};

// Reserved at once, so that a key is never left behind in an outgrown buffer.
std::size_t size_hint(const Fields& f) {
  std::size_t size = 200 + f.number.size();
  if (f.data) size += f.data->size();
  if (f.handset) size += f.handset->size();
  return size;
}

}  // namespace

std::optional<Message> decode_message(base::View data) {
  base::Reader reader(data);
  Message message;
  message.code = reader.u8();
  if (!reader.ok()) return std::nullopt;
  while (const auto tlv = base::next_tlv(reader)) {
    if (!put_tlv(message.fields, tlv->tag, tlv->value)) return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return message;
}

base::Bytes encode_message(const Message& message) {
  const Fields& f = message.fields;
  TlvWriter out(message.code, size_hint(f));
  out.add(0x80, f.iccid);
  out.add(0x81, f.previous);
  if (!f.number.empty()) out.add(0x82, base::View(f.number));
  if (f.key) out.add(0x83, f.key->view());
  out.add(0x84, f.transaction);
  out.add(0x85, f.total);
  out.add(0x86, f.offset);
  out.add(0x87, f.data);
  out.add(0x88, f.digest);
  out.add(0x89, f.attempts_left);
  out.add(0x8A, f.date);
  out.add(0x8B, f.record_state);
  out.add(0x8C, f.max_data);
  out.add(0x8D, f.key_state);
  out.add(0x8E, f.version);
  if (f.counts) {
    out.add_number(0x8F, std::uint32_t{(*f.counts)[0]} << 16 | (*f.counts)[1], 4);
  }
  out.add(0x90, f.flags);
  out.add(0x91, f.handset);
  out.add(0x92, f.origin);
  return out.take();
}

}  // namespace bip
