#include "vault/texts.h"

#include <algorithm>

#include "base/text.h"

namespace vault {

namespace {

// Calls visit(literal, name) for each piece: a literal, or a placeholder's name. False: a brace
// that is not closed.
template <class F>
bool for_each_piece(std::string_view text, F&& visit) {
  while (!text.empty()) {
    const std::size_t brace = text.find_first_of("{}");
    if (brace == std::string_view::npos) {
      visit(text, std::string_view());
      return true;
    }
    visit(text.substr(0, brace), std::string_view());
    const std::string_view two = text.substr(brace, 2);
    if (two == "{{" || two == "}}") {
      visit(two.substr(0, 1), std::string_view());
      text.remove_prefix(brace + 2);
      continue;
    }
    const std::size_t end = text[brace] == '{' ? text.find('}', brace) : std::string_view::npos;
    if (end == std::string_view::npos) {
      visit(text.substr(brace), std::string_view());
      return false;
    }
    visit(text.substr(brace, end + 1 - brace), text.substr(brace + 1, end - brace - 1));
    text.remove_prefix(end + 1);
  }
  return true;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool all_of(std::string_view text, char first, char last) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return c >= first && c <= last; });
}

// Script ("Hans") or region ("BR", "419") in its spelling; empty: neither.
std::string subtag(std::string_view lower) {
  std::string part(lower);
  if (part.size() == 3 && all_of(part, '0', '9')) return part;
  if ((part.size() != 2 && part.size() != 4) || !all_of(part, 'a', 'z')) return {};
  const std::size_t capitals = part.size() == 2 ? 2 : 1;
  for (std::size_t i = 0; i < capitals; ++i) part[i] = static_cast<char>(part[i] - 'a' + 'A');
  return part;
}

}  // namespace

std::string language_code(std::string_view typed) {
  constexpr std::size_t kLongest = 12;  // "xxx-Xxxx-XX"
  if (typed.size() > kLongest) return {};
  std::string lower(typed);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  std::size_t at = lower.find('-');
  std::string code = lower.substr(0, at);
  if (code.size() < 2 || code.size() > 3 || !all_of(code, 'a', 'z')) return {};
  while (at != std::string::npos) {
    const std::size_t next = lower.find('-', at + 1);
    const std::string part = subtag(std::string_view(lower).substr(at + 1, next - at - 1));
    if (part.empty()) return {};
    code += "-" + part;
    at = next;
  }
  return code;
}

const std::string* text_in(const Texts& texts, const std::string& language,
                           const std::string& fallback) {
  const std::string code = language_code(language);
  for (const std::string& each : {code, code.substr(0, code.find('-')), fallback}) {
    const auto found = texts.find(each);
    if (!each.empty() && found != texts.end()) return &found->second;
  }
  return texts.empty() ? nullptr : &texts.begin()->second;
}

std::string fill_in(std::string_view text, const Values& values) {
  std::string out;
  for_each_piece(text, [&](std::string_view literal, std::string_view name) {
    const auto value = std::find_if(values.begin(), values.end(), [&](const auto& v) {
      return !name.empty() && v.first == name;
    });
    if (value != values.end()) {
      out += value->second;
    } else {
      out += literal;
    }
  });
  return out;
}

std::string text_fault(std::string_view text, const std::vector<std::string_view>& known) {
  if (base::trim(text).empty()) return "the text is empty";
  if (!base::valid_utf8(text)) return "the text is not UTF-8";
  if (characters(text) > kLongestText) {
    return "the text has more than " + std::to_string(kLongestText) + " characters";
  }
  std::string fault;
  const bool whole = for_each_piece(text, [&](std::string_view, std::string_view name) {
    if (!name.empty() && std::find(known.begin(), known.end(), name) == known.end()) {
      fault = "there is no placeholder {" + std::string(name) + "}";
    }
  });
  if (!whole) return "a brace is not closed; a brace itself is written twice";
  return fault;
}

}  // namespace vault
