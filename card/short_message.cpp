#include "card/short_message.h"

#include "card/number.h"
#include "card/profile.h"
#include "card/sms_pp.h"
#include "card/text.h"
#include "card/tpdu.h"

namespace card {
namespace {

constexpr std::uint8_t kHasHeader = 0x40;
constexpr std::uint8_t kStatusRead = 0x01, kStatusUnread = 0x03, kStatusSent = 0x05;

struct UserData {
  std::uint8_t dcs = 0;
  std::uint8_t length = 0;  // septets or octets
  base::Bytes octets;
};

std::optional<UserData> user_data(std::string_view text) {
  const std::u32string characters = from_utf8(text);
  if (const auto gsm = to_gsm(characters)) {
    if (gsm->size() > 160) return std::nullopt;
    return UserData{0x00, static_cast<std::uint8_t>(gsm->size()), pack_septets(*gsm)};
  }
  base::Bytes ucs2 = to_ucs2(characters);
  if (ucs2.size() > 140) return std::nullopt;
  const auto length = static_cast<std::uint8_t>(ucs2.size());
  return UserData{0x08, length, std::move(ucs2)};
}

enum class Alphabet : std::uint8_t { gsm, octets, ucs2 };

// Of TS 23.038 clause 4 the general groups, marked for automatic deletion or not, and that of the
// message class; the rest counts as GSM.
Alphabet alphabet_of(std::uint8_t dcs) {
  if ((dcs & 0x80) == 0x00) {
    return (dcs & 0x0C) == 0x08   ? Alphabet::ucs2
           : (dcs & 0x0C) == 0x04 ? Alphabet::octets
                                  : Alphabet::gsm;
  }
  if ((dcs & 0xF0) == 0xF0) return (dcs & 0x04) != 0 ? Alphabet::octets : Alphabet::gsm;
  return (dcs & 0xF0) == 0xE0 ? Alphabet::ucs2 : Alphabet::gsm;
}

std::string latin1(base::View octets) {
  return to_utf8(std::u32string(octets.begin(), octets.end()));
}

// UDL counts septets in GSM 7 bit, also those of the header with its fill bits.
std::optional<std::string> text_of(base::View data, std::size_t length, std::size_t header,
                                   Alphabet alphabet) {
  if (alphabet != Alphabet::gsm) {
    if (length != data.size() || header > length) return std::nullopt;
    const base::View text = data.subspan(header);
    return alphabet == Alphabet::ucs2 ? to_utf8(from_ucs2(text)) : latin1(text);
  }
  if ((length * 7 + 7) / 8 != data.size()) return std::nullopt;
  const std::size_t skipped = (header * 8 + 6) / 7;
  if (skipped > length) return std::nullopt;
  const base::Bytes septets = unpack_septets(data, length);
  return to_utf8(from_gsm(base::View(septets).subspan(skipped)));
}

base::Writer& put_text(base::Writer& tpdu, const UserData& data) {
  return tpdu.u8(data.length).bytes(data.octets);
}

}  // namespace

std::optional<base::Bytes> sms_record(const ShortMessage& message) {
  const auto data = user_data(message.text);
  if (!data) return std::nullopt;
  base::Writer record;
  record.u8(!message.received ? kStatusSent : message.read ? kStatusRead : kStatusUnread);
  record.bytes(base::from_hex("07919471012345F6").value_or(base::Bytes()));  // service centre
  record.u8(message.received ? 0x04 : 0x01);  // DELIVER, no more messages; SUBMIT, no VP
  if (!message.received) record.u8(0x00);     // message reference
  tpdu::put_address(record, parse_number(message.number));
  record.u8(0x00).u8(data->dcs);
  if (message.received) tpdu::put_time(record, message.utc_ms);
  put_text(record, *data);
  base::Bytes octets = record.take();
  if (octets.size() > kSmsLength) return std::nullopt;
  octets.resize(kSmsLength, 0xFF);
  return octets;
}

std::optional<ReceivedText> decode_text(base::View tpdu) {
  base::Reader reader(tpdu);
  const std::uint8_t first = reader.u8();
  const auto from = tpdu::take_address(reader);
  if ((first & 0x03) != 0 || !from) return std::nullopt;
  ReceivedText text;
  text.from = *from;
  reader.u8();  // PID
  const std::uint8_t dcs = reader.u8();
  reader.take(tpdu::kTimeSize);
  const std::size_t length = reader.u8();
  const base::View data = reader.rest();
  if (!reader.ok() || data.size() > 140) return std::nullopt;
  std::size_t header = 0;
  if ((first & kHasHeader) != 0) {
    const auto part = read_part(data);
    if (!part) return std::nullopt;
    text.reference = part->reference;
    text.total = part->total;
    text.number = part->number;
    header = data.size() - part->rest.size();
  }
  auto decoded = text_of(data, length, header, alphabet_of(dcs));
  if (!decoded) return std::nullopt;
  text.text = std::move(*decoded);
  return text;
}

std::optional<base::Bytes> encode_text(const Number& to, std::string_view text) {
  const auto data = user_data(text);
  if (!data || to.digits.empty()) return std::nullopt;
  base::Writer tpdu;
  tpdu.u8(0x01).u8(0x00);  // SUBMIT, no VP; message reference
  tpdu::put_address(tpdu, to);
  tpdu.u8(0x00).u8(data->dcs);
  return put_text(tpdu, *data).take();
}

std::optional<base::Bytes> encode_text_deliver(const Number& from, std::string_view text,
                                               std::int64_t utc_ms) {
  const auto data = user_data(text);
  if (!data) return std::nullopt;
  base::Writer tpdu;
  tpdu.u8(0x04);  // DELIVER, no more messages
  tpdu::put_address(tpdu, from);
  tpdu.u8(0x00).u8(data->dcs);
  tpdu::put_time(tpdu, utc_ms);
  return put_text(tpdu, *data).take();
}

}  // namespace card
