// Short messages of an image: records of EF_SMS (TS 31.102 clause 4.2.25) with SMS-DELIVER or
// SMS-SUBMIT (TS 23.040 clauses 9.2.2.1, 9.2.2.2).
#include <algorithm>
#include <iterator>
#include <optional>

#include "base/gsm_text.h"
#include "base/log.h"
#include "cli/content.h"

namespace cli {

namespace {

constexpr std::size_t kMostUserData = 140;

// Address with its length in semi-octets: digits, or a name in GSM 7 bit.
std::string read_address(base::Reader& reader) {
  const std::size_t digits = reader.u8();
  const std::uint8_t ton = reader.u8();
  if (digits > 20) reader.fail();
  const base::View octets = reader.take((digits + 1) / 2);
  if (!reader.ok()) return "";
  if ((ton & 0x70) == 0x50) {
    return base::to_utf8(base::from_gsm(base::unpack_septets(octets, digits * 4 / 7)));
  }
  return ((ton & 0x70) == 0x10 ? "+" : "") + bcd_digits(octets).substr(0, digits);
}

// Service centre time stamp: local time, and its distance from UTC in quarters of an hour. Empty:
// not a date.
std::string read_time(base::View stamp) {
  int part[7];
  for (std::size_t i = 0; i < 7; ++i) {
    const int low = stamp[i] & 0x0F;
    const int high = stamp[i] >> 4;
    const int tens = i == 6 ? low & 0x07 : low;
    if (tens > 9 || high > 9) return "";
    part[i] = tens * 10 + high;
  }
  if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 ||
      part[5] > 59) {
    return "";
  }
  const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const char* sign = (stamp[6] & 0x08) != 0 ? "-" : "+";
  return base::cat("20", two(part[0]), "-", two(part[1]), "-", two(part[2]), "T", two(part[3]), ":",
                   two(part[4]), ":", two(part[5]), sign, two(part[6] / 4), ":",
                   two(part[6] % 4 * 15));
}

enum class Alphabet : std::uint8_t { gsm, octets, ucs2, compressed };

// TS 23.038 clause 4: general groups and message class; reserved codings count as GSM.
Alphabet alphabet_of(std::uint8_t dcs) {
  constexpr std::uint8_t kCompressed = 0x20;  // TS 23.042
  const int of_group = (dcs & 0x0C) >> 2;
  if ((dcs & 0x80) == 0x00 && (dcs & kCompressed) != 0) return Alphabet::compressed;
  if ((dcs & 0x80) == 0x00) {
    return of_group == 2 ? Alphabet::ucs2 : of_group == 1 ? Alphabet::octets : Alphabet::gsm;
  }
  if ((dcs & 0xF0) == 0xF0) return (dcs & 0x04) != 0 ? Alphabet::octets : Alphabet::gsm;
  return (dcs & 0xF0) == 0xE0 ? Alphabet::ucs2 : Alphabet::gsm;
}

// National languages by which a text is coded (TS 23.038 clause 6.2.1.2.4); 0: none.
struct Shifts {
  unsigned single = 0;   // of the pairs that an escape begins
  unsigned locking = 0;  // of all other characters
};

std::string language_name(unsigned language) {
  constexpr const char* kNames[] = {"Turkish", "Spanish", "Portuguese", "Bengali", "Gujarati",
                                    "Hindi",   "Kannada", "Malayalam",  "Oriya",   "Punjabi",
                                    "Tamil",   "Telugu",  "Urdu"};
  if (language > std::size(kNames)) return base::cat("language ", language);
  return kNames[language - 1];
}

// Concatenation, 8 or 16 bits of reference, and the languages' tables (TS 23.040 clauses
// 9.2.3.24.1, 9.2.3.24.8, 9.2.3.24.15, 9.2.3.24.16).
Shifts read_header(base::View header, Message& message) {
  constexpr std::uint8_t kParts = 0x00, kPartsWide = 0x08, kSingle = 0x24, kLocking = 0x25;
  Shifts shifts;
  base::Reader reader(header);
  while (const auto element = base::next_tlv(reader)) {
    const bool shift = element->tag == kSingle || element->tag == kLocking;
    if (shift && element->value.size() == 1) {
      (element->tag == kSingle ? shifts.single : shifts.locking) = element->value[0];
    }
    const bool wide = element->tag == kPartsWide;
    if ((element->tag != kParts && !wide) || element->value.size() != (wide ? 4 : 3)) continue;
    const base::View parts = element->value.last(2);
    if (parts[0] == 0 || parts[1] == 0 || parts[1] > parts[0]) continue;
    message.parts = parts[0];
    message.part = parts[1];
  }
  return shifts;
}

// Wrong letters would be worse than none: what needs a language's own table is given as it is.
std::string gsm_text(base::View septets, const Shifts& shifts) {
  constexpr std::uint8_t kEscape = 0x1B;
  const bool escapes = std::find(septets.begin(), septets.end(), kEscape) != septets.end();
  const unsigned language = shifts.locking != 0 ? shifts.locking : escapes ? shifts.single : 0;
  if (language == 0) return base::to_utf8(base::from_gsm(septets));
  return base::cat("(septets in the table of ", language_name(language), ", not read here) ",
                   base::to_hex(septets));
}

// UDL counts septets in GSM 7 bit, also those of the header with its fill bits; octets otherwise.
bool read_user_data(base::Reader& reader, bool has_header, std::uint8_t dcs, Message& message) {
  const std::size_t length = reader.u8();
  const Alphabet alphabet = alphabet_of(dcs);
  const std::size_t octets = alphabet == Alphabet::gsm ? (length * 7 + 7) / 8 : length;
  const base::View data = reader.take(octets);
  if (!reader.ok() || octets > kMostUserData) return false;
  std::size_t header = 0;
  Shifts shifts;
  if (has_header) {
    header = data.empty() ? 1 : 1 + std::size_t{data[0]};
    if (header > data.size()) return false;
    shifts = read_header(data.subspan(1, header - 1), message);
  }
  const base::View coded = data.subspan(header);
  if (alphabet == Alphabet::ucs2) {
    message.text = base::to_utf8(base::from_ucs2(coded));
  } else if (alphabet == Alphabet::octets) {
    message.text = "(binary) " + base::to_hex(coded);
  } else if (alphabet == Alphabet::compressed) {
    message.text = "(compressed, not read here) " + base::to_hex(coded);
  } else {
    const base::Bytes septets = base::unpack_septets(data, length);
    const std::size_t skipped = (header * 8 + 6) / 7;
    if (skipped > septets.size()) return false;
    message.text = gsm_text(base::View(septets).subspan(skipped), shifts);
  }
  return true;
}

// Empty: done; else what is wrong.
std::string read_tpdu(base::Reader& reader, Message& message) {
  constexpr std::uint8_t kHasHeader = 0x40;
  const std::uint8_t first = reader.u8();
  const int type = first & 0x03;
  if (type > 1) return "no message that came or went";
  message.received = type == 0;
  if (!message.received) reader.u8();  // reference
  message.number = read_address(reader);
  reader.u8();  // protocol identifier
  const std::uint8_t dcs = reader.u8();
  if (message.received) {
    const base::View stamp = reader.take(7);
    if (reader.ok()) message.date = read_time(stamp);
  } else {
    constexpr std::size_t kValidity[] = {0, 7, 1, 7};  // by its format: none, enhanced, relative...
    reader.take(kValidity[first >> 3 & 0x03]);
  }
  if (!reader.ok()) return "cut off";
  return read_user_data(reader, (first & kHasHeader) != 0, dcs, message) ? "" : "its text's length";
}

}  // namespace

void read_messages(const CardFile& file, Content& content) {
  constexpr std::uint8_t kUsed = 0x01, kUnread = 0x02;
  for (const auto& [number, record] : file.records) {
    base::Reader reader(record);
    const std::uint8_t status = reader.u8();
    if ((status & kUsed) == 0) continue;  // free, whatever stands in it
    reader.take(reader.u8());             // service centre
    Message message;
    message.place = place_of(file, number);
    message.read = (status & kUnread) == 0;
    const std::string fault = read_tpdu(reader, message);
    if (fault.empty()) {
      content.messages.push_back(std::move(message));
    } else {
      content.damage.push_back({message.place, fault});
    }
  }
}

}  // namespace cli
