#include "vault/words.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/text.h"
#include "vault/texts.h"

namespace vault {

namespace {

using List = std::map<std::string, std::vector<std::string>>;

std::string from_latin1(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xC0 | octet >> 6));
      out.push_back(static_cast<char>(0x80 | (octet & 0x3F)));
    }
  }
  return out;
}

// Letters, digits and marks carry meaning; all else is decoration.
bool carries_meaning(utf8proc_int32_t character) {
  switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

std::string without_decoration(const std::string& text) {
  const auto* const octets = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  std::size_t begin = text.size();
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t character = -1;
    const auto size =
        utf8proc_iterate(octets + at, static_cast<utf8proc_ssize_t>(text.size() - at), &character);
    if (size <= 0) return text;
    const std::size_t next = at + static_cast<std::size_t>(size);
    if (carries_meaning(character)) {
      begin = std::min(begin, at);
      end = next;
    }
    at = next;
  }
  if (end == 0) return std::string(base::trim(text));
  return text.substr(begin, end - begin);
}

bool holds(const List& list, const std::string& language, const std::string& folded) {
  const auto words = list.find(language);
  if (words == list.end()) return false;
  return std::any_of(words->second.begin(), words->second.end(),
                     [&](const std::string& word) { return fold_word(word) == folded; });
}

// In the order in which they are asked: who wants out must get out.
std::array<std::pair<const List*, Word>, 5> all_lists(const WordLists& lists) {
  return {{{&lists.stop, Word::stop},
           {&lists.start, Word::start},
           {&lists.help, Word::help},
           {&lists.no, Word::no},
           {&lists.yes, Word::yes}}};
}

}  // namespace

std::string fold_word(std::string_view text) {
  if (text.size() > kLongestAnswer) return {};
  const std::string utf8 = base::valid_utf8(text) ? std::string(text) : from_latin1(text);
  constexpr auto kOptions = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
  utf8proc_uint8_t* mapped = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()),
                                 static_cast<utf8proc_ssize_t>(utf8.size()), &mapped, kOptions);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
  if (size < 0) return {};
  return without_decoration(
      std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)));
}

Word meaning_of(std::string_view text, const std::string& language, const WordLists& lists) {
  const std::string folded = fold_word(text);
  if (folded.empty()) return Word::none;
  const std::string code = language_code(language);
  for (const std::string& each : {code, code.substr(0, code.find('-')), std::string()}) {
    for (const auto& [list, word] : all_lists(lists)) {
      if (holds(*list, each, folded)) return word;
    }
  }
  return Word::none;
}

std::string ambiguous_word(const WordLists& lists) {
  std::map<std::pair<std::string, std::string>, Word> seen;
  for (const auto& [list, meaning] : all_lists(lists)) {
    for (const auto& [language, words] : *list) {
      for (const std::string& word : words) {
        const std::string folded = fold_word(word);
        const auto [place, fresh] = seen.try_emplace({language, folded}, meaning);
        if (folded.empty() || (!fresh && place->second != meaning)) return word;
      }
    }
  }
  return {};
}

}  // namespace vault
