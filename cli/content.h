// What a stored image holds, read entry by entry for whoever takes it home: contacts, short
// messages, memos (docs/protocol.md "Image"; TS 31.102 clauses 4.2.25 and 4.4.2). Pure values and
// functions, any thread; texts are UTF-8.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace cli {

// Where an entry stands on the card: "7FFF/5F3A/4F3A record 12", "memo 3".
using Place = std::string;

struct Contact {
  Place place;
  std::string name;                  // may be empty
  std::vector<std::string> numbers;  // "+49...", 0-9*#pwe
  std::vector<std::string> emails;
};
struct Message {
  Place place;
  bool received = true;  // else written here
  bool read = true;      // a received one; a written one: sent
  std::string number;    // of the other side, or its name
  std::string text;
  std::string date;  // of the network with its zone, "2026-11-24T09:05:00+08:00"; may be empty
  int part = 1;      // of a message that came in `parts`
  int parts = 1;
};
struct MemoText {
  Place place;
  std::string title;
  std::string body;
  std::string date;  // UTC; may be empty
};
// What could not be read, or given to nobody for certain; never with its content.
struct Damage {
  Place place;
  std::string what;
};

struct Content {
  std::vector<Contact> contacts;
  std::vector<Message> messages;
  std::vector<MemoText> memos;
  std::vector<Damage> damage;
};

// Reads whatever can be read: what is damaged never spoils the others. Files are known by the
// identifiers that cards use for them, since EF_PBR is no part of an image; what stands in others
// is named in `damage`. A book that a card shows at two places comes once.
Content read_content(base::View image);

// One file of an image; a later record of the same number is the one that counts.
struct CardFile {
  std::string path;    // "7FFF/5F3A/4F3A"
  std::string folder;  // "7FFF/5F3A"
  unsigned id = 0;     // 0x4F3A
  std::map<unsigned, base::View> records;
};
// The parts of read_content: each adds what it can read.
void read_phone_books(const std::vector<CardFile>& files, Content& content);
void read_messages(const CardFile& file, Content& content);

Place place_of(const CardFile& file, unsigned record);
bool is_phone_book_file(const CardFile& file);
// Digits of a number in swapped BCD, up to the first F.
std::string bcd_digits(base::View octets);

}  // namespace cli
