// The cards of a park: numbers and keys from a CSV, and what each of them remembers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "card/park/settings.h"
#include "card/profile.h"

namespace card::park {

struct ParkCard {
  IccidOctets iccid{};
  OtaKeys keys;
};

// What a card remembers between visits. Lies in memory that the processes share; of each card only
// one process writes.
struct Memory {
  std::uint64_t counter = 0;
  std::uint32_t transaction = 0;
  char key[20] = {};  // the user's, terminated; empty: none

  // What the vault may hold: the image that it has acknowledged last, or one of those that were
  // sent since without an answer. By the first octets of their digests; 0: none.
  static constexpr std::size_t kMostUnanswered = 6;
  std::uint64_t acknowledged = 0;
  std::uint64_t unanswered[kMostUnanswered] = {};
  bool too_many = false;  // were unanswered: any image is right

  void sent(std::uint64_t digest);
  void acknowledge(std::uint64_t digest);
  bool may_be(std::uint64_t digest) const;  // 0: the vault says that it has none
};

// All cards of the CSV, in its order; fails for the first line that is none, and for more of them.
base::Result<std::vector<ParkCard>> read_cards(const std::string& csv_path,
                                               std::size_t most = Settings::kMostCards);
// A new CSV of mode 0600 with random keys, 898602 and a random series; both the host's card keys
// and the list for an import.
base::Status make_cards(const std::string& csv_path, std::size_t count);

// Lines of iccid, counter, transaction, key, images; mode 0600. Cards that the file does not name
// begin with a counter made of the date, so that a park without such a file can run again. Gives
// the lines of cards that are not among these, for write_state(): another run may need them.
base::Result<base::Secret> read_state(const std::string& path, const std::vector<ParkCard>& cards,
                                      Memory* memories);
base::Status write_state(const std::string& path, const std::vector<ParkCard>& cards,
                         const Memory* memories, base::View others);

}  // namespace card::park
