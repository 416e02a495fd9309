#include "db/change_set.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "db/record_row.h"

namespace db {

namespace {

using Kind = SqlError::Kind;

void update_record(SqlConnection& connection, const RecordWrite& write, const vault::OpId& op) {
  std::vector<Param> params;
  const std::string sql = update_sql(write.changed, write.beside);
  append_update(params, write.record, write.changed, write.beside, write.loaded, op);
  try {
    connection.change_one(sql, params);
  } catch (const SqlError& error) {
    if (error.kind() == Kind::constraint) throw_conflict();  // the new ICCID was taken meanwhile
    throw;
  }
}

// Frees the ICCID of a record that goes or is renamed, and takes its lock on the way.
void free_iccid(SqlConnection& connection, const RecordWrite& write) {
  const bool goes = write.kind == RecordWrite::Kind::remove;
  const std::string place_holder = "~" + base::to_hex(write.record.id).substr(0, 19);
  std::vector<Param> params;
  if (!goes) params.emplace_back(std::string_view(place_holder));
  append_as_loaded(params, write.record.id, write.loaded);
  connection.change_one(
      base::cat(goes ? "DELETE FROM records" : "UPDATE records SET iccid = ?", kAsLoaded), params);
}

void insert_records(SqlConnection& connection, const std::vector<const RecordWrite*>& writes,
                    const vault::OpId& op) {
  std::vector<Param> params;
  for (std::size_t at = 0; at < writes.size();) {
    const bool many = writes.size() - at >= kRowsPerInsert;
    const std::size_t count = many ? kRowsPerInsert : 1;
    params.clear();
    for (std::size_t i = 0; i < count; ++i) {
      append_insert(params, writes[at + i]->record, writes[at + i]->beside.images, op);
    }
    insert(connection, many ? record_sql().insert_many : record_sql().insert, params);
    at += count;
  }
}

// Rows are touched in the order of their ids, so that two updates never wait for each other.
void apply_records(SqlConnection& connection, const ChangeSet& changes) {
  std::vector<const RecordWrite*> sorted;
  sorted.reserve(changes.records.size());
  for (const RecordWrite& write : changes.records) sorted.push_back(&write);
  std::sort(sorted.begin(), sorted.end(),
            [](const RecordWrite* a, const RecordWrite* b) { return a->record.id < b->record.id; });
  std::vector<const RecordWrite*> inserts;
  for (const RecordWrite* write : sorted) {
    if (write->kind == RecordWrite::Kind::insert) {
      inserts.push_back(write);
    } else if (write->kind == RecordWrite::Kind::remove || write->renamed) {
      free_iccid(connection, *write);
    } else {
      update_record(connection, *write, changes.op);
    }
  }
  for (const RecordWrite* write : sorted) {
    if (write->kind == RecordWrite::Kind::update && write->renamed) {
      update_record(connection, *write, changes.op);
    }
  }
  insert_records(connection, inserts, changes.op);
}

constexpr std::string_view kInsertImage =
    "INSERT INTO images (record_id, place, id, sealed) VALUES (?, ?, ?, ?)";
constexpr std::string_view kInsertKey =
    "INSERT INTO data_keys (record_id, place, master, wrapped) VALUES (?, ?, ?, ?)";

std::array<Param, 4> image_row(const ImageAdd& add) {
  return {base::View(add.place.record), number(add.place.number), base::View(add.sealed.id),
          base::View(add.sealed.data)};
}

// `record` lies in the change set, as all that a statement borrows: it may run after this returned.
std::array<Param, 4> key_row(const vault::RecordId& record, std::int64_t place,
                             const Sealed& sealed) {
  return {base::View(record), number(place), number(sealed.master), base::View(sealed.wrapped)};
}

// The insertion into a place; of a row that is there already it overwrites the two columns.
std::string or_overwrite(Dialect dialect, std::string_view insertion, std::string_view one,
                         std::string_view other) {
  if (dialect == Dialect::sqlite) {
    return base::cat(insertion, " ON CONFLICT (record_id, place) DO UPDATE SET ", one,
                     " = excluded.", one, ", ", other, " = excluded.", other);
  }
  return base::cat(insertion, " ON DUPLICATE KEY UPDATE ", one, " = VALUES(", one, "), ", other,
                   " = VALUES(", other, ")");
}

void insert_key(SqlConnection& connection, const vault::RecordId& record, std::int64_t place,
                const Sealed& sealed) {
  insert(connection, kInsertKey, key_row(record, place, sealed));
}

void drop_key(SqlConnection& connection, const vault::RecordId& record, std::int64_t place) {
  connection.execute("DELETE FROM data_keys WHERE record_id = ? AND place = ?",
                     {base::View(record), number(place)});
}

void insert_image(SqlConnection& connection, const ImageAdd& add) {
  insert(connection, kInsertImage, image_row(add));
  insert_key(connection, add.place.record, add.place.number, add.sealed);
}

// The row should be there. Where it was lost it is written anew: the record's version is the guard.
void overwrite_image(SqlConnection& connection, const ImageAdd& add) {
  const Dialect dialect = connection.dialect();
  connection.execute(or_overwrite(dialect, kInsertImage, "id", "sealed"), image_row(add));
  connection.execute(or_overwrite(dialect, kInsertKey, "master", "wrapped"),
                     key_row(add.place.record, add.place.number, add.sealed));
}

void move_image(SqlConnection& connection, const ImageMove& move) {
  for (const char* table : {"images", "data_keys"}) {
    connection.execute(std::string("UPDATE ") + table +
                           " SET record_id = ?, place = ? WHERE record_id = ? AND place = ?",
                       {base::View(move.to.record), number(move.to.number),
                        base::View(move.from.record), number(move.from.number)});
  }
}

// First what goes, so that its place is free.
void apply_images(SqlConnection& connection, const ChangeSet& changes) {
  for (const Place& place : changes.image_drops) {
    connection.execute("DELETE FROM images WHERE record_id = ? AND place = ?",
                       {base::View(place.record), number(place.number)});
    drop_key(connection, place.record, place.number);
  }
  for (const ImageMove& move : changes.image_moves) move_image(connection, move);
  for (const ImageAdd& add : changes.image_adds) {
    add.overwrites ? overwrite_image(connection, add) : insert_image(connection, add);
  }
}

void apply_parts(SqlConnection& connection, const ChangeSet& changes) {
  for (const PartDrop& drop : changes.part_drops) {
    connection.execute("DELETE FROM staged WHERE record_id = ? AND part_offset = ?",
                       {base::View(drop.record), number(drop.offset)});
    drop_key(connection, drop.record, kFirstPartPlace + std::int64_t{drop.offset});
  }
  for (const PartAdd& add : changes.part_adds) {
    insert(connection,
           "INSERT INTO staged (record_id, part_offset, part_id, bytes, sealed) "
           "VALUES (?, ?, ?, ?, ?)",
           {base::View(add.record), number(add.offset), base::View(add.sealed.id),
            number(add.bytes), base::View(add.sealed.data)});
    insert_key(connection, add.record, kFirstPartPlace + std::int64_t{add.offset}, add.sealed);
  }
}

void apply_moves(SqlConnection& connection, const ChangeSet& changes) {
  for (const std::uint64_t id : changes.move_drops) {
    connection.execute("DELETE FROM moves WHERE id = ?", {number(id)});
  }
  for (const vault::PendingMove& move : changes.move_adds) {
    insert(connection,
           "INSERT INTO moves (id, old_record, old_iccid, new_iccid, at) VALUES (?, ?, ?, ?, ?)",
           {number(move.id), base::View(move.old_record), std::string_view(move.old_iccid.digits()),
            std::string_view(move.new_iccid.digits()), number(move.at)});
  }
}

void apply_own(SqlConnection& connection, const ChangeSet& changes) {
  if (!changes.own) return;
  const OwnHead& own = *changes.own;
  const Param mac = own.count == 0 ? Param{} : base::View(own.mac);
  if (own.there) {
    connection.change_one(
        "UPDATE own_history SET version = ?, history_count = ?, history_mac = ? "
        "WHERE id = 1 AND version = ?",
        {number(own.version + 1), number(own.count), mac, number(own.version)});
  } else {
    insert(connection,
           "INSERT INTO own_history (id, version, history_count, history_mac) VALUES (1, 1, ?, ?)",
           {number(own.count), mac});
  }
}

const std::string& history_insert(bool many) {
  static const std::string* const texts = [] {
    const std::string head =
        "INSERT INTO history (record_id, seq, at, op, kind, actor, detail, mac) VALUES ";
    const std::string marks = "(?, ?, ?, ?, ?, ?, ?, ?)";
    auto* const both = new std::string[2]{head + marks, head + marks};
    for (std::size_t i = 1; i < kRowsPerInsert; ++i) both[1] += ", " + marks;
    return both;
  }();
  return texts[many ? 1 : 0];
}

void apply_history(SqlConnection& connection, const ChangeSet& changes) {
  const auto& entries = changes.history;
  std::vector<Param> params;
  for (std::size_t at = 0; at < entries.size();) {
    const bool many = entries.size() - at >= kRowsPerInsert;
    const std::size_t count = many ? kRowsPerInsert : 1;
    params.clear();
    for (std::size_t i = at; i < at + count; ++i) {
      const vault::HistoryEntry& e = entries[i];
      params.insert(params.end(),
                    {base::View(e.record), number(e.seq), number(e.at), base::View(e.op),
                     std::string_view(e.note.kind), std::string_view(e.note.actor),
                     std::string_view(e.note.detail), base::View(e.mac)});
    }
    insert(connection, history_insert(many), params);
    at += count;
  }
}

}  // namespace

bool ChangeSet::empty() const { return records.empty() && only_records(); }

bool ChangeSet::only_records() const {
  return counters.empty() && image_adds.empty() && image_moves.empty() && image_drops.empty() &&
         part_drops.empty() && part_adds.empty() && move_adds.empty() && move_drops.empty() &&
         history.empty() && !own && messages.empty();
}

bool ChangeSet::must_last() const {
  if (records.size() != 1 || !only_records()) return true;
  const RecordWrite& write = records.front();
  return write.kind != RecordWrite::Kind::update || write.renamed || write.beside.images ||
         (write.changed & ~columns_under_way()) != 0;
}

bool ChangeSet::ordinary() const {
  constexpr std::size_t kFew = 4;
  const bool all_stay = std::all_of(records.begin(), records.end(), [](const RecordWrite& write) {
    return write.kind == RecordWrite::Kind::update && !write.renamed;
  });
  return all_stay && records.size() <= kFew && counters.size() <= kFew &&
         image_adds.size() <= kFew && image_moves.empty() && image_drops.size() <= kFew &&
         part_adds.size() <= kFew && part_drops.size() <= kFew && history.size() <= kFew &&
         move_adds.empty() && move_drops.empty() && !own && messages.empty();
}

void apply(SqlConnection& connection, const ChangeSet& changes) {
  apply_own(connection, changes);
  apply_records(connection, changes);
  for (const CounterWrite& write : changes.counters) {
    write_counter(connection, CounterTable::replay, write);
  }
  apply_images(connection, changes);
  apply_parts(connection, changes);
  apply_moves(connection, changes);
  apply_history(connection, changes);
  apply(connection, changes.messages);
}

}  // namespace db
