// What must hold of how long things are kept: older versions, unfinished uploads, the content of a
// suspended card. Looked at over one step, with what the history says of it.
#pragma once

#include <vector>

#include "base/time.h"
#include "vault/policy.h"
#include "vault/ports.h"

namespace sim {

// Of one record at one moment, versions newest first.
struct Kept {
  vault::Record record;
  std::vector<vault::ImageInfo> versions;
};
using Entries = std::vector<vault::HistoryEntry>;

bool has(const std::vector<vault::ImageInfo>& versions, const vault::ImageId& id);
bool told(const Entries& entries, const char* kind);

// Ten versions that are pinned, and none of them emptier, are where this one was pinned: their turn
// ends its own.
bool gave_way(const Kept& after, std::uint32_t entries, base::Now now);
// A store keeps the newest versions, as many as the rules say, and what is pinned; nothing else
// drops one. Not for a step in which records became one or parted.
void check_rotation(const Kept& before, const Kept& after, const Entries& entries,
                    const vault::Policy& policy, base::Now now);
// An upload that nobody has ended waits for its card as long as the rules say.
void check_upload(const vault::Record& before, const Entries& entries, const vault::Policy& policy,
                  base::Now now);
// The vault erases by itself only what has been out of service for so long, and all of it.
void check_retention(const vault::Record& before, const Kept& after, const Entries& entries,
                     const vault::Policy& policy, base::Now now);

// At a time when the daily run must have been there: nothing of a card that was suspended for
// longer than that, and no octets of an upload that was given up.
void check_nothing_old(vault::Store& store, const vault::Policy& policy, base::Now now);

}  // namespace sim
