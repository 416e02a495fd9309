// The memo file of the applet: one memo a record,
// date (7, as tag 8A) | title length (1) | title | body length (1) | body | FF, texts in UTF-8.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "card/file_system.h"

namespace card {

struct Memo {
  std::string title;
  std::string body;
  std::optional<std::array<std::uint8_t, 7>> date;  // UTC, BCD, as tag 8A of the protocol
};

std::optional<base::Bytes> encode_memo(const Memo& memo, std::size_t record_length);
std::optional<Memo> decode_memo(base::View record);

std::vector<Memo> read_memos(const File& file);
bool append_memo(File& file, const Memo& memo);  // false: full, or too long

}  // namespace card
