#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"
#include "cli/content_text.h"

namespace cli {

namespace {

constexpr std::size_t kLongestLine = 75;  // octets without CRLF (RFC 6350 clause 3.2)

bool continues(char octet) { return (static_cast<unsigned char>(octet) & 0xC0) == 0x80; }

// A content line, folded between characters.
void put_line(std::string& out, const std::string& line) {
  std::size_t at = 0;
  std::size_t room = kLongestLine;
  while (line.size() - at > room) {
    std::size_t end = at + room;
    while (end > at + 1 && continues(line[end])) --end;
    out.append(line, at, end - at).append("\r\n ");
    at = end;
    room = kLongestLine - 1;  // behind the blank
  }
  out.append(line, at).append("\r\n");
}

// RFC 6350 clause 3.4. Control characters but a line's end are no text.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || c == ',' || c == ';') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
      out += c;
    }
  }
  return out;
}

// A version 8 UUID (RFC 9562) of card and place.
std::string uid_of(const std::string& origin, const Contact& contact) {
  base::Sha256 digest = base::sha256(base::as_bytes(origin + "\n" + contact.place));
  digest[6] = static_cast<std::uint8_t>(0x80 | (digest[6] & 0x0F));
  digest[8] = static_cast<std::uint8_t>(0x80 | (digest[8] & 0x3F));
  std::string hex = base::to_hex(base::View(digest).first(16));
  for (const std::size_t at : {20u, 16u, 12u, 8u}) hex.insert(at, "-");
  std::transform(hex.begin(), hex.end(), hex.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  return "urn:uuid:" + hex;
}

// Every vCard must have a name: what else is known stands for it.
std::string shown_name(const Contact& contact) {
  const std::string name = escaped(contact.name);
  if (!name.empty()) return name;
  if (!contact.numbers.empty()) return escaped(contact.numbers.front());
  return contact.emails.empty() ? "(no name)" : escaped(contact.emails.front());
}

}  // namespace

std::string to_vcards(const Content& content, VCard version, const std::string& origin) {
  std::string out;
  for (const Contact& contact : content.contacts) {
    const std::string name = shown_name(contact);
    put_line(out, "BEGIN:VCARD");
    put_line(out, version == VCard::v4 ? "VERSION:4.0" : "VERSION:3.0");
    put_line(out, "PRODID:-//Bipvault//NONSGML Customer care//EN");
    put_line(out, "UID:" + uid_of(origin, contact));
    put_line(out, "FN:" + name);
    put_line(out, "N:" + name + ";;;;");
    for (const std::string& number : contact.numbers) {
      put_line(out, (version == VCard::v4 ? "TEL:" : "TEL;TYPE=VOICE:") + escaped(number));
    }
    for (const std::string& email : contact.emails) {
      put_line(out, (version == VCard::v4 ? "EMAIL:" : "EMAIL;TYPE=INTERNET:") + escaped(email));
    }
    put_line(out, "END:VCARD");
  }
  return out;
}

}  // namespace cli
