#include "db/key_rotation.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "db/change_set.h"
#include "db/connect.h"
#include "db/seal.h"
#include "db/sql_tx_entry.h"

namespace db {

using base::cat;
using Kind = SqlError::Kind;

namespace {

constexpr std::size_t kPage = 2000;

struct WrappedKey {
  base::Bytes record;
  std::int64_t place = 0;
  Sealed sealed;  // id, master and wrapped
  bool has_content = false;
};

// A key wrapped anew, and how it was.
struct Change {
  WrappedKey key;
  std::uint32_t old_master = 0;
  base::Bytes old_wrapped;
};

std::vector<WrappedKey> keys_behind(SqlConnection& use, const base::Bytes& record,
                                    std::int64_t place, std::size_t rows) {
  std::vector<WrappedKey> keys;
  use.query(
      "SELECT record_id, place, master, wrapped FROM data_keys WHERE record_id >= ? AND "
      "(record_id > ? OR place > ?) ORDER BY record_id, place LIMIT ?",
      {base::View(record), base::View(record), number(place), number(rows)}, [&](const Row& row) {
        WrappedKey& key = keys.emplace_back();
        key.record = row.blob(0);
        key.place = row.number(1);
        key.sealed.master = static_cast<std::uint32_t>(row.number(2));
        key.sealed.wrapped = row.blob(3);
      });
  return keys;
}

}  // namespace

struct KeyRotation::Parts : WholeStore {
  Parts(const Settings& s, const FileKeyRing& k) : WholeStore(s, k, SqliteMode::write) {}

  // The id to which a key is bound is that of the content beside it.
  void find_id(WrappedKey& key) {
    const bool part = key.place >= kFirstPartPlace;
    connected().query(
        part ? "SELECT part_id FROM staged WHERE record_id = ? AND part_offset = ?"
             : "SELECT id FROM images WHERE record_id = ? AND place = ?",
        {base::View(key.record), number(part ? key.place - kFirstPartPlace : key.place)},
        [&](const Row& row) { key.has_content = take_octets(key.sealed.id, row.blob(0)); });
  }

  // Content and key in one view, so that they are seen as they belong together.
  std::vector<WrappedKey> read(const Rotation& state, std::size_t rows) {
    SqlConnection& use = connected();
    const Snapshot view(use);
    auto found = keys_behind(use, state.record, state.place, rows);
    const std::uint32_t newest = keys.master_keys().newest();
    for (WrappedKey& key : found) {
      if (key.sealed.master != newest) find_id(key);
    }
    return found;
  }

  // Empty: wrapped anew.
  std::string rewrap(WrappedKey& key, std::vector<Change>& changes) {
    if (!key.has_content) return "a key belongs to no content";
    Change change{{}, key.sealed.master, key.sealed.wrapped};
    if (!keys.master_keys().contains(change.old_master)) {
      return cat("there is no master key ", change.old_master);
    }
    if (!sealer.rewrap(key.sealed)) return "a key was changed";
    change.key = key;
    changes.push_back(std::move(change));
    return "";
  }

  // How many were still as they had been read: what the vault has changed meanwhile is as good.
  std::uint64_t write(const std::vector<Change>& changes) {
    SqlConnection& use = connected();
    std::uint64_t rewrapped = 0;
    if (!checks.recorded()) checks.record(use);
    use.begin();
    for (const auto& [key, old_master, old_wrapped] : changes) {
      rewrapped += use.execute(
          "UPDATE data_keys SET master = ?, wrapped = ? "
          "WHERE record_id = ? AND place = ? AND master = ? AND wrapped = ?",
          {number(key.sealed.master), base::View(key.sealed.wrapped), base::View(key.record),
           number(key.place), number(old_master), base::View(old_wrapped)});
    }
    use.commit();
    return rewrapped;
  }

  // Reading, and wrapping, which may go to an HSM, hold up nobody who writes.
  void batch(Rotation& state, std::size_t rows) {
    auto found = read(state, rows);
    std::vector<Change> changes;
    for (WrappedKey& key : found) {
      if (key.sealed.master == keys.master_keys().newest()) continue;
      const std::string fault = rewrap(key, changes);
      if (!fault.empty()) state.faults.push_back({record_name(key.record), fault});
    }
    if (!changes.empty()) state.rewrapped += write(changes);
    state.seen += found.size();
    state.done = found.size() < rows;
    if (found.empty()) return;
    state.record = found.back().record;
    state.place = found.back().place;
  }
};

KeyRotation::KeyRotation(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
KeyRotation::~KeyRotation() = default;

base::Result<std::unique_ptr<KeyRotation>> KeyRotation::open(const Settings& settings,
                                                             const FileKeyRing& keys) {
  std::unique_ptr<KeyRotation> made(new KeyRotation(std::make_unique<Parts>(settings, keys)));
  try {
    made->parts_->connected();
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
  return made;
}

// A commit whose fate is unknown is repeated as well: what was wrapped is then skipped.
base::Status KeyRotation::batch(Rotation& state, std::size_t rows) {
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::milliseconds(parts_->settings.query_timeout_ms);
  for (bool again = true;;) {
    try {
      Rotation work = state;
      parts_->batch(work, rows);
      state = std::move(work);
      return {};
    } catch (const SqlError& error) {
      if (parts_->connection) parts_->connection->rollback();
      const bool conflict = error.kind() == Kind::conflict;
      if (!conflict) parts_->connection.reset();
      const bool late = std::chrono::steady_clock::now() >= deadline;
      const bool once = error.kind() == Kind::lost || error.kind() == Kind::unknown;
      if (late || !(conflict || (once && std::exchange(again, false)))) {
        return base::Error{error.text()};
      }
    }
  }
}

base::Result<KeyUse> KeyRotation::use(const std::function<void(base::View id)>& walked) {
  KeyUse use;
  try {
    SqlConnection& connection = parts_->connected();
    base::Bytes record;
    std::int64_t place = -1;
    for (std::size_t rows = kPage; rows == kPage;) {
      const auto keys = keys_behind(connection, record, place, kPage);
      for (const WrappedKey& key : keys) ++use.master[key.sealed.master];
      rows = keys.size();
      if (keys.empty()) break;
      record = keys.back().record;
      place = keys.back().place;
      walked(record);
    }
    base::Bytes after;
    for (std::size_t rows = kPage; rows == kPage;) {
      rows = 0;
      const base::Bytes here = after;
      connection.query("SELECT id, key_state, pepper FROM records WHERE id > ? ORDER BY id LIMIT ?",
                       {base::View(here), number(kPage)}, [&](const Row& row) {
                         ++rows;
                         after = row.blob(0);
                         if (row.number(1) != 0)
                           ++use.pepper[static_cast<std::uint32_t>(row.number(2))];
                       });
      walked(after);
    }
  } catch (const SqlError& error) {
    parts_->connection.reset();
    return base::Error{error.text()};
  }
  return use;
}

}  // namespace db
