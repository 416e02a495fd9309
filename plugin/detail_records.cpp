#include "plugin/detail_records.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace plugin {

namespace {

constexpr std::string_view kPart = ".part";
constexpr std::string_view kWhole = ".csv";
constexpr std::size_t kAtOnce = 64 * 1024;            // octets of one write
constexpr auto kLookEvery = std::chrono::seconds(1);  // at time of rotation, after trouble
constexpr int kMostOfOneSecond = 1000;

base::Error trouble(const char* what, const std::string& path) {
  return base::Error{base::cat(what, " ", path, ": ", std::strerror(errno))};
}

// Letters, digits, '.', '_' and '-'; names of machines hold little else.
std::string file_word(std::string_view text) {
  std::string word(text);
  for (char& c : word) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!good) c = '_';
  }
  return word;
}

constexpr std::size_t kStampSize = 16;  // "20261128T214501Z"
constexpr std::size_t kNumberSize = 4;  // "-000"

std::string stamp(std::int64_t utc_ms) {
  std::string text;
  for (const char c : base::iso_date(utc_ms)) {
    if (c != '-' && c != ':') text += c;
  }
  return text;
}

struct Close {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

// ---- the file -----------------------------------------------------------------------------------

DetailFile::DetailFile(std::string folder, std::string prefix)
    : folder_(std::move(folder)), prefix_(std::move(prefix)) {}

DetailFile::~DetailFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

base::Status DetailFile::adopt() {
  if (!left_) return {};
  const std::unique_ptr<DIR, Close> directory(::opendir(folder_.c_str()));
  if (!directory) return trouble("cannot read", folder_);
  std::vector<std::string> left;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    // Another instance's name may begin with this one's.
    const bool own = name.size() == prefix_.size() + kStampSize + kNumberSize + kPart.size();
    if (own && name.starts_with(prefix_) && name.ends_with(kPart)) {
      left.push_back(folder_ + "/" + name);
    }
  }
  std::erase(left, part_);
  base::Status all;
  for (const std::string& part : left) {
    if (base::Status finished = finish(part); !finished) all = std::move(finished);
  }
  left_ = !all;
  return all;
}

// A part without a single whole line is nothing.
base::Status DetailFile::finish(const std::string& part) const {
  const int file = ::open(part.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return trouble("cannot open", part);
  off_t end = ::lseek(file, 0, SEEK_END);
  char last = 0;
  while (end > 0 && ::pread(file, &last, 1, end - 1) == 1 && last != '\n') --end;
  const bool good = ::ftruncate(file, end) == 0 && ::fdatasync(file) == 0;
  const int failed = errno;
  ::close(file);
  errno = failed;
  if (!good) return trouble("cannot complete", part);
  const std::string whole = part.substr(0, part.size() - kPart.size()) + std::string(kWhole);
  const bool empty = end <= static_cast<off_t>(bip::kDetailHeader.size() + 1);
  if (empty ? ::unlink(part.c_str()) != 0 : ::rename(part.c_str(), whole.c_str()) != 0) {
    return trouble("cannot rename", part);
  }
  return {};
}

// Names rise with time; of one second the second file is numbered.
base::Status DetailFile::create(std::int64_t utc_ms) {
  for (int number = 0; number < kMostOfOneSecond; ++number) {
    const std::string path = base::cat(folder_, "/", prefix_, stamp(utc_ms), "-",
                                       number < 10 ? "00" : (number < 100 ? "0" : ""), number);
    if (::access((path + std::string(kWhole)).c_str(), F_OK) == 0) continue;
    std::string part = path + std::string(kPart);
    const int made = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
    if (made < 0 && errno == EEXIST) continue;
    if (made < 0) return trouble("cannot create a file in", folder_);
    ::fchmod(made, 0640);  // whatever the host's umask: who collects is of the group
    descriptor_ = made;
    part_ = std::move(part);
    size_ = 0;
    return {};
  }
  errno = EEXIST;
  return trouble("cannot create a file in", folder_);
}

base::Status DetailFile::append(std::string_view lines, std::int64_t utc_ms) {
  if (descriptor_ < 0) {
    if (base::Status created = create(utc_ms); !created) return created;
  }
  std::string text = size_ == 0 ? base::cat(bip::kDetailHeader, "\n", lines) : std::string(lines);
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = ::write(descriptor_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const base::Error error = trouble("cannot write", part_);
      // Half a line must not stay; if even this fails, adopt() finds it.
      (void)!::ftruncate(descriptor_, static_cast<off_t>(size_));
      return error;
    }
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  size_ += text.size();
  return {};
}

base::Status DetailFile::complete() {
  if (descriptor_ >= 0) {
    ::close(std::exchange(descriptor_, -1));
    size_ = 0;
    const bool others = std::exchange(left_, true);
    if (base::Status finished = finish(std::exchange(part_, {})); !finished) return finished;
    left_ = others;
  }
  return adopt();
}

// ---- the queue and its writer -------------------------------------------------------------------

DetailRecords::DetailRecords(const config::DetailRecords& settings, const std::string& instance,
                             Parts parts)
    : settings_(settings),
      instance_(file_word(instance)),
      parts_(std::move(parts)),
      file_(settings.directory, "bipvault-" + instance_ + "-") {}

DetailRecords::~DetailRecords() {
  while (!stop(base::kMinuteMs)) {
  }
}

base::Status DetailRecords::start() {
  stopping_ = ended_ = false;
  if (thread_.start("bv-details", [this] { work(); })) return {};
  return base::Error{"the system gives no thread"};
}

bool DetailRecords::stop(std::int64_t deadline_ms) {
  if (!thread_.running()) return true;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    const std::chrono::milliseconds patience(deadline_ms);
    if (!changed_.wait_for(lock, patience, [&] { return ended_; })) return false;
  }
  thread_.join();
  return true;
}

