// Small files of an operator: read whole or line by line, with limits, and never a directory, a
// device or a pipe by accident. One thread at a time per object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

// The whole content of a regular file of at most `limit` octets.
Result<std::string> read_text_file(const std::string& path, std::size_t limit);

enum class SecretFile { good, missing, bad };
struct SecretFileState {
  SecretFile state = SecretFile::good;
  std::string text;  // why not good, and the command that helps
};
// A file with a secret must be regular, belong to this process's user and have mode 0600 or 0400.
SecretFileState check_secret_file(const std::string& path);

// Writes a new file beside `path` and renames it: readers see the old one or the whole new one.
Status write_file_atomically(const std::string& path, std::string_view content, unsigned mode);

// Lines of a file or of a text in memory. A leading BOM and the ends of lines (LF, CRLF) are
// dropped. A line over the limit is skipped to its end and reported as such.
class Lines {
 public:
  static constexpr std::size_t kLongest = 64 * 1024;

  // The text must outlive the object.
  explicit Lines(std::string_view text) : text_(text), size_(text.size()) {}
  // A regular file, or "-" for standard input.
  static Result<Lines> open(const std::string& path);

  enum class Got { line, too_long, end, failed };
  Got next(std::string& line);
  std::uint64_t number() const { return number_; }      // of the line last given, from 1
  std::uint64_t position() const { return position_; }  // octets read
  std::uint64_t size() const { return size_; }          // of the whole; 0: not known

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  bool refill();

  std::unique_ptr<std::FILE, Close> file_;
  std::string buffer_;
  std::string_view text_;  // what of the text or buffer is left
  std::uint64_t number_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t size_ = 0;
  bool failed_ = false;
};

}  // namespace base
