// The end of a service and of what is stored, by customer care: suspend, resume, erase, receipt.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"
#include "vault/erasure.h"
#include "vault/history.h"
#include "vault/sms_ports.h"

using namespace support;
using vault::CardResult;

namespace {

const std::string kCard = "8944351002100001231";

struct Fixture {
  Fixture() {
    lab.import(kCard, "+491721234567", "C-1");
    card.back_up(image);
    lab.time_passes(base::kDayMs, "a day later");
    card.open_channel();
  }
  template <class T>
  std::string refusal(const vault::CareResult<T>& result) {
    const auto* failure = std::get_if<vault::CareFailure>(&result);
    return failure == nullptr ? "" : failure->text;
  }
  void with_reminder(const std::function<void(vault::Reminder&)>& change) {
    const auto id = lab.record(kCard).id;
    lab.store->update(lab.now(), [&](vault::RecordTx& tx) {
      change(tx.messages().reminder(id));
      return true;
    });
  }
  bool history_whole() {
    const auto faults = vault::verify_audit(*lab.store, *lab.keys);
    return faults.ok() && faults->empty();
  }

  Laboratory lab;
  CardInHand card{lab, kCard};
  const base::Bytes image = example_image(60, 'a');
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(end_of_service, Fixture)

// Proves that a suspended card gets nothing, also not to the end of what it has begun, and that
// everything is there again after resume.
BOOST_AUTO_TEST_CASE(suspended_and_back) {
  auto care = lab.care();
  BOOST_TEST((card.fetch_begin(card.key).result == CardResult::done));
  const auto service = good(care.suspend(lab.call("contract ended"), kCard, lab.now()));
  BOOST_TEST(service.kept_until == lab.now().utc_ms + lab.policy.retention);
  BOOST_TEST((card.begin(image, card.key, 7).result == CardResult::suspended));
  BOOST_TEST((card.fetch_begin(card.key).result == CardResult::suspended));
  BOOST_TEST(refusal(care.suspend(lab.call(), kCard, lab.now())) ==
             "the service is suspended already");
  const auto view = good(care.show(lab.call(), kCard, lab.now()));
  BOOST_TEST((view.state == vault::RecordState::suspended));

  BOOST_TEST(!good(care.resume(lab.call("contract renewed"), kCard, lab.now())).suspended);
  BOOST_TEST(refusal(care.resume(lab.call(), kCard, lab.now())) == "the service is on already");
  BOOST_TEST((card.restore(card.key) == image));
  BOOST_TEST(history_whole());
}

// Proves that an upload that was under way does not end in a suspended record.
BOOST_AUTO_TEST_CASE(suspend_ends_an_upload) {
  const base::Bytes newer = example_image(60, 'b');
  card.begin(newer, card.key, 9);
  card.send_data(newer, 0, newer.size(), 9);
  auto care = lab.care();
  good(care.suspend(lab.call("contract ended"), kCard, lab.now()));
  BOOST_TEST((card.end(9).result != CardResult::done));
  good(care.resume(lab.call("contract renewed"), kCard, lab.now()));
  BOOST_TEST((card.restore(card.key) == image));
}

// Proves that a reminder that was put aside while the service was off is looked at again.
BOOST_AUTO_TEST_CASE(resume_reminds_again) {
  auto care = lab.care();
  with_reminder([](vault::Reminder& r) { r.due_at = 1; });
  good(care.suspend(lab.call("contract ended"), kCard, lab.now()));
  good(care.resume(lab.call("contract renewed"), kCard, lab.now()));
  with_reminder([&](vault::Reminder& r) { BOOST_TEST(r.next_at == lab.now().utc_ms); });
}

// Proves that nothing of the customer is left, that the card starts anew, and what the receipt
// says.
BOOST_AUTO_TEST_CASE(erased_for_good) {
  auto care = lab.care();
  with_reminder([](vault::Reminder& r) {
    r.number = vault::Msisdn::from_text("+491721234567");
    r.opted_out_at = r.next_at = 5;
    r.opted_out_by = "agent:ann";
  });
  const auto epoch = lab.record(kCard).epoch;
  const auto done = good(care.erase(lab.call("customer asks for it"), kCard, lab.now()));
  BOOST_TEST(done.versions == 1u);
  BOOST_TEST(done.octets == image.size());
  const vault::Record record = lab.record(kCard);
  BOOST_TEST(!record.image.has_value());
  BOOST_TEST(!record.msisdn_provisioned.has_value());
  BOOST_TEST(record.customer.empty());
  BOOST_TEST((record.key_state == vault::KeyState::none));
  BOOST_TEST((record.key_mac == vault::KeyMac{}));
  BOOST_TEST(record.epoch > epoch);
  with_reminder([](vault::Reminder& r) {
    BOOST_TEST(!r.number.has_value());
    BOOST_TEST((r.opted_out_at == 0 && r.opted_out_by.empty() && r.next_at == 0));
  });
  BOOST_TEST(refusal(care.erase(lab.call(), kCard, lab.now())) == "there is nothing to erase");
  // Nothing by which a guess at the content could be tried stays in the history.
  vault::HistoryQuery query;
  query.record = record.id;
  const std::string digest = base::to_hex(base::View(base::sha256(image)).first(4));
  for (const auto& entry : lab.store->history(query).take()) {
    BOOST_TEST(entry.note.detail.find(digest) == std::string::npos, entry.note.detail);
  }
  BOOST_TEST((card.fetch_begin(card.key).result == CardResult::nothing_stored));

  lab.time_passes(base::kDayMs, "the card is used again");
  card.hang_up();
  card.open_channel();
  card.back_up(image);
  const auto check = good(care.check_receipt("chief", done.receipt, lab.now()));
  BOOST_TEST(check.fault == "");
  BOOST_TEST(check.actor == "agent:" + lab.call().agent);
  BOOST_TEST(check.iccid.digits() == kCard);
  BOOST_TEST(history_whole());
}

// Proves that a service that has ended stays ended over an erasure.
BOOST_AUTO_TEST_CASE(erased_while_suspended) {
  auto care = lab.care();
  good(care.suspend(lab.call("contract ended"), kCard, lab.now()));
  good(care.erase(lab.call("customer asks for it"), kCard, lab.now()));
  BOOST_TEST((card.begin(image, "", 7).result == CardResult::suspended));
  good(care.resume(lab.call("contract renewed"), kCard, lab.now()));
  BOOST_TEST((card.back_up(image, "", 8).result == CardResult::done));
}

// Proves that a receipt is good for what it says only, and for nothing that is not in the history.
BOOST_AUTO_TEST_CASE(forged_receipts) {
  auto care = lab.care();
  const std::string receipt = good(care.erase(lab.call("asks"), kCard, lab.now())).receipt;
  const auto read = vault::read_receipt(*lab.keys, "Receipt: " + receipt + "\n");
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST(vault::receipt_line(*lab.keys, *read) == receipt);
  for (const std::string& quoted :
       std::vector<std::string>{"\"" + receipt + "\"", "'" + receipt + "' ", "“" + receipt + "”",
                                "„" + receipt + "“", "«" + receipt + "»"}) {
    BOOST_TEST((vault::read_receipt(*lab.keys, quoted) == read), quoted);
  }
  for (const std::string& behind :
       std::vector<std::string>{"0", "''", "\"\"", ".", " x", "\x9D", "“”"}) {
    BOOST_TEST(!vault::read_receipt(*lab.keys, receipt + behind).has_value(), behind);
  }
  for (std::size_t size = 0; size < receipt.size(); ++size) {
    BOOST_TEST(!vault::read_receipt(*lab.keys, receipt.substr(0, size)).has_value(), size);
  }
  for (std::size_t i = 0; i < receipt.size(); ++i) {
    std::string other = receipt;
    other[i] = other[i] == '1' ? '2' : '1';
    BOOST_TEST(!vault::read_receipt(*lab.keys, other).has_value(), other);
    BOOST_TEST(!refusal(care.check_receipt("chief", other, lab.now())).empty());
  }
  vault::ErasureReceipt invented = *read;
  invented.content[0] ^= 1;
  const auto check =
      good(care.check_receipt("chief", vault::receipt_line(*lab.keys, invented), lab.now()));
  BOOST_TEST(check.fault == "the history has no entry of this erasure");
}

BOOST_AUTO_TEST_SUITE_END()
