// What a subscriber's answer means. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vault {

enum class Word : std::uint8_t { none, yes, no, stop, start, help };

// Words by language ("" are those of all languages), as configured.
struct WordLists {
  std::map<std::string, std::vector<std::string>> yes{{"", {"1", "Y", "YES", "是"}}};
  std::map<std::string, std::vector<std::string>> no{{"", {"0", "2", "N", "NO", "否"}}};
  std::map<std::string, std::vector<std::string>> stop{{"", {"STOP"}}};
  std::map<std::string, std::vector<std::string>> start{{"", {"START"}}};
  std::map<std::string, std::vector<std::string>> help{{"", {"HELP", "?"}}};
};

// One form for everything that looks the same to who types it: compatibility forms (full-width
// letters and digits) and case are folded (Unicode NFKC_Casefold), blanks, punctuation, symbols and
// control characters at both ends go. Octets that are not UTF-8 are read as Latin-1. What consists
// of such characters alone stays as it is. Empty: more than `kLongestAnswer` octets.
inline constexpr std::size_t kLongestAnswer = 480;  // three segments of text
std::string fold_word(std::string_view text);

// The whole message must be the word. The record's language comes first, then the words of all
// languages: a yes of one language may be a no of another, so other languages do not count.
Word meaning_of(std::string_view text, const std::string& language, const WordLists& lists);

// A word that would mean two things in one language, empty: none.
std::string ambiguous_word(const WordLists& lists);

}  // namespace vault
