// A file with an input of a fuzz target, of this user and mode 0600, for decoders that take a path.
// Gone when the program ends.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/bytes.h"

namespace fuzz {

class PrivateFile {
 public:
  PrivateFile() : path_(std::filesystem::temp_directory_path() / "input-XXXXXX") {
    file_ = ::mkstemp(path_.data());  // with mode 0600
    if (file_ < 0) std::abort();
  }
  ~PrivateFile() {
    ::close(file_);
    ::unlink(path_.c_str());
  }
  PrivateFile(const PrivateFile&) = delete;

  const std::string& with(base::View octets) {
    const auto size = static_cast<ssize_t>(octets.size());
    const bool written =
        ::ftruncate(file_, 0) == 0 && ::pwrite(file_, octets.data(), octets.size(), 0) == size;
    if (!written) std::abort();
    return path_;
  }

 private:
  std::string path_;
  int file_ = -1;
};

}  // namespace fuzz
