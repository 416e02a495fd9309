#include "db/sqlite_log.h"

#include <algorithm>
#include <utility>

namespace db {

namespace {

constexpr sqlite3_int64 kLogHeader = 32;
constexpr std::size_t kFrameHeader = 24;
// Of the database in pages after the transaction that ends with this frame, else 0.
constexpr std::size_t kSizeAfterCommit = 4;
constexpr std::size_t kMost = 32 * 1024;

}  // namespace

SqliteLog::SqliteLog(sqlite3_file& file, int page_size)
    : file_(file),
      real_(*file.pMethods),
      frame_size_(static_cast<sqlite3_int64>(kFrameHeader) + page_size) {
  gathered_.reserve(kMost);
  static_cast<sqlite3_io_methods&>(methods_) = real_;
  methods_.iVersion = std::min(real_.iVersion, 3);  // what this program knows of
  methods_.self = this;
  methods_.xWrite = [](sqlite3_file* f, const void* octets, int size, sqlite3_int64 offset) {
    const auto* const begin = static_cast<const std::uint8_t*>(octets);
    return of(f).write({begin, static_cast<std::size_t>(size)}, offset);
  };
  methods_.xRead = [](sqlite3_file* f, void* octets, int size, sqlite3_int64 offset) {
    const int code = of(f).flush();
    return code != SQLITE_OK ? code : of(f).real_.xRead(f, octets, size, offset);
  };
  methods_.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
    const int code = of(f).flush();
    return code != SQLITE_OK ? code : of(f).real_.xTruncate(f, size);
  };
  methods_.xSync = [](sqlite3_file* f, int flags) {
    const int code = of(f).flush();
    return code != SQLITE_OK ? code : of(f).real_.xSync(f, flags);
  };
  methods_.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
    const int code = of(f).flush();
    return code != SQLITE_OK ? code : of(f).real_.xFileSize(f, size);
  };
  methods_.xClose = [](sqlite3_file* f) {
    const SqliteLog& self = of(f);
    f->pMethods = &self.real_;
    return self.real_.xClose(f);  // what is still here belongs to no transaction
  };
  file_.pMethods = &methods_;
}

SqliteLog& SqliteLog::of(sqlite3_file* file) {
  return *static_cast<const Methods*>(file->pMethods)->self;
}

bool SqliteLog::sync() noexcept { return real_.xSync(&file_, SQLITE_SYNC_NORMAL) == SQLITE_OK; }

int SqliteLog::write(base::View octets, sqlite3_int64 offset) {
  const bool goes_on = offset == end_ && octets.size() <= kMost && known(octets.size(), offset);
  if (!goes_on || gathered_.size() + octets.size() > kMost) {
    if (const int code = flush(); code != SQLITE_OK) return code;
  }
  const bool ends = std::exchange(last_frame_, is_commit(octets, offset));
  end_ = offset + static_cast<sqlite3_int64>(octets.size());
  if (!goes_on) {
    return real_.xWrite(&file_, octets.data(), static_cast<int>(octets.size()), offset);
  }
  gathered_.insert(gathered_.end(), octets.begin(), octets.end());
  return ends ? flush() : SQLITE_OK;
}

bool SqliteLog::known(std::size_t size, sqlite3_int64 offset) const {
  const sqlite3_int64 in_frame = (offset - kLogHeader) % frame_size_;
  return in_frame == 0 ? size == kFrameHeader
                       : in_frame == static_cast<sqlite3_int64>(kFrameHeader) &&
                             size == static_cast<std::size_t>(frame_size_) - kFrameHeader;
}

bool SqliteLog::is_commit(base::View octets, sqlite3_int64 offset) const {
  if (octets.size() != kFrameHeader || (offset - kLogHeader) % frame_size_ != 0) return false;
  return base::Reader(octets.subspan(kSizeAfterCommit)).u32() != 0;
}

int SqliteLog::flush() {
  if (gathered_.empty()) return SQLITE_OK;
  const auto size = static_cast<int>(gathered_.size());
  const int code = real_.xWrite(&file_, gathered_.data(), size, end_ - size);
  gathered_.clear();
  return code;
}

}  // namespace db
