#include "card/output.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/RegularExpression.h>

#include <algorithm>
#include <sstream>

#include "card/trace.h"

namespace card {
namespace {

constexpr std::string_view kKeyWords = "Your key: ";

std::string key_in(const std::string& text) {
  const std::size_t at = text.find(kKeyWords);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + kKeyWords.size();
  const std::size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
  return text.substr(begin, end - begin);
}

}  // namespace

void Output::event(const Event& event) {
  if (event.kind == "screen") {
    std::string key = key_in(event.text);
    if (!key.empty()) shown_key_ = base::Secret(base::as_bytes(key));
    base::wipe(key.data(), key.size());
  }
  if (event.kind == "screen" || event.kind == "input" || event.kind == "text") {
    texts_.push_back(mask_digits(event.text));
  }
  if (event.kind == "message") {
    for (const auto& [name, value] : event.fields) {
      if (name == "result") last_result_ = value;
    }
  }
  print(event);
}

void Output::print(const Event& event) const {
  std::string text = event.text;
  if (event.kind == "screen" && !settings_.show_keys) text = mask_digits(text);
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (settings_.json) {
    Poco::JSON::Object json(Poco::JSON_PRESERVE_KEY_ORDER);
    json.set("event", event.kind);
    json.set("text", text);
    for (const auto& [name, value] : event.fields) json.set(name, value);
    std::ostringstream line;
    json.stringify(line);
    std::fprintf(file_, "%s\n", line.str().c_str());
  } else {
    std::fprintf(file_, "%s: %s\n", event.kind.c_str(), text.c_str());
  }
  std::fflush(file_);
}

bool Output::find_text(const std::string& expression) {
  try {
    const Poco::RegularExpression wanted(expression);
    Poco::RegularExpression::Match found;
    for (std::size_t i = searched_; i < texts_.size(); ++i) {
      if (wanted.match(texts_[i], 0, found) == 0) continue;
      searched_ = i + 1;
      return true;
    }
  } catch (const Poco::Exception&) {
    return false;  // an expression that takes too long on this text finds nothing
  }
  return false;
}

}  // namespace card
