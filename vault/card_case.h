// One command of one card being served. Private to vault: CardService is the door.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "vault/card_service.h"
#include "vault/move.h"

namespace vault {

// An upload as far as this channel knows it. Octets [tail_offset, tail_offset + tail) are here,
// those before are staged in the store.
struct CardChannel::OpenStore {
  std::uint32_t transaction = 0;
  std::uint32_t total = 0;
  Digest digest{};
  std::uint32_t epoch = 0;
  std::array<std::uint8_t, 16> writer{};
  std::uint32_t tail_offset = 0;
  base::Bytes tail;
  bool have_all = false;  // the vault holds this image already, or the transaction has ended
  StagingBudget* budget = nullptr;
  std::uint64_t taken = 0;

  OpenStore() = default;
  OpenStore(const OpenStore&) = delete;
  OpenStore& operator=(const OpenStore&) = delete;
  ~OpenStore() {
    if (budget != nullptr) budget->give_back(taken);
  }
  std::uint32_t next_offset() const {
    return have_all ? total : tail_offset + static_cast<std::uint32_t>(tail.size());
  }
};

// A download: the version is fixed at its beginning.
struct CardChannel::OpenFetch {
  std::uint32_t transaction = 0;
  RecordId record{};
  std::uint32_t epoch = 0;
  base::Secret content;
  std::optional<UserKey> fresh_key;  // leaves with the last octets
  StagingBudget* budget = nullptr;
  std::uint64_t taken = 0;

  OpenFetch() = default;
  OpenFetch(const OpenFetch&) = delete;
  OpenFetch& operator=(const OpenFetch&) = delete;
  ~OpenFetch() {
    if (budget != nullptr) budget->give_back(taken);
  }
};

inline constexpr std::int64_t kFetchGrace = 10 * base::kMinuteMs;  // after the end of the channel

class CardService::Case {
 public:
  Case(CardService& service, Store& store, CardChannel& channel, base::Now now)
      : service_(service),
        store_(store),
        channel_(channel),
        now_(now),
        policy_holder_(service.policy()),
        policy_(*policy_holder_) {}

  Served serve(const CardCommand& command, Counter counter, bool counted);
  void close();

 private:
  // What every transaction of a card begins with: counter, own record, undo of a move.
  using Body = std::function<CardAnswer(RecordTx&, Record&)>;
  Served in_transaction(const Body& body);
  bool begin(RecordTx& tx, Served& served) const;
  Replay check_counter(Counter highest) const;
  Replay check_without_store();
  void accept_counter(bool committed);
  Record* own_record(RecordTx& tx);
  bool unordered_hold(const Record& record) const;

  Served answer(CardAnswer value);
  Served store_away() const;

  // To be counted once the transaction has committed: its body may run several times.
  void count(std::string_view name, std::string detail = {}) const {
    to_count_.emplace_back(name, std::move(detail));
  }
  void notice(std::string_view name, std::string_view detail = {}) const {
    service_.notices_.happened(name, channel_.iccid(), now_, detail);
  }

  // One function per command, in the order of docs/protocol.md.
  Served serve(const Report& report);
  Served serve(const StoreBegin& begin);
  Served serve(const StoreData& data);
  Served serve(const StoreEnd& end);
  Served serve(const KeyConfirm& confirm);
  Served serve(const FetchBegin& begin);
  Served serve(const FetchData& data);
  Served serve(const Erase& erase);
  Served serve(const StatusQuery& query);
  Served serve(const FetchReport& report);

  // card_store.cpp
  CardAnswer begin_in_tx(RecordTx& tx, Record& record, const StoreBegin& begin,
                         CardChannel::OpenStore& open);
  bool resume(Record& record, const StoreBegin& begin, CardChannel::OpenStore& open) const;
  CardAnswer finish_store(RecordTx& tx, Record& record, CardChannel::OpenStore& open);
  CardAnswer keep_same_image(RecordTx& tx, Record& record, const CardChannel::OpenStore& open);
  CardAnswer repeat_end(RecordTx& tx, Record& record) const;
  CardAnswer close_store(RecordTx& tx, Record& record, std::uint32_t transaction,
                         std::uint8_t flags);
  std::uint8_t keep_new_image(RecordTx& tx, Record& record, base::View content,
                              const CardChannel::OpenStore& open);
  bool pin_before(RecordTx& tx, const Record& record);
  void rotate_versions(RecordTx& tx, const Record& record);
  bool stage_tail(bool cut = false);

  // card_fetch.cpp
  CardAnswer fetch_in_tx(RecordTx& tx, Record& record, const FetchBegin& begin,
                         CardChannel::OpenFetch& open, ImageInfo& image);
  Record* fetch_source(RecordTx& tx, Record& own, const FetchBegin& begin, CardAnswer& refusal);
  std::optional<ImageInfo> wanted_version(RecordTx& tx, const Record& record, std::uint16_t version,
                                          bool just_merged);
  bool load_content(std::unique_ptr<CardChannel::OpenFetch> open, const ImageInfo& image);
  bool reopen_fetch(std::uint32_t transaction);
  bool still_permitted(const CardChannel::OpenFetch& fetch);

  // card_move.cpp
  std::optional<CardAnswer> move_wanted(RecordTx& tx, Record& own,
                                        const std::optional<Iccid>& previous, const UserKey* key);
  CardAnswer move_by_number(RecordTx& tx, Record& own, Record& old_record, const UserKey* key);
  bool moves_nothing(const Record& own) const;
  int keys_left(const Record& own, const Record& old_record) const;
  CardAnswer try_move(RecordTx& tx, Record& own, const Iccid& previous, const UserKey* key);
  CardAnswer move_now(RecordTx& tx, Record& old_record, const std::string& why);
  CardAnswer pend(RecordTx& tx, Record& own, const Iccid& previous, const Record* old_record) const;
  CardAnswer foreign_key(RecordTx& tx, Record& own, Record& old_record, const UserKey& key);
  bool stands_without_key(const Record& own, const Record& old_record) const;
  Record* found_by_number(RecordTx& tx, const Record& own);
  std::uint8_t flags_of(const Record& record) const;

  Decision gate(RecordTx& tx, Record& record, Use use, const UserKey* key) const;
  CardAnswer answer_of(const Decision& decision) const;
  KeyCheck check_key(const Record& record, const UserKey* key) const;
  void renew_key_mac(Record& record, const UserKey& key) const;
  UserKey issue_key(RecordTx& tx, Record& record, std::uint32_t transaction) const;
  void judge_versions(RecordTx& tx, Record& record) const;
  bool key_is_due(const Record& record) const;

  CardService& service_;
  Store& store_;
  CardChannel& channel_;
  base::Now now_;
  std::shared_ptr<const Policy> policy_holder_;
  const Policy& policy_;
  Counter counter_ = 0;
  bool counted_ = true;
  mutable std::vector<std::pair<std::string_view, std::string>> to_count_;
};

inline const UserKey* pointer(const std::optional<UserKey>& key) { return key ? &*key : nullptr; }

}  // namespace vault
