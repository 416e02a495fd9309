#include "card/short_message.h"

#include "base/time.h"
#include "card/number.h"
#include "card/profile.h"
#include "card/text.h"

namespace card {
namespace {

constexpr std::uint8_t kStatusRead = 0x01, kStatusUnread = 0x03, kStatusSent = 0x05;

std::uint8_t swapped(int value) {
  return static_cast<std::uint8_t>((value % 10) << 4 | value / 10 % 10);
}

void put_address(base::Writer& tpdu, const std::string& text) {
  const Number number = parse_number(text);
  tpdu.u8(static_cast<std::uint8_t>(number.digits.size())).u8(number.ton_npi);
  tpdu.bytes(to_bcd(number.digits).value_or(base::Bytes()));
}

// Service centre time stamp, zone 0.
void put_time(base::Writer& tpdu, std::int64_t utc_ms) {
  const base::Civil civil = base::to_civil(utc_ms);
  for (int part :
       {civil.year % 100, civil.month, civil.day, civil.hour, civil.minute, civil.second, 0}) {
    tpdu.u8(swapped(part));
  }
}

struct UserData {
  std::uint8_t dcs = 0;
  std::uint8_t length = 0;  // septets or octets
  base::Bytes octets;
};

std::optional<UserData> user_data(const std::string& text) {
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

}  // namespace

std::optional<base::Bytes> sms_record(const ShortMessage& message) {
  const auto data = user_data(message.text);
  if (!data) return std::nullopt;
  base::Writer record;
  record.u8(!message.received ? kStatusSent : message.read ? kStatusRead : kStatusUnread);
  record.bytes(base::from_hex("07919471012345F6").value_or(base::Bytes()));  // service centre
  record.u8(message.received ? 0x04 : 0x01);  // DELIVER, no more messages; SUBMIT, no VP
  if (!message.received) record.u8(0x00);     // message reference
  put_address(record, message.number);
  record.u8(0x00).u8(data->dcs);
  if (message.received) put_time(record, message.utc_ms);
  record.u8(data->length).bytes(data->octets);
  base::Bytes octets = record.take();
  if (octets.size() > kSmsLength) return std::nullopt;
  octets.resize(kSmsLength, 0xFF);
  return octets;
}

}  // namespace card
