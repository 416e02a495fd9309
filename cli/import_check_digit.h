// An ICCID with and without its check digit is one card: what the lines of a file may mean that the
// store does not know as they are written.
#pragma once

#include <span>
#include <vector>

#include "vault/ports.h"

namespace cli {

struct Spelling {
  vault::Iccid iccid;
  bool stored = false;  // the store has this card
};

// For each of the lines the spellings that differ from it by the check digit alone; none for a card
// that the store has as it is written. An error is the store's.
base::Result<std::vector<std::vector<Spelling>>> other_spellings(
    vault::Store& store, std::span<const vault::ImportLine> lines);

}  // namespace cli
