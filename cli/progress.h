// A progress bar on standard error, for people only: nothing when it is no terminal.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace cli {

// "[#####               ]  25 %  250,000 lines  50,000/s"; `unit` is what is counted.
std::string progress_line(std::uint64_t done, std::uint64_t all, std::uint64_t lines,
                          std::int64_t elapsed_ms, const char* unit = "lines");
std::string with_commas(std::uint64_t number);

// How far a walk along ids has come that are random octets, out of kWalkedAll.
inline constexpr std::uint64_t kWalkedAll = 0xFFFF;
std::uint64_t walked(base::View id);

class ProgressBar {
 public:
  explicit ProgressBar(const char* unit = "lines");
  ~ProgressBar() { clear(); }
  void show(std::uint64_t done, std::uint64_t all, std::uint64_t lines);
  void clear();

 private:
  const char* unit_;
  bool terminal_;
  bool shown_ = false;
  std::int64_t started_;
  std::int64_t next_ = 0;
};

}  // namespace cli
