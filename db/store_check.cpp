#include "db/store_check.h"

#include <map>
#include <set>

#include "base/log.h"
#include "base/time.h"
#include "db/change_set.h"
#include "db/connect.h"
#include "db/history_row.h"
#include "db/record_row.h"
#include "vault/history.h"

namespace db {

using base::cat;
using vault::RecordId;

namespace {

constexpr std::size_t kRecords = 200;
constexpr std::size_t kEntries = 2000;
using Id = std::string;                   // a record's octets, however many
using Key = std::pair<Id, std::int64_t>;  // record, place

struct Head {
  std::uint64_t count = 0;
  base::Sha256 mac{};
};

Id id_in(const Row& row, int column) { return Id(base::as_text(row.blob(column))); }
Id id_from(const RecordId& id) { return Id(base::as_text(id)); }

// What is wrong with content as it lies there; empty: nothing.
std::string fault_of(const FileKeyRing& keys, const Sealer& sealer, const Sealed& sealed,
                     base::View binding, std::size_t size, const vault::Digest* digest) {
  if (!keys.master_keys().contains(sealed.master)) {
    return cat("there is no master key ", sealed.master);
  }
  const auto plain = sealer.open(sealed, binding, size);
  if (!plain) return "content or key was changed";
  if (digest != nullptr && base::sha256(*plain) != *digest) return "the digest does not fit";
  return "";
}

}  // namespace

struct StoreCheck::Parts : WholeStore {
  Parts(const Settings& s, const FileKeyRing& k) : WholeStore(s, k, SqliteMode::read) {}
};

// All that belongs to the ids of one stretch.
class StoreCheck::Page {
 public:
  Page(Parts& parts, CheckState& state)
      : keys_(parts.keys), sealer_(parts.sealer), use_(parts.connected()), state_(state) {}

  void check() {
    const Snapshot snapshot(use_);
    load_records();
    load_keys();
    for (const StoredRecord& stored : records_) check_record(stored);
    for (const Key& key : parts_) check_part(key);
    check_strays();
    check_chains();
    state_.after = until_;
    state_.done = last_;
  }

 private:
  void fault(std::string where, std::string what) {
    ++state_.faults;
    if (state_.listed.size() < kMostListed) state_.listed.push_back({std::move(where), what});
  }
  std::string name_of(const Id& id) const {
    const auto known = names_.find(id);
    return known == names_.end() ? record_name(base::as_bytes(id)) : known->second;
  }

  void load_records() {
    std::size_t rows = 0;
    use_.query(record_sql().select + " WHERE id > ? ORDER BY id LIMIT ?",
               {base::View(state_.after), number(kRecords)}, [&](const Row& row) {
                 ++rows;
                 until_ = row.blob(0);
                 take_record(row, id_in(row, 0));
               });
    state_.records += rows;
    last_ = rows < kRecords;
    if (last_) until_.assign(sizeof(RecordId), 0xFF);
  }

  void take_record(const Row& row, const Id& id) {
    try {
      records_.push_back(read_record(row));
      const vault::Record& record = records_.back().record;
      names_[id] = record.iccid.digits();
      heads_[record.id] = {record.history_count, record.history_mac};
    } catch (const SqlError& error) {
      unreadable_.insert(id);
      fault(record_name(base::as_bytes(id)), "the record cannot be read: " + error.text());
    }
  }

  std::set<Key> keys_in(const char* table, const char* column, std::int64_t first = 0) {
    std::set<Key> found;
    use_.query(cat("SELECT record_id, ", column, " FROM ", table,
                   " WHERE record_id > ? AND record_id <= ?"),
               {base::View(state_.after), base::View(until_)}, [&](const Row& row) {
                 found.insert({id_in(row, 0), first + row.number(1)});
               });
    return found;
  }

  void load_keys() {
    images_ = keys_in("images", "place");
    data_keys_ = keys_in("data_keys", "place");
    parts_ = keys_in("staged", "part_offset", kFirstPartPlace);
  }

