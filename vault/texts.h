// What subscribers are told, by language and with placeholders. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vault {

// The one spelling of a language: its code in lower case, if need be with script and region ("en",
// "pt-BR", "zh-Hans"). However it is typed (PT_br); empty: it is no such code.
std::string language_code(std::string_view typed);

// Texts of one purpose by language code, UTF-8.
using Texts = std::map<std::string, std::string>;

// The text in the language, however it is spelt, else in its base language ("pt" for "pt-BR"), else
// in `fallback`, else in the first one there is. Null: there is none at all.
const std::string* text_in(const Texts& texts, const std::string& language,
                           const std::string& fallback);

// Values of the placeholders, by name without braces.
using Values = std::vector<std::pair<std::string_view, std::string>>;

// Replaces {name}; {{ and }} are braces. A name without a value stays as it is written.
std::string fill_in(std::string_view text, const Values& values);

// What is wrong with a configured text whose placeholders may be `known`; empty: nothing.
std::string text_fault(std::string_view text, const std::vector<std::string_view>& known);

// Placeholders of the reminder and help texts: date of the last back-up, last four digits of the
// card's number.
inline constexpr std::string_view kDatePlaceholder = "date";
inline constexpr std::string_view kCardPlaceholder = "card";

// Ten segments of UCS2: longer ones no phone shows whole.
inline constexpr std::size_t kLongestText = 670;

}  // namespace vault
