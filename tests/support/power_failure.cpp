#include "tests/support/power_failure.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <new>

#include "base/crypto.h"

namespace support {

namespace {

constexpr std::size_t kSector = 512;
constexpr std::string_view kLog = "-wal";

std::string without_end(std::string path) {
  path.resize(path.size() - kLog.size());
  return path;
}

}  // namespace

// As SQLite has it: its own part first; the real file lies behind it.
struct PowerFailure::File {
  sqlite3_file base;
  PowerFailure* owner;
  std::shared_ptr<Disk>* disk;  // null: not of interest

  static File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

struct PowerFailure::Calls {
  static sqlite3_file* real(sqlite3_file* file) { return File::of(file)->real(); }

  static int close(sqlite3_file* file) {
    File* const own = File::of(file);
    const int done = own->real()->pMethods->xClose(own->real());
    delete own->disk;
    own->disk = nullptr;
    return done;
  }
  static int read(sqlite3_file* file, void* into, int size, sqlite3_int64 at) {
    return real(file)->pMethods->xRead(real(file), into, size, at);
  }
  static int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
    File* const own = File::of(file);
    if (own->disk != nullptr) {
      own->owner->write(**own->disk, static_cast<const std::uint8_t*>(from),
                        static_cast<std::size_t>(size), static_cast<std::size_t>(at));
    }
    return real(file)->pMethods->xWrite(real(file), from, size, at);
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    File* const own = File::of(file);
    if (own->disk != nullptr) {
      const std::lock_guard lock(own->owner->mutex_);
      (*own->disk)->seen.resize(static_cast<std::size_t>(size));
    }
    return real(file)->pMethods->xTruncate(real(file), size);
  }
  static int sync(sqlite3_file* file, int flags) {
    File* const own = File::of(file);
    if (own->disk == nullptr) return real(file)->pMethods->xSync(real(file), flags);
    return own->owner->sync(**own->disk) ? SQLITE_OK : SQLITE_IOERR_FSYNC;
  }
  static int file_size(sqlite3_file* file, sqlite3_int64* size) {
    return real(file)->pMethods->xFileSize(real(file), size);
  }
  static int lock(sqlite3_file* file, int level) {
    return real(file)->pMethods->xLock(real(file), level);
  }
  static int unlock(sqlite3_file* file, int level) {
    return real(file)->pMethods->xUnlock(real(file), level);
  }
  static int reserved(sqlite3_file* file, int* out) {
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
  }
  static int control(sqlite3_file* file, int what, void* argument) {
    return real(file)->pMethods->xFileControl(real(file), what, argument);
  }
  static int sector_size(sqlite3_file* file) {
    return real(file)->pMethods->xSectorSize(real(file));
  }
  static int characteristics(sqlite3_file* file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
  }
  static int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
  }
  static int shm_lock(sqlite3_file* file, int from, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), from, count, flags);
  }
  static void shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
  static int shm_unmap(sqlite3_file* file, int remove) {
    return real(file)->pMethods->xShmUnmap(real(file), remove);
  }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
    static const sqlite3_io_methods kMethods = {
        2,         close,    read,    write,       truncate,        sync,    file_size, lock,
        unlock,    reserved, control, sector_size, characteristics, shm_map, shm_lock,  shm_barrier,
        shm_unmap, nullptr,  nullptr};
    auto* const owner = static_cast<PowerFailure*>(vfs->pAppData);
    File* const own = File::of(file);
    own->base.pMethods = nullptr;
    own->owner = owner;
    own->disk = nullptr;
    const int done = owner->real_->xOpen(owner->real_, path, own->real(), flags, out);
    if (done != SQLITE_OK) return done;
    if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0) {
      own->disk = new std::shared_ptr<Disk>(owner->disk(path));
      const std::lock_guard lock(owner->mutex_);
      if ((flags & SQLITE_OPEN_WAL) != 0) (*own->disk)->log_of = without_end(path);
    }
    own->base.pMethods = &kMethods;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int sync) {
    auto* const owner = static_cast<PowerFailure*>(vfs->pAppData);
    {
      const std::lock_guard lock(owner->mutex_);
      owner->disks_.erase(path);
    }
    return owner->real_->xDelete(owner->real_, path, sync);
  }
};

