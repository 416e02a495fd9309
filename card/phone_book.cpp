#include "card/phone_book.h"

#include <algorithm>

#include "card/number.h"
#include "card/profile.h"
#include "card/text.h"

namespace card {
namespace {

constexpr std::size_t kDigitsInRecord = 20;
constexpr std::uint8_t kAdditionalData = 0x02;
constexpr std::size_t kLengthAt = 0, kTonAt = 1, kDigitsAt = 2, kExtAt = 13;  // of the number part

void read_pbr_files(base::View body, PbrSet& set) {
  base::Reader reader(body);
  while (const auto file = base::next_tlv(reader)) {
    base::Reader value(file->value);
    const std::uint16_t fid = value.u16();
    if (!value.ok()) continue;
    switch (file->tag) {
      case 0xC0:
        set.adn = fid;
        break;
      case 0xC2:
        set.ext1 = fid;
        break;
      case 0xC4:
        set.anr = set.anr.value_or(fid);
        break;
      case 0xCA:
        set.email = set.email.value_or(fid);
        break;
      default:
        break;
    }
  }
}

// TON/NPI, digits and EXT1 reference of a number whose first 20 digits are `bcd`.
base::Bytes number_part(std::uint8_t ton_npi, base::View bcd, std::uint8_t ext_record) {
  base::Bytes part(kNumberPart, 0xFF);
  part[kLengthAt] = static_cast<std::uint8_t>(1 + bcd.size());
  part[kTonAt] = ton_npi;
  std::copy(bcd.begin(), bcd.end(), part.begin() + kDigitsAt);
  part[kExtAt] = ext_record;
  return part;
}

std::size_t first_free(const File& file) {
  for (std::size_t n = 1; n <= file.records(); ++n) {
    if (file.record_free(n)) return n;
  }
  return 0;
}

base::Bytes extension(base::View bcd) {
  base::Bytes record(13, 0xFF);
  record[0] = kAdditionalData;
  record[1] = static_cast<std::uint8_t>(bcd.size());
  std::copy(bcd.begin(), bcd.end(), record.begin() + 2);
  return record;
}

}  // namespace

std::optional<PbrSet> parse_pbr(base::View record) {
  PbrSet set;
  const auto padding =
      std::find_if(record.rbegin(), record.rend(), [](std::uint8_t o) { return o != 0xFF; });
  base::Reader reader(record.first(static_cast<std::size_t>(record.rend() - padding)));
  while (const auto group = base::next_tlv(reader)) {
    if (group->tag == 0xA8 || group->tag == 0xAA) read_pbr_files(group->value, set);
  }
  if (!reader.ok() || set.adn == 0) return std::nullopt;
  return set;
}

std::vector<PbrSet> PhoneBook::sets() const {
  std::vector<PbrSet> all;
  const File* pbr = files_.find(path::phone_book(fid::kPbr));
  for (std::size_t n = 1; pbr && n <= pbr->records(); ++n) {
    if (const auto set = parse_pbr(pbr->record(n))) all.push_back(*set);
  }
  return all;
}

std::optional<PhoneBook::Place> PhoneBook::free_place() const {
  for (const PbrSet& set : sets()) {
    const File* adn = files_.find(path::phone_book(set.adn));
    const std::size_t record = adn ? first_free(*adn) : 0;
    if (record != 0) return Place{set, record};
  }
  return std::nullopt;
}

bool PhoneBook::add(const Contact& contact) {
  const auto place = free_place();
  const Number number = parse_number(contact.number);
  const Number additional = parse_number(contact.additional);
  const auto bcd = to_bcd(number.digits), more = to_bcd(additional.digits);
  if (!place || !bcd || !more || number.digits.size() > 2 * kDigitsInRecord ||
      additional.digits.size() > kDigitsInRecord) {
    return false;
  }
  File& adn = *files_.find(path::phone_book(place->set.adn));
  const auto name = encode_alpha(contact.name, adn.record_length() - kNumberPart);
  File* email = place->set.email ? files_.find(path::phone_book(*place->set.email)) : nullptr;
  const auto address = email ? encode_alpha(contact.email, email->record_length()) : base::Bytes();
  if (!name || !address) return false;

  std::uint8_t ext_record = 0xFF;
  const base::View first = base::View(*bcd).first(std::min<std::size_t>(bcd->size(), 10));
  if (bcd->size() > 10) {
    File* ext = place->set.ext1 ? files_.find(path::phone_book(*place->set.ext1)) : nullptr;
    const std::size_t free = ext ? first_free(*ext) : 0;
    if (free == 0) return false;
    ext->update(free, extension(base::View(*bcd).subspan(10)));
    ext_record = static_cast<std::uint8_t>(free);
  }
  base::Bytes record = *name;
  const base::Bytes part = number_part(number.ton_npi, first, ext_record);
  record.insert(record.end(), part.begin(), part.end());
  adn.update(place->record, record);
  File* anr = place->set.anr ? files_.find(path::phone_book(*place->set.anr)) : nullptr;
  if (anr && !more->empty()) {
    base::Bytes entry{0x00};
    const base::Bytes tail = number_part(additional.ton_npi, *more, 0xFF);
    entry.insert(entry.end(), tail.begin(), tail.end());
    anr->update(place->record, entry);
  }
  if (email && !contact.email.empty()) email->update(place->record, *address);
  return true;
}

std::string PhoneBook::number_of(const PbrSet& set, base::View part) const {
  const std::size_t length = part[kLengthAt];
  if (length < 1 || length > 11) return {};
  Number number{part[kTonAt], from_bcd(part.subspan(kDigitsAt, length - 1))};
  const File* ext = set.ext1 ? files_.find(path::phone_book(*set.ext1)) : nullptr;
  std::size_t next = part[kExtAt];
  // A chain that runs in a circle ends after as many steps as there are records.
  for (std::size_t step = 0; ext && step < ext->records(); ++step) {
    const base::View record = ext->record(next);
    if (record.size() < 13 || record[0] != kAdditionalData || record[1] > 10) break;
    number.digits += from_bcd(record.subspan(2, record[1]));
    next = record[12];
  }
  return to_string(number);
}

std::vector<Contact> PhoneBook::contacts() const {
  std::vector<Contact> all;
  for (const PbrSet& set : sets()) {
    const File* adn = files_.find(path::phone_book(set.adn));
    const File* anr = set.anr ? files_.find(path::phone_book(*set.anr)) : nullptr;
    const File* email = set.email ? files_.find(path::phone_book(*set.email)) : nullptr;
    for (std::size_t n = 1; adn && n <= adn->records(); ++n) {
      if (adn->record_free(n) || adn->record_length() < kNumberPart) continue;
      const base::View record = adn->record(n);
      const std::size_t alpha = record.size() - kNumberPart;
      Contact contact;
      contact.name = decode_alpha(record.first(alpha));
      contact.number = number_of(set, record.subspan(alpha));
      if (anr && !anr->record_free(n) && anr->record_length() > kNumberPart) {
        contact.additional = number_of(set, anr->record(n).subspan(1, kNumberPart));
      }
      if (email && !email->record(n).empty()) contact.email = decode_alpha(email->record(n));
      all.push_back(std::move(contact));
    }
  }
  return all;
}

std::size_t count_used(const File& file) {
  std::size_t used = 0;
  for (std::size_t n = 1; n <= file.records(); ++n) used += file.record_free(n) ? 0 : 1;
  return used;
}

std::size_t count_contacts(const FileSystem& files) {
  std::size_t used = 0;
  if (const File* adn = files.find(path::telecom(fid::kAdn2g))) used += count_used(*adn);
  const File* pbr = files.find(path::phone_book(fid::kPbr));
  for (std::size_t n = 1; pbr && n <= pbr->records(); ++n) {
    const auto set = parse_pbr(pbr->record(n));
    const File* adn = set ? files.find(path::phone_book(set->adn)) : nullptr;
    if (adn) used += count_used(*adn);
  }
  return used;
}

base::Bytes own_number(const FileSystem& files) {
  for (const Path& path : {path::usim(fid::kMsisdn), path::telecom(fid::kMsisdn)}) {
    const File* file = files.find(path);
    const base::View record = file ? file->record(1) : base::View();
    if (record.size() < kNumberPart) continue;
    const base::View part = record.last(kNumberPart);
    if (part[kLengthAt] < 2 || part[kLengthAt] > 11) continue;
    const base::View number = part.subspan(kTonAt, part[kLengthAt]);
    return {number.begin(), number.end()};
  }
  return {};
}

}  // namespace card
