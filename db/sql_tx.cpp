#include "db/sql_tx.h"

#include <algorithm>

#include "base/crypto.h"
#include "db/record_row.h"
#include "vault/history.h"

namespace db {

using vault::Iccid;
using vault::ImageInfo;
using vault::PendingMove;
using vault::Record;
using vault::RecordId;

// One image of a record as the function sees it.
struct SqlTx::Version {
  ImageInfo info;
  std::int64_t seq = 0;
  std::optional<Sealed> fresh;  // added by this update
  bool changed = false;         // pin or owner
};

struct SqlTx::Entry {
  struct Part {
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
    BlobId id{};
    std::optional<Sealed> fresh;
  };

  explicit Entry(Record&& r) : record(std::move(r)) {}

  Record record;
  std::optional<Record> loaded;  // nothing: created here
  bool removed = false;
  bool touched = false;  // something that hangs on it has changed
  std::uint64_t last_seq = 0;
  std::optional<std::vector<Version>> versions;  // newest first
  std::optional<std::vector<Part>> parts;        // by offset
  std::vector<PartDrop> part_drops;
};

namespace {

template <std::size_t N>
std::array<std::uint8_t, N> octets(const Row& row, int column) {
  std::array<std::uint8_t, N> value{};
  const base::Bytes bytes = row.blob(column);
  if (bytes.size() != N) throw SqlError(SqlError::Kind::other, 0, "bad octets in a key column");
  std::copy(bytes.begin(), bytes.end(), value.begin());
  return value;
}

std::string where_sql(const char* where) { return record_sql().select + where; }

}  // namespace

SqlTx::SqlTx(SqlConnection& connection, const Sealer& sealer, const vault::KeyRing& keys,
             base::Now now, const vault::OpId& op)
    : connection_(connection), sealer_(sealer), keys_(keys), now_(now), op_(op) {}

SqlTx::~SqlTx() = default;

// Runs a read. After the first failure nothing is read any more: the function is to see "nothing"
// quickly, and the update ends with that failure.
template <class F>
void SqlTx::guarded(F&& read) {
  if (failure_) return;
  try {
    read();
  } catch (const SqlError&) {
    failure_ = std::current_exception();
  }
}

void SqlTx::rethrow() {
  if (failure_) std::rethrow_exception(failure_);
}

SqlTx::Entry* SqlTx::find_entry(const RecordId& id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

SqlTx::Entry& SqlTx::entry_of(const Record& record) {
  // By address: the records handed out are members of entries.
  if (Entry* const entry = find_entry(record.id); entry != nullptr) return *entry;
  throw std::logic_error("not a record of this transaction");
}

SqlTx::Entry* SqlTx::adopt(Record&& loaded) {
  if (Entry* const known = find_entry(loaded.id); known != nullptr) return known;
  entries_.push_back(std::make_unique<Entry>(std::move(loaded)));
  Entry* const entry = entries_.back().get();
  entry->loaded = entry->record;
  by_id_[entry->record.id] = entry;
  by_iccid_[entry->record.iccid.digits()] = entry;
  return entry;
}

SqlTx::Entry* SqlTx::load(const char* where, Param key) {
  Entry* entry = nullptr;
  guarded([&] {
    std::optional<Record> record;
    connection_.query(where_sql(where), {key}, [&](const Row& row) { record = read_record(row); });
    if (record) entry = adopt(std::move(*record));
  });
  return entry;
}

Record* SqlTx::find(const Iccid& iccid) {
  Entry* entry = nullptr;
  const auto known = by_iccid_.find(iccid.digits());
  if (known != by_iccid_.end()) {
    entry = known->second;
  } else {
    entry = load(" WHERE iccid = ?", std::string_view(iccid.digits()));
    by_iccid_[iccid.digits()] = entry;
  }
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
  guarded([&] {
    std::vector<Record> loaded;
    connection_.query(where_sql(" WHERE msisdn_provisioned = ? LIMIT 10"),
                      {std::string_view(provisioned.digits())},
                      [&](const Row& row) { loaded.push_back(read_record(row)); });
    for (Record& record : loaded) adopt(std::move(record));
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
  return failure_ || found == entries_.end() ? nullptr : &(*found)->record;
}

void SqlTx::prefetch(const std::vector<Iccid>& iccids) {
  constexpr std::size_t kChunk = 50;
  std::string sql = where_sql(" WHERE iccid IN (?");
  for (std::size_t i = 1; i < kChunk; ++i) sql += ", ?";
  sql += ")";
  for (std::size_t at = 0; at < iccids.size(); at += kChunk) {
    std::vector<Param> params;
    for (std::size_t i = at; i < at + kChunk; ++i) {
      params.emplace_back(std::string_view(iccids[std::min(i, iccids.size() - 1)].digits()));
    }
    guarded([&] {
      std::vector<Record> loaded;
      connection_.query(sql, params, [&](const Row& row) { loaded.push_back(read_record(row)); });
      for (Record& record : loaded) adopt(std::move(record));
    });
  }
  for (const Iccid& iccid : iccids) by_iccid_.try_emplace(iccid.digits(), nullptr);
}

Record& SqlTx::create(const Iccid& iccid) { return create(iccid, base::random_array<16>()); }

Record& SqlTx::create(const Iccid& iccid, const RecordId& id) {
  Record record(iccid);
  record.id = id;
  entries_.push_back(std::make_unique<Entry>(std::move(record)));
  Entry* const entry = entries_.back().get();
  entry->versions.emplace();
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

SqlTx::CounterState& SqlTx::counter_state(const Iccid& card, std::uint8_t key_set) {
  const auto [at, is_new] = counters_.try_emplace({card, key_set});
  if (is_new) {
    guarded([&] {
      connection_.query("SELECT value FROM counters WHERE iccid = ? AND key_set = ?",
                        {std::string_view(card.digits()), number(key_set)}, [&](const Row& row) {
                          at->second.seen = static_cast<vault::Counter>(row.number(0));
                        });
    });
    at->second.value = at->second.seen;
  }
  return at->second;
}

vault::Counter SqlTx::counter(const Iccid& card, std::uint8_t key_set) {
  return counter_state(card, key_set).value;
}

void SqlTx::raise_counter(const Iccid& card, std::uint8_t key_set, vault::Counter value) {
  CounterState& state = counter_state(card, key_set);
  state.value = std::max(state.value, value);
}

void SqlTx::load_versions(Entry& entry) {
  if (entry.versions) return;
  entry.versions.emplace();
  guarded([&] {
    connection_.query(
        "SELECT id, bound_record, digest, bytes, entries, stored_at, pinned_until, seq "
        "FROM images WHERE record_id = ? ORDER BY seq DESC",
        {base::View(entry.record.id)}, [&](const Row& row) {
          Version version;
          version.info.id = octets<16>(row, 0);
          version.info.bound_record = octets<16>(row, 1);
          version.info.digest = octets<32>(row, 2);
          version.info.bytes = static_cast<std::uint32_t>(row.number(3));
          version.info.entries = static_cast<std::uint32_t>(row.number(4));
          version.info.stored_at = row.number(5);
          version.info.pinned_until = row.number(6);
          version.seq = row.number(7);
          // What this update has already dropped or given to another record is not here.
          if (!left_.contains(version.info.id)) entry.versions->push_back(std::move(version));
        });
  });
}

std::vector<ImageInfo> SqlTx::images(const Record& record) {
  Entry& entry = entry_of(record);
  load_versions(entry);
  std::vector<ImageInfo> infos;
  for (const Version& version : *entry.versions) infos.push_back(version.info);
  return infos;
}

void SqlTx::add_image(const Record& record, const ImageInfo& image, base::View plain) {
  Entry& entry = entry_of(record);
  load_versions(entry);
  Version version;
  version.info = image;
  version.seq = entry.versions->empty() ? 1 : entry.versions->front().seq + 1;
  // Sealed here, before any row is locked; the plain octets are not kept.
  version.fresh = sealer_.seal(image.id, Sealer::image_binding(image), plain);
  entry.versions->insert(entry.versions->begin(), std::move(version));
  entry.touched = true;
}

void SqlTx::update_image(const Record& record, const ImageInfo& image) {
  Entry& entry = entry_of(record);
  load_versions(entry);
  const auto same = [&](const Version& v) { return v.info.id == image.id; };
  entry.touched = true;
  const auto own = std::find_if(entry.versions->begin(), entry.versions->end(), same);
  if (own != entry.versions->end()) {
    own->info.pinned_until = image.pinned_until;
    own->changed = true;
    return;
  }
  // From another record: behind everything that the new owner has.
  Version moved;
  for (const auto& other : entries_) {
    if (!other->versions) continue;
    const auto there = std::find_if(other->versions->begin(), other->versions->end(), same);
    if (there == other->versions->end()) continue;
    moved = std::move(*there);
    other->versions->erase(there);
    other->touched = true;
    break;
  }
  left_.insert(image.id);
  moved.info = image;
  moved.changed = true;
  moved.seq = entry.versions->empty() ? 0 : entry.versions->back().seq - 1;
  entry.versions->push_back(std::move(moved));
}

void SqlTx::drop_image(const vault::ImageId& image) {
  for (const auto& entry : entries_) {
    if (!entry->versions) continue;
    const auto there = std::find_if(entry->versions->begin(), entry->versions->end(),
                                    [&](const Version& v) { return v.info.id == image; });
    if (there == entry->versions->end()) continue;
    const bool fresh = there->fresh.has_value();
    entry->versions->erase(there);
    entry->touched = true;
    if (fresh) return;  // never was in the store
    break;
  }
  left_.insert(image);
  image_drops_.push_back(image);
}

void SqlTx::load_parts(Entry& entry) {
  if (entry.parts) return;
  entry.parts.emplace();
  guarded([&] {
    connection_.query(
        "SELECT part_offset, bytes, part_id FROM staged WHERE record_id = ? ORDER BY part_offset",
        {base::View(entry.record.id)}, [&](const Row& row) {
          Entry::Part part;
          part.offset = static_cast<std::uint32_t>(row.number(0));
          part.bytes = static_cast<std::uint32_t>(row.number(1));
          part.id = octets<16>(row, 2);
          entry.parts->push_back(std::move(part));
        });
  });
}

base::Bytes SqlTx::staged(const Record& record) {
  Entry& entry = entry_of(record);
  load_parts(entry);
  base::Bytes all;
  guarded([&] {
    for (const Entry::Part& part : *entry.parts) {
      if (part.offset != all.size()) break;
      Sealed sealed;
      if (part.fresh) {
        sealed = *part.fresh;
      } else {
        sealed.id = part.id;
        connection_.query(
            "SELECT s.sealed, k.master, k.wrapped FROM staged s, data_keys k "
            "WHERE s.record_id = ? AND s.part_offset = ? AND k.id = s.part_id",
            {base::View(entry.record.id), number(part.offset)}, [&](const Row& row) {
              sealed.data = row.blob(0);
              sealed.master = static_cast<std::uint32_t>(row.number(1));
              sealed.wrapped = row.blob(2);
            });
      }
      const auto plain = sealer_.open(
          sealed, Sealer::part_binding(entry.record.id, part.id, part.offset), part.bytes);
      if (!plain) break;  // not authentic: as if it had never come
      all.insert(all.end(), plain->begin(), plain->end());
    }
  });
  return all;
}

void SqlTx::append_staged(const Record& record, std::uint32_t offset, base::View bytes) {
  Entry& entry = entry_of(record);
  load_parts(entry);
  entry.touched = true;
  // What was there from this offset on is replaced.
  auto& parts = *entry.parts;
  while (!parts.empty() && parts.back().offset >= offset) {
    if (!parts.back().fresh) {
      const Entry::Part& old = parts.back();
      entry.part_drops.push_back({record.id, old.offset, old.bytes, old.id});
    }
    parts.pop_back();
  }
  Entry::Part part;
  part.offset = offset;
  part.bytes = static_cast<std::uint32_t>(bytes.size());
  part.id = base::random_array<16>();
  part.fresh = sealer_.seal(part.id, Sealer::part_binding(record.id, part.id, offset), bytes);
  parts.push_back(std::move(part));
}

void SqlTx::drop_staged(const Record& record) {
  Entry& entry = entry_of(record);
  load_parts(entry);
  for (const Entry::Part& part : *entry.parts) {
    entry.touched = true;
    if (!part.fresh) {
      entry.part_drops.push_back({record.id, part.offset, part.bytes, part.id});
    }
  }
  entry.parts->clear();
}

std::uint64_t SqlTx::staged_bytes_all() {
  std::int64_t sum = 0;
  guarded([&] {
    connection_.query("SELECT COALESCE(SUM(bytes), 0) FROM staged", {},
                      [&](const Row& row) { sum = row.number(0); });
  });
  for (const auto& entry : entries_) {
    for (const PartDrop& drop : entry->part_drops) sum -= drop.bytes;
    if (!entry->parts) continue;
    for (const Entry::Part& part : *entry->parts) {
      if (part.fresh) sum += part.bytes;
    }
  }
  return static_cast<std::uint64_t>(sum);
}

std::vector<PendingMove> SqlTx::load_moves(const char* where, Param key) {
  std::vector<PendingMove> moves;
  guarded([&] {
    connection_.query(
        std::string("SELECT id, old_record, old_iccid, new_iccid, at FROM moves WHERE ") + where +
            " = ? ORDER BY at, id",
        {key}, [&](const Row& row) {
          const auto old_iccid = Iccid::from_digits(row.text(2));
          const auto new_iccid = Iccid::from_digits(row.text(3));
          const auto id = static_cast<std::uint64_t>(row.number(0));
          if (!old_iccid || !new_iccid || move_drops_.contains(id)) return;
          moves.push_back({id, octets<16>(row, 1), *old_iccid, *new_iccid, row.number(4)});
        });
  });
  return moves;
}

std::vector<PendingMove> SqlTx::moves_to(const Iccid& new_iccid) {
  auto moves = load_moves("new_iccid", std::string_view(new_iccid.digits()));
  for (const PendingMove& move : move_adds_) {
    if (move.new_iccid == new_iccid) moves.push_back(move);
  }
  return moves;
}

std::vector<PendingMove> SqlTx::moves_from(const RecordId& old_record) {
  auto moves = load_moves("old_record", base::View(old_record));
  for (const PendingMove& move : move_adds_) {
    if (move.old_record == old_record) moves.push_back(move);
  }
  return moves;
}

void SqlTx::add_move(const PendingMove& move) {
  move_adds_.push_back(move);
  const auto random = base::random_array<8>();
  base::Reader reader(random);
  move_adds_.back().id = (reader.u64() & INT64_MAX) | 1;  // the engines differ in own numbering
  if (Entry* const entry = find_entry(move.old_record); entry != nullptr) entry->touched = true;
}

void SqlTx::drop_move(std::uint64_t id) {
  const auto fresh = std::find_if(move_adds_.begin(), move_adds_.end(),
                                  [&](const PendingMove& m) { return m.id == id; });
  if (fresh != move_adds_.end()) {
    move_adds_.erase(fresh);
  } else {
    move_drops_.insert(id);
  }
}

void SqlTx::note(Record& record, const vault::HistoryNote& note) {
  constexpr std::size_t kActor = 128;
  constexpr std::size_t kDetail = 1024;
  Entry& entry = entry_of(record);
  vault::HistoryEntry line;
  line.record = record.id;
  line.seq = ++record.history_count;
  line.at = now_.utc_ms;
  line.op = op_;
  line.note = {note.kind, cut_text(note.actor, kActor), cut_text(note.detail, kDetail)};
  line.mac = vault::chain_mac(keys_, record.history_mac, line);
  record.history_mac = line.mac;
  entry.last_seq = line.seq;
  history_.push_back(std::move(line));
}

std::uint64_t SqlTx::calls_by_agent_today(const std::string& agent) {
  const std::string actor = agent.starts_with("agent:") ? agent : "agent:" + agent;
  const std::int64_t midnight = now_.utc_ms - now_.utc_ms % base::kDayMs;
  std::int64_t calls = 0;
  guarded([&] {
    connection_.query("SELECT COUNT(DISTINCT op) FROM history WHERE actor = ? AND at >= ?",
                      {std::string_view(actor), number(midnight)},
                      [&](const Row& row) { calls = row.number(0); });
  });
  return static_cast<std::uint64_t>(calls);
}

ChangeSet SqlTx::take_changes() {
  ChangeSet out;
  out.op = op_;
  collect_hanging(out);
  out.history = std::move(history_);
  collect_records(out);
  return out;
}

void SqlTx::collect_hanging(ChangeSet& out) {
  for (const auto& entry : entries_) {
    if (!entry->versions) entry->versions.emplace();
    for (Version& version : *entry->versions) {
      if (version.fresh) {
        out.image_adds.push_back(
            {entry->record.id, version.seq, version.info, std::move(*version.fresh)});
      } else if (version.changed) {
        out.image_changes.push_back({entry->record.id, version.seq, version.info});
      }
    }
    if (!entry->parts) entry->parts.emplace();
    for (Entry::Part& part : *entry->parts) {
      if (part.fresh) {
        out.part_adds.push_back(
            {entry->record.id, part.offset, part.bytes, std::move(*part.fresh)});
      }
    }
    std::move(entry->part_drops.begin(), entry->part_drops.end(),
              std::back_inserter(out.part_drops));
  }
  out.image_drops = std::move(image_drops_);
  out.move_adds = std::move(move_adds_);
  out.move_drops.assign(move_drops_.begin(), move_drops_.end());
  for (const auto& [key, state] : counters_) {
    if (state.value > state.seen) {
      out.counters.push_back({key.first, key.second, state.seen, state.value});
    }
  }
}

void SqlTx::collect_records(ChangeSet& out) {
  bool anything = !out.empty();
  for (const auto& entry : entries_) {
    const bool is_new = !entry->loaded;
    if (is_new && entry->removed) continue;
    fit(entry->record);
    if (is_new || entry->removed || entry->touched || entry->record != *entry->loaded) {
      entry->touched = anything = true;
    }
  }
  if (!anything) return;
  if (guard_ != nullptr) guard_->touched = true;
  for (const auto& entry : entries_) {
    if (!entry->touched || (!entry->loaded && entry->removed)) continue;
    using Kind = RecordWrite::Kind;
    RecordWrite write{.record = std::move(entry->record)};
    write.kind = !entry->loaded ? Kind::insert : entry->removed ? Kind::remove : Kind::update;
    write.last_seq = entry->last_seq;
    if (entry->loaded) {
      write.loaded_version = entry->loaded->version;
      write.renamed = entry->loaded->iccid != write.record.iccid;
    }
    out.records.push_back(std::move(write));
  }
}

}  // namespace db