PowerFailure::PowerFailure() : real_(sqlite3_vfs_find(nullptr)) {
  vfs_ = *real_;
  vfs_.pNext = nullptr;
  vfs_.zName = "power-failure";
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.xOpen = &Calls::open;
  vfs_.xDelete = &Calls::remove;
  sqlite3_vfs_register(&vfs_, 1);
}

PowerFailure::~PowerFailure() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(real_, 1);
}

std::shared_ptr<PowerFailure::Disk> PowerFailure::disk(const char* path) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Disk>& known = disks_[path];
  if (!known) known = std::make_shared<Disk>();
  return known;
}

void PowerFailure::write(Disk& disk, const std::uint8_t* octets, std::size_t size, std::size_t at) {
  const std::lock_guard lock(mutex_);
  if (disk.seen.size() < at + size) disk.seen.resize(at + size);
  std::copy_n(octets, size, disk.seen.begin() + static_cast<std::ptrdiff_t>(at));
  for (std::size_t sector = at / kSector; sector * kSector < at + size; ++sector) {
    disk.dirty.insert(sector);
  }
}

bool PowerFailure::sync(Disk& disk) {
  std::unique_lock lock(mutex_);
  const auto must_wait = [&] { return !hold_.empty() && disk.log_of == hold_; };
  if (must_wait()) {
    ++held_;
    released_.wait(lock, [&] { return !must_wait(); });
    --held_;
  }
  const bool lost = !disk.log_of.empty() && fail_;
  if (!lost) {
    disk.lasting.resize(disk.seen.size());
    for (const std::size_t sector : disk.dirty) {
      const std::size_t from = sector * kSector;
      if (from >= disk.seen.size()) continue;
      const std::size_t size = std::min(kSector, disk.seen.size() - from);
      std::copy_n(disk.seen.begin() + static_cast<std::ptrdiff_t>(from), size,
                  disk.lasting.begin() + static_cast<std::ptrdiff_t>(from));
    }
  }
  disk.dirty.clear();
  return !lost;
}

void PowerFailure::leave(const std::string& database, const std::string& copy,
                         unsigned percent) const {
  const std::lock_guard lock(mutex_);
  for (const char* const end : {"", "-wal"}) {
    const auto found = disks_.find(database + end);
    if (found == disks_.end()) continue;
    const Disk& disk = *found->second;
    std::vector<std::uint8_t> content = disk.lasting;
    for (const std::size_t sector : disk.dirty) {
      const std::size_t from = sector * kSector;
      if (from >= disk.seen.size() || base::random_below(100) >= percent) continue;
      const std::size_t size = std::min(kSector, disk.seen.size() - from);
      if (content.size() < from + size) content.resize(from + size);
      std::copy_n(disk.seen.begin() + static_cast<std::ptrdiff_t>(from), size,
                  content.begin() + static_cast<std::ptrdiff_t>(from));
    }
    std::ofstream out(copy + end, std::ios::binary);
    out.write(reinterpret_cast<const char*>(content.data()),
              static_cast<std::streamsize>(content.size()));
  }
}

void PowerFailure::fail_syncs(bool fail) {
  const std::lock_guard lock(mutex_);
  fail_ = fail;
}

void PowerFailure::hold_syncs(const std::string& database) {
  const std::lock_guard lock(mutex_);
  hold_ = database;
}

void PowerFailure::let_syncs_go() {
  const std::lock_guard lock(mutex_);
  hold_.clear();
  released_.notify_all();
}

int PowerFailure::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

}  // namespace support
