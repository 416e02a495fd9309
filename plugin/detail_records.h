// Detail records in files: CSV with a header, one file after the other by time and size. A file
// that is being written ends in ".part"; complete ones end in ".csv", belong to who collects them
// and are never touched again. A disk that is full, or a folder that is gone, is an alarm and
// nothing else: lines wait, and beyond the queue they are lost and counted.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/thread.h"
#include "bip/details.h"
#include "config/config.h"

namespace plugin {

// The file under way. One thread.
class DetailFile {
 public:
  // `prefix`: of the names of this instance's files.
  DetailFile(std::string folder, std::string prefix);
  ~DetailFile();
  DetailFile(const DetailFile&) = delete;
  DetailFile& operator=(const DetailFile&) = delete;

  // What a process that was killed has left, or what could not be completed, is cut to whole lines
  // and completed; until all of it is, each call tries again.
  base::Status adopt();
  // Whole lines, in a new file if none is open. After an error none of them is in the file.
  base::Status append(std::string_view lines, std::int64_t utc_ms);
  // The file is complete: on the disk, and under its name. And adopt.
  base::Status complete();
  bool open() const { return descriptor_ >= 0; }
  std::uint64_t size() const { return size_; }

 private:
  base::Status create(std::int64_t utc_ms);
  base::Status finish(const std::string& part) const;

  const std::string folder_;
  const std::string prefix_;
  std::string part_;  // path, while one is open
  int descriptor_ = -1;
  std::uint64_t size_ = 0;  // of whole lines
  bool left_ = true;        // there may be parts besides the open one
};

// take() from any thread; start and stop from one.
class DetailRecords : public bip::DetailSink {
 public:
  struct Parts {
    const base::Clock& clock;  // of the platform: files change by it
    base::Log& log;
    base::Counters& counters;
    std::function<void(const std::string&)> alarm;  // empty text: it is over; the writer's thread
  };
  // `instance`: name of this process in lines and names of files.
  DetailRecords(const config::DetailRecords& settings, const std::string& instance, Parts parts);
  ~DetailRecords() override;

  base::Status start();
  // Writes what waits, if it can be written at once, and completes the file; the rest is lost and
  // counted. False: the disk does not answer within the deadline; call again.
  bool stop(std::int64_t deadline_ms);

  void take(const bip::Detail& detail) override;

 private:
  void work();
  bool turn(bool stopping);
  base::Status write_some(bool stopping);
  bool rotation_is_due() const;
  void count_lost();
  void tell(const base::Status& status);

  const config::DetailRecords settings_;
  const std::string instance_;
  const Parts parts_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  bool stopping_ = false;
  bool ended_ = true;

  // The writer's thread alone.
  DetailFile file_;
  std::int64_t opened_at_ = 0;  // mono_ms
  std::string under_way_;       // taken from the queue, not yet in the file
  std::string trouble_;         // empty: all is well
  base::Thread thread_;
};

}  // namespace plugin
