// The content of an image in forms that other programs read. Pure functions, any thread; UTF-8.
#pragma once

#include <string>

#include "cli/content.h"

namespace cli {

enum class VCard { v3, v4 };
// One vCard for each contact (RFC 2426, RFC 6350): lines folded at 75 octets, CRLF. The UID is made
// from `origin` (the card) and the entry's place, so that a second import finds the first.
std::string to_vcards(const Content& content, VCard version, const std::string& origin);
// For people: contacts, messages and memos under headings.
std::string to_text(const Content& content);
// RFC 4180: kind,place,name,numbers,emails,date,direction,text; several of a kind in one field are
// separated by "; ".
std::string to_csv(const Content& content);

}  // namespace cli
