// What suspended cards have stored goes after [vault] retention and not before, on every store.
#include "vault/retention.h"

#include "db/suspended_scan.h"
#include "tests/contract/fixture.h"
#include "vault/erasure.h"

using namespace contract;
using vault::RecordTx;

namespace {

struct Suspended : Fixture {
  Suspended() {
    for (unsigned i = 1; i <= 3; ++i) {
      create(iccid(i));
      commit([&](RecordTx& tx) {
        vault::Record& record = *tx.find(iccid(i));
        const auto content = random_content(300);
        const auto info = image_of(record, content, 7);
        tx.add_image(record, info, content);
        record.image = info;
        record.msisdn_provisioned = msisdn(i);
      });
    }
    suspend(1, now.utc_ms);
    suspend(2, now.utc_ms + base::kDayMs);
    now.utc_ms += policy.retention;
  }
  void suspend(unsigned number, std::int64_t at) {
    commit([&](RecordTx& tx) { tx.find(iccid(number))->suspended_at = at; });
  }
  std::vector<vault::RecordId> due() {
    const auto scan = db::SuspendedScan::open(database.settings());
    BOOST_REQUIRE(scan.ok());
    const auto page = (*scan)->page({}, now.utc_ms - policy.retention);
    BOOST_REQUIRE(page.ok());
    BOOST_TEST(page->done);
    BOOST_TEST(page->seen == 3u);
    return page->records;
  }
  std::optional<vault::ErasureReceipt> erase(unsigned number) {
    const auto done = vault::erase_after_retention(*store, keys(), policy, read(iccid(number))->id,
                                                   "ops:test", now);
    BOOST_REQUIRE(done.ok());
    return *done;
  }
  vault::Policy policy;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(retention, Suspended)

// Proves that only the one whose time is over is found and erased, once, with an entry, and that it
// stays suspended.
BOOST_AUTO_TEST_CASE(only_whose_time_is_over) {
  const std::vector<vault::RecordId> wanted{read(iccid(1))->id};
  BOOST_TEST((due() == wanted));
  BOOST_TEST(!erase(2).has_value());
  BOOST_TEST(!erase(3).has_value());
  const auto receipt = erase(1);
  BOOST_REQUIRE(receipt.has_value());
  BOOST_TEST(receipt->versions == 1u);
  BOOST_TEST(receipt->octets == 300u);
  const auto record = read(iccid(1));
  BOOST_TEST(record->suspended_at > 0);
  BOOST_TEST(!record->image.has_value());
  BOOST_TEST(!record->msisdn_provisioned.has_value());
  BOOST_TEST(images(iccid(1)).empty());
  BOOST_TEST(images(iccid(2)).size() == 1u);
  vault::HistoryQuery query;
  query.record = record->id;
  const auto entries = store->history(query).take();
  BOOST_TEST(entries.back().note.kind == "erased");
  BOOST_TEST(entries.back().note.actor == "ops:test");
  BOOST_TEST(entries.back().note.detail.starts_with("retention: suspended since "));
  BOOST_TEST(!erase(1).has_value());
  const auto faults = vault::verify_audit(*store, keys());
  BOOST_TEST((faults.ok() && faults->empty()));
}

// Proves that a service that is on again, a millisecond before the end too, keeps everything.
BOOST_AUTO_TEST_CASE(back_in_time) {
  now.utc_ms -= 1;
  BOOST_TEST(due().empty());
  BOOST_TEST(!erase(1).has_value());
  now.utc_ms += 1;
  suspend(1, 0);
  BOOST_TEST(due().empty());
  BOOST_TEST(!erase(1).has_value());
  BOOST_TEST(images(iccid(1)).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
