// SQLite's files on a disk that forgets. While the object lives it is the default VFS; what goes
// through it is kept a second time, as the program sees it and as a power failure would leave it:
// what was written lasts once its file was synchronised after it, and what a failed sync should
// have written is lost, though the program still reads it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <sqlite3.h>

namespace support {

class PowerFailure {
 public:
  PowerFailure();
  ~PowerFailure();
  PowerFailure(const PowerFailure&) = delete;

  // Writes a database and its log as a failure at this moment would leave them. Of the sectors that
  // were written and not synchronised `percent` have reached the disk nevertheless.
  void leave(const std::string& database, const std::string& copy, unsigned percent) const;

  // From now on syncs of logs fail.
  void fail_syncs(bool fail);
  // From now on syncs of this database's log wait until they may go on.
  void hold_syncs(const std::string& database);
  void let_syncs_go();
  // Those that wait.
  int held() const;

 private:
  struct Disk {
    std::vector<std::uint8_t> seen;
    std::vector<std::uint8_t> lasting;
    std::set<std::size_t> dirty;  // sectors
    std::string log_of;           // empty: it is a database
  };
  struct File;
  struct Calls;

  std::shared_ptr<Disk> disk(const char* path);
  void write(Disk& disk, const std::uint8_t* octets, std::size_t size, std::size_t at);
  bool sync(Disk& disk);

  mutable std::mutex mutex_;
  std::condition_variable released_;
  std::map<std::string, std::shared_ptr<Disk>> disks_;
  bool fail_ = false;
  std::string hold_;  // empty: none
  int held_ = 0;
  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_{};
};

}  // namespace support
