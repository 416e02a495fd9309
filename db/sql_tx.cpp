#include "db/sql_tx_entry.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/text.h"
#include "db/record_find.h"
#include "db/record_row.h"
#include "vault/history.h"

namespace db {

using vault::Iccid;
using vault::ImageInfo;
using vault::PendingMove;
using vault::Record;
using vault::RecordId;

SqlTx::SqlTx(SqlConnection& connection, const FindRecord& find, const Sealer& sealer,
             const vault::KeyRing& keys, base::Now now, const vault::OpId& op, RecordMemory* memory,
             StagedTotal& staged_total)
    : connection_(connection),
      find_(find),
      sealer_(sealer),
      keys_(keys),
      now_(now),
      op_(op),
      memory_(memory),
      staged_total_(staged_total) {}

SqlTx::~SqlTx() = default;

void SqlTx::rethrow() {
  fault_.rethrow();
  if (messages_) messages_->rethrow();
}

SqlTx::Entry* SqlTx::find_entry(const RecordId& id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

// A record of another update is a defect of the caller; the update ends as `unavailable`.
SqlTx::Entry& SqlTx::entry_of(const Record& record) {
  if (Entry* const entry = find_entry(record.id); entry != nullptr) return *entry;
  throw SqlError(SqlError::Kind::other, 0, "a record that is not of this update");
}

SqlTx::Entry* SqlTx::adopt(StoredRecord&& loaded) {
  if (Entry* const known = find_entry(loaded.record.id); known != nullptr) return known;
  entries_.push_back(std::make_unique<Entry>(std::move(loaded)));
  Entry* const entry = entries_.back().get();
  entry->loaded = entry->record;
  by_id_[entry->record.id] = entry;
  by_iccid_[entry->record.iccid.digits()] = entry;
  return entry;
}

SqlTx::Entry* SqlTx::load(const std::function<std::optional<StoredRecord>()>& read) {
  Entry* entry = nullptr;
  fault_.guarded([&] {
    std::optional<StoredRecord> record = read();
    if (record) entry = adopt(std::move(*record));
  });
  return entry;
}

SqlTx::Entry* SqlTx::load(const char* where, Param key) {
  return load([&] { return select_record(connection_, where, key); });
}

// The record of the last commit, if this process has just written it. Only the first one of an
// update: it becomes the guard, so that whatever is written rests on its version.
bool SqlTx::remember(const Iccid& iccid) {
  if (memory_ == nullptr || !entries_.empty()) return false;
  std::optional<StoredRecord> known = memory_->take(iccid);
  if (!known || fault_.happened()) return false;
  guard_ = adopt(std::move(*known));
  from_memory_ = true;
  return true;
}

// The record that had the ICCID when this update first asked for it.
SqlTx::Entry* SqlTx::look_up(const Iccid& iccid) {
  if (!by_iccid_.contains(iccid.digits())) remember(iccid);
  const auto known = by_iccid_.find(iccid.digits());
  if (known != by_iccid_.end()) return known->second;
  Entry* const entry = load([&] { return find_(iccid); });
  by_iccid_[iccid.digits()] = entry;
  return entry;
}

Record* SqlTx::find(const Iccid& iccid) {
  Entry* entry = look_up(iccid);
  if (entry == nullptr || entry->removed || entry->record.iccid != iccid) {
    // Not under this number any more; perhaps another record of this update is now.
    const auto other = std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) {
      return !e->removed && e->record.iccid == iccid;
    });
    entry = other == entries_.end() ? nullptr : other->get();
  }
  if (entry == nullptr) return nullptr;
  if (guard_ == nullptr) guard_ = entry;
  return &entry->record;
}

Record* SqlTx::find(const RecordId& id) {
  Entry* entry = find_entry(id);
  if (entry == nullptr) entry = load(" WHERE id = ?", base::View(id));
  if (entry == nullptr || entry->removed) return nullptr;
  if (guard_ == nullptr) guard_ = entry;
  return &entry->record;
}

std::vector<Record*> SqlTx::find_by_number(const vault::Msisdn& provisioned) {
  constexpr std::size_t kMost = 10;
  std::vector<Record*> found;
  fault_.guarded([&] {
    std::vector<StoredRecord> loaded;
    connection_.query(record_sql().select + " WHERE msisdn_provisioned = ? LIMIT 10",
                      {std::string_view(provisioned.digits())},
                      [&](const Row& row) { loaded.push_back(read_record(row)); });
    for (StoredRecord& record : loaded) adopt(std::move(record));
    for (const auto& entry : entries_) {
      if (!entry->removed && entry->record.msisdn_provisioned == provisioned &&
          found.size() < kMost) {
        found.push_back(&entry->record);
      }
    }
  });
  return found;
}

Record* SqlTx::find_moved_from(const Iccid& old_iccid) {
  load(" WHERE moved_from = ? ORDER BY moved_at DESC LIMIT 1",
       std::string_view(old_iccid.digits()));
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) {
    return !e->removed && e->record.moved_from == old_iccid;
  });
  return fault_.happened() || found == entries_.end() ? nullptr : &(*found)->record;
}

void SqlTx::prefetch(const std::vector<Iccid>& iccids) {
  fault_.guarded([&] {
    query_by_iccid(connection_, record_sql().select, iccids,
                   [&](const Row& row) { adopt(read_record(row)); });
  });
  for (const Iccid& iccid : iccids) by_iccid_.try_emplace(iccid.digits(), nullptr);
}

Record* SqlTx::prefetched(const Iccid& iccid) {
  const auto known = by_iccid_.find(iccid.digits());
  return known == by_iccid_.end() || known->second == nullptr ? nullptr : &known->second->record;
}

Record& SqlTx::create(const Iccid& iccid) { return create(iccid, base::random_array<16>()); }

