// vault::RecordTx over SQL: reads at first use, keeps what the function changes, and gives it back
// as a ChangeSet. Writes nothing itself. Lives for one call of the function given to update().
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/first_fault.h"
#include "db/change_set.h"
#include "db/record_memory.h"
#include "db/staged_total.h"
#include "db/seal.h"
#include "db/sql.h"
#include "db/sql_messages.h"
#include "vault/ports.h"

namespace db {

// How the record of a card is found. Throws SqlError.
using FindRecord = std::function<std::optional<StoredRecord>(const vault::Iccid&)>;

class SqlTx : public vault::RecordTx {
 public:
  // All referenced objects outlive the transaction. `memory` may be null.
  SqlTx(SqlConnection& connection, const FindRecord& find, const Sealer& sealer,
        const vault::KeyRing& keys, base::Now now, const vault::OpId& op, RecordMemory* memory,
        StagedTotal& staged_total);
  ~SqlTx() override;

  vault::Record* find(const vault::Iccid& iccid) override;
  vault::Record* find(const vault::RecordId& id) override;
  std::vector<vault::Record*> find_by_number(const vault::Msisdn& provisioned) override;
  vault::Record* find_moved_from(const vault::Iccid& old_iccid) override;
  vault::Record& create(const vault::Iccid& iccid) override;
  void remove(vault::Record& record) override;

  vault::Counter counter(const vault::Iccid& card, std::uint8_t key_set) override;
  void raise_counter(const vault::Iccid& card, std::uint8_t key_set, vault::Counter value) override;

  std::vector<vault::ImageInfo> images(const vault::Record& record) override;
  void add_image(const vault::Record& record, const vault::ImageInfo& image,
                 base::View plain) override;
  void update_image(const vault::Record& record, const vault::ImageInfo& image) override;
  void put_last(const vault::Record& record, const vault::ImageId& image) override;
  void drop_image(const vault::ImageId& image) override;

  base::Bytes staged(const vault::Record& record) override;
  void append_staged(const vault::Record& record, std::uint32_t offset, base::View part) override;
  void drop_staged(const vault::Record& record) override;
  std::uint64_t staged_bytes_all() override;

  std::vector<vault::PendingMove> moves_to(const vault::Iccid& new_iccid) override;
  std::vector<vault::PendingMove> moves_from(const vault::RecordId& old_record) override;
  void add_move(const vault::PendingMove& move) override;
  void drop_move(std::uint64_t id) override;

  void note(vault::Record& record, const vault::HistoryNote& note) override;
  void note_own(const vault::HistoryNote& note) override;
  std::uint64_t calls_by_agent_today(const std::string& agent) override;
  vault::MessageTx& messages() override;

  // For bulk work that renames and removes nothing: loads many records at once, then gives the
  // loaded or created record of an ICCID, or null.
  void prefetch(const std::vector<vault::Iccid>& iccids);
  vault::Record* prefetched(const vault::Iccid& iccid);
  // The pointer of create() with an id of the caller's choice.
  vault::Record& create(const vault::Iccid& iccid, const vault::RecordId& id);

  // Something seen came from the memory: only a commit proves that it was right.
  bool from_memory() const { return from_memory_; }
  // Throws what a read has thrown meanwhile.
  void rethrow();
  // What the function has changed. Call once, after it has returned true.
  ChangeSet take_changes();

 private:
  struct Version;
  struct Entry;
  using CounterKey = std::pair<vault::Iccid, std::uint8_t>;
  struct CounterState {
    vault::Counter seen = 0;
    vault::Counter value = 0;
  };

  Entry* adopt(StoredRecord&& loaded);
  Entry* load(const std::function<std::optional<StoredRecord>()>& read);
  Entry* load(const char* where, Param key);
  bool remember(const vault::Iccid& iccid);
  Entry* look_up(const vault::Iccid& iccid);
  Entry* find_entry(const vault::RecordId& id);
  Entry& entry_of(const vault::Record& record);
  static std::vector<Version>::iterator find_version(Entry& entry, const vault::ImageId& image);
  void load_parts(Entry& entry);
  std::vector<vault::PendingMove> load_moves(const char* where, Param key);
  OwnHead& own_head();
  vault::HistoryEntry& chain(const vault::RecordId& id, std::uint64_t& count, base::Sha256& mac,
                             const vault::HistoryNote& note);
  CounterState& counter_state(const vault::Iccid& card, std::uint8_t key_set);
  vault::Counter counter_in_table(const vault::Iccid& card, std::uint8_t key_set);
  Entry* loaded_as(const vault::Iccid& card);
  static bool keeps_card(const Entry& entry);
  void raise_in_table(ChangeSet& out, const vault::Iccid& card, const LatestCounter& counter);
  void raise(ChangeSet& out, const vault::Iccid& card, const LatestCounter& raised);
  void collect_counters(ChangeSet& out);
  static bool differ(const std::vector<Version>& versions, const std::vector<StoredImage>& loaded);
  void collect_records(ChangeSet& out);
  void collect_images(Entry& entry, ChangeSet& out);
  void collect_hanging(ChangeSet& out);

  SqlConnection& connection_;
  const FindRecord& find_;
  const Sealer& sealer_;
  const vault::KeyRing& keys_;
  const base::Now now_;
  const vault::OpId op_;
  RecordMemory* const memory_;
  StagedTotal& staged_total_;
  bool from_memory_ = false;
  FirstFault fault_;

  std::vector<std::unique_ptr<Entry>> entries_;
  std::unordered_map<std::string, Entry*> by_iccid_;  // as looked up; null: not in the store
  std::map<vault::RecordId, Entry*> by_id_;
  Entry* guard_ = nullptr;  // the first one found: everything written rests on its version
  std::map<CounterKey, CounterState> counters_;
  std::vector<Place> image_drops_;
  std::vector<vault::PendingMove> move_adds_;
  std::set<std::uint64_t> move_drops_;
  std::vector<vault::HistoryEntry> history_;
  std::optional<OwnHead> own_;
  std::unique_ptr<SqlMessageTx> messages_;  // made when it is asked for
};

}  // namespace db
