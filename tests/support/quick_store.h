// A store in memory that many workers use at once, for benches of what is above it: nothing is
// durable or encrypted. Updates work on copies and are guarded by the record's version, as in db/.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/support/memory_store.h"

namespace support {

// Any thread.
class QuickData {
 public:
  struct Row {
    explicit Row(vault::Record fresh) : record(std::move(fresh)) {}
    vault::Record record;
    vault::Counter counter = 0;  // of the one key set
    std::vector<vault::ImageInfo> images;
    std::map<vault::ImageId, base::Bytes> contents;
  };

  void add(const vault::Iccid& iccid) {
    vault::Record record(iccid);
    record.id = base::random_array<16>();
    rows_.emplace(iccid.digits(), std::make_unique<Row>(std::move(record)));
  }
  // Calls f(Row&) under the row's lock; false: no such card.
  template <class F>
  bool with(const vault::Iccid& iccid, F f) {
    const auto found = rows_.find(iccid.digits());
    if (found == rows_.end()) return false;
    const std::lock_guard lock(locks_[std::hash<std::string>()(found->first) % kLocks]);
    f(*found->second);
    return true;
  }

 private:
  static constexpr std::size_t kLocks = 64;
  std::unordered_map<std::string, std::unique_ptr<Row>> rows_;  // not changed after add()
  std::mutex locks_[kLocks];
};

// What one update sees and changes, of one card.
class QuickTx : public MemoryTx {
 public:
  QuickTx(QuickData& rows, MemoryState& state, MemoryData& messages)
      : MemoryTx(state, messages), rows_(rows) {}

  vault::Record* find(const vault::Iccid& iccid) override {
    if (record_) return record_->iccid == iccid ? record_.get() : nullptr;
    rows_.with(iccid, [&](QuickData::Row& row) {
      record_ = std::make_unique<vault::Record>(row.record);
      before_ = std::make_unique<vault::Record>(row.record);
      images_ = row.images;
      counter_ = row.counter;
    });
    return record_.get();
  }
  vault::Record* find(const vault::RecordId& id) override {
    return record_ && record_->id == id ? record_.get() : nullptr;
  }
  vault::Counter counter(const vault::Iccid& card, std::uint8_t) override {
    find(card);
    return counter_;
  }
  void raise_counter(const vault::Iccid& card, std::uint8_t, vault::Counter value) override {
    find(card);
    counter_ = std::max(counter_, value);
    raised_ = true;
  }
  std::vector<vault::ImageInfo> images(const vault::Record&) override { return images_; }
  void add_image(const vault::Record&, const vault::ImageInfo& image, base::View plain) override {
    images_.insert(images_.begin(), image);
    added_.emplace_back(image.id, base::Bytes(plain.begin(), plain.end()));
  }
  void update_image(const vault::Record&, const vault::ImageInfo& image) override {
    for (vault::ImageInfo& known : images_) {
      if (known.id == image.id) known = image;
    }
  }
  void drop_image(const vault::ImageId& image) override {
    std::erase_if(images_, [&](const vault::ImageInfo& known) { return known.id == image; });
    dropped_.push_back(image);
  }
  void note(vault::Record& record, const vault::HistoryNote&) override { ++record.history_count; }

  enum class End { nothing, done, again };
  End commit() {
    if (!record_) return End::nothing;
    const bool changed = !(*record_ == *before_) || raised_ || !added_.empty() || !dropped_.empty();
    if (!changed) return End::nothing;
    End end = End::done;
    rows_.with(record_->iccid, [&](QuickData::Row& row) {
      if (row.record.version != before_->version) {
        end = End::again;
        return;
      }
      ++record_->version;
      row.record = std::move(*record_);
      row.counter = std::max(row.counter, counter_);
      row.images = std::move(images_);
      for (auto& [id, content] : added_) row.contents[id] = std::move(content);
      for (const vault::ImageId& id : dropped_) row.contents.erase(id);
    });
    return end;
  }

 private:
  QuickData& rows_;
  std::unique_ptr<vault::Record> record_, before_;
  vault::Counter counter_ = 0;
  bool raised_ = false;
  std::vector<vault::ImageInfo> images_;
  std::vector<std::pair<vault::ImageId, base::Bytes>> added_;
  std::vector<vault::ImageId> dropped_;
};

class QuickStore : public MemoryStore {
 public:
  explicit QuickStore(QuickData& rows) : MemoryStore(messages_), rows_(rows) {}

  vault::Outcome update(base::Now, const std::function<bool(vault::RecordTx&)>& f) override {
    for (;;) {
      MemoryState state;
      QuickTx tx(rows_, state, messages_);
      if (!f(tx)) return vault::Outcome::refused;
      const QuickTx::End end = tx.commit();
      if (end == QuickTx::End::again) continue;
      return end == QuickTx::End::done ? vault::Outcome::committed : vault::Outcome::unchanged;
    }
  }

 private:
  MemoryData messages_;
  QuickData& rows_;
};

class QuickStores : public vault::StoreFactory {
 public:
  std::unique_ptr<vault::Store> open() override { return std::make_unique<QuickStore>(rows); }
  QuickData rows;
};

}  // namespace support
