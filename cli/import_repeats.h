// What the lines of a file say about cards and numbers that came before in it. Keeps hashes, some
// hundred octets a card. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "vault/ports.h"

namespace cli {

class ImportRepeats {
 public:
  // A line of the file, in order. What is odd about it, as texts for people: the same card with
  // other data, a number that another card has as well.
  std::vector<std::string> take(std::uint64_t number, const vault::ImportLine& line);
  // A line that was taken has this card.
  bool has(const vault::Iccid& card) const;

 private:
  struct Told {
    std::uint64_t line = 0;
    std::uint64_t data = 0;
  };
  std::unordered_map<std::uint64_t, Told> cards_;    // by ICCID: what was told last
  std::unordered_map<std::uint64_t, Told> numbers_;  // by number: the card that has it
};

// What an import would do, from what the store holds and the lines before: nothing is stored.
class ImportForecast {
 public:
  // The next lines of the file. An error is the store's.
  base::Result<vault::ImportResult> look(vault::Store& store, base::Now now,
                                         const std::vector<vault::ImportLine>& lines);

 private:
  // Of a record what an import changes, as hashes.
  struct Known {
    std::uint64_t number = 0;
    std::uint64_t customer = 0;
    std::uint64_t language = 0;
  };
  bool complete(Known& known, const vault::ImportLine& line) const;

  std::unordered_map<std::uint64_t, Known> cards_;  // by ICCID, as they would be by now
};

}  // namespace cli
