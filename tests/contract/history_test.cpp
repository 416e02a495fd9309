// History: every entry chained to the one before it, found by record, actor and time; what is
// changed, removed or cut off behind the vault's back is noticed.
#include "tests/contract/fixture.h"

using namespace contract;
using vault::HistoryEntry;
using vault::Record;
using vault::RecordTx;

namespace {

struct HistoryFixture : Fixture {
  HistoryFixture() {
    create(iccid(1));
    create(iccid(2));
    for (int i = 0; i < 5; ++i) {
      now.utc_ms += 1000;
      commit([&](RecordTx& tx) {
        tx.note(*tx.find(iccid(1)), {"shown", "agent:anna", "because \xE6\x98\xAF"});
      });
    }
  }
  std::vector<vault::AuditFault> faults() {
    auto found = vault::verify_audit(*store, keys());
    BOOST_REQUIRE(found.ok());
    return found.take();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(history, HistoryFixture)

// Entries come back as written, in order, each with the mac that the chain demands; the record
// carries the head.
BOOST_AUTO_TEST_CASE(chained_in_order) {
  const Record record = *read(iccid(1));
  const auto entries = store->history({record.id, "", 0, INT64_MAX, 100});
  BOOST_REQUIRE(entries.ok());
  BOOST_REQUIRE(entries->size() == 6u);
  base::Sha256 before{};
  std::uint64_t seq = 0;
  for (const HistoryEntry& entry : *entries) {
    BOOST_TEST((entry.record == record.id));
    BOOST_TEST(entry.seq == ++seq);
    BOOST_TEST((entry.mac == vault::chain_mac(keys(), before, entry)));
    before = entry.mac;
  }
  BOOST_TEST(record.history_count == 6u);
  BOOST_TEST((record.history_mac == before));
  BOOST_TEST(
      (entries->back().note == vault::HistoryNote{"shown", "agent:anna", "because \xE6\x98\xAF"}));
  BOOST_TEST(entries->back().at == now.utc_ms);
  BOOST_TEST(faults().empty());
}

// All entries of one update carry the same op, those of another update another one.
BOOST_AUTO_TEST_CASE(one_op_per_update) {
  commit([&](RecordTx& tx) {
    tx.note(*tx.find(iccid(1)), {"moved", "vault", ""});
    tx.note(*tx.find(iccid(2)), {"moved", "vault", ""});
    tx.note(*tx.find(iccid(1)), {"moved again", "vault", ""});
  });
  const auto entries = store->history({std::nullopt, "vault", 0, INT64_MAX, 100});
  BOOST_REQUIRE(entries.ok());
  BOOST_REQUIRE(entries->size() == 3u);
  BOOST_TEST(((*entries)[0].op == (*entries)[1].op));
  BOOST_TEST(((*entries)[1].op == (*entries)[2].op));
  const auto agent = store->history({std::nullopt, "agent:anna", 0, INT64_MAX, 100});
  BOOST_TEST(((*agent)[0].op != (*agent)[1].op));
  BOOST_TEST(faults().empty());
}

// The query's limits hold: actor, time (from inclusive, until exclusive) and number.
BOOST_AUTO_TEST_CASE(queries) {
  const auto count = [&](const vault::HistoryQuery& query) {
    const auto entries = store->history(query);
    BOOST_REQUIRE(entries.ok());
    return entries->size();
  };
  const auto first = now.utc_ms - 4000;
  BOOST_TEST(count({std::nullopt, "", 0, INT64_MAX, 100}) == 7u);
  BOOST_TEST(count({std::nullopt, "agent:anna", 0, INT64_MAX, 100}) == 5u);
  BOOST_TEST(count({std::nullopt, "agent:an", 0, INT64_MAX, 100}) == 0u);
  BOOST_TEST(count({std::nullopt, "", first, now.utc_ms, 100}) == 4u);
  BOOST_TEST(count({std::nullopt, "", 0, INT64_MAX, 3}) == 3u);
  BOOST_TEST(count({std::nullopt, "", 0, INT64_MAX, SIZE_MAX}) == 7u);
  BOOST_TEST(count({read(iccid(2))->id, "agent:anna", 0, INT64_MAX, 100}) == 0u);
}

// Calls of an agent are counted since midnight UTC, whole updates and not entries.
BOOST_AUTO_TEST_CASE(calls_by_agent) {
  const auto calls = [&](const std::string& agent) {
    std::uint64_t count = 0;
    update([&](RecordTx& tx) {
      count = tx.calls_by_agent_today(agent);
      return true;
    });
    return count;
  };
  BOOST_TEST(calls("anna") == 5u);
  BOOST_TEST(calls("agent:anna") == 5u);
  BOOST_TEST(calls("bert") == 0u);
  commit([&](RecordTx& tx) {
    tx.note(*tx.find(iccid(1)), {"a", "agent:anna", ""});
    tx.note(*tx.find(iccid(2)), {"b", "agent:anna", ""});
  });
  BOOST_TEST(calls("anna") == 6u);
  now.utc_ms += base::kDayMs;
  BOOST_TEST(calls("anna") == 0u);
  now.utc_ms -= 2 * base::kDayMs;
  BOOST_TEST(calls("anna") == 0u, "those of a day that is still to come, by the clock as it is");
}

// A changed entry, a missing one and a cut-off end are each found.
BOOST_AUTO_TEST_CASE(tampering_is_found) {
  raw("UPDATE history SET detail = 'nothing' WHERE seq = 3");
  BOOST_TEST(faults().size() == 1u);
  raw("DELETE FROM history WHERE seq = 3");
  BOOST_TEST(faults().size() >= 1u);
  raw("DELETE FROM history WHERE seq >= 3");
  const auto cut = faults();
  BOOST_REQUIRE(cut.size() == 1u);
  BOOST_TEST(cut[0].what == "entries cut off at the end");
}

// Heads are visited once per record, over more records than fit one page.
BOOST_AUTO_TEST_CASE(heads_of_many_records) {
  std::vector<vault::ImportLine> lines;
  for (unsigned i = 0; i < 2500; ++i) lines.push_back({iccid(100 + i), std::nullopt, "", ""});
  BOOST_REQUIRE(store->import(now, lines, "ops:test").ok());
  std::map<vault::RecordId, int> seen;
  const auto status = store->history_heads([&](const vault::RecordId& id, std::string_view card,
                                               std::uint64_t count, const base::Sha256&) {
    BOOST_REQUIRE(card.empty() == (id == vault::kOwnHistory));
    BOOST_REQUIRE(count >= (card.empty() ? 0 : 1));
    ++seen[id];
  });
  BOOST_TEST(status.ok());
  BOOST_TEST(seen.size() == 2503u);
  for (const auto& [id, times] : seen) BOOST_REQUIRE(times == 1);
  BOOST_TEST(faults().empty());
}

BOOST_AUTO_TEST_SUITE_END()
