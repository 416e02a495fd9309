#include "card/lab_clock.h"

#include <chrono>
#include <thread>

#include "base/files.h"
#include "base/text.h"

namespace card {
namespace {

constexpr std::int64_t kReadersLagMs = 1200;

}  // namespace

LabClock::LabClock(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  const auto text = base::read_text_file(path_, 64);
  if (!text) return;
  std::string_view line = *text;
  line = line.substr(0, line.find_first_of("\r\n"));
  offset_ms_ = base::parse_integer(base::trim(line)).value_or(0);
}

base::Now LabClock::now() const {
  base::Now now = system_.now();
  now.mono_ms += offset_ms_;
  now.utc_ms += offset_ms_;
  return now;
}

base::Status LabClock::advance(std::int64_t by_ms) {
  offset_ms_ += by_ms;
  if (path_.empty()) return {};
  written_at_ms_ = system_.now().mono_ms;
  return base::write_file_atomically(path_, std::to_string(offset_ms_) + "\n", 0644);
}

void LabClock::settle() const {
  if (written_at_ms_ == 0) return;
  const std::int64_t left = written_at_ms_ + kReadersLagMs - system_.now().mono_ms;
  if (left > 0) std::this_thread::sleep_for(std::chrono::milliseconds(left));
}

}  // namespace card
