#include "card/tlv.h"

namespace card {
namespace {

constexpr std::uint8_t kLongTag = 0x7F;

// A tag on the wire without its CR bit.
std::uint16_t bare(std::uint16_t wire_tag) {
  return static_cast<std::uint16_t>(wire_tag > 0xFF ? wire_tag & 0x7FFF : wire_tag & 0x7F);
}

std::optional<std::uint16_t> read_tag(base::Reader& reader) {
  const std::uint8_t first = reader.u8();
  if ((first & 0x7F) == kLongTag) {
    // Kept apart from the one-octet tags by a value above FF; b16 is the CR bit.
    const std::uint16_t number = reader.u16();
    if (first != kLongTag || (number & 0x7FFF) <= 0xFF) return std::nullopt;
    return number;
  }
  if ((first & 0x7F) == 0) return std::nullopt;
  return first;
}

}  // namespace

std::optional<ObjectList> ObjectList::parse(base::View data) {
  ObjectList list;
  base::Reader reader(data);
  while (reader.ok() && !reader.at_end()) {
    const auto wire_tag = read_tag(reader);
    const base::View value = reader.take(reader.ber_length());
    if (!wire_tag || !reader.ok()) return std::nullopt;
    list.add(*wire_tag, value);
  }
  return list;
}

ObjectList& ObjectList::add(std::uint16_t tag_with_cr, base::View value) {
  objects_.push_back({tag_with_cr, base::Bytes(value.begin(), value.end())});
  return *this;
}

ObjectList& ObjectList::add(std::uint16_t tag_with_cr, std::initializer_list<std::uint8_t> value) {
  objects_.push_back({tag_with_cr, base::Bytes(value)});
  return *this;
}

ObjectList& ObjectList::add(const ObjectList& others) {
  objects_.insert(objects_.end(), others.objects_.begin(), others.objects_.end());
  return *this;
}

std::optional<base::View> ObjectList::find(std::uint16_t tag_without_cr, std::size_t nth) const {
  for (const Object& object : objects_) {
    if (bare(object.tag) == tag_without_cr && nth-- == 0) return base::View(object.value);
  }
  return std::nullopt;
}

std::span<std::uint8_t> ObjectList::find_mutable(std::uint16_t tag_without_cr) {
  for (Object& object : objects_) {
    if (bare(object.tag) == tag_without_cr) return object.value;
  }
  return {};
}

void ObjectList::drop_front(std::size_t count) {
  objects_.erase(objects_.begin(),
                 objects_.begin() + static_cast<std::ptrdiff_t>(std::min(count, objects_.size())));
}

base::Bytes ObjectList::encode() const {
  base::Writer writer;
  for (const Object& object : objects_) {
    if (object.tag > 0xFF) {
      writer.u8(kLongTag).u16(object.tag).ber_length(object.value.size()).bytes(object.value);
    } else {
      writer.tlv(static_cast<std::uint8_t>(object.tag), object.value);
    }
  }
  return writer.take();
}

base::Bytes wrap_ber(std::uint8_t outer_tag, base::View body) {
  return base::Writer().tlv(outer_tag, body).take();
}

std::optional<base::View> unwrap_ber(base::View data, std::uint8_t& outer_tag) {
  base::Reader reader(data);
  const auto tlv = base::next_tlv(reader);
  if (!tlv || !reader.at_end()) return std::nullopt;
  outer_tag = tlv->tag;
  return tlv->value;
}

}  // namespace card
