// What a subscriber answers: a word in UTF-8 that grows within bounds. Neither what stands around
// it nor the case of its letters changes it, and it means one thing or nothing.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "base/text.h"
#include "vault/words.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

bool letter_or_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string upper_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const vault::WordLists* const lists = new vault::WordLists;
  const std::string text(base::as_text({data, size}));
  const std::string word = vault::fold_word(text);
  // No character becomes more than 18 (U+FDFA), each of at most four octets.
  check(base::valid_utf8(word) && word.size() <= 18 * 4 * vault::kLongestAnswer);
  const vault::Word meaning = vault::meaning_of(text, "de", *lists);
  check(meaning == vault::Word::none || !word.empty());
  if (size + 4 > vault::kLongestAnswer) {
    check(size <= vault::kLongestAnswer || word.empty());
    return 0;
  }
  if (!is_ascii(text)) return 0;
  check(vault::fold_word(upper_case(text)) == word);
  if (std::none_of(text.begin(), text.end(), letter_or_digit)) return 0;
  check(vault::fold_word(". " + text + " !") == word);
  check(vault::fold_word(word) == word && vault::meaning_of(word, "de", *lists) == meaning);
  return 0;
}
