// What is wrong with proven cards' requests, or with the room for them: counted always, logged at
// most once a minute per kind, so that no card can fill the log. Any thread.
#pragma once

#include <array>
#include <string_view>

#include "base/counters.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/seldom.h"
#include "vault/types.h"

namespace vault {

class Notices {
 public:
  Notices(base::Log& log, base::Counters& counters) : log_(log), counters_(counters) {}

  // Counts under that name; a line is written if it is one of the kinds that have a text.
  // `detail`: figures for people, never a key or content.
  void happened(std::string_view counter, const Iccid& card, base::Now now,
                std::string_view detail = {});

 private:
  static constexpr std::size_t kKinds = 9;

  base::Log& log_;
  base::Counters& counters_;
  base::Guarded<std::array<base::Seldom, kKinds>> kinds_;
};

}  // namespace vault
