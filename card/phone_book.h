// Phone book entries over the files that EF_PBR names (TS 31.102 clauses 4.4.2.1, 4.4.2.3, 4.4.2.4,
// 4.4.2.9, 4.4.2.13). Works on the card's own files, one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "card/file_system.h"

namespace card {

// One EF_PBR record.
struct PbrSet {
  std::uint16_t adn = 0;
  std::optional<std::uint16_t> ext1, anr, email;  // ANR and EMAIL of type 1 only
};
// Nothing: no EF_ADN named, or malformed.
std::optional<PbrSet> parse_pbr(base::View record);

struct Contact {
  std::string name;        // UTF-8
  std::string number;      // "+49...", 0-9*#pwe
  std::string additional;  // may be empty
  std::string email;       // may be empty
};

class PhoneBook {
 public:
  explicit PhoneBook(FileSystem& files) : files_(files) {}

  // Into the first free entry. False: no free entry, no free EXT1 record, or a part that does
  // not fit; nothing is written then.
  bool add(const Contact& contact);
  std::vector<Contact> contacts() const;

 private:
  struct Place {
    PbrSet set;
    std::size_t record = 0;
  };
  std::vector<PbrSet> sets() const;
  std::optional<Place> free_place() const;
  std::string number_of(const PbrSet& set, base::View part) const;

  FileSystem& files_;
};

// Entries in use: EF_ADN records of the phone book and of DF_TELECOM.
std::size_t count_contacts(const FileSystem& files);
std::size_t count_used(const File& file);

// The own number of EF_MSISDN, TON/NPI octet and BCD as in the file (tag 82); empty: none.
base::Bytes own_number(const FileSystem& files);

}  // namespace card
