// Links of which only a SYN has come: slots of fixed size, the oldest goes first, few for each
// source address. One thread at a time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "bip/cat_tp.h"
#include "bip/socket_address.h"

namespace bip {

// What tells links apart.
struct CatTpKey {
  SocketPeer peer;
  CatTp::Ports ports;
  friend bool operator==(const CatTpKey& a, const CatTpKey& b) {
    return a.peer == b.peer && a.ports.own == b.ports.own && a.ports.peer == b.ports.peer;
  }
};

// Keyed by a secret, so that nobody can choose addresses and ports that fall together.
class CatTpHash {
 public:
  CatTpHash(std::uint64_t a, std::uint64_t b) : secret_{a | 1, b | 1} {}
  std::size_t operator()(const CatTpKey& key) const;
  std::size_t operator()(const Address& address) const;

 private:
  std::uint64_t secret_[2];
};

class CatTpHalfOpen {
 public:
  static constexpr std::size_t kMostIdentification = 32;

  struct Slot {
    CatTpKey key;
    std::int64_t born = 0;  // mono_ms
    std::uint16_t own_isn = 0;
    std::uint16_t peer_isn = 0;
    std::uint16_t max_pdu = 0;
    std::uint16_t max_sdu = 0;
    std::uint16_t window = 0;
    std::uint8_t answers = 0;  // SYN/ACKs
    std::uint8_t identification_size = 0;
    std::uint8_t identification[kMostIdentification] = {};
    std::uint32_t older = 0;  // places in the order of age, 0: none
    std::uint32_t newer = 0;
  };
  // In all it is some 320 octets: nodes of both maps, and the vector's doubled room.
  static_assert(sizeof(Slot) <= 128);

  CatTpHalfOpen(std::uint32_t most, std::uint32_t most_per_address, const CatTpHash& hash);

  Slot* find(const CatTpKey& key);
  // For a key that is not there. Null: too many of its address. The oldest slot of all makes room;
  // `displaced` counts them. Pointers hold until the next add.
  Slot* add(const CatTpKey& key, base::Now now);
  void remove(Slot& slot);
  // Those that are older go; `expired` counts them.
  void expire(std::int64_t born_before);

  std::size_t size() const { return by_key_.size(); }
  // When the oldest was born; kNever: none is there.
  std::int64_t oldest() const;
  std::uint64_t displaced() const { return displaced_; }
  std::uint64_t expired() const { return expired_; }

 private:
  std::uint32_t place();

  const std::uint32_t most_;
  const std::uint32_t most_per_address_;
  std::vector<Slot> slots_;  // 0 holds both ends of the order of age
  std::vector<std::uint32_t> free_;
  std::unordered_map<CatTpKey, std::uint32_t, CatTpHash> by_key_;
  std::unordered_map<Address, std::uint32_t, CatTpHash> by_address_;
  std::uint64_t displaced_ = 0;
  std::uint64_t expired_ = 0;
};

}  // namespace bip