  void check_record(const StoredRecord& stored) {
    const vault::Record& record = stored.record;
    std::size_t version = 0;
    for (const StoredImage& image : stored.images) {
      ++state_.versions;
      state_.octets += image.info.bytes;
      const std::string what = image_fault(record.id, image);
      if (!what.empty()) fault(record.iccid.digits(), cat("version ", version, ": ", what));
      ++version;
    }
    if (record.key_state != vault::KeyState::none && !keys_.key_mac(record.pepper, record.id, {})) {
      fault(record.iccid.digits(), cat("pepper ", record.pepper, " is not in the key file"));
    }
  }

  std::string image_fault(const RecordId& id, const StoredImage& image) {
    const Key key{id_from(id), image.place};
    const bool has_key = data_keys_.erase(key) > 0;
    if (images_.erase(key) == 0) return "its content is missing";
    if (!has_key) return "its key is missing";
    Sealed sealed;
    use_.query(
        "SELECT i.id, i.sealed, k.master, k.wrapped FROM images i, data_keys k "
        "WHERE i.record_id = ? AND i.place = ? AND k.record_id = i.record_id "
        "AND k.place = i.place",
        {base::View(id), number(image.place)}, [&](const Row& row) {
          (void)take_octets(sealed.id, row.blob(0));
          sealed.data = row.blob(1);
          sealed.master = static_cast<std::uint32_t>(row.number(2));
          sealed.wrapped = row.blob(3);
        });
    if (sealed.id != image.info.id) return "the content is another version's";
    return fault_of(keys_, sealer_, sealed, Sealer::image_binding(image.info), image.info.bytes,
                    &image.info.digest);
  }

  void check_part(const Key& key) {
    ++state_.parts;
    const auto& [id, place] = key;
    const std::int64_t offset = place - kFirstPartPlace;
    const std::string part = cat("part of an upload at ", offset, ": ");
    if (!names_.contains(id)) {
      if (!unreadable_.contains(id)) fault(name_of(id), part + "there is no such record");
      data_keys_.erase(key);
      return;
    }
    if (data_keys_.erase(key) == 0) return fault(name_of(id), part + "its key is missing");
    Sealed sealed;
    std::size_t bytes = 0;
    use_.query(
        "SELECT s.part_id, s.sealed, k.master, k.wrapped, s.bytes FROM staged s, data_keys k "
        "WHERE s.record_id = ? AND s.part_offset = ? AND k.record_id = s.record_id "
        "AND k.place = ?",
        {base::as_bytes(id), number(offset), number(place)}, [&](const Row& row) {
          (void)take_octets(sealed.id, row.blob(0));
          sealed.data = row.blob(1);
          sealed.master = static_cast<std::uint32_t>(row.number(2));
          sealed.wrapped = row.blob(3);
          bytes = static_cast<std::size_t>(row.number(4));
        });
    RecordId record{};
    if (id.size() == record.size()) std::copy(id.begin(), id.end(), record.begin());
    const auto binding =
        Sealer::part_binding(record, sealed.id, static_cast<std::uint32_t>(offset));
    const std::string what = fault_of(keys_, sealer_, sealed, binding, bytes, nullptr);
    if (!what.empty()) fault(name_of(id), part + what);
  }

  void check_strays() {
    const auto stray = [&](const std::set<Key>& keys, const char* what) {
      for (const auto& [id, place] : keys) {
        if (unreadable_.contains(id)) continue;
        fault(name_of(id), cat(what, " at place ", place, " belongs to nothing"));
      }
    };
    stray(images_, "content");
    stray(data_keys_, "a key");
  }

  void check_chains() {
    if (state_.after.empty()) load_own_head();
    std::vector<vault::AuditFault> broken;
    std::map<RecordId, Head> ends;
    walk_chains(broken, ends);
    for (const vault::AuditFault& one : broken) {
      fault(chain_name(one.record), cat("history ", one.seq, ": ", one.what));
    }
    compare_heads(ends);
  }

