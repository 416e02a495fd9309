#include "cli/content_text.h"

#include "base/log.h"
#include "base/text.h"

namespace cli {

namespace {

using base::cat;

std::string joined(const std::vector<std::string>& texts, const char* between) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : between) + text;
  return out;
}

// On one line, or several; what a terminal would obey is spelled out.
std::string plain(const std::string& text, bool lines = false) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && lines) {
      out += "\n    ";
    } else {
      out += c == '\n' || c == '\r' || c == '\t' || c == '\f' ? ' ' : c;
    }
  }
  return base::visible(out);
}

const char* direction(const Message& message) {
  if (message.received) return message.read ? "received" : "received, not read";
  return message.read ? "sent" : "written, not sent";
}

std::string part_of(const Message& message) {
  return message.parts == 1 ? "" : cat("part ", message.part, " of ", message.parts);
}

std::string field(const std::string& text) {
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

void put_row(std::string& out, std::initializer_list<std::string> fields) {
  bool first = true;
  for (const std::string& text : fields) {
    out += (first ? "" : ",") + field(text);
    first = false;
  }
  out += "\r\n";
}

}  // namespace

std::string to_text(const Content& content) {
  std::string out = cat("Contacts: ", content.contacts.size(), "\n");
  for (const Contact& contact : content.contacts) {
    out += "  " + plain(contact.name) + "\n";
    for (const std::string& number : contact.numbers) out += "    " + number + "\n";
    for (const std::string& email : contact.emails) out += "    " + plain(email) + "\n";
  }
  out += cat("\nMessages: ", content.messages.size(), "\n");
  for (const Message& message : content.messages) {
    out += cat("  ", plain(message.number), ", ", direction(message),
               message.date.empty() ? "" : ", ", message.date, message.parts == 1 ? "" : ", ",
               part_of(message), "\n    ", plain(message.text, true), "\n");
  }
  out += cat("\nMemos: ", content.memos.size(), "\n");
  for (const MemoText& memo : content.memos) {
    out += cat("  ", plain(memo.title), memo.date.empty() ? "" : ", ", memo.date, "\n    ",
               plain(memo.body, true), "\n");
  }
  return out;
}

std::string to_csv(const Content& content) {
  std::string out;
  put_row(out, {"kind", "place", "name", "numbers", "emails", "date", "direction", "text"});
  for (const Contact& c : content.contacts) {
    put_row(out, {"contact", c.place, c.name, joined(c.numbers, "; "), joined(c.emails, "; "), "",
                  "", ""});
  }
  for (const Message& m : content.messages) {
    const std::string part = part_of(m);
    put_row(out, {"message", m.place, "", m.number, "", m.date,
                  direction(m) + (part.empty() ? "" : ", " + part), m.text});
  }
  for (const MemoText& m : content.memos) {
    put_row(out, {"memo", m.place, m.title, "", "", m.date, "", m.body});
  }
  return out;
}

}  // namespace cli
