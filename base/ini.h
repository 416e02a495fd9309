// A strict reader for INI files, in two steps: lines to entries, entries to typed values by a
// table of the keys that may be there. Every fault of the file is found in one pass. Pure
// functions over text, any thread.
//
//   file    := (comment | "[" section "]" | key "=" value | blank)*
//   comment := a line whose first visible character is ";" or "#"
//
// Refused: a key before any section, an unknown or repeated key or section, a line without "=",
// an unclosed bracket, a comment behind a value, control characters, invalid UTF-8, a line over
// 4 KiB, a file over 1 MiB. A BOM is dropped; LF and CRLF both end a line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace base {

inline constexpr std::size_t kIniLongestLine = 4 * 1024;
inline constexpr std::size_t kIniLargestFile = 1024 * 1024;

struct IniEntry {
  std::string section;
  std::string key;
  std::string value;
  int line = 0;
};

struct IniFault {
  int line = 0;         // 0: the whole file
  std::string section;  // where known
  std::string key;
  std::string text;
};

struct IniSection {
  std::string name;  // where its head is faulty: the name that was most likely meant
  int line = 0;
  bool faulty = false;  // told already
};

struct IniFile {
  std::vector<IniSection> sections;
  std::vector<IniEntry> entries;
  std::vector<IniFault> faults;
};

IniFile parse_ini(std::string_view text);

enum class ValueType {
  text,
  path,         // relative to the file
  secret_path,  // of a file with keys or a password
  integer,
  size,      // octets: 256K, 1M, 2G
  duration,  // 500ms, 10s, 5m, 24h, 60d, 2months
  choice,    // one word of `choices`
  boolean,   // yes or no
  list,      // words of `choices`, or any if there are none
  networks,  // list of CIDR ranges
  address,   // 127.0.0.1:7100, empty: off
  hex,       // minimum and maximum are octets
};

enum class Presence { optional, required };
enum class Reload { live, restart };

// One key that may be in a file. All texts are in the syntax of the file. A key that ends with a
// dot and capitals ("text.LANG") stands for any number of keys, each with a name in place of the
// capitals; a section likewise ("smsc.NAME"), but its values are read section by section
// (take_sections).
struct KeySpec {
  std::string_view section;
  std::string_view key;
  ValueType type = ValueType::text;
  Presence presence = Presence::optional;
  std::string_view default_text;
  std::string_view example;  // stands in the commented example where there is no default
  std::string_view minimum;  // integer, size, duration, hex; empty: none
  std::string_view maximum;
  std::string_view unit;  // what the number counts, for people
  Reload reload = Reload::live;
  std::string_view choices;  // words with blanks between
  std::string_view help;
};

struct IniMember;
struct IniValue {
  std::string text;                // as given, or the default; paths made absolute
  std::int64_t number = 0;         // integer, size, duration (ms), boolean, choice (index)
  Bytes bytes;                     // hex
  std::vector<std::string> items;  // list, networks
  std::vector<IniMember> members;  // of a key that stands for many, in the order of the file
  int line = 0;                    // 0: the default
};
struct IniMember {
  std::string name;
  IniValue value;
};

// Reads one value in the type and limits of `spec`. `directory` is what relative paths start
// from. False: `why` says what is wrong.
bool read_value(const KeySpec& spec, std::string_view text, const std::string& directory,
                IniValue& value, std::string& why);

// One value per key of the table, in its order; a faulty or absent key has its default. Appends
// to `faults`. What stands in a misspelt section is read as the nearest known one's.
std::vector<IniValue> apply_table(std::span<const KeySpec> table, const IniFile& file,
                                  const std::string& directory, std::vector<IniFault>& faults);

// Takes the sections "prefix.NAME" out of the file, in its order: each as a file of its own, whose
// one section is called `as`. Nothing is left of them in `file` but its faults. A prefix that is
// misspelt is a fault, and the section is taken all the same.
struct IniSectionFile {
  std::string name;  // NAME; may be empty
  int line = 0;
  IniFile file;
};
std::vector<IniSectionFile> take_sections(IniFile& file, std::string_view prefix,
                                          std::string_view as);

// Whether a table's key or section stands for many.
bool stands_for_many(std::string_view key);

// For people: "size", and "1K to 2M octets" or the words to choose from; empty: no limit.
std::string_view type_name(ValueType type);
std::string limits_of(const KeySpec& spec);

// The table as a commented INI, and as a Markdown chapter: one heading and one table per section.
// `reload` false: no word on which keys need a restart. `commented`: sections and keys are
// comments, too, as those that stand for many always are.
std::string table_as_ini(std::span<const KeySpec> table, bool reload = true,
                         bool commented = false);
std::string table_as_markdown(std::span<const KeySpec> table);

// A key that was pasted where its file's name belongs is not printed.
std::string shown_path(const std::string& path);
std::string directory_of(const std::string& path);

}  // namespace base
