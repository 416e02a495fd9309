// An ICCID with and without its check digit is one card: which of the store's cards the lines of a
// file may mean that it does not know as they are written.
#pragma once

#include <span>
#include <vector>

#include "vault/ports.h"

namespace cli {

// For each of the lines the store's cards that differ from it by the check digit alone. None: the
// card is known as it is written, or new. One: that card is meant. More: nobody can tell. An error
// is the store's.
base::Result<std::vector<std::vector<vault::Iccid>>> other_cards(
    vault::Store& store, std::span<const vault::ImportLine> lines);

}  // namespace cli
