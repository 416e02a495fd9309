// bench_db ENGINE DIR THREADS SECONDS PAIRS [SOCKET]: the store alone beside bare statements.
//
// ours:      Store::update with what STORE END writes: the record, the card's counter, a new image
//            of 16 KiB (compressed, encrypted, its data key wrapped), the oldest version dropped,
//            one history entry
// bare:      one conditional UPDATE, one INSERT of 16 KiB, COMMIT
// overwrite: one conditional UPDATE that carries the 16 KiB, autocommit
//
// DIR was prepared by bench_workspace; the bare tables are there as well (bench_bare init). The
// three take turns in short blocks; one line of JSON with the rates of each.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "db/key_files.h"
#include "db/stores.h"
#include "tests/bench/bare_tables.h"
#include "tests/bench/cards.h"
#include "tests/bench/images.h"
#include "tests/bench/rates.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_db: %s\n", what.c_str());
  std::exit(1);
}
template <class T>
T need(base::Result<T> result) {
  if (!result) die(result.error());
  return result.take();
}

constexpr std::size_t kCards = 960;  // divided among the threads
constexpr std::size_t kImages = 64;
constexpr std::size_t kVersions = 3;

struct Content {
  base::Bytes octets;
  vault::Digest digest{};
};

struct Bench {
  db::Settings settings;
  std::string bare_path;
  std::unique_ptr<db::FileKeyRing> keys;
  base::NoLog log;
  base::Counters counters;
  base::SystemClock clock;
  std::unique_ptr<vault::StoreFactory> factory;
  std::unique_ptr<bare::SqliteGroup> group;
  std::vector<Content> contents;
  std::vector<std::string> cards = bench::all_cards(kCards);

  bool sqlite() const { return settings.engine == db::Engine::sqlite; }
};

// What vault's STORE END does to the store.
bool store_end(vault::RecordTx& tx, const vault::Iccid& iccid, const Content& content,
               base::Now now) {
  vault::Record* const record = tx.find(iccid);
  if (record == nullptr) return false;
  tx.raise_counter(iccid, 1, tx.counter(iccid, 1) + 1);
  const auto versions = tx.images(*record);
  for (std::size_t i = kVersions - 1; i < versions.size(); ++i) tx.drop_image(versions[i].id);
  vault::ImageInfo image;
  image.id = base::random_array<16>();
  image.bound_record = record->id;
  image.digest = content.digest;
  image.bytes = static_cast<std::uint32_t>(content.octets.size());
  image.entries = 400;
  image.stored_at = now.utc_ms;
  tx.add_image(*record, image, content.octets);
  record->image = image;
  record->updated_at = now.utc_ms;
  record->ended_store = vault::EndedStore{1, now.utc_ms, 0, false};
  tx.note(*record, {"stored", "card", "16384 octets, 400 entries"});
  return true;
}

// Runs one(i) as often as it fits; how often.
using Body = std::function<void(std::size_t)>;

std::size_t repeat(Clock::time_point until, const Body& one) {
  std::size_t count = 0;
  while (Clock::now() < until) one(count++);
  return count;
}

// Each thread has its own cards, so that nobody waits for a row.
template <class Make>
double rate(std::size_t threads, double seconds, Make make) {
  std::vector<std::thread> running;
  std::atomic<std::size_t> sum{0};
  std::atomic<std::size_t> connected{0};
  std::atomic<bool> go{false};
  Clock::time_point started;
  for (std::size_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      const Body one = make(t * (kCards / threads), kCards / threads);
      one(0);  // connects, prepares
      ++connected;
      go.wait(false);
      const std::chrono::duration<double> time(seconds);
      sum += repeat(started + std::chrono::duration_cast<Clock::duration>(time), one);
    });
  }
  while (connected < threads) std::this_thread::yield();
  started = Clock::now();
  go = true;
  go.notify_all();
  for (std::thread& thread : running) thread.join();
  return static_cast<double>(sum) / std::chrono::duration<double>(Clock::now() - started).count();
}

double ours(Bench& bench, std::size_t threads, double seconds) {
  return rate(threads, seconds, [&](std::size_t first, std::size_t cards) -> Body {
    const std::shared_ptr<vault::Store> store = bench.factory->open();
    return [&bench, store, first, cards](std::size_t i) {
      const auto iccid = *vault::Iccid::from_digits(bench.cards[first + i % cards]);
      const Content& content = bench.contents[i % kImages];
      const base::Now now = bench.clock.now();
      const auto outcome = store->update(
          now, [&](vault::RecordTx& tx) { return store_end(tx, iccid, content, now); });
      if (outcome != vault::Outcome::committed) die("an update was not committed");
    };
  });
}

double bare_rate(Bench& bench, std::size_t threads, double seconds, bool overwrite) {
  return rate(threads, seconds, [&](std::size_t first, std::size_t cards) -> Body {
    std::shared_ptr<bare::MySql> tables;
    if (!bench.sqlite()) tables = std::make_shared<bare::MySql>(bench.settings.socket, "bare");
    return [&bench, tables, first, cards, overwrite](std::size_t i) {
      const bare::Item item{bench.cards[first + i % cards],
                            base::as_text(bench.contents[i % kImages].octets)};
      if (tables) {
        overwrite ? tables->overwrite(item) : tables->store(item);
      } else {
        overwrite ? bench.group->overwrite(item) : bench.group->store(item);
      }
    };
  });
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 6) die("ENGINE DIR THREADS SECONDS PAIRS [SOCKET]");
  Bench bench;
  const std::string directory = std::string(arguments[2]) + "/";
  const std::size_t threads = std::stoul(arguments[3]);
  const double seconds = std::stod(arguments[4]);
  const int pairs = std::stoi(arguments[5]);
  bench.settings.user = "root";
  bench.settings.path = directory + "bipvault.db";
  if (std::string(arguments[1]) == "mysql") {
    bench.settings.engine = db::Engine::mysql;
    bench.settings.socket = count > 6 ? arguments[6] : "";
  } else {
    bench.group = std::make_unique<bare::SqliteGroup>(directory + "bare.db");
  }
  bench.keys = need(db::FileKeyRing::load(
      {directory + "master.keys", directory + "pepper.keys", directory + "audit.keys"}));
  bench.factory =
      need(db::make_store_factory(bench.settings, *bench.keys, bench.log, bench.counters));
  bench::ImageMaker maker(true, 2);
  for (std::size_t i = 0; i < kImages; ++i) {
    base::Bytes octets = maker.make();
    const vault::Digest digest = base::sha256(octets);
    bench.contents.push_back({std::move(octets), digest});
  }

  std::vector<double> rates[3];
  ours(bench, threads, seconds / 2);
  bare_rate(bench, threads, seconds / 2, false);
  bare_rate(bench, threads, seconds / 2, true);
  for (int i = 0; i < pairs; ++i) {
    rates[0].push_back(ours(bench, threads, seconds));
    rates[1].push_back(bare_rate(bench, threads, seconds, false));
    rates[2].push_back(bare_rate(bench, threads, seconds, true));
  }
  std::printf("{");
  bench::print("ours", rates[0], ", ");
  bench::print("bare", rates[1], ", ");
  bench::print("overwrite", rates[2], "}\n");
  return 0;
}
