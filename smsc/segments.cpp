#include "smsc/segments.h"

#include <algorithm>

#include "base/log.h"
#include "smsc/text.h"

namespace smsc {

namespace {

constexpr std::size_t kUserData = 140;  // octets of TP-UD
constexpr std::size_t kSeptets = 160;
constexpr std::size_t kMostParts = 255;
constexpr std::uint8_t kCommandPacket = 0x70;  // IEI, TS 31.115 clause 4

// What one SMS holds, in octets on the SMPP side, behind a header of `header` octets.
std::size_t capacity(Alphabet alphabet, std::size_t header) {
  if (alphabet == Alphabet::gsm7 || alphabet == Alphabet::latin1 || alphabet == Alphabet::ascii) {
    // The SMSC packs septets behind the header and fill bits. Latin-1 is turned into septets by the
    // SMSC as well.
    return kSeptets - (header * 8 + 6) / 7;
  }
  return kUserData - header;
}

// Where a part that may hold `room` octets ends: never between an escape and what it escapes, nor
// inside a UTF-16 unit or a surrogate pair.
std::size_t end_of_part(base::View text, std::size_t start, std::size_t room, Alphabet alphabet) {
  std::size_t end = std::min(text.size(), start + room);
  if (end == text.size()) return end;
  if (alphabet == Alphabet::gsm7) {
    // An escape is never the second half of an escape.
    if (text[end - 1] == kEscape) --end;
  } else if (alphabet == Alphabet::ucs2) {
    end -= (end - start) % 2;
    const bool high = (text[end - 2] & 0xFC) == 0xD8;
    if (high) end -= 2;
  }
  return end;
}

std::vector<base::View> parts_of(base::View text, Alphabet alphabet, std::size_t room) {
  std::vector<base::View> parts;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = end_of_part(text, start, room, alphabet);
    parts.push_back(text.subspan(start, end - start));
    start = end;
  }
  return parts;
}

struct Joint {
  std::uint16_t reference = 0;
  std::uint8_t total = 1;
  std::uint8_t number = 1;
};

base::Bytes concat_element(Concat concat, const Joint& joint) {
  base::Writer out;
  if (concat == Concat::udh16) {
    out.u8(0x08).u8(4).u16(joint.reference);
  } else {
    out.u8(0x00).u8(3).u8(static_cast<std::uint8_t>(joint.reference));
  }
  return out.u8(joint.total).u8(joint.number).take();
}

base::Bytes header_of(const std::vector<base::Bytes>& elements) {
  base::Bytes header{0};
  for (const base::Bytes& element : elements) {
    header.insert(header.end(), element.begin(), element.end());
  }
  header[0] = static_cast<std::uint8_t>(header.size() - 1);
  return header;
}

Tlv number_tlv(std::uint16_t tag, std::uint16_t value, bool wide) {
  base::Writer out;
  if (wide) {
    out.u16(value);
  } else {
    out.u8(static_cast<std::uint8_t>(value));
  }
  return {tag, out.take()};
}

SubmitSm frame_of(const vault::OutgoingSms& sms, const Settings& settings) {
  SubmitSm message;
  message.service_type = settings.service_type;
  message.source = {settings.source_ton, settings.source_npi, settings.source};
  message.destination = {settings.destination_ton, settings.destination_npi, sms.to.digits()};
  message.esm_class = static_cast<std::uint8_t>(settings.message_mode & 3);
  message.validity = relative_time(sms.validity_ms);
  message.registered_delivery = settings.registered_delivery;
  const auto reference = static_cast<std::uint16_t>(sms.ref);
  if (reference != 0) {
    message.tlvs.push_back(number_tlv(tag::kUserMessageReference, reference, true));
  }
  return message;
}

void put_text(SubmitSm& message, const base::Bytes& header, base::View text) {
  if (!header.empty()) message.esm_class |= kUdhi;
  message.text = header;
  message.text.insert(message.text.end(), text.begin(), text.end());
}

SubmitSm with_sar(SubmitSm message, const Joint& joint, base::View text) {
  put_text(message, {}, text);
  message.tlvs.push_back(number_tlv(tag::kSarReference, joint.reference, true));
  message.tlvs.push_back(number_tlv(tag::kSarTotal, joint.total, false));
  message.tlvs.push_back(number_tlv(tag::kSarSequence, joint.number, false));
  return message;
}

SubmitSm with_payload(SubmitSm message, base::View text) {
  message.tlvs.push_back({tag::kMessagePayload, {text.begin(), text.end()}});
  return message;
}

base::Error too_many(std::size_t parts, std::size_t most) {
  return base::Error{base::cat("a message of ", parts, " segments, at most ", most)};
}

base::Result<std::vector<SubmitSm>> cut_text(const vault::OutgoingSms& sms,
                                             const Settings& settings) {
  const auto encoded = encode_text(sms.text, settings.default_alphabet);
  if (!encoded || encoded->octets.empty()) return base::Error{"a text that cannot be encoded"};
  SubmitSm frame = frame_of(sms, settings);
  frame.data_coding = encoded->data_coding;
  const Alphabet alphabet = encoded->alphabet;
  if (encoded->octets.size() <= capacity(alphabet, 0)) {
    put_text(frame, {}, encoded->octets);
    return std::vector<SubmitSm>{frame};
  }
  const std::size_t header = settings.concat == Concat::udh16  ? 7
                             : settings.concat == Concat::udh8 ? 6
                                                               : 0;
  // SAR and payload become concatenated SMs at the SMSC: their parts have the room of these.
  const auto parts =
      parts_of(encoded->octets, alphabet, capacity(alphabet, header == 0 ? 6 : header));
  const std::size_t most = std::min<std::size_t>(settings.max_segments, kMostParts);
  if (parts.size() > most) return too_many(parts.size(), most);
  if (settings.concat == Concat::payload) {
    return std::vector<SubmitSm>{with_payload(frame, encoded->octets)};
  }
  std::vector<SubmitSm> messages;
  Joint joint{static_cast<std::uint16_t>(sms.ref), static_cast<std::uint8_t>(parts.size()), 1};
  for (const base::View part : parts) {
    if (settings.concat == Concat::sar) {
      messages.push_back(with_sar(frame, joint, part));
    } else {
      messages.push_back(frame);
      put_text(messages.back(), header_of({concat_element(settings.concat, joint)}), part);
    }
    ++joint.number;
  }
  return messages;
}

// Element 70 stands in the first SM only (TS 31.115 clause 4); headers are the only form of
// concatenation that reaches a card.
base::Result<std::vector<SubmitSm>> cut_packet(const vault::OutgoingSms& sms,
                                               const Settings& settings) {
  SubmitSm frame = frame_of(sms, settings);
  frame.protocol_id = 0x7F;
  frame.data_coding = settings.binary_data_coding;
  const base::Bytes command{kCommandPacket, 0};
  const base::View packet = sms.packet;
  if (packet.size() + 3 <= kUserData) {
    put_text(frame, header_of({command}), packet);
    return std::vector<SubmitSm>{frame};
  }
  const Concat concat = settings.concat == Concat::udh16 ? Concat::udh16 : Concat::udh8;
  const std::size_t joint_size = concat == Concat::udh16 ? 6 : 5;
  const std::size_t first = kUserData - 3 - joint_size;
  const std::size_t next = kUserData - 1 - joint_size;
  const std::size_t total = 1 + (packet.size() - first + next - 1) / next;
  if (total > kMostParts) return too_many(total, kMostParts);
  std::vector<SubmitSm> messages;
  Joint joint{static_cast<std::uint16_t>(sms.ref), static_cast<std::uint8_t>(total), 1};
  for (std::size_t start = 0; start < packet.size(); ++joint.number) {
    const std::size_t size = std::min(packet.size() - start, start == 0 ? first : next);
    std::vector<base::Bytes> elements;
    if (start == 0) elements.push_back(command);
    elements.push_back(concat_element(concat, joint));
    messages.push_back(frame);
    put_text(messages.back(), header_of(elements), packet.subspan(start, size));
    start += size;
  }
  return messages;
}

std::string two_digits(std::int64_t value) {
  std::string text = base::cat(value);
  return text.size() < 2 ? "0" + text : text;
}

}  // namespace

base::Result<std::vector<SubmitSm>> cut(const vault::OutgoingSms& sms, const Settings& settings) {
  return sms.packet.empty() ? cut_text(sms, settings) : cut_packet(sms, settings);
}

std::string relative_time(std::int64_t ms) {
  if (ms <= 0) return {};
  constexpr std::int64_t kLongest = 63 * 7 * base::kDayMs;
  std::int64_t seconds = std::clamp(ms, base::kMinuteMs, kLongest) / base::kSecondMs;
  std::int64_t days = seconds / 86'400;
  seconds %= 86'400;
  // Years and months differ in length: 30 days are a month, 12 of them a year.
  const std::int64_t months = days / 30;
  return two_digits(months / 12) + two_digits(months % 12) + two_digits(days % 30) +
         two_digits(seconds / 3600) + two_digits(seconds / 60 % 60) + two_digits(seconds % 60) +
         "000R";
}

}  // namespace smsc
