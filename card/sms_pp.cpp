#include "card/sms_pp.h"

#include "card/tpdu.h"

namespace card {
namespace {

constexpr std::uint8_t kDeliver = 0x00, kSubmit = 0x01, kTypeMask = 0x03, kHeader = 0x40,
                       kNoMoreMessages = 0x04;
constexpr std::uint8_t kDownload = 0x7F, kBinaryForCard = 0xF6;
constexpr std::uint8_t kCommandElement = 0x70, kParts8 = 0x00, kParts16 = 0x08;
constexpr std::size_t kMostUserData = 140;

void put_user_data(base::Writer& tpdu, base::View user_data) {
  tpdu.u8(static_cast<std::uint8_t>(user_data.size())).bytes(user_data);
}

// UDL and UD at the end of a TPDU, 8-bit.
bool take_user_data(base::Reader& reader, Delivered& message) {
  const base::View data = reader.take(reader.u8());
  if (!reader.at_end() || data.size() > kMostUserData) return false;
  message.user_data.assign(data.begin(), data.end());
  return true;
}

}  // namespace

std::optional<Delivered> decode_deliver(base::View tpdu) {
  base::Reader reader(tpdu);
  const std::uint8_t first = reader.u8();
  const auto originator = tpdu::take_address(reader);
  if (!originator || (first & kTypeMask) != kDeliver) return std::nullopt;
  Delivered message;
  message.originator = *originator;
  message.has_header = (first & kHeader) != 0;
  message.pid = reader.u8();
  message.dcs = reader.u8();
  reader.take(tpdu::kTimeSize);
  if (!take_user_data(reader, message)) return std::nullopt;
  return message;
}

std::optional<base::Bytes> encode_deliver(const Number& originator, base::View user_data,
                                          std::int64_t utc_ms) {
  if (user_data.size() > kMostUserData) return std::nullopt;
  base::Writer tpdu;
  tpdu.u8(kDeliver | kNoMoreMessages | kHeader);
  tpdu::put_address(tpdu, originator);
  tpdu.u8(kDownload).u8(kBinaryForCard);
  tpdu::put_time(tpdu, utc_ms);
  put_user_data(tpdu, user_data);
  return tpdu.take();
}

std::optional<base::Bytes> encode_submit(const Number& destination, base::View user_data) {
  if (destination.digits.empty() || user_data.size() > kMostUserData) return std::nullopt;
  base::Writer tpdu;
  tpdu.u8(kSubmit | kHeader).u8(0x00);
  tpdu::put_address(tpdu, destination);
  tpdu.u8(0x00).u8(kBinaryForCard);
  put_user_data(tpdu, user_data);
  return tpdu.take();
}

std::optional<Delivered> decode_submit(base::View tpdu) {
  base::Reader reader(tpdu);
  const std::uint8_t first = reader.u8();
  reader.u8();  // message reference
  const auto destination = tpdu::take_address(reader);
  if (!destination || destination->digits.empty() || (first & kTypeMask) != kSubmit)
    return std::nullopt;
  if ((first & 0x18) != 0) return std::nullopt;  // with a validity period: not ours
  Delivered message;
  message.originator = *destination;
  message.has_header = (first & kHeader) != 0;
  message.pid = reader.u8();
  message.dcs = reader.u8();
  if (!take_user_data(reader, message)) return std::nullopt;
  return message;
}

bool for_card(const Delivered& message) {
  const bool class_2 = message.dcs == kBinaryForCard || message.dcs == 0x16 || message.dcs == 0x56;
  return message.pid == kDownload && class_2;
}

std::optional<Part> read_part(base::View user_data) {
  base::Reader reader(user_data);
  base::Reader header(reader.take(reader.u8()));
  Part part;
  while (header.ok() && header.left() > 0) {
    const std::uint8_t element = header.u8();
    base::Reader value(header.take(header.u8()));
    if (element == kCommandElement) part.command = true;
    if (element != kParts8 && element != kParts16) continue;
    part.reference = element == kParts8 ? value.u8() : value.u16();
    part.total = value.u8();
    part.number = value.u8();
    if (!value.ok() || part.number == 0 || part.number > part.total) return std::nullopt;
  }
  if (!reader.ok() || !header.ok()) return std::nullopt;
  part.rest = reader.rest();
  return part;
}

std::optional<base::Bytes> Parts::add(const std::string& from, const Part& part,
                                      base::View content) {
  if (part.total == 1) return base::Bytes(content.begin(), content.end());
  if (from != from_ || part.reference != reference_ || part.total != total_) {
    parts_.clear();
    from_ = from;
    reference_ = part.reference;
    total_ = part.total;
  }
  parts_.emplace(part.number, base::Bytes(content.begin(), content.end()));
  if (parts_.size() < total_) return std::nullopt;
  base::Bytes whole;
  for (const auto& [number, octets] : parts_) {
    whole.insert(whole.end(), octets.begin(), octets.end());
  }
  parts_.clear();
  total_ = 0;
  return whole;
}

base::Bytes response_user_data(base::View response_packet) {
  return base::Writer().u8(0x02).u8(0x71).u8(0x00).bytes(response_packet).take();
}

}  // namespace card
