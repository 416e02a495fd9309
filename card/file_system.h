// Files of a UICC (TS 102 221 clause 8): dedicated files with transparent and linear fixed
// elementary files. Plain values, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace card {

// File identifiers from the MF (3F00) or from the current application (7FFF) on.
using Path = std::vector<std::uint16_t>;
std::string to_string(const Path& path);  // "3F00/7F10/6F3A"

enum class Structure : std::uint8_t { transparent = 0x00, linear_fixed = 0x01 };
enum class Access : std::uint8_t { read_only, read_write };

class File {
 public:
  static File transparent(Path path, base::Bytes content, Access access = Access::read_write);
  // `fill`: content of a free record; what begins with another octet than FF has its status or type
  // there, which alone says whether it is free. `sfi` 0: none.
  static File linear(Path path, std::uint8_t record_length, std::size_t records,
                     base::Bytes fill = {}, std::uint8_t sfi = 0);

  const Path& path() const { return path_; }
  Structure structure() const { return structure_; }
  Access access() const { return access_; }
  std::uint8_t sfi() const { return sfi_; }
  std::size_t record_length() const { return record_length_; }
  std::size_t records() const;
  base::View content() const { return content_; }
  void set_content(base::View content);  // cut or filled with FF to the file's size

  base::View record(std::size_t number) const;          // from 1; empty: no such record
  bool update(std::size_t number, base::View content);  // exactly one record
  bool update_binary(std::size_t offset, base::View part);
  void erase();                                // all records free, or all FF
  bool record_free(std::size_t number) const;  // by its status or type, else all FF

 private:
  Path path_;
  Structure structure_ = Structure::transparent;
  Access access_ = Access::read_write;
  std::uint8_t sfi_ = 0;
  std::size_t record_length_ = 0;
  base::Bytes fill_;
  base::Bytes content_;
};

class FileSystem {
 public:
  void add(File file) { files_.push_back(std::move(file)); }
  File* find(const Path& path);
  const File* find(const Path& path) const;
  bool is_directory(const Path& path) const;  // some file lies below
  std::span<File> files() { return files_; }
  std::span<const File> files() const { return files_; }

 private:
  std::vector<File> files_;  // in the order of creation, which is the image's order
};

}  // namespace card
