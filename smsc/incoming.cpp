#include "smsc/incoming.h"

#include <algorithm>

#include "smsc/text.h"

namespace smsc {

namespace {

constexpr std::size_t kSendersRemembered = 10'000;
constexpr std::uint8_t kInternational = 1;

std::uint16_t number_of(const DeliverSm& message, std::uint16_t tag) {
  const Tlv* const tlv = message.find(tag);
  std::uint32_t value = 0;
  if (tlv == nullptr || tlv->value.size() > 2) return 0;
  for (const std::uint8_t octet : tlv->value) value = value << 8 | octet;
  return static_cast<std::uint16_t>(value);
}

void set_parts(UserDataHeader& header, std::uint16_t reference, int parts, int part) {
  if (parts < 2 || part < 1 || part > parts) return;
  header.reference = reference;
  header.parts = parts;
  header.part = part;
}

void put_field(base::Writer& out, base::View value) {
  out.u32(static_cast<std::uint32_t>(value.size())).bytes(value);
}

base::Sha256 key_of(const DeliverSm& message) {
  base::Writer out;
  put_field(out, base::as_bytes(message.source.digits));
  put_field(out, base::as_bytes(message.destination.digits));
  out.u8(message.esm_class & kUdhi).u8(message.protocol_id).u8(message.data_coding);
  out.u16(number_of(message, tag::kSarReference)).u16(number_of(message, tag::kSarSequence));
  put_field(out, message.content());
  return base::sha256(out.view());
}

}  // namespace

std::optional<vault::Msisdn> subscriber_number(const Address& address) {
  // Under "international" leading zeros are no prefix.
  if (address.ton == kInternational && !address.digits.starts_with('+')) {
    return vault::Msisdn::from_text("+" + address.digits);
  }
  return vault::Msisdn::from_text(address.digits);
}

std::optional<UserDataHeader> read_user_data_header(base::View user_data) {
  base::Reader outer(user_data);
  base::Reader reader(outer.take(outer.u8()));
  if (!outer.ok()) return std::nullopt;
  UserDataHeader header;
  header.size = outer.position();
  while (!reader.at_end()) {
    const std::uint8_t element = reader.u8();
    base::Reader value(reader.take(reader.u8()));
    if (!reader.ok()) break;  // what was read so far stands
    if (element >= 0x70 && element <= 0x7F) header.secured = true;
    if (element != 0x00 && element != 0x08) continue;
    const std::uint16_t reference = element == 0x08 ? value.u16() : value.u8();
    const int parts = value.u8();
    const int part = value.u8();
    if (value.at_end()) set_parts(header, reference, parts, part);
  }
  return header;
}

base::Sha256 Marks::mark(const DeliverSm& message, bool part_of_many, std::int64_t window_ms,
                         base::Now now) {
  const base::Sha256 key = key_of(message);
  const std::int64_t window = std::max<std::int64_t>(window_ms, 1);
  const std::int64_t period = now.utc_ms / window;
  base::Writer out;
  out.bytes(key).u64(static_cast<std::uint64_t>(period));
  // Parts have a reference of their own: nobody sends the same one twice by intention.
  if (part_of_many) return base::sha256(out.view());
  const auto [found, fresh] = senders_.try_emplace(message.source.digits);
  Sender& sender = found->second;
  if (fresh) {
    order_.push_back(message.source.digits);
    if (order_.size() > kSendersRemembered) {
      senders_.erase(order_.front());
      order_.pop_front();
    }
  } else if (sender.last_key == key && now.mono_ms - sender.last_at < window) {
    return sender.last_mark;
  }
  sender.changes = sender.period == period ? sender.changes + 1 : 0;
  sender.period = period;
  // The first one of a period has the same mark at every instance.
  if (sender.changes > 0) out.u32(sender.changes);
  sender.last_key = key;
  sender.last_at = now.mono_ms;
  sender.last_mark = base::sha256(out.view());
  return sender.last_mark;
}

vault::IncomingSms read_incoming(const DeliverSm& message, const Settings& settings,
                                 base::Now now) {
  vault::IncomingSms sms;
  sms.smsc = settings.name;
  sms.from = subscriber_number(message.source);
  sms.to = message.destination.digits;
  sms.at = sms.next_at = now.utc_ms;
  const base::View content = message.content();
  UserDataHeader header;
  if ((message.esm_class & kUdhi) != 0) {
    header = read_user_data_header(content).value_or(UserDataHeader{});
  }
  set_parts(header, number_of(message, tag::kSarReference), number_of(message, tag::kSarTotal),
            number_of(message, tag::kSarSequence));
  sms.reference = header.reference;
  sms.parts = header.parts;
  sms.part = header.part;
  const Coding coding = coding_of(message.data_coding);
  sms.binary = coding == Coding::binary || header.secured;
  if (sms.binary) {
    sms.user_data.assign(content.begin(), content.end());
  } else {
    sms.text = decode_text(content.subspan(header.size), coding, settings.default_alphabet);
  }
  return sms;
}

}  // namespace smsc
