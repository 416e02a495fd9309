#include "host/json.h"

#include <algorithm>

namespace host {

namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool take(char c) {
    blanks();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  // With its quotes.
  std::optional<std::string_view> string() {
    blanks();
    if (!text_.starts_with('"')) return std::nullopt;
    for (std::size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '"') {
        return cut(i + 1);
      }
    }
    return std::nullopt;
  }

  std::optional<std::string_view> value() {
    blanks();
    if (text_.starts_with('"')) return string();
    if (text_.starts_with('{') || text_.starts_with('[')) return nested();
    const std::size_t size = std::min(text_.find_first_of(",}] \t\r\n"), text_.size());
    if (size == 0) return std::nullopt;
    return cut(size);
  }

 private:
  void blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size())); }

  std::string_view cut(std::size_t size) {
    const std::string_view part = text_.substr(0, size);
    text_.remove_prefix(size);
    return part;
  }

  std::optional<std::string_view> nested() {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (in_string) {
        if (c == '\\') ++i;
        if (c == '"') in_string = false;
      } else if (c == '"') {
        in_string = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        return cut(i + 1);
      }
    }
    return std::nullopt;
  }

  std::string_view text_;
};

}  // namespace

std::optional<std::string_view> json_member(std::string_view object, std::string_view name) {
  Scanner scanner(object);
  if (!scanner.take('{')) return std::nullopt;
  do {
    const auto key = scanner.string();
    if (!key || !scanner.take(':')) return std::nullopt;
    const auto value = scanner.value();
    if (!value) return std::nullopt;
    if (key->substr(1, key->size() - 2) == name) return value;
  } while (scanner.take(','));
  return std::nullopt;
}

}  // namespace host
