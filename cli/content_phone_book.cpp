// Phone books of an image: EF_ADN with numbers continued in EF_EXT1, and of the USIM's book EF_ANR
// and EF_EMAIL, which belong to the contact of the same record number (type 1) or to the one that
// they name at their end (type 2; TS 31.102 clauses 4.4.2.1, 4.4.2.3, 4.4.2.4, 4.4.2.9, 4.4.2.13).
#include <algorithm>
#include <optional>
#include <set>

#include "base/gsm_text.h"
#include "base/log.h"
#include "cli/content.h"

namespace cli {

namespace {

constexpr std::size_t kNumberPart = 14;  // length, TON, 10 octets of BCD, capability, EXT1
constexpr std::size_t kExtension = 13;   // octets of a record of EF_EXT1
constexpr std::size_t kLink = 2;  // at the end of a type 2 record: SFI and record of its EF_ADN
constexpr std::size_t kLongestAnr = 1 + kNumberPart + kLink;
constexpr unsigned kAdnOfTelecom = 0x6F3A, kExtOfTelecom = 0x6F4A;
// Of the book's sets: first identifier, one more for each of up to eight sets.
constexpr unsigned kAdn = 0x4F3A, kAnr = 0x4F11, kEmail = 0x4F50, kExt = 0x4F4A, kSets = 8;

enum class Kind : std::uint8_t { other, adn, ext, anr, email };

bool in_book(const CardFile& file) { return file.folder.ends_with("5F3A"); }

bool one_of(unsigned id, unsigned first) { return id >= first && id < first + kSets; }

std::size_t longest(const CardFile& file) {
  std::size_t size = 0;
  for (const auto& [number, record] : file.records) size = std::max(size, record.size());
  return size;
}

// By the identifiers that cards use. Some have other files where most have EF_ANR (the test cards
// of TS.48 EF_EXT1 and an EF_EMAIL): the length of its records tells.
Kind kind_of(const CardFile& file) {
  if (!in_book(file)) {
    return file.id == kAdnOfTelecom   ? Kind::adn
           : file.id == kExtOfTelecom ? Kind::ext
                                      : Kind::other;
  }
  if (one_of(file.id, kAdn)) return Kind::adn;
  if (one_of(file.id, kEmail)) return Kind::email;
  const bool in_place_of_anr = one_of(file.id, kAnr);
  if (file.id == kExt || (in_place_of_anr && longest(file) == kExtension)) return Kind::ext;
  return in_place_of_anr && longest(file) <= kLongestAnr ? Kind::anr : Kind::other;
}

std::vector<const CardFile*> select(const std::vector<CardFile>& files, const std::string& folder,
                                    Kind kind) {
  std::vector<const CardFile*> found;
  for (const CardFile& file : files) {
    if (file.folder == folder && kind_of(file) == kind) found.push_back(&file);
  }
  return found;
}

// The text says too much of itself for the field that it stands in.
bool bad_alpha(base::View field) {
  if (field.empty() || (field[0] != 0x81 && field[0] != 0x82)) return false;
  const std::size_t head = field[0] == 0x81 ? 3 : 4;
  return field.size() < head || field[1] > field.size() - head;
}

struct Number {
  std::string text;   // empty: there is none
  std::string fault;  // its rest is not there
};

// Nothing: damaged.
std::optional<Number> number_of(base::View part, const CardFile* extensions) {
  constexpr std::uint8_t kSubaddress = 0x01, kAdditionalData = 0x02;
  const std::size_t length = part[0];
  if (length == 0xFF || length == 0) return Number{};
  if (length > 11) return std::nullopt;
  std::string digits = bcd_digits(part.subspan(2, length - 1));
  unsigned next = part[13];
  bool full = length == 11;  // otherwise an octet that was never written may stand for a reference
  // A chain that runs in a circle ends after as many steps as there are records.
  for (std::size_t step = 0; extensions != nullptr && step < extensions->records.size(); ++step) {
    const auto found = extensions->records.find(next);
    if (next == 0xFF || found == extensions->records.end()) break;
    const base::View record = found->second;
    if (record.size() < kExtension) return std::nullopt;
    next = record[12];
    if (record[0] == kSubaddress) continue;
    if (record[0] != kAdditionalData || record[1] > 10) return std::nullopt;
    digits += bcd_digits(record.subspan(2, record[1]));
    full = record[1] == 10;
  }
  const bool gone = full && next != 0 && next != 0xFF &&
                    (extensions == nullptr || !extensions->records.contains(next));
  const char* fault = gone ? "the rest of its number" : "";
  if (digits.empty()) return Number{"", fault};
  return Number{((part[1] & 0x70) == 0x10 ? "+" : "") + digits, fault};
}

// A fault beside a contact: of its rest.
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
  fault = number->fault;
  Contact contact;
  contact.name = base::decode_alpha(alpha);
  if (!number->text.empty()) contact.numbers.push_back(number->text);
  return contact;
}

// The contacts of a folder, by the identifier of their EF_ADN and their record's number.
using Book = std::map<unsigned, std::map<unsigned, Contact>>;

// EF_PBR, which says of which type a file is, is no part of an image. A type 2 record has at its
// end a short file identifier, 1 to 30, where one of type 1 has filler or an address ends: as
// characters, those codes are in no address. EF_ANR is told by its records' length.
bool has_link(base::View record, Kind kind) {
  if (kind == Kind::anr) return record.size() == kLongestAnr && record.back() != 0xFF;
  if (record.size() <= kLink || bad_alpha(record) || record.back() == 0xFF) return false;
  const std::size_t head = record[0] == 0x81 ? 3 : record[0] == 0x82 ? 4 : 0;
  const std::size_t text = head == 0 ? 0 : head + record[1];  // where these codings end
  const std::uint8_t sfi = record[record.size() - kLink];
  return ((sfi >= 1 && sfi <= 30) || sfi == 0xFF) && text + kLink <= record.size();
}

// To which contacts the records of an EF_ANR or EF_EMAIL belong.
struct Owners {
  Kind kind;
  bool linked = false;                              // of type 2
  std::map<unsigned, Contact>* contacts = nullptr;  // null: it cannot be told

