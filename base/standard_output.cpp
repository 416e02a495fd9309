#include "base/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/log.h"

namespace base {

namespace {
int first_fault = 0;  // errno
}  // namespace

void keep_output_fault() {
  if (first_fault == 0 && std::ferror(stdout) != 0) first_fault = errno;
}

void print(const char* text) {
  errno = 0;
  std::fputs(text, stdout);
  keep_output_fault();
}

Status end_standard_output() {
  // What failed just before is still in the buffer, so that its reason comes back.
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return {};
  if (first_fault == 0) first_fault = errno;
  char text[128] = {};
  const char* const why =
      first_fault == 0 ? "a part is missing" : strerror_r(first_fault, text, sizeof text);
  return Error{cat("standard output cannot be written: ", why)};
}

void hold_standard_descriptors() {
  int file = ::open("/dev/null", O_RDONLY);
  while (file >= 0 && file <= STDERR_FILENO) file = ::open("/dev/null", O_RDONLY);
  if (file >= 0) ::close(file);
}

}  // namespace base
