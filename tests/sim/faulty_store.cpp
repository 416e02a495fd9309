#include "tests/sim/faulty_store.h"

#include <optional>

#include "tests/sim/spoiled_requests.h"

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
  SpoiledTx(vault::RecordTx& real, const StoreTroubles& troubles)
      : real_(real), defect_(troubles.defect), stranger_(troubles.stranger) {}

  vault::Record* find(const vault::Iccid& iccid) override {
    cards_.push_back(iccid);
    return seen(real_.find(iccid));
  }
  vault::Record* find(const vault::RecordId& id) override { return seen(real_.find(id)); }
  std::vector<vault::Record*> find_by_number(const vault::Msisdn& number) override {
    return real_.find_by_number(number);
  }
  vault::Record* find_moved_from(const vault::Iccid& old_iccid) override {
    return real_.find_moved_from(old_iccid);
  }
  vault::Record& create(const vault::Iccid& iccid) override { return real_.create(iccid); }
  void remove(vault::Record& record) override {
    merges_ = true;
    real_.remove(record);
  }
  vault::Counter counter(const vault::Iccid& card, std::uint8_t key_set) override {
    return real_.counter(card, key_set);
  }
  void raise_counter(const vault::Iccid& card, std::uint8_t key_set,
                     vault::Counter value) override {
    if (defect_ == Defect::counter_forgotten) return;
    if (defect_ != Defect::merge_forgets_counter) return real_.raise_counter(card, key_set, value);
    raise_ = [this, card, key_set, value] { real_.raise_counter(card, key_set, value); };
  }
  std::vector<vault::ImageInfo> images(const vault::Record& record) override {
    return real_.images(record);
  }
  void add_image(const vault::Record& record, const vault::ImageInfo& image,
                 base::View plain) override {
    base::Bytes kept(plain.begin(), plain.end());
    if (defect_ == Defect::spoiled_image) kept[kept.size() / 2] ^= 1;
    if (defect_ == Defect::lost_version) drop_newest(record);
    if (defect_ == Defect::undead_content) drop_those();
    dropped_.clear();
    real_.add_image(record, image, kept);
    if (defect_ == Defect::stray_content) give_to_stranger(record, image, plain);
  }
  void update_image(const vault::Record& record, const vault::ImageInfo& image) override {
    vault::ImageInfo kept = image;
    if (defect_ == Defect::lost_pin) kept.pinned_until = 0;
    real_.update_image(record, kept);
  }
  void put_last(const vault::Record& record, const vault::ImageId& image) override {
    real_.put_last(record, image);
  }
  void drop_image(const vault::ImageId& image) override {
    // Whether it is a store that drops it is not known yet.
    const bool waits = defect_ == Defect::undead_content || defect_ == Defect::hoarded_versions;
    waits ? dropped_.push_back(image) : real_.drop_image(image);
  }
  base::Bytes staged(const vault::Record& record) override { return real_.staged(record); }
  void append_staged(const vault::Record& record, std::uint32_t offset, base::View part) override {
    real_.append_staged(record, offset, part);
  }
  void drop_staged(const vault::Record& record) override {
    if (defect_ != Defect::kept_staging) real_.drop_staged(record);
  }
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
  vault::MessageTx& messages() override {
    return is_of_requests(defect_) ? requests_ : real_.messages();
  }

  // What the defects do when the function has said what it wants.
  void end() {
    if (defect_ == Defect::hoarded_versions) drop_those();
    if (record_ != nullptr && !merges_) spoil_bars(*record_);
    if (raise_ && !merges_) raise_();
    if (defect_ != Defect::merge_opens_lock || !merges_) return;
    for (const vault::Iccid& card : cards_) {
      if (vault::Record* const record = real_.find(card)) record->locked_at = 0;
    }
  }
  // The record of the update, when it began and now.
  const std::optional<vault::Record>& before() const { return before_; }
  vault::Record* record() const { return record_; }

 private:
  void spoil_bars(vault::Record& record) const {
    constexpr std::int64_t kShort = 10 * base::kMinuteMs;
    if (defect_ == Defect::timed_again) record.timed_once = false;
    if (defect_ == Defect::endless_lock) record.locked_until = 0;
    if (defect_ == Defect::short_lock && record.locked_until != 0) {
      record.locked_until = record.locked_at + kShort;
    }
    if (defect_ == Defect::no_suspension) record.suspended_at = 0;
  }

  vault::Record* seen(vault::Record* record) {
    if (record != nullptr && record_ == nullptr) {
      record_ = record;
      before_ = *record;
    }
    return record;
  }

  void drop_those() {
    for (const vault::ImageId& image : dropped_) real_.drop_image(image);
  }

  void drop_newest(const vault::Record& record) {
    const std::vector<vault::ImageInfo> versions = real_.images(record);
    if (!versions.empty()) real_.drop_image(versions.front().id);
  }

  void give_to_stranger(const vault::Record& record, const vault::ImageInfo& image,
                        base::View plain) {
    const vault::Record* const other = stranger_ ? real_.find(*stranger_) : nullptr;
    if (other == nullptr || other->id == record.id) return;
    vault::ImageInfo copy = image;
    copy.id = vault::dated_id(image.stored_at);
    copy.bound_record = other->id;
    real_.add_image(*other, copy, plain);
  }

  vault::RecordTx& real_;
  Defect defect_;
  SpoiledRequests requests_{real_, defect_};
  const std::optional<vault::Iccid>& stranger_;
  std::vector<vault::Iccid> cards_;  // were looked for
  bool merges_ = false;              // a record goes
  std::vector<vault::ImageId> dropped_;
  std::function<void()> raise_;
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
    SpoiledTx tx(real, troubles_);
    if (troubles_.defect == Defect::stale_write && stale) {
      if (vault::Record* const record = real.find(stale->iccid)) write_anyway(*record, *stale);
      return true;
    }
    const bool yes = f(tx);
    if (yes) tx.end();
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
