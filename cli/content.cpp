#include "cli/content.h"

#include <set>
#include <tuple>

#include "base/gsm_text.h"
#include "base/log.h"

namespace cli {

namespace {

constexpr std::uint8_t kFile = 0xA0, kRecord = 0xA1, kMemo = 0xA2;
constexpr unsigned kMessages = 0x6F3C;

std::string hex4(unsigned value) {
  const std::uint8_t octets[] = {static_cast<std::uint8_t>(value >> 8),
                                 static_cast<std::uint8_t>(value)};
  return base::to_hex(octets);
}

bool all_filler(base::View octets) {
  for (const std::uint8_t octet : octets) {
    if (octet != 0xFF) return false;
  }
  return true;
}

void read_path(base::View value, CardFile& file) {
  base::Reader reader(value);
  while (reader.left() >= 2) {
    file.folder = file.path;
    file.id = reader.u16();
    file.path += (file.path.empty() ? "" : "/") + hex4(file.id);
  }
}

// False: without its parts.
bool read_record(base::View body, CardFile& file) {
  base::Reader reader(body);
  std::optional<unsigned> number;
  std::optional<base::View> content;
  while (const auto tlv = base::next_tlv(reader)) {
    if (tlv->tag == 0x80 && tlv->value.size() == 1) number = tlv->value[0];
    if (tlv->tag == 0x80 && tlv->value.size() == 2) number = tlv->value[0] << 8 | tlv->value[1];
    if (tlv->tag == 0x81) content = tlv->value;
  }
  if (!number || !content) return false;
  if (!all_filler(*content)) file.records[*number] = *content;
  return true;
}

CardFile read_file(base::View body, std::size_t nth, Content& content) {
  base::Reader reader(body);
  CardFile file;
  std::size_t records = 0;
  while (const auto tlv = base::next_tlv(reader)) {
    if (tlv->tag == 0x80) {
      file.path.clear();
      read_path(tlv->value, file);
    }
    if (tlv->tag != kRecord) continue;
    ++records;
    if (!read_record(tlv->value, file)) {
      content.damage.push_back(
          {base::cat("file ", nth, " ", file.path, ", record ", records, " of the back-up"),
           "without number or content"});
    }
  }
  if (!reader.ok()) {
    content.damage.push_back({base::cat("file ", nth, " ", file.path),
                              base::cat("cut off after ", records, " records")});
  }
  return file;
}

// A file that comes in several pieces is one.
void add_file(CardFile&& file, std::vector<CardFile>& files) {
  for (CardFile& other : files) {
    if (other.path != file.path) continue;
    for (const auto& [number, record] : file.records) other.records[number] = record;
    return;
  }
  files.push_back(std::move(file));
}

std::string clean(base::View utf8) { return base::to_utf8(base::from_utf8(base::as_text(utf8))); }

// YYYY MM DD hh mm ss in BCD, UTC; empty if it is none.
std::string memo_date(base::View bcd) {
  if (bcd.size() != 7) return "";
  const std::string d = base::to_hex(bcd);
  if (d.find_first_not_of("0123456789") != std::string::npos) return "";
  return d.substr(0, 4) + "-" + d.substr(4, 2) + "-" + d.substr(6, 2) + "T" + d.substr(8, 2) + ":" +
         d.substr(10, 2) + ":" + d.substr(12, 2) + "Z";
}

void read_memo(base::View body, std::size_t nth, Content& content) {
  base::Reader reader(body);
  MemoText memo;
  memo.place = base::cat("memo ", nth);
  bool title = false;
  bool text = false;
  while (const auto tlv = base::next_tlv(reader)) {
    if (tlv->tag == 0x80) {
      memo.title = clean(tlv->value);
      title = true;
    } else if (tlv->tag == 0x81) {
      memo.body = clean(tlv->value);
      text = true;
    } else if (tlv->tag == 0x82) {
      memo.date = memo_date(tlv->value);
    }
  }
  if (title && text) {
    content.memos.push_back(std::move(memo));
  } else {
    content.damage.push_back({memo.place, "without title or text"});
  }
}

void drop_repeated(std::vector<Message>& messages) {
  std::set<std::tuple<bool, std::string, std::string, std::string, int, int>> seen;
  std::erase_if(messages, [&](const Message& m) {
    return !seen.emplace(m.received, m.number, m.text, m.date, m.part, m.parts).second;
  });
}

void drop_repeated(std::vector<Contact>& contacts) {
  std::set<std::tuple<std::string, std::vector<std::string>, std::vector<std::string>>> seen;
  std::erase_if(contacts, [&](const Contact& c) {
    return !seen.emplace(c.name, c.numbers, c.emails).second;
  });
}

}  // namespace

Place place_of(const CardFile& file, unsigned record) {
  return base::cat(file.path, " record ", record);
}

std::string bcd_digits(base::View octets) {
  constexpr std::string_view kDigits = "0123456789*#pwe";  // TS 31.102 table 4.4
  std::string digits;
  for (const std::uint8_t octet : octets) {
    for (const int nibble : {octet & 0x0F, octet >> 4}) {
      if (nibble == 0x0F) return digits;
      digits += kDigits[static_cast<std::size_t>(nibble)];
    }
  }
  return digits;
}

Content read_content(base::View image) {
  Content content;
  base::Reader reader(image);
  if (reader.u8() != 'B' || reader.u8() != 'V' || reader.u8() != 1) {
    content.damage.push_back({"the back-up", "in no form that is known here: take it as raw"});
    return content;
  }
  std::vector<CardFile> files;
  std::size_t objects = 0, memos = 0;
  while (const auto object = base::next_tlv(reader)) {
    if (object->tag == kFile) add_file(read_file(object->value, ++objects, content), files);
    if (object->tag == kMemo) read_memo(object->value, ++memos, content);
  }
  if (!reader.ok()) content.damage.push_back({"the back-up", "cut off at its end"});
  read_phone_books(files, content);
  for (const CardFile& file : files) {
    if (file.id == kMessages) {
      read_messages(file, content);
    } else if (!is_phone_book_file(file) && !file.records.empty()) {
      content.damage.push_back(
          {file.path, base::cat(file.records.size(), " records of a kind that is not known here")});
    }
  }
  drop_repeated(content.contacts);
  drop_repeated(content.messages);
  return content;
}

}  // namespace cli
