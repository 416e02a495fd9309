// SqlTx: what hangs on a record - images, staged parts, pending moves.
#include <algorithm>

#include "base/crypto.h"
#include "db/sql_tx_entry.h"

namespace db {

using vault::Iccid;
using vault::ImageInfo;
using vault::PendingMove;
using vault::Record;
using vault::RecordId;

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
  part.id = vault::dated_id(now_.utc_ms);  // the sweep finds old ones by it
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
  const std::optional<std::int64_t> known = staged_total_.get(now_);
  std::int64_t sum = known.value_or(0);
  if (!known) {
    guarded([&] {
      connection_.query("SELECT COALESCE(SUM(bytes), 0) FROM staged", {},
                        [&](const Row& row) { sum = row.number(0); });
      staged_total_.counted(sum);
    });
  }
  for (const auto& entry : entries_) {
    for (const PartDrop& drop : entry->part_drops) sum -= drop.bytes;
    if (!entry->parts) continue;
    for (const Entry::Part& part : *entry->parts) {
      if (part.fresh) sum += part.bytes;
    }
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
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

}  // namespace db
