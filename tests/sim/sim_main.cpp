// simulation [--seeds FIRST COUNT] [--defect NAME]: runs the simulation once for each seed.
//
// Without a defect every run must keep all invariants: the first breach ends it, with its seed and
// the last events. With one, some run must find it.
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/sim/world.h"

namespace {

struct Wanted {
  std::uint64_t first = 1;
  std::uint64_t count = 100;
  sim::Defect defect = sim::Defect::none;
};

bool read(int count, char** arguments, Wanted& wanted) {
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--seeds") == 0 && i + 2 < count) {
      wanted.first = std::stoull(arguments[++i]);
      wanted.count = std::stoull(arguments[++i]);
    } else if (std::strcmp(arguments[i], "--defect") == 0 && i + 1 < count) {
      const auto defect = sim::defect_of(arguments[++i]);
      if (!defect) return false;
      wanted.defect = *defect;
    } else {
      return false;
    }
  }
  return true;
}

void print(const sim::Figures& f, std::uint64_t seeds) {
  std::printf(
      "%llu seeds: %llu batches served, %llu visits, %llu contents acknowledged, %llu fetched\n"
      "links dropped %llu, instances killed %llu, store away %llu times, unknown outcomes %llu,\n"
      "updates disturbed %llu, packets repeated %llu, keys guessed %llu, locks met %llu, reminders "
      "%llu\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(f.steps),
      static_cast<unsigned long long>(f.visits), static_cast<unsigned long long>(f.stored),
      static_cast<unsigned long long>(f.fetched), static_cast<unsigned long long>(f.cuts),
      static_cast<unsigned long long>(f.kills), static_cast<unsigned long long>(f.away),
      static_cast<unsigned long long>(f.unknown), static_cast<unsigned long long>(f.disturbed),
      static_cast<unsigned long long>(f.repeated), static_cast<unsigned long long>(f.guesses),
      static_cast<unsigned long long>(f.locks), static_cast<unsigned long long>(f.reminded));
}

}  // namespace

int main(int count, char** arguments) {
  Wanted wanted;
  if (!read(count, arguments, wanted)) {
    std::fprintf(stderr, "usage: simulation [--seeds FIRST COUNT] [--defect NAME]\n");
    return 2;
  }
  const bool sound = wanted.defect == sim::Defect::none;
  sim::Figures sum;
  for (std::uint64_t seed = wanted.first; seed < wanted.first + wanted.count; ++seed) {
    sim::World world(seed, wanted.defect);
    try {
      world.run();
    } catch (const sim::Breach& breach) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), breach.what());
      if (sound) std::printf("%s", world.last_events().c_str());
      return sound ? 1 : 0;
    }
    sum.add(world.figures());
  }
  print(sum, wanted.count);
  if (!sound) std::printf("the defect was not found\n");
  return sound ? 0 : 1;
}
