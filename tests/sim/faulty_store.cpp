#include "tests/sim/faulty_store.h"

#include <optional>

namespace sim {

using vault::Outcome;

namespace {

constexpr int kAwayOneIn = 60;
constexpr int kUnknownOneIn = 40;
constexpr int kDisturbedOneIn = 6;
constexpr int kKilledOneIn = 120;

// The transaction of a store with a defect.
class SpoiledTx : public vault::RecordTx {
 public:
  SpoiledTx(vault::RecordTx& real, Defect defect) : real_(real), defect_(defect) {}

  vault::Record* find(const vault::Iccid& iccid) override { return seen(real_.find(iccid)); }
  vault::Record* find(const vault::RecordId& id) override { return seen(real_.find(id)); }
  std::vector<vault::Record*> find_by_number(const vault::Msisdn& number) override {
    return real_.find_by_number(number);
  }
  vault::Record* find_moved_from(const vault::Iccid& old_iccid) override {
    return real_.find_moved_from(old_iccid);
  }
  vault::Record& create(const vault::Iccid& iccid) override { return real_.create(iccid); }
  void remove(vault::Record& record) override { real_.remove(record); }
  vault::Counter counter(const vault::Iccid& card, std::uint8_t key_set) override {
    return real_.counter(card, key_set);
  }
  void raise_counter(const vault::Iccid& card, std::uint8_t key_set,
                     vault::Counter value) override {
    if (defect_ != Defect::counter_forgotten) real_.raise_counter(card, key_set, value);
  }
  std::vector<vault::ImageInfo> images(const vault::Record& record) override {
    return real_.images(record);
  }
  void add_image(const vault::Record& record, const vault::ImageInfo& image,
                 base::View plain) override {
    base::Bytes kept(plain.begin(), plain.end());
    if (defect_ == Defect::spoiled_image) kept[kept.size() / 2] ^= 1;
    real_.add_image(record, image, kept);
  }
  void update_image(const vault::Record& record, const vault::ImageInfo& image) override {
    real_.update_image(record, image);
  }
  void drop_image(const vault::ImageId& image) override { real_.drop_image(image); }
  base::Bytes staged(const vault::Record& record) override { return real_.staged(record); }
  void append_staged(const vault::Record& record, std::uint32_t offset, base::View part) override {
    real_.append_staged(record, offset, part);
  }
  void drop_staged(const vault::Record& record) override { real_.drop_staged(record); }
  std::uint64_t staged_bytes_all() override { return real_.staged_bytes_all(); }
  std::vector<vault::PendingMove> moves_to(const vault::Iccid& iccid) override {
    return real_.moves_to(iccid);
  }
  std::vector<vault::PendingMove> moves_from(const vault::RecordId& record) override {
    return real_.moves_from(record);
  }
  void add_move(const vault::PendingMove& move) override { real_.add_move(move); }
  void drop_move(std::uint64_t id) override { real_.drop_move(id); }
  void note(vault::Record& record, const vault::HistoryNote& note) override {
    if (defect_ != Defect::no_history) real_.note(record, note);
  }
  void note_own(const vault::HistoryNote& note) override { real_.note_own(note); }
  std::uint64_t calls_by_agent_today(const std::string& agent) override {
    return real_.calls_by_agent_today(agent);
  }
  vault::MessageTx& messages() override { return real_.messages(); }

  // The record of the update, when it began and now.
  const std::optional<vault::Record>& before() const { return before_; }
  vault::Record* record() const { return record_; }

 private:
  vault::Record* seen(vault::Record* record) {
    if (record != nullptr && record_ == nullptr) {
      record_ = record;
      before_ = *record;
    }
    return record;
  }

  vault::RecordTx& real_;
  Defect defect_;
  vault::Record* record_ = nullptr;
  std::optional<vault::Record> before_;
};

// What a store without a guard would do: the change as it was made to the older version.
void write_anyway(vault::Record& fresh, const vault::Record& stale) {
  vault::Record written = stale;
  written.version = fresh.version;
  written.history_count = fresh.history_count;
  written.history_mac = fresh.history_mac;
  fresh = written;
}

}  // namespace

Outcome FaultyStore::update(base::Now now, const std::function<bool(vault::RecordTx&)>& f) {
  if (troubles_.on && chance_.one_in(kAwayOneIn)) {
    ++troubles_.away;
    troubles_.tell("the store is away");
    return Outcome::unavailable;
  }
  bool disturb = troubles_.on && troubles_.meanwhile && chance_.one_in(kDisturbedOneIn);
  std::optional<vault::Record> stale;
  bool nothing_kept = false;
  const Outcome outcome = real_->update(now, [&](vault::RecordTx& real) {
    SpoiledTx tx(real, troubles_.defect);
    if (troubles_.defect == Defect::stale_write && stale) {
      if (vault::Record* const record = real.find(stale->iccid)) write_anyway(*record, *stale);
      return true;
    }
    const bool yes = f(tx);
    if (vault::Record* const record = tx.record()) {
      if (troubles_.defect == Defect::free_guesses && record->wrong_keys > 0) {
        record->wrong_keys = 0;
        record->locked_at = 0;
      }
      const bool stores =
          record->image && (!tx.before()->image || tx.before()->image->id != record->image->id);
      nothing_kept = troubles_.defect == Defect::lost_store && stores;
      stale = *record;
    }
    if (std::exchange(disturb, false)) {
      ++troubles_.disturbed;
      troubles_.meanwhile();
    }
    return yes && !nothing_kept;
  });
  if (nothing_kept) return Outcome::committed;
  if (outcome != Outcome::committed || !troubles_.on) return outcome;
  if (chance_.one_in(kKilledOneIn)) {
    ++troubles_.killed;
    throw Killed{};
  }
  if (!chance_.one_in(kUnknownOneIn)) return outcome;
  ++troubles_.unknown;
  troubles_.tell("an outcome is unknown");
  return Outcome::unavailable;
}

base::Result<base::Bytes> FaultyStore::image(const vault::RecordId& owner,
                                             const vault::ImageInfo& image) {
  if (troubles_.on && chance_.one_in(kAwayOneIn)) {
    ++troubles_.away;
    troubles_.tell("the store is away");
    return base::Error{"away"};
  }
  return real_->image(owner, image);
}

}  // namespace sim
