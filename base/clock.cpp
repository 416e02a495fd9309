#include "base/clock.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <limits>

namespace base {

Now SystemClock::now() const {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return {duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(),
          duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

namespace {

std::int64_t read_offset(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return 0;
  char line[64] = {};
  const std::size_t size = std::fread(line, 1, sizeof line - 1, file);
  std::fclose(file);
  std::int64_t value = 0;
  std::from_chars(line, line + size, value);
  return value;
}

}  // namespace

OffsetFileClock::OffsetFileClock(std::string path) : path_(std::move(path)) {
  read_again_at_ = std::numeric_limits<std::int64_t>::min();
}

Now OffsetFileClock::now() const {
  Now now = SystemClock().now();
  if (now.mono_ms >= read_again_at_.load(std::memory_order_relaxed)) {
    offset_ms_.store(read_offset(path_), std::memory_order_relaxed);
    read_again_at_.store(now.mono_ms + kSecondMs, std::memory_order_relaxed);
  }
  const std::int64_t offset = offset_ms_.load(std::memory_order_relaxed);
  return {now.mono_ms + offset, now.utc_ms + offset};
}

}  // namespace base
