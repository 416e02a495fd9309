// Calls of customer care that a second agent approves, on both engines: rows come back as they were
// written, and however many approve at the same moment, the call is made once.
#include <atomic>
#include <thread>

#include "tests/contract/fixture.h"
#include "vault/care_service.h"

using namespace contract;
using vault::CareAction;
using vault::CareFailure;
using vault::CareRequest;
using vault::CareService;
using vault::Record;
using vault::RecordTx;

namespace {

vault::CareCall call(const std::string& agent) {
  return {agent, "lost the key", "passport", base::Secret(base::as_bytes("X1234567"))};
}

template <class T>
const T& good(const vault::CareResult<T>& result) {
  const auto* failure = std::get_if<CareFailure>(&result);
  BOOST_REQUIRE_MESSAGE(failure == nullptr, (failure != nullptr ? failure->text : std::string()));
  return std::get<T>(result);
}

struct Requests : Fixture {
  Requests() {
    policy.two_person.on = true;
    policy.agent_daily_limit = 0;
  }
  CareService care() { return {policy, keys(), *store, log}; }
  void locked(unsigned number) {
    create(iccid(number));
    commit([&](RecordTx& tx) {
      Record& record = *tx.find(iccid(number));
      record.wrong_keys = vault::kAttempts;
      record.locked_at = now.utc_ms;
    });
  }
  std::uint64_t request(unsigned number, CareAction action = CareAction::unlock) {
    CareService service = care();
    const CareService::Wish wish{action, false, "", 0};
    return good(service.request(call("mei"), iccid(number).digits(), wish, now)).request.id;
  }
  std::vector<CareRequest> waiting() {
    return store->messages().care_requests(nullptr, now.utc_ms, 10).take();
  }
  std::string entries(const std::string& kind) {
    return ask("SELECT COUNT(*) FROM history WHERE kind = '" + kind + "'");
  }
  vault::Policy policy;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(care_requests, Requests)

// Every field comes back; a request is found by record and in all until it is over, then by age.
BOOST_AUTO_TEST_CASE(rows_come_back) {
  CareRequest row;
  commit([&](RecordTx& tx) {
    CareRequest& fresh = tx.messages().add_care_request();
    row = fresh;
    row.version = 1;
    row.record[3] = 7;
    row.epoch = 4'000'000'000u;
    row.action = CareAction::hand_over;
    row.state = CareRequest::State::approved;
    row.asked_by = "agent:mei";
    row.asked_at = 1;
    row.expires_at = now.utc_ms + 1;
    row.reason = "卡 'lost' \"\\";
    row.document_type = "passport";
    row.document_tail = "4567";
    row.document_mac = "7190FF77269EF5A7";
    row.detail = "vcard4";
    row.image[15] = 1;
    row.decided_by = "agent:li";
    row.decided_at = 2;
    row.result = std::string(500, 'r');
    fresh = row;
  });
  BOOST_TEST((row.id >= 10'000'000 && row.id <= 99'999'999), "people read it out");
  const vault::RecordId other{};
  update([&](RecordTx& tx) {
    BOOST_REQUIRE(tx.messages().care_request(row.id) != nullptr);
    BOOST_TEST((*tx.messages().care_request(row.id) == row));
    BOOST_TEST((tx.messages().care_request(1) == nullptr));
    return false;
  });
  BOOST_REQUIRE(waiting().size() == 1u);
  BOOST_TEST((waiting().front() == row));
  BOOST_TEST(store->messages().care_requests(&row.record, now.utc_ms, 10)->size() == 1u);
  BOOST_TEST(store->messages().care_requests(&other, now.utc_ms, 10)->empty());
  BOOST_TEST(store->messages().care_requests(nullptr, row.expires_at, 10)->empty());
  BOOST_TEST(store->messages().care_requests_over(row.expires_at, 10)->empty());
  const auto over = store->messages().care_requests_over(row.expires_at + 1, 10);
  BOOST_REQUIRE(over->size() == 1u);
  commit([&](RecordTx& tx) {
    vault::EndedMessages ended;
    ended.care_requests = *over;
    tx.messages().drop(ended);
  });
  BOOST_TEST(ask("SELECT COUNT(*) FROM care_requests") == "0");
}

// Proves that a request and its approval are entries with what they change, in one chain.
BOOST_AUTO_TEST_CASE(approved_once) {
  locked(1);
  const std::uint64_t id = request(1);
  CareService service = care();
  const auto done = good(service.approve(call("li"), id, now));
  BOOST_TEST(done.unlocked.has_value());
  BOOST_TEST(read(iccid(1))->locked_at == 0);
  BOOST_TEST(waiting().empty());
  BOOST_TEST(std::get<CareFailure>(service.approve(call("li"), id, now)).text ==
             "the request is done already");
  for (const char* kind : {"requested", "request_approved", "unlocked"}) {
    BOOST_TEST(entries(kind) == "1", kind);
  }
  const auto faults = vault::verify_audit(*store, keys());
  BOOST_TEST((faults.ok() && faults->empty()));
}

// Proves that of many who approve at the same moment one does it.
BOOST_AUTO_TEST_CASE(approved_by_many) {
  constexpr int kAgents = 6;
  locked(1);
  const std::uint64_t id = request(1);
  std::atomic<int> done = 0;
  std::atomic<int> late = 0;
  std::vector<std::thread> agents;
  for (int i = 0; i < kAgents; ++i) {
    agents.emplace_back([&, i] {
      const auto own = open();
      CareService service(policy, keys(), *own, log);
      for (;;) {
        const auto result = service.approve(call("li" + std::to_string(i)), id, now);
        const auto* failure = std::get_if<CareFailure>(&result);
        if (failure != nullptr && failure->error == vault::CareError::unavailable) continue;
        ++(failure == nullptr ? done : late);
        return;
      }
    });
  }
  for (std::thread& agent : agents) agent.join();
  BOOST_TEST(done == 1);
  BOOST_TEST(late == kAgents - 1);
  BOOST_TEST(entries("unlocked") == "1");
  BOOST_TEST(entries("request_approved") == "1");
}

// Proves that content which cannot be read uses up no approval, and that nothing says that it was
// handed over.
BOOST_AUTO_TEST_CASE(unreadable_content_is_not_taken) {
  const Record record = create(iccid(1));
  const base::Bytes content = random_content(400);
  const vault::ImageInfo image = image_of(record, content, 1);
  commit([&](RecordTx& tx) {
    tx.add_image(*tx.find(iccid(1)), image, content);
    tx.find(iccid(1))->image = image;
  });
  CareService service = care();
  const CareService::Wish wish{CareAction::hand_over, false, "raw", 0};
  const auto id = good(service.request(call("mei"), iccid(1).digits(), wish, now)).request.id;
  good(service.approve(call("li"), id, now));
  const auto take = [&] {
    return service.export_content(call("mei"), iccid(1).digits(), "raw", 0, now);
  };
  const std::string sealed = ask("SELECT HEX(sealed) FROM images");
  raw("UPDATE images SET sealed = X'00'");
  BOOST_TEST((std::get<CareFailure>(take()).error == vault::CareError::unavailable));
  BOOST_TEST((waiting().front().state == CareRequest::State::approved));
  BOOST_TEST(entries("exported") == "0");
  raw("UPDATE images SET sealed = X'" + sealed + "'");
  const auto taken = take();
  const base::View given = good(taken).content.view();
  BOOST_TEST((base::Bytes(given.begin(), given.end()) == content));
  BOOST_TEST(entries("exported") == "1");
}

// Proves that what was undone by a refusal leaves nothing, and that a lock in between ends it.
BOOST_AUTO_TEST_CASE(changed_in_between) {
  locked(1);
  const std::uint64_t id = request(1);
  commit([&](RecordTx& tx) { vault::raise_epoch(*tx.find(iccid(1))); });
  CareService service = care();
  BOOST_TEST(std::get<CareFailure>(service.approve(call("li"), id, now))
                 .text.starts_with("the record has changed since"));
  BOOST_TEST(entries("request_approved") == "0");
  BOOST_TEST(read(iccid(1))->locked_at != 0);
  BOOST_TEST((waiting().front().state == CareRequest::State::open));
}

BOOST_AUTO_TEST_SUITE_END()
