// One line each way over a Unix socket, with a deadline and a limit. One thread per object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace cli {

// Owns the descriptor.
class LineSocket {
 public:
  explicit LineSocket(int fd) : fd_(fd) {}
  ~LineSocket();
  LineSocket(LineSocket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  LineSocket(const LineSocket&) = delete;
  LineSocket& operator=(const LineSocket&) = delete;

  static base::Result<LineSocket> connect(const std::string& path);

  // Up to the first line's end, without it. Error: closed before, longer than that, too late.
  base::Result<std::string> read_line(std::size_t longest, std::int64_t timeout_ms) const;
  // The whole text; the deadline is for each part that the other end takes.
  base::Status write(std::string_view text, std::int64_t timeout_ms) const;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// A listening socket at the path, which everybody may connect to. A socket that nobody listens at
// any more is replaced; a file of another kind and a service that runs are left alone.
base::Result<int> listen_at(const std::string& path);

}  // namespace cli
