// Out of memory at any point of an update: `unavailable` and not an exception, nothing stays half
// done, and the store goes on.
// g++ 12 inlines only one half of the replaced operators and takes the pair for mismatched.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

#include <cstdlib>
#include <new>

#include "tests/contract/fixture.h"

using namespace contract;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

extern char __executable_start;
extern char etext;

namespace {

// Called by code of this program: the client library of MySQL does not survive it everywhere.
bool ours(const void* caller) {
  const auto* const at = static_cast<const char*>(caller);
  return at >= &__executable_start && at < &etext;
}

// The allocation of this thread that fails: counts down, 0 is none.
thread_local int fails_at = 0;

}  // namespace

void* operator new(std::size_t size) {
  if (fails_at > 0 && ours(__builtin_return_address(0)) && --fails_at == 0) {
    throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// Whoever can do without; a sanitizer's own would not fit the operators below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

BOOST_FIXTURE_TEST_SUITE(memory_full, Fixture)

// Every own allocation of an update of one record fails once, in an ordinary change set and in one
// that creates. The next update must not make durable what the failed one has left behind.
BOOST_AUTO_TEST_CASE(at_every_allocation) {
  create(iccid(1));
  create(iccid(2));
  for (const bool creates : {false, true}) {
    bool failed = true;
    int unavailable = 0;
    for (int at = 1; failed; ++at) {
      BOOST_REQUIRE(at < 5000);
      const Record before = *read(iccid(1));
      Outcome outcome = Outcome::refused;
      const std::function<bool(RecordTx&)> bump = [&](RecordTx& tx) {
        Record* const record = tx.find(iccid(1));
        if (record == nullptr) return false;
        ++record->epoch;
        tx.note(*record, {"bumped", "test", ""});
        tx.raise_counter(iccid(1), 1, before.epoch + 1);
        if (creates) tx.create(iccid(10'000 + static_cast<unsigned>(at)));
        return true;
      };
      fails_at = at;
      BOOST_REQUIRE_NO_THROW(outcome = store->update(now, bump));
      failed = fails_at == 0;
      fails_at = 0;
      unavailable += outcome == Outcome::unavailable ? 1 : 0;
      commit([&](RecordTx& tx) { ++tx.find(iccid(2))->epoch; });
      const Record after = *read(iccid(1));
      const bool done = after.epoch == before.epoch + 1;
      BOOST_REQUIRE((done || after.epoch == before.epoch));
      BOOST_REQUIRE((done || outcome != Outcome::committed));
      BOOST_REQUIRE(after.history_count == after.epoch + 1);
      BOOST_REQUIRE(counter(iccid(1), 1) == after.epoch);
      if (creates) {
        BOOST_REQUIRE(read(iccid(10'000 + static_cast<unsigned>(at))).has_value() == done);
      }
    }
    BOOST_TEST(unavailable > 10);
  }
  BOOST_TEST(log.count("out of memory") > 0u);
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

BOOST_AUTO_TEST_SUITE_END()
