#include "card/image.h"

#include <algorithm>

#include "card/phone_book.h"
#include "card/profile.h"

namespace card {
namespace {

constexpr std::uint8_t kMagic[] = {0x42, 0x56, 0x01};
constexpr std::uint8_t kFileTag = 0xA0, kRecordTag = 0xA1, kMemoTag = 0xA2;

// Objects may be longer than the two-octet length of base::Writer says: EF_ADN of 254 records
// stays far below FFFF, and larger books have several files.
base::Bytes encode_file(const ImageFile& file) {
  base::Writer body;
  base::Writer path;
  for (std::uint16_t fid : file.path) path.u16(fid);
  body.tlv(0x80, path.view());
  body.tlv(0x81, base::Bytes{static_cast<std::uint8_t>(file.structure)});
  if (file.record_length) {
    base::Writer length;
    if (*file.record_length > 0xFF) {
      length.u16(*file.record_length);
    } else {
      length.u8(static_cast<std::uint8_t>(*file.record_length));
    }
    body.tlv(0x82, length.view());
  }
  for (const ImageRecord& record : file.records) {
    base::Writer number;
    if (record.number > 0xFF) {
      number.u16(record.number);
    } else {
      number.u8(static_cast<std::uint8_t>(record.number));
    }
    base::Writer entry;
    entry.tlv(0x80, number.view()).tlv(0x81, record.content);
    body.tlv(kRecordTag, entry.view());
  }
  return body.take();
}

base::Bytes encode_memo_object(const Memo& memo) {
  base::Writer body;
  body.tlv(0x80, base::as_bytes(memo.title)).tlv(0x81, base::as_bytes(memo.body));
  if (memo.date) body.tlv(0x82, *memo.date);
  return body.take();
}

std::optional<std::uint16_t> small_number(base::View value) {
  if (value.size() == 1) return value[0];
  if (value.size() == 2) return static_cast<std::uint16_t>(value[0] << 8 | value[1]);
  return std::nullopt;
}

std::optional<ImageRecord> parse_record(base::View body) {
  base::Reader reader(body);
  std::optional<std::uint16_t> number;
  std::optional<base::Bytes> content;
  while (const auto tlv = base::next_tlv(reader)) {
    if (tlv->tag == 0x80 && !number) number = small_number(tlv->value);
    if (tlv->tag == 0x81 && !content) content.emplace(tlv->value.begin(), tlv->value.end());
  }
  if (!reader.ok() || !number || !content) return std::nullopt;
  return ImageRecord{*number, std::move(*content)};
}

bool parse_path(base::View value, Path& path) {
  if (value.size() % 2 != 0 || value.empty() || value.size() > 16) return false;
  base::Reader reader(value);
  while (reader.left() > 0) path.push_back(reader.u16());
  return true;
}

bool parse_file_member(const base::Tlv& tlv, ImageFile& file, bool& has_structure) {
  switch (tlv.tag) {
    case 0x80:
      return !file.path.empty() || parse_path(tlv.value, file.path);
    case 0x81:
      if (tlv.value.size() != 1 || tlv.value[0] > 1) return false;
      file.structure = static_cast<Structure>(tlv.value[0]);
      has_structure = true;
      return true;
    case 0x82:
      file.record_length = small_number(tlv.value);
      return file.record_length.has_value();
    case kRecordTag: {
      auto record = parse_record(tlv.value);
      if (record) file.records.push_back(std::move(*record));
      return record.has_value();
    }
    default:
      return true;
  }
}

std::optional<ImageFile> parse_file(base::View body) {
  base::Reader reader(body);
  ImageFile file;
  bool has_structure = false;
  while (const auto tlv = base::next_tlv(reader)) {
    if (!parse_file_member(*tlv, file, has_structure)) return std::nullopt;
  }
  if (!reader.ok() || file.path.empty() || !has_structure) return std::nullopt;
  return file;
}

std::optional<Memo> parse_memo(base::View body) {
  base::Reader reader(body);
  Memo memo;
  while (const auto tlv = base::next_tlv(reader)) {
    if (tlv->tag == 0x80) memo.title = base::as_text(tlv->value);
    if (tlv->tag == 0x81) memo.body = base::as_text(tlv->value);
    if (tlv->tag == 0x82) {
      if (tlv->value.size() != 7) return std::nullopt;
      memo.date.emplace();
      std::copy(tlv->value.begin(), tlv->value.end(), memo.date->begin());
    }
  }
  if (!reader.ok()) return std::nullopt;
  return memo;
}

bool has_number_part(const Path& path) {
  return path.back() == fid::kAdn2g || (path.back() >= fid::kAdn && path.back() < fid::kAdn + 8);
}

// The record as a file with records of `length` octets holds it. An EF_ADN record has its number
// part at the end, so that its alpha identifier is what grows or shrinks.
std::optional<base::Bytes> fit_record(const Path& path, base::View content, std::size_t length) {
  base::Bytes record(content.begin(), content.end());
  const std::size_t tail = has_number_part(path) ? kNumberPart : 0;
  if (record.size() < tail || length < tail) return std::nullopt;
  const auto end = record.end() - static_cast<std::ptrdiff_t>(tail);
  if (record.size() < length) {
    record.insert(end, length - record.size(), 0xFF);
  } else if (record.size() > length) {
    const auto begin = end - static_cast<std::ptrdiff_t>(record.size() - length);
    if (!std::all_of(begin, end, [](std::uint8_t o) { return o == 0xFF; })) return std::nullopt;
    record.erase(begin, end);
  }
  return record;
}

// Which files are the user's. The own number (EF_MSISDN) and EF_PBR belong to the card.
std::vector<Path> user_files(const FileSystem& files) {
  std::vector<Path> paths{path::telecom(fid::kAdn2g), path::telecom(fid::kExt1),
                          path::telecom(fid::kSms)};
  const File* pbr = files.find(path::phone_book(fid::kPbr));
  for (std::size_t n = 1; pbr && n <= pbr->records(); ++n) {
    const auto set = parse_pbr(pbr->record(n));
    if (!set) continue;
    for (const auto& fid : {std::optional(set->adn), set->anr, set->email, set->ext1}) {
      if (!fid) continue;
      Path path = path::phone_book(*fid);
      if (std::find(paths.begin(), paths.end(), path) == paths.end()) {
        paths.push_back(std::move(path));
      }
    }
  }
  paths.push_back(path::usim(fid::kSms));
  return paths;
}

ImageFile take_file(const File& file) {
  ImageFile result{file.path(), file.structure(), std::nullopt, {}};
  if (file.structure() == Structure::transparent) {
    result.records.push_back({0, {file.content().begin(), file.content().end()}});
    return result;
  }
  result.record_length = static_cast<std::uint16_t>(file.record_length());
  for (std::size_t n = 1; n <= file.records(); ++n) {
    if (file.record_free(n)) continue;
    const base::View record = file.record(n);
    result.records.push_back({static_cast<std::uint16_t>(n), {record.begin(), record.end()}});
  }
  return result;
}

bool write_record(File& file, const ImageRecord& record) {
  if (file.structure() == Structure::transparent) {
    const auto content = fit_record({0}, record.content, file.content().size());
    if (record.number != 0 || !content) return false;
    file.set_content(*content);
    return true;
  }
  const auto content = fit_record(file.path(), record.content, file.record_length());
  return content && file.update(record.number, *content);
}

}  // namespace

base::Bytes encode_image(const Image& image) {
  base::Writer writer;
  writer.bytes(kMagic);
  for (const ImageFile& file : image.files) writer.tlv(kFileTag, encode_file(file));
  for (const Memo& memo : image.memos) writer.tlv(kMemoTag, encode_memo_object(memo));
  return writer.take();
}

std::optional<Image> parse_image(base::View data) {
  base::Reader reader(data);
  const base::View magic = reader.take(sizeof kMagic);
  if (!std::equal(magic.begin(), magic.end(), std::begin(kMagic), std::end(kMagic))) {
    return std::nullopt;
  }
  Image image;
  while (const auto object = base::next_tlv(reader)) {
    if (object->tag == kFileTag) {
      auto file = parse_file(object->value);
      if (!file) return std::nullopt;
      image.files.push_back(std::move(*file));
    } else if (object->tag == kMemoTag) {
      auto memo = parse_memo(object->value);
      if (!memo) return std::nullopt;
      image.memos.push_back(std::move(*memo));
    }
  }
  if (!reader.ok()) return std::nullopt;
  return image;
}

Image take_image(const FileSystem& files) {
  Image image;
  for (const Path& path : user_files(files)) {
    if (const File* file = files.find(path)) image.files.push_back(take_file(*file));
  }
  if (const File* memos = files.find(path::memos())) image.memos = read_memos(*memos);
  return image;
}

Restored write_image(FileSystem& files, const Image& image) {
  Restored result;
  const auto count = [&result](bool written) { ++(written ? result.written : result.skipped); };
  const std::vector<Path> allowed = user_files(files);
  for (const ImageFile& source : image.files) {
    const bool known = std::find(allowed.begin(), allowed.end(), source.path) != allowed.end();
    File* file = known ? files.find(source.path) : nullptr;
    if (file && file->structure() != source.structure) file = nullptr;
    if (file) file->erase();
    for (const ImageRecord& record : source.records) count(file && write_record(*file, record));
  }
  File* memos = files.find(path::memos());
  if (memos) memos->erase();
  for (const Memo& memo : image.memos) count(memos && append_memo(*memos, memo));
  return result;
}

void erase_user_files(FileSystem& files) {
  for (const Path& path : user_files(files)) {
    if (File* file = files.find(path)) file->erase();
  }
  if (File* memos = files.find(path::memos())) memos->erase();
}

}  // namespace card
