#include "db/sqlite_log.h"

#include <algorithm>
#include <utility>

namespace db {

namespace {

constexpr sqlite3_int64 kLogHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr std::size_t kMost = 32 * 1024;

// Of a transaction: behind the page's number the header says how many pages the database has then,
// else 0.
bool is_last(base::View frame_header) {
  base::Reader reader(frame_header);
  reader.u32();
  return reader.u32() != 0;
}

}  // namespace

SqliteLog::SqliteLog(sqlite3_file& file, int page_size)
    : file_(file), real_(*file.pMethods), page_size_(static_cast<std::size_t>(page_size)) {
  gathered_.reserve(kMost);
  static_cast<sqlite3_io_methods&>(methods_) = real_;
  methods_.iVersion = std::min(real_.iVersion, 3);  // what this program knows of
  methods_.self = this;
  methods_.xWrite = [](sqlite3_file* f, const void* octets, int size, sqlite3_int64 offset) {
    const auto* const begin = static_cast<const std::uint8_t*>(octets);
    return of(f).write({begin, static_cast<std::size_t>(size)}, offset);
  };
  methods_.xRead = after_flush<&sqlite3_io_methods::xRead>;
  methods_.xTruncate = after_flush<&sqlite3_io_methods::xTruncate>;
  methods_.xSync = after_flush<&sqlite3_io_methods::xSync>;
  methods_.xFileSize = after_flush<&sqlite3_io_methods::xFileSize>;
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
  const Part part = part_of(octets.size(), offset);
  const bool goes_on = offset == end_ && octets.size() <= kMost && part != Part::other;
  if (!goes_on || gathered_.size() + octets.size() > kMost) {
    if (const int code = flush(); code != SQLITE_OK) return code;
  }
  const bool ends = std::exchange(last_frame_, part == Part::frame_header && is_last(octets));
  end_ = offset + static_cast<sqlite3_int64>(octets.size());
  if (!goes_on) {
    return real_.xWrite(&file_, octets.data(), static_cast<int>(octets.size()), offset);
  }
  gathered_.insert(gathered_.end(), octets.begin(), octets.end());
  return ends ? flush() : SQLITE_OK;
}

SqliteLog::Part SqliteLog::part_of(std::size_t size, sqlite3_int64 offset) const {
  if (offset < kLogHeader) return Part::other;
  const auto in_frame = static_cast<std::size_t>(offset - kLogHeader) % (kFrameHeader + page_size_);
  if (in_frame == 0 && size == kFrameHeader) return Part::frame_header;
  return in_frame == kFrameHeader && size == page_size_ ? Part::page : Part::other;
}

int SqliteLog::flush() {
  if (gathered_.empty()) return SQLITE_OK;
  const auto size = static_cast<int>(gathered_.size());
  const int code = real_.xWrite(&file_, gathered_.data(), size, end_ - size);
  gathered_.clear();
  return code;
}

}  // namespace db