void DetailRecords::take(const bip::Detail& detail) {
  std::string line = bip::detail_line(detail, instance_) + '\n';
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= static_cast<std::size_t>(settings_.queue)) {
      parts_.counters.add("plugin.details_lost");
      return;
    }
    lines_.push_back(std::move(line));
  }
  changed_.notify_all();
}

void DetailRecords::work() {
  struct AtEnd {
    DetailRecords& records;
    ~AtEnd() {
      const std::lock_guard lock(records.mutex_);
      records.ended_ = true;
      records.changed_.notify_all();
    }
  } const at_end{*this};
  for (bool stopping = false;;) {
    const bool good = turn(stopping);
    if (stopping) break;
    std::unique_lock lock(mutex_);
    // What has failed is tried again, but not at once.
    changed_.wait_for(lock, kLookEvery, [&] { return stopping_ || (good && !lines_.empty()); });
    stopping = stopping_;
  }
  count_lost();
}

// False: not all went well. Out of memory: this turn is lost, the next one comes.
bool DetailRecords::turn(bool stopping) try {
  const base::Status written = write_some(stopping);
  const base::Status files = stopping || rotation_is_due() ? file_.complete() : file_.adopt();
  const base::Status& all = written ? files : written;
  tell(all);
  return all.ok();
} catch (...) {
  parts_.counters.add("plugin.lost_turns");
  return false;
}

// All that waits, in large pieces. What cannot be written now is kept for the next time.
base::Status DetailRecords::write_some(bool stopping) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      while (!lines_.empty() && under_way_.size() < kAtOnce) {
        under_way_ += lines_.front();
        lines_.pop_front();
      }
    }
    if (under_way_.empty()) return {};
    const base::Now now = parts_.clock.now();
    if (!file_.open()) opened_at_ = now.mono_ms;
    if (base::Status written = file_.append(under_way_, now.utc_ms); !written) return written;
    const auto lines = std::count(under_way_.begin(), under_way_.end(), '\n');
    under_way_.clear();
    parts_.counters.add("plugin.details", lines);
    if (!stopping && file_.size() >= static_cast<std::uint64_t>(settings_.size)) {
      if (base::Status completed = file_.complete(); !completed) return completed;
    }
  }
}

bool DetailRecords::rotation_is_due() const {
  return file_.open() && parts_.clock.now().mono_ms - opened_at_ >= settings_.every;
}

void DetailRecords::count_lost() {
  auto lost = std::count(under_way_.begin(), under_way_.end(), '\n');
  under_way_.clear();
  {
    const std::lock_guard lock(mutex_);
    lost += std::ssize(lines_);
    lines_.clear();
  }
  if (lost == 0) return;
  parts_.counters.add("plugin.details_lost", lost);
  parts_.log.error("plugin.details_lost",
                   base::cat(lost, " detail records are lost: they could not be written"));
}

// Of changes only: a disk that is full is told once, and its end.
void DetailRecords::tell(const base::Status& status) {
  const std::string now = status ? "" : status.error();
  if (now == trouble_) return;
  parts_.alarm(now);
  trouble_ = now;
  if (now.empty()) {
    parts_.log.info("plugin.details_again", "detail records can be written again");
  } else {
    parts_.log.error("plugin.details_stuck", "detail records wait: " + now);
  }
}

}  // namespace plugin
