// Proves that guessing in parallel buys nothing: of a hundred FETCH BEGIN at once with different
// keys at most three wrong ones are evaluated in a row, and once three have been committed the
// right one is answered `locked`, whichever thread, connection and order it comes in. At once
// means: two hundred times a hundred jobs for the workers and fibers by which one instance serves
// its sessions; and, slower and therefore less often, a hundred threads released together, each
// with a store and so a connection of its own, as if each came by another instance.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <random>
#include <semaphore>
#include <thread>

#include "base/workers.h"
#include "tests/contract/fixture.h"
#include "vault/card_service.h"

using vault::CardResult;

namespace {

constexpr int kGuesses = 100;
constexpr int kWorkers = 24;  // the plugin's default

std::vector<vault::UserKey> distinct_keys() {
  std::vector<vault::UserKey> keys;
  for (int i = 0; i < kGuesses; ++i) {
    std::string digits = std::to_string(10'000'000 + i * 7);
    digits.push_back(static_cast<char>('0' + vault::damm_digit(digits)));
    keys.push_back(*vault::UserKey::parse(base::as_bytes(digits)));
  }
  return keys;
}

struct Guessing : contract::Fixture {
  // A record with an image and the given key in use.
  vault::Iccid prepare(unsigned number, const vault::UserKey& right) {
    const vault::Iccid card = contract::iccid(number);
    const base::Bytes content = contract::random_content(500);
    commit([&](vault::RecordTx& tx) {
      vault::Record& record = tx.create(card);
      const vault::ImageInfo image = contract::image_of(record, content, now.utc_ms);
      tx.add_image(record, image, content);
      record.image = image;
      record.key_state = vault::KeyState::active;
      record.pepper = contract::keys().newest_pepper();
      record.key_mac = *contract::keys().key_mac(record.pepper, record.id, right.ascii());
    });
    return card;
  }

  // Without a counter, so that no guess is refused as a replay before its key is looked at.
  CardResult guess(vault::Store& own, const vault::Iccid& card, const vault::UserKey& key) {
    vault::CardChannel channel(card, 1);
    vault::FetchBegin begin;
    begin.key = key.clone();
    return service.handle(own, channel, std::move(begin), 0, false, now).answer.result;
  }

  // The answers to all keys, given at once in the order of `order`, as far as anybody decides it.
  using AtOnce =
      std::function<std::vector<CardResult>(const vault::Iccid&, const std::vector<vault::UserKey>&,
                                            const std::vector<std::size_t>& order)>;
  void rounds(unsigned count, const AtOnce& at_once);

  vault::Policy policy;
  vault::CardService service{policy, contract::keys(), log, counters};
};

// What the history says happened, in the order of the commits.
struct Told {
  int wrong_before = 0;  // wrong keys in a row before the right one
  int wrong = 0;         // all evaluated wrong keys
  bool right = false;
  bool right_after_lock = false;
};

Told told_by(const std::vector<vault::HistoryEntry>& history) {
  Told told;
  bool locked = false;
  for (const vault::HistoryEntry& entry : history) {
    const bool wrong = entry.note.kind == "wrong_key" || entry.note.kind == "locked";
    told.wrong += wrong;
    if (wrong && !told.right) ++told.wrong_before;
    locked = locked || entry.note.kind == "locked";
    if (entry.note.kind == "fetched") {
      told.right = true;
      told.right_after_lock = locked;
    }
  }
  return told;
}

void Guessing::rounds(unsigned count, const AtOnce& at_once) {
  const std::vector<vault::UserKey> keys = distinct_keys();
  std::mt19937 random(11);
  unsigned let_in = 0;
  for (unsigned round = 0; round < count; ++round) {
    const std::size_t right = random() % keys.size();
    const vault::Iccid card = prepare(round, keys[right]);
    std::vector<std::size_t> order(keys.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    const std::vector<CardResult> results = at_once(card, keys, order);

    vault::HistoryQuery query;
    query.record = read(card)->id;
    auto history = store->history(query);
    BOOST_REQUIRE(history);
    const Told told = told_by(*history);
    const auto wrong_answers = std::count(results.begin(), results.end(), CardResult::wrong_key);
    BOOST_TEST(std::count(results.begin(), results.end(), CardResult::try_later) == 0);
    BOOST_TEST(told.right == (results[right] == CardResult::done));
    BOOST_TEST((told.right || results[right] == CardResult::locked));
    BOOST_TEST(!told.right_after_lock);
    BOOST_TEST(told.wrong_before <= (told.right ? 2 : 3));
    BOOST_TEST(told.wrong - told.wrong_before <= 3);
    BOOST_TEST(wrong_answers == told.wrong - 1, "each counted one answered, and the lock");
    BOOST_TEST((vault::state_of(*read(card), now) == vault::RecordState::locked));
    let_in += told.right;
  }
  // By chance the right one is among the first three sometimes, and mostly not.
  BOOST_TEST(let_in < count / 2);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(guesses, Guessing)

BOOST_AUTO_TEST_CASE(a_hundred_sessions_of_one_instance) {
  base::Workers<vault::Store> workers;
  BOOST_REQUIRE(workers.start(kWorkers, kGuesses, "guesses", [this] { return open(); }));
  std::atomic<int> begun{0};
  std::atomic<int> most{0};
  std::counting_semaphore<kGuesses> ended{0};
  rounds(200, [&](const vault::Iccid& card, const std::vector<vault::UserKey>& keys,
                  const std::vector<std::size_t>& order) {
    std::vector<CardResult> results(keys.size(), CardResult::malformed);
    for (const std::size_t at : order) {
      BOOST_REQUIRE(workers.post([&, at](vault::Store& own) {
        const int now_begun = ++begun;
        for (int seen = most; seen < now_begun && !most.compare_exchange_weak(seen, now_begun);) {
        }
        results[at] = guess(own, card, keys[at]);
        --begun;
        ended.release();
      }));
    }
    for (int i = 0; i < kGuesses; ++i) ended.acquire();
    return results;
  });
  BOOST_TEST(most > kWorkers, "a thread had more than one of them under way");
}

BOOST_AUTO_TEST_CASE(a_hundred_connections) {
  std::vector<std::unique_ptr<vault::Store>> stores;
  for (int i = 0; i < kGuesses; ++i) stores.push_back(open());
  rounds(40, [&](const vault::Iccid& card, const std::vector<vault::UserKey>& keys,
                 const std::vector<std::size_t>& order) {
    std::vector<CardResult> results(keys.size(), CardResult::malformed);
    std::barrier start(kGuesses);
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < order.size(); ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        results[order[i]] = guess(*stores[i], card, keys[order[i]]);
      });
    }
    threads.clear();
    return results;
  });
}

BOOST_AUTO_TEST_SUITE_END()
