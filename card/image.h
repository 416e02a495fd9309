// The image (wire protocol section 4): what the card uploads, opaque to the transfer.
// Pure values, any thread.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "card/file_system.h"
#include "card/memo.h"

namespace card {

struct ImageRecord {
  std::uint16_t number = 0;  // from 1; 0: the content of a transparent file
  base::Bytes content;
};
struct ImageFile {
  Path path;
  Structure structure = Structure::linear_fixed;
  std::optional<std::uint16_t> record_length;
  std::vector<ImageRecord> records;
};
struct Image {
  std::vector<ImageFile> files;
  std::vector<Memo> memos;
};

base::Bytes encode_image(const Image& image);
// Nothing: another magic or version, a length that lies, or an object without its parts.
// Objects and members of unknown tags are skipped.
std::optional<Image> parse_image(base::View data);

// The user's content of a card: phone books, short messages, memos. Free records are left out.
Image take_image(const FileSystem& files);

struct Restored {
  std::uint16_t written = 0;  // records and memos
  std::uint16_t skipped = 0;  // that found no place here
};
// Makes the files that the image names what they were: records that the image lacks are freed.
// A record longer than here is cut if only filler is lost.
Restored write_image(FileSystem& files, const Image& image);

// Frees everything that take_image would take.
void erase_user_files(FileSystem& files);

}  // namespace card