  Contact* of(unsigned number, base::View record) const {
    if (contacts == nullptr || (linked && !has_link(record, kind))) return nullptr;
    const auto found = contacts->find(linked ? record.back() : number);
    return found == contacts->end() ? nullptr : &found->second;
  }
};

Owners owners_of(const CardFile& file, std::size_t files_of_kind, Book& book) {
  Owners owners{kind_of(file)};
  std::set<unsigned> adn_files;
  for (const auto& [number, record] : file.records) {
    if (owners.kind == Kind::anr) owners.linked |= record.size() == kLongestAnr;
    if (has_link(record, owners.kind)) adn_files.insert(record[record.size() - kLink]);
  }
  owners.linked |= !adn_files.empty();
  if (adn_files.size() > 1) return owners;  // several, and nothing here tells which is which
  const auto own = book.find(kAdn + file.id - (owners.kind == Kind::anr ? kAnr : kEmail));
  if (book.size() == 1) {
    owners.contacts = &book.begin()->second;
  } else if (own != book.end() && (!owners.linked || files_of_kind == book.size())) {
    owners.contacts = &own->second;  // a type 2 file may be of all sets together
  }
  return owners;
}

// Empty: done; else what is wrong.
std::string add_number(base::View record, const CardFile* extensions, Contact& contact) {
  if (record.size() <= kNumberPart) return "the additional number's length";
  const auto number = number_of(record.subspan(1, kNumberPart), extensions);
  if (!number) return "the additional number's length";
  if (!number->text.empty()) contact.numbers.push_back(number->text);
  return number->fault;
}

std::string add_address(base::View text, Contact& contact) {
  if (bad_alpha(text)) return "the address's length";
  const std::string address = base::decode_alpha(text);
  if (!address.empty()) contact.emails.push_back(address);
  return "";
}

// Additional numbers or addresses; those of nobody are named.
void add_more(const CardFile& file, const CardFile* extensions, const Owners& owners,
              Content& content) {
  for (const auto& [number, record] : file.records) {
    Contact* const contact = owners.of(number, record);
    const base::View text = record.first(record.size() - (owners.linked ? kLink : 0));
    const std::string fault = owners.contacts == nullptr ? "of which contact it is cannot be told"
                              : contact == nullptr       ? "belongs to no contact that can be read"
                              : kind_of(file) == Kind::email
                                  ? add_address(text, *contact)
                                  : add_number(record, extensions, *contact);
    if (!fault.empty()) content.damage.push_back({place_of(file, number), fault});
  }
}

std::map<unsigned, Contact> read_contacts(const CardFile& adn, const CardFile* extensions,
                                          Content& content) {
  std::map<unsigned, Contact> contacts;
  for (const auto& [number, record] : adn.records) {
    std::string fault;
    auto contact = read_adn(record, extensions, fault);
    if (contact) {
      contact->place = place_of(adn, number);
      contacts.emplace(number, std::move(*contact));
    }
    if (!fault.empty()) content.damage.push_back({place_of(adn, number), fault});
  }
  return contacts;
}

void read_folder(const std::vector<CardFile>& files, const std::string& folder, Content& content) {
  const auto all_extensions = select(files, folder, Kind::ext);
  const CardFile* extensions = all_extensions.empty() ? nullptr : all_extensions.front();
  Book book;
  for (const CardFile* adn : select(files, folder, Kind::adn)) {
    book.emplace(adn->id, read_contacts(*adn, extensions, content));
  }
  for (const Kind kind : {Kind::anr, Kind::email}) {
    const auto more = select(files, folder, kind);
    for (const CardFile* file : more) {
      add_more(*file, extensions, owners_of(*file, more.size(), book), content);
    }
  }
  for (auto& [id, contacts] : book) {
    for (auto& [number, contact] : contacts) {
      const bool empty = contact.name.empty() && contact.numbers.empty() && contact.emails.empty();
      if (!empty) content.contacts.push_back(std::move(contact));
    }
  }
}

}  // namespace

bool is_phone_book_file(const CardFile& file) { return kind_of(file) != Kind::other; }

void read_phone_books(const std::vector<CardFile>& files, Content& content) {
  std::set<std::string> folders;
  for (const CardFile& file : files) {
    if (is_phone_book_file(file) && folders.insert(file.folder).second) {
      read_folder(files, file.folder, content);
    }
  }
}

}  // namespace cli
