// Whether the keys at hand are those that the database was used with so far. Of each it keeps a
// value (table key_checks): a well-formed key file of another system, or an old one, would make
// every right key of a subscriber wrong, content that nobody can read later, and chains of history
// that never verify again.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "db/key_files.h"
#include "db/settings.h"
#include "db/sql.h"

namespace db {

// As in the table.
enum class KeyKind : std::uint8_t { master = 1, pepper = 2, audit = 3 };

struct KeyId {
  KeyKind kind = KeyKind::master;
  std::uint32_t number = 0;
  auto operator<=>(const KeyId&) const = default;
};

// Shared by all stores of a factory; any thread, each with a connection of its own. What was
// compared once is not computed again, but for keys in an HSM that was lost meanwhile. The keys
// outlive it.
class KeyChecks {
 public:
  explicit KeyChecks(const FileKeyRing& keys);

  // So many of the first and of the last data keys tell whether a master key without a value is the
  // one that content was stored under.
  static constexpr int kLookedAt = 20'000;

  // Each key that is another than the one whose value is kept; a key without a value is none of
  // them. Throws SqlError.
  std::vector<KeyFault> faults(SqlConnection& use);
  // The same in one line; empty: none.
  std::string fault(SqlConnection& use);
  // Keeps a value of each key that has none yet; of two processes the first one's stands. Throws
  // SqlError, `misfit` for a fault. No transaction may be open.
  void record(SqlConnection& use);
  // All values were there, and right, and the HSM was not lost since.
  bool recorded() const;
  // A value was missing, or another one, when the HSM could be used: record() is to be called
  // before anything is written.
  bool unrecorded() const { return state_ == State::unrecorded; }

 private:
  using Values = std::map<KeyId, base::Bytes>;
  enum class State {
    unrecorded,
    pending,  // the HSM was away: nothing could be done with its keys
    recorded,
  };

  std::vector<KeyFault> compare(SqlConnection& use, std::vector<KeyId>& missing);
  void forget_token();
  bool fits(const KeyId& id, const base::Bytes& value);
  bool disproved(SqlConnection& use, std::uint32_t master);
  base::Bytes value_of(const KeyId& id) const;
  KeyFault fault_of(const KeyId& id) const;

  const FileKeyRing& keys_;
  std::vector<KeyId> ids_;
  base::Guarded<Values> right_;
  std::atomic<State> state_ = State::unrecorded;
  std::atomic<std::uint64_t> token_generation_ = 0;  // of the HSM, when it was compared
};

// For tools. What faults() tells; nothing where the store cannot be reached or has another schema.
std::vector<KeyFault> foreign_keys(const Settings& settings, const FileKeyRing& keys);
// Of each kind the newest key that has a value, where it is newer than all at hand: another host's,
// whose file was not copied. Nothing where the store cannot be reached.
std::vector<KeyId> lacking_keys(const Settings& settings, const FileKeyRing& keys);
std::string lacks_text(const KeyFiles& files, const KeyId& id);
// Two hosts have made a key of this number at the same moment, and this one has taken its own back.
std::string taken_back_text(std::uint32_t number, bool in_hsm);
// Keeps the values of keys that nothing was made with yet, so that nobody else gives their numbers.
// Nothing is kept where the store has another schema.
base::Status record_keys(const Settings& settings, const FileKeyRing& keys);
// Above all numbers that the database has seen: what was made with a lost key must not be taken for
// made with the one that comes in its place.
base::Result<FirstNumbers> unused_numbers(const Settings& settings);
// The keys of these kinds are lost, and the database is to be used with new ones.
base::Status forget_keys(const Settings& settings, const std::vector<KeyKind>& kinds);

}  // namespace db
