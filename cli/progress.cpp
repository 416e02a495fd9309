#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/log.h"

namespace cli {

namespace {

constexpr std::uint64_t kWidth = 20;
constexpr std::int64_t kEveryMs = 200;

std::int64_t mono() { return base::SystemClock().now().mono_ms; }

}  // namespace

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t place = text.size(); place > 3;) {
    place -= 3;
    text.insert(place, ",");
  }
  return text;
}

std::uint64_t walked(base::View id) { return id.size() < 2 ? 0 : base::Reader(id).u16(); }

std::string progress_line(std::uint64_t done, std::uint64_t all, std::uint64_t lines,
                          std::int64_t elapsed_ms, const char* unit) {
  std::string line;
  if (all > 0) {
    const std::uint64_t part = std::min(done, all);
    const std::uint64_t filled = part * kWidth / all;
    line = base::cat("[", std::string(filled, '#'), std::string(kWidth - filled, ' '), "] ",
                     part * 100 / all, " %  ");
  }
  line += with_commas(lines) + " " + unit;
  if (elapsed_ms > 0) {
    line += "  " + with_commas(lines * 1000 / static_cast<std::uint64_t>(elapsed_ms)) + "/s";
  }
  return line;
}

ProgressBar::ProgressBar(const char* unit)
    : unit_(unit), terminal_(::isatty(STDERR_FILENO) == 1), started_(mono()) {}

void ProgressBar::show(std::uint64_t done, std::uint64_t all, std::uint64_t lines) {
  if (!terminal_) return;
  const std::int64_t now = mono();
  if (now < next_) return;
  next_ = now + kEveryMs;
  shown_ = true;
  std::fprintf(stderr, "\r%s\x1b[K",
               progress_line(done, all, lines, now - started_, unit_).c_str());
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (!shown_) return;
  shown_ = false;
  std::fputs("\r\x1b[K", stderr);
}

}  // namespace cli