  void walk_chains(std::vector<vault::AuditFault>& broken, std::map<RecordId, Head>& ends) {
    const std::string sql = cat("SELECT ", kHistoryColumns,
                                " FROM history WHERE record_id >= ? AND record_id <= ? AND "
                                "(record_id > ? OR seq > ?) ORDER BY record_id, seq LIMIT ?");
    vault::ChainLinks links(keys_, broken);
    base::Bytes from = state_.after;
    std::int64_t seq = INT64_MAX;  // all of `from` itself belongs to the page before
    for (std::size_t rows = kEntries; rows == kEntries;) {
      rows = 0;
      const base::Bytes here = from;
      use_.query(
          sql,
          {base::View(here), base::View(until_), base::View(here), number(seq), number(kEntries)},
          [&](const Row& row) {
            ++rows;
            const vault::HistoryEntry entry = read_history(row);
            links.next(entry);
            ends[entry.record] = {links.seq(), links.mac()};
            from = row.blob(0);
            seq = row.number(1);
          });
      state_.entries += rows;
    }
  }

  std::string chain_name(const RecordId& id) const {
    return id == vault::kOwnHistory ? "own history" : name_of(id_from(id));
  }

  void load_own_head() {
    Head& head = heads_[vault::kOwnHistory];
    use_.query("SELECT history_count, history_mac FROM own_history WHERE id = 1", {},
               [&](const Row& row) {
                 head.count = static_cast<std::uint64_t>(row.number(0));
                 (void)take_octets(head.mac, row.blob(1));
               });
  }

  // Chains without a record are those of records that are gone: only their links can be checked.
  void compare_heads(const std::map<RecordId, Head>& ends) {
    for (const auto& [id, head] : heads_) {
      const auto found = ends.find(id);
      const Head end = found == ends.end() ? Head{} : found->second;
      if (end.count < head.count) {
        fault(chain_name(id), cat("history ", head.count, ": entries cut off at the end"));
      } else if (end.count > head.count) {
        fault(chain_name(id), cat("history ", end.count, ": entries behind the record's head"));
      } else if (end.mac != head.mac) {
        fault(chain_name(id), cat("history ", end.count, ": does not end at the record's head"));
      }
    }
  }

  const FileKeyRing& keys_;
  const Sealer& sealer_;
  SqlConnection& use_;
  CheckState& state_;
  base::Bytes until_;
  bool last_ = false;
  std::vector<StoredRecord> records_;
  std::map<Id, std::string> names_;
  std::set<Id> unreadable_;
  std::map<RecordId, Head> heads_;
  std::set<Key> images_;
  std::set<Key> data_keys_;
  std::set<Key> parts_;
};

StoreCheck::StoreCheck(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
StoreCheck::~StoreCheck() = default;

// After a lost connection the next call makes a new one.
template <class T, class F>
base::Result<T> StoreCheck::guarded(F&& read) {
  try {
    return T(read());
  } catch (const SqlError& error) {
    parts_->connection.reset();
    return base::Error{error.text()};
  }
}

base::Result<std::unique_ptr<StoreCheck>> StoreCheck::open(const Settings& settings,
                                                           const FileKeyRing& keys) {
  std::unique_ptr<StoreCheck> check(new StoreCheck(std::make_unique<Parts>(settings, keys)));
  const auto mark = check->store_mark();
  if (!mark) return base::Error{mark.error()};
  return check;
}

base::Result<std::int64_t> StoreCheck::store_mark() {
  return guarded<std::int64_t>([&] {
    std::int64_t mark = 0;
    parts_->connected().query("SELECT MIN(installed_at) FROM schema_version", {},
                              [&](const Row& row) { mark = row.number(0); });
    return mark;
  });
}

base::Status StoreCheck::page(CheckState& state) {
  const auto next = guarded<CheckState>([&] {
    CheckState work = state;
    Page(*parts_, work).check();
    return work;
  });
  if (!next) return base::Error{next.error()};
  state = *next;
  return {};
}

}  // namespace db