Record& SqlTx::create(const Iccid& iccid, const RecordId& id) {
  Record record(iccid);
  record.id = id;
  entries_.push_back(std::make_unique<Entry>(std::move(record)));
  Entry* const entry = entries_.back().get();
  entry->parts.emplace();
  by_id_[id] = entry;
  by_iccid_[iccid.digits()] = entry;
  return entry->record;
}

void SqlTx::remove(Record& record) {
  Entry& entry = entry_of(record);
  for (const ImageInfo& image : images(record)) drop_image(image.id);
  drop_staged(record);
  for (const PendingMove& move : moves_from(record.id)) drop_move(move.id);
  for (const PendingMove& move : moves_to(record.iccid)) drop_move(move.id);
  entry.removed = true;
}

std::vector<SqlTx::Version>::iterator SqlTx::find_version(Entry& entry,
                                                          const vault::ImageId& image) {
  return std::find_if(entry.versions.begin(), entry.versions.end(),
                      [&](const Version& version) { return version.info.id == image; });
}

vault::HistoryEntry& SqlTx::chain(const RecordId& id, std::uint64_t& count, base::Sha256& mac,
                                  const vault::HistoryNote& note) {
  constexpr std::size_t kActor = 128;
  constexpr std::size_t kDetail = 1024;
  vault::HistoryEntry line;
  line.record = id;
  line.seq = ++count;
  line.at = now_.utc_ms;
  line.op = op_;
  line.note = {note.kind, std::string(base::cut_text(note.actor, kActor)),
               std::string(base::cut_text(note.detail, kDetail))};
  line.mac = vault::chain_mac(keys_, mac, line);
  mac = line.mac;
  return history_.emplace_back(std::move(line));
}

void SqlTx::note(Record& record, const vault::HistoryNote& note) {
  Entry& entry = entry_of(record);
  entry.last_seq = chain(record.id, record.history_count, record.history_mac, note).seq;
}

void SqlTx::note_own(const vault::HistoryNote& note) {
  OwnHead& own = own_head();
  chain(vault::kOwnHistory, own.count, own.mac, note);
}

OwnHead& SqlTx::own_head() {
  if (own_) return *own_;
  own_.emplace();
  fault_.guarded([&] {
    connection_.query("SELECT version, history_count, history_mac FROM own_history WHERE id = 1",
                      {}, [&](const Row& row) {
                        own_->there = true;
                        own_->version = static_cast<std::uint64_t>(row.number(0));
                        own_->count = static_cast<std::uint64_t>(row.number(1));
                        if (!row.null(2)) own_->mac = octets<32>(row, 2);
                      });
  });
  return *own_;
}

std::uint64_t SqlTx::calls_by_agent_today(const std::string& agent) {
  own_head();  // before it is counted: who commits in between makes this update a conflict
  const std::string actor = agent.starts_with("agent:") ? agent : "agent:" + agent;
  const std::int64_t midnight = now_.utc_ms - now_.utc_ms % base::kDayMs;
  std::int64_t calls = 0;
  fault_.guarded([&] {
    // What a clock that was ahead has dated is not of every day until then.
    connection_.query(
        "SELECT COUNT(DISTINCT op) FROM history WHERE actor = ? AND at >= ? AND at < ?",
        {std::string_view(actor), number(midnight), number(midnight + base::kDayMs)},
        [&](const Row& row) { calls = row.number(0); });
  });
  return static_cast<std::uint64_t>(calls);
}

vault::MessageTx& SqlTx::messages() {
  if (!messages_) messages_ = std::make_unique<SqlMessageTx>(connection_);
  return *messages_;
}

ChangeSet SqlTx::take_changes() {
  ChangeSet out;
  out.op = op_;
  out.own = own_;
  if (messages_) out.messages = messages_->take_changes();
  collect_hanging(out);
  collect_counters(out);
  out.history = std::move(history_);
  collect_records(out);
  return out;
}

bool SqlTx::differ(const std::vector<Version>& versions, const std::vector<StoredImage>& loaded) {
  return !std::equal(versions.begin(), versions.end(), loaded.begin(), loaded.end(),
                     [](const Version& v, const StoredImage& s) {
                       return v.info == s.info && v.place.number == s.place;
                     });
}

void SqlTx::collect_records(ChangeSet& out) {
  bool anything = !out.empty();
  for (const auto& entry : entries_) {
    const bool is_new = !entry->loaded;
    if (is_new && entry->removed) continue;
    fit(entry->record);
    entry->images_changed = differ(entry->versions, entry->loaded_images);
    if (is_new || entry->removed || entry->touched || entry->images_changed ||
        entry->counter != entry->loaded_counter || entry->record != *entry->loaded) {
      entry->touched = anything = true;
    }
  }
  if (!anything) return;
  if (guard_ != nullptr) guard_->touched = true;
  for (const auto& entry : entries_) {
    if (!entry->touched || (!entry->loaded && entry->removed)) continue;
    using Kind = RecordWrite::Kind;
    RecordWrite write(std::move(entry->record));
    write.kind = !entry->loaded ? Kind::insert : entry->removed ? Kind::remove : Kind::update;
    write.last_seq = entry->last_seq;
    for (const Version& version : entry->versions) {
      write.images.push_back({version.info, version.place.number});
    }
    if (entry->images_changed) write.beside.images = pack(write.images);
    write.counter = entry->counter;
    if (entry->counter != entry->loaded_counter) write.beside.counter = entry->counter;
    if (entry->loaded) {
      write.loaded = {entry->loaded->version, entry->loaded_op};
      write.changed = changed_columns(*entry->loaded, write.record);
      write.renamed = entry->loaded->iccid != write.record.iccid;
    }
    out.records.push_back(std::move(write));
  }
}

}  // namespace db
