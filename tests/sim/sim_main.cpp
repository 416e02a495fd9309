// simulation [--seeds FIRST COUNT] [--defect NAME] [--mariadb]: runs the simulation once for each
// seed, with --mariadb on a server of its own instead of SQLite.
//
// Without a defect every run must keep all invariants: the first breach ends it, with its seed and
// the last events. With one, some run must find it.
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "tests/sim/world.h"
#ifdef BIPVAULT_MYSQL
#include "tests/support/mariadb.h"
#endif

namespace {

struct Wanted {
  std::uint64_t first = 1;
  std::uint64_t count = 100;
  sim::Defect defect = sim::Defect::none;
  bool mariadb = false;
};

// Of a server on a busy machine: only what the seed decides goes wrong.
[[maybe_unused]] constexpr std::int64_t kPatienceMs = 60'000;

// A database for one seed.
db::Settings store_of(const Wanted& wanted, std::uint64_t seed) {
  db::Settings store;
  if (!wanted.mariadb) return store;
#ifdef BIPVAULT_MYSQL
  support::MariaDb& server = support::MariaDb::running();
  store.engine = db::Engine::mysql;
  store.socket = server.socket();
  store.user = "root";
  store.query_timeout_ms = store.commit_deadline_ms = kPatienceMs;
  store.database = "simulation_" + std::to_string(seed);
  server.run("CREATE DATABASE " + store.database + " CHARACTER SET utf8mb4");
#else
  (void)seed;
#endif
  return store;
}

bool has_mariadb() {
#ifdef BIPVAULT_MYSQL
  return true;
#else
  return false;
#endif
}

bool read(int count, char** arguments, Wanted& wanted) {
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--seeds") == 0 && i + 2 < count) {
      wanted.first = std::stoull(arguments[++i]);
      wanted.count = std::stoull(arguments[++i]);
    } else if (std::strcmp(arguments[i], "--defect") == 0 && i + 1 < count) {
      const auto defect = sim::defect_of(arguments[++i]);
      if (!defect) return false;
      wanted.defect = *defect;
    } else if (std::strcmp(arguments[i], "--mariadb") == 0 && has_mariadb()) {
      wanted.mariadb = true;
    } else {
      return false;
    }
  }
  return true;
}

void print(const sim::Figures& f, std::uint64_t seeds) {
  const std::pair<const char*, std::uint64_t> all[] = {
      {"seeds", seeds},
      {"batches served", f.steps},
      {"visits", f.visits},
      {"contents acknowledged", f.stored},
      {"contents fetched", f.fetched},
      {"links dropped", f.cuts},
      {"instances killed", f.kills},
      {"store away", f.away},
      {"outcomes unknown", f.unknown},
      {"updates disturbed", f.disturbed},
      {"packets repeated", f.repeated},
      {"keys guessed", f.guesses},
      {"locks met", f.locks},
      {"locks that ended", f.ended},
      {"services paused", f.pauses},
      {"cards changed", f.changes},
      {"records merged", f.merges},
      {"moves undone", f.undone},
      {"erasures", f.erased},
      {"erased by age", f.aged},
      {"uploads given up", f.swept},
      {"calls in the middle", f.care},
      {"requests of two", f.asked},
      {"requests approved", f.approved},
      {"contents handed out", f.exported},
      {"clocks set", f.clocks},
      {"reminders", f.reminded},
  };
  for (const auto& [name, value] : all) {
    std::printf("%-22s %llu\n", name, static_cast<unsigned long long>(value));
  }
}

}  // namespace

int main(int count, char** arguments) {
  Wanted wanted;
  if (!read(count, arguments, wanted)) {
    std::fprintf(stderr, "usage: simulation [--seeds FIRST COUNT] [--defect NAME] [--mariadb]\n");
    return 2;
  }
  const bool sound = wanted.defect == sim::Defect::none;
  sim::Figures sum;
  for (std::uint64_t seed = wanted.first; seed < wanted.first + wanted.count; ++seed) {
    sim::World world(seed, wanted.defect, store_of(wanted, seed));
    try {
      world.run();
    } catch (const sim::Breach& breach) {
      if (sound) std::printf("%s", world.last_events().c_str());
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), breach.what());
      return sound ? 1 : 0;
    }
    sum.add(world.figures());
  }
  print(sum, wanted.count);
  if (!sound) std::printf("the defect was not found\n");
  return sound ? 0 : 1;
}
