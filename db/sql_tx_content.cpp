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

std::vector<ImageInfo> SqlTx::images(const Record& record) {
  std::vector<ImageInfo> infos;
  for (const Version& version : entry_of(record).versions) infos.push_back(version.info);
  return infos;
}

void SqlTx::add_image(const Record& record, const ImageInfo& image, base::View plain) {
  // Sealed here, before any row is locked; the plain octets are not kept.
  auto& versions = entry_of(record).versions;
  fault_.guarded([&] {
    versions.insert(versions.begin(),
                    {image, {}, sealer_.seal(image.id, Sealer::image_binding(image), plain)});
  });
}

void SqlTx::update_image(const Record& record, const ImageInfo& image) {
  Entry& owner = entry_of(record);
  for (const auto& entry : entries_) {
    const auto there = find_version(*entry, image.id);
    if (there == entry->versions.end()) continue;
    if (entry.get() == &owner) {
      there->info.pinned_until = image.pinned_until;
      there->info.for_care = image.for_care;
      there->info.of_other = image.of_other;
      return;
    }
    // From another record: behind everything that the new owner has.
    Version moved = std::move(*there);
    entry->versions.erase(there);
    moved.info = image;
    owner.versions.push_back(std::move(moved));
    return;
  }
}

void SqlTx::put_last(const Record& record, const vault::ImageId& image) {
  Entry& owner = entry_of(record);
  const auto there = find_version(owner, image);
  if (there != owner.versions.end()) std::rotate(there, there + 1, owner.versions.end());
}

void SqlTx::drop_image(const vault::ImageId& image) {
  for (const auto& entry : entries_) {
    const auto there = find_version(*entry, image);
    if (there == entry->versions.end()) continue;
    if (!there->fresh && there->place.record == entry->record.id) {
      entry->freed.push_back(there->place.number);
    } else if (!there->fresh) {
      image_drops_.push_back(there->place);
    }
    entry->versions.erase(there);
    return;
  }
}

void SqlTx::load_parts(Entry& entry) {
  if (entry.parts) return;
  entry.parts.emplace();
  fault_.guarded([&] {
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
  fault_.guarded([&] {
    for (const Entry::Part& part : *entry.parts) {
      if (part.offset != all.size()) break;
      Sealed sealed;
      if (part.fresh) {
        sealed = *part.fresh;
      } else {
        sealed.id = part.id;
        connection_.query(
            "SELECT s.sealed, k.master, k.wrapped FROM staged s, data_keys k "
            "WHERE s.record_id = ? AND s.part_offset = ? AND k.record_id = s.record_id "
            "AND k.place = ? + s.part_offset",
            {base::View(entry.record.id), number(part.offset), number(kFirstPartPlace)},
            [&](const Row& row) {
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
      entry.part_drops.push_back({record.id, old.offset, old.bytes});
    }
    parts.pop_back();
  }
  Entry::Part part;
  part.offset = offset;
  part.bytes = static_cast<std::uint32_t>(bytes.size());
  part.id = vault::dated_id(now_.utc_ms);  // the sweep finds old ones by it
  fault_.guarded([&] {
    part.fresh = sealer_.seal(part.id, Sealer::part_binding(record.id, part.id, offset), bytes);
    parts.push_back(std::move(part));
  });
}

void SqlTx::drop_staged(const Record& record) {
  Entry& entry = entry_of(record);
  load_parts(entry);
  for (const Entry::Part& part : *entry.parts) {
    entry.touched = true;
    if (!part.fresh) {
      entry.part_drops.push_back({record.id, part.offset, part.bytes});
    }
  }
  entry.parts->clear();
}

std::uint64_t SqlTx::staged_bytes_all() {
  const std::optional<std::int64_t> known = staged_total_.get(now_);
  std::int64_t sum = known.value_or(0);
  if (!known) {
    fault_.guarded([&] {
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
  fault_.guarded([&] {
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
  move_adds_.back().id = random_id();
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

// A new version takes the place of one that goes, or the lowest that nobody has.
void SqlTx::collect_images(Entry& entry, ChangeSet& out) {
  // A merge may leave the image of the card in use behind others: the first of the list is "the"
  // one.
  const auto& image = entry.record.image;
  const auto before = entry.loaded ? entry.loaded->image : std::nullopt;
  if (image && (!before || before->id != image->id)) {
    std::stable_partition(entry.versions.begin(), entry.versions.end(),
                          [&](const Version& version) { return version.info.id == image->id; });
  }
  std::set<std::int64_t> taken(entry.freed.begin(), entry.freed.end());
  for (const auto& any : entries_) {  // those that this update gives to another record, too
    for (const Version& version : any->versions) {
      if (!version.fresh && version.place.record == entry.record.id) {
        taken.insert(version.place.number);
      }
    }
  }
  const auto free_place = [&] {
    std::int64_t number = 0;
    while (!taken.insert(number).second) ++number;
    return Place{entry.record.id, number};
  };
  for (Version& version : entry.versions) {
    if (version.fresh) {
      const bool overwrites = !entry.freed.empty();
      version.place = overwrites ? Place{entry.record.id, entry.freed.back()} : free_place();
      if (overwrites) entry.freed.pop_back();
      out.image_adds.push_back({version.place, overwrites, std::move(*version.fresh)});
    } else if (version.place.record != entry.record.id) {
      const Place from = std::exchange(version.place, free_place());
      out.image_moves.push_back({from, version.place});
    }
  }
  for (const std::int64_t number : entry.freed)
    out.image_drops.push_back({entry.record.id, number});
}

void SqlTx::collect_hanging(ChangeSet& out) {
  for (const auto& entry : entries_) collect_images(*entry, out);
  for (const auto& entry : entries_) {
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
  std::move(image_drops_.begin(), image_drops_.end(), std::back_inserter(out.image_drops));
  out.move_adds = std::move(move_adds_);
  out.move_drops.assign(move_drops_.begin(), move_drops_.end());
}

}  // namespace db
