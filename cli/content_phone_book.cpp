// Phone books of an image: EF_ADN with numbers continued in EF_EXT1, and of the USIM's book EF_ANR
// and EF_EMAIL of the same record number (TS 31.102 clauses 4.4.2.3, 4.4.2.4, 4.4.2.9, 4.4.2.13).
#include <optional>

#include "base/gsm_text.h"
#include "base/log.h"
#include "cli/content.h"

namespace cli {

namespace {

constexpr std::size_t kNumberPart = 14;  // length, TON, 10 octets of BCD, capability, EXT1
constexpr unsigned kAdnOfTelecom = 0x6F3A, kExtOfTelecom = 0x6F4A;
// Of the book's sets: first identifier, one more for each of up to eight sets.
constexpr unsigned kAdn = 0x4F3A, kAnr = 0x4F11, kEmail = 0x4F50, kExt = 0x4F4A, kSets = 8;

bool in_book(const CardFile& file) { return file.folder.ends_with("5F3A"); }

std::optional<unsigned> set_of(const CardFile& file, unsigned first) {
  if (file.id < first || file.id >= first + kSets) return std::nullopt;
  return file.id - first;
}

bool is_adn(const CardFile& file) {
  return in_book(file) ? set_of(file, kAdn).has_value() : file.id == kAdnOfTelecom;
}

// A file of the same folder.
const CardFile* beside(const std::vector<CardFile>& files, const CardFile& file, unsigned id) {
  for (const CardFile& other : files) {
    if (other.folder == file.folder && other.id == id) return &other;
  }
  return nullptr;
}

// The text says too much of itself for the field that it stands in.
bool bad_alpha(base::View field) {
  if (field.empty() || (field[0] != 0x81 && field[0] != 0x82)) return false;
  const std::size_t head = field[0] == 0x81 ? 3 : 4;
  return field.size() < head || field[1] > field.size() - head;
}

// Nothing: damaged. Empty: there is none.
std::optional<std::string> number_of(base::View part, const CardFile* extensions) {
  constexpr std::uint8_t kAdditionalData = 0x02;
  const std::size_t length = part[0];
  if (length == 0xFF || length == 0) return "";
  if (length > 11) return std::nullopt;
  std::string digits = bcd_digits(part.subspan(2, length - 1));
  unsigned next = part[13];
  // A chain that runs in a circle ends after as many steps as there are records.
  for (std::size_t step = 0; extensions != nullptr && step < extensions->records.size(); ++step) {
    const auto found = extensions->records.find(next);
    if (next == 0xFF || found == extensions->records.end()) break;
    const base::View record = found->second;
    if (record.size() < 13 || record[0] != kAdditionalData || record[1] > 10) return std::nullopt;
    digits += bcd_digits(record.subspan(2, record[1]));
    next = record[12];
  }
  if (digits.empty()) return "";
  return ((part[1] & 0x70) == 0x10 ? "+" : "") + digits;
}

std::optional<Contact> read_adn(base::View record, const CardFile* extensions, std::string& fault) {
  if (record.size() < kNumberPart) {
    fault = "too short";
    return std::nullopt;
  }
  const base::View alpha = record.first(record.size() - kNumberPart);
  if (bad_alpha(alpha)) {
    fault = "the name's length";
    return std::nullopt;
  }
  const auto number = number_of(record.last(kNumberPart), extensions);
  if (!number) {
    fault = "the number's length, or its continuation";
    return std::nullopt;
  }
  Contact contact;
  contact.name = base::decode_alpha(alpha);
  if (!number->empty()) contact.numbers.push_back(*number);
  return contact;
}

// Additional number or address of the contact with that record number; orphans are named.
void add_more(const CardFile* file, const CardFile* extensions, std::map<unsigned, Contact>& book,
              Content& content) {
  if (file == nullptr) return;
  const bool email = set_of(*file, kEmail).has_value();
  for (const auto& [number, record] : file->records) {
    const auto contact = book.find(number);
    std::string fault = contact == book.end() ? "belongs to no contact that can be read" : "";
    if (fault.empty() && email) {
      if (bad_alpha(record)) fault = "the address's length";
      const std::string address = fault.empty() ? base::decode_alpha(record) : "";
      if (!address.empty()) contact->second.emails.push_back(address);
    } else if (fault.empty()) {
      const auto more = record.size() > kNumberPart
                            ? number_of(record.subspan(1, kNumberPart), extensions)
                            : std::nullopt;
      if (!more) fault = "the additional number's length";
      if (more && !more->empty()) contact->second.numbers.push_back(*more);
    }
    if (!fault.empty()) content.damage.push_back({place_of(*file, number), fault});
  }
}

void read_book(const std::vector<CardFile>& files, const CardFile& adn, Content& content) {
  const bool book = in_book(adn);
  const CardFile* extensions = beside(files, adn, book ? kExt : kExtOfTelecom);
  std::map<unsigned, Contact> contacts;
  for (const auto& [number, record] : adn.records) {
    std::string fault;
    auto contact = read_adn(record, extensions, fault);
    if (contact) {
      contact->place = place_of(adn, number);
      contacts.emplace(number, std::move(*contact));
    } else {
      content.damage.push_back({place_of(adn, number), fault});
    }
  }
  if (book) {
    const unsigned set = adn.id - kAdn;
    add_more(beside(files, adn, kAnr + set), extensions, contacts, content);
    add_more(beside(files, adn, kEmail + set), extensions, contacts, content);
  }
  for (auto& [number, contact] : contacts) {
    const bool empty = contact.name.empty() && contact.numbers.empty() && contact.emails.empty();
    if (!empty) content.contacts.push_back(std::move(contact));
  }
}

}  // namespace

bool is_phone_book_file(const CardFile& file) {
  if (!in_book(file)) return file.id == kAdnOfTelecom || file.id == kExtOfTelecom;
  return file.id == kExt || set_of(file, kAdn) || set_of(file, kAnr) || set_of(file, kEmail);
}

void read_phone_books(const std::vector<CardFile>& files, Content& content) {
  for (const CardFile& file : files) {
    if (is_adn(file)) read_book(files, file, content);
  }
}

}  // namespace cli
