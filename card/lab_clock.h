// The system's time plus an offset that the script moves. With a file, the offset is kept there in
// milliseconds, so that a host that reads the same file moves too. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace card {

class LabClock : public base::Clock {
 public:
  // Goes on from the offset that the file holds; an empty path: no file.
  explicit LabClock(std::string path = {});

  base::Now now() const override;
  base::Status advance(std::int64_t by_ms);
  // Waits until readers, who look once a second, must have seen the last change.
  void settle() const;

 private:
  std::string path_;
  base::SystemClock system_;
  std::int64_t offset_ms_ = 0;
  std::int64_t written_at_ms_ = 0;  // system's monotonic time; 0: nothing to wait for
};

}  // namespace card
