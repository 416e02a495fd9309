// What a proven card asks and what it is answered: the domain's side of docs/protocol.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "base/bytes.h"
#include "vault/record.h"
#include "vault/types.h"

namespace vault {

inline constexpr std::uint8_t kFlagPinned = 0x01;  // the image before was pinned (shrink)
inline constexpr std::uint8_t kFlagMovePending = 0x02;

enum class Origin : std::uint8_t { menu = 0, wake_up = 1, timer = 2 };

struct Report {
  std::optional<Iccid> previous;
  std::optional<Msisdn> number;
  std::optional<UserKey> key;
  base::Bytes handset;
  Origin origin = Origin::menu;
};
struct StoreBegin {
  std::uint32_t transaction = 0;
  std::uint32_t total = 0;
  Digest digest{};
  std::optional<Msisdn> number;
  std::optional<UserKey> key;
  Origin origin = Origin::menu;
};
struct StoreData {
  std::uint32_t transaction = 0;
  std::uint32_t offset = 0;
  base::Bytes data;
};
struct StoreEnd {
  std::uint32_t transaction = 0;
};
struct KeyConfirm {
  std::uint32_t transaction = 0;
  UserKey key;
};
struct FetchBegin {
  std::optional<Iccid> previous;
  std::optional<Msisdn> number;
  std::optional<UserKey> key;
  std::uint16_t version = 0;  // 0 newest, 1 the one before, ...
};
struct FetchData {
  std::uint32_t transaction = 0;
  std::uint32_t offset = 0;
  std::uint16_t max_data = 1024;
};
struct Erase {
  std::optional<UserKey> key;
};
struct StatusQuery {};
struct FetchReport {
  std::uint32_t transaction = 0;
  std::uint16_t written = 0;
  std::uint16_t did_not_fit = 0;
};

using CardCommand = std::variant<Report, StoreBegin, StoreData, StoreEnd, KeyConfirm, FetchBegin,
                                 FetchData, Erase, StatusQuery, FetchReport>;

// Which fields are set depends on command and result (docs/protocol.md). `key` is the only copy
// of a fresh key: it must leave encrypted or not at all.
struct CardAnswer {
  CardResult result = CardResult::done;
  std::optional<std::uint32_t> transaction;
  std::optional<std::uint32_t> total;  // also the limit with too_large
  std::optional<std::uint32_t> offset;
  base::Bytes data;
  std::optional<Digest> digest;
  std::optional<std::uint8_t> attempts_left;
  std::optional<std::int64_t> date;  // utc_ms
  std::optional<RecordState> state;
  std::optional<KeyState> key_state;
  std::optional<std::uint8_t> flags;
  std::optional<UserKey> key;

  CardAnswer() = default;
  CardAnswer(CardResult r) : result(r) {}
};

// The replay counter's verdict on a packet (TS 102 225 status octets 02 and 04). `unknown`: the
// store, which has the counter, is away.
enum class Replay { fresh, low, blocked, unknown };

class StagingBudget;

// What the vault knows of one proven card's channel. Made when the channel's first packet has
// been verified, moved to whichever worker serves it, used by one thread at a time.
class CardChannel {
 public:
  CardChannel(Iccid iccid, std::uint8_t key_set);
  ~CardChannel();
  CardChannel(CardChannel&&) noexcept;

  const Iccid& iccid() const { return iccid_; }
  std::uint8_t key_set() const { return key_set_; }
  // Nothing is left for CardService::close to put away.
  bool settled() const;

 private:
  friend class CardService;
  struct OpenStore;
  struct OpenFetch;

  Iccid iccid_;
  std::uint8_t key_set_;
  std::optional<Counter> highest_;  // accepted on this channel or read from the store
  Counter committed_ = 0;           // of it, what the store has
  Counter noted_ = 0;               // verified, but never held against the store
  std::unique_ptr<OpenStore> store_;
  std::unique_ptr<OpenFetch> fetch_;
};

}  // namespace vault
