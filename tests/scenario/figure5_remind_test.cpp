// Figure 5: two months pass and people are reminded. One says yes and the card is woken and stores
// anew, one says no, one says nothing, one wants no more, one has a number that is gone.
#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "tests/support/laboratory.h"
#include "tests/support/scripted_sms.h"
#include "vault/history.h"
#include "vault/reminder_service.h"

using namespace support;

namespace {

const std::string kAnna = "8944351002100001231";
const std::string kBoris = "8944351002100001249";
const std::string kChen = "8944351002100001256";
const std::string kAnnasNumber = "+491721234567";
const std::string kBorisNumber = "+491721234568";
const std::string kChensNumber = "+8613812345678";

// The operator's evening, an SMSC that takes everything, and the vault's daily job.
struct Figure5 {
  Figure5() {
    settings.enabled = true;
    settings.time_zone = "Europe/Berlin";
    store = lab.stores->open();
    lab.import(kAnna, kAnnasNumber);
    lab.import(kBoris, kBorisNumber);
    lab.import(kChen, kChensNumber);
    open_instance();
    anna.back_up(image);
    boris.back_up(image);
    chen.back_up(image);
  }
  void open_instance() {
    reminders = std::make_unique<vault::ReminderService>(settings, lab.policy, "one", *store, out,
                                                         &wake, lab.log, lab.counters);
  }
  // Days go by; every morning at nine the job runs and the SMSC takes what it is given.
  void days(int count, const std::string& what) {
    lab.tell("-- " + std::to_string(count) + " days pass: " + what);
    for (int day = 0; day < count; ++day) {
      lab.clock.advance(base::kDayMs);
      work();
    }
  }
  void work() {
    for (bool more = true; more;) {
      more = reminders->work(lab.now()) <= lab.now().mono_ms || told < out.at_smsc.size();
      for (; told < out.at_smsc.size(); ++told) {
        const vault::OutgoingSms& sms = out.at_smsc[told];
        lab.tell("SMSC <- +" + sms.to.digits() + ": " +
                 (sms.packet.empty() ? sms.text : "a secured packet for the card"));
        reminders->outcome({sms.ref, 1, 1, vault::SmsOutcome::Kind::accepted, "smsc",
                            "id" + std::to_string(told), 0, false});
      }
    }
  }
  void phone(const std::string& from, const std::string& text) {
    lab.tell("SMSC -> " + from + ": " + text);
    vault::IncomingSms sms;
    sms.mark = base::sha256(base::as_bytes(from + text + std::to_string(lab.now().utc_ms)));
    sms.smsc = "smsc";
    sms.from = vault::Msisdn::from_text(from);
    sms.text = text;
    BOOST_REQUIRE(reminders->keep({sms}, lab.now()));
    work();
  }
  int received(const std::string& number, bool packet = false) const {
    return static_cast<int>(
        std::count_if(out.at_smsc.begin(), out.at_smsc.end(), [&](const auto& sms) {
          return "+" + sms.to.digits() == number && packet == !sms.packet.empty();
        }));
  }
  vault::Reminder reminder_of(const std::string& card) {
    const auto id = lab.record(card).id;
    vault::Reminder copy;
    store->update(lab.now(), [&](vault::RecordTx& tx) {
      copy = tx.messages().reminder(id);
      return false;
    });
    return copy;
  }
  std::vector<std::string> history_of(const std::string& card) {
    vault::HistoryQuery query;
    query.record = lab.record(card).id;
    std::vector<std::string> kinds;
    const auto entries = store->history(query);
    for (const auto& entry : *entries) kinds.push_back(entry.note.kind);
    return kinds;
  }
  bool noted(const std::string& card, const std::string& kind) {
    const auto kinds = history_of(card);
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  }

  Laboratory lab;
  vault::ReminderSettings settings;
  ScriptedOut out;
  ScriptedWakeUp wake;
  std::unique_ptr<vault::Store> store;
  std::unique_ptr<vault::ReminderService> reminders;
  std::size_t told = 0;
  CardInHand anna{lab, kAnna};
  CardInHand boris{lab, kBoris};
  CardInHand chen{lab, kChen};
  const base::Bytes image = example_image(60, 'a');
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figure_5, Figure5)

// Steps 501-507, all ways.
BOOST_AUTO_TEST_CASE(two_months_later) {
  days(60, "nobody is due yet");
  BOOST_TEST(out.at_smsc.empty());
  days(2, "two calendar months since the back-ups");
  BOOST_TEST(received(kAnnasNumber) == 1);
  BOOST_TEST(received(kBorisNumber) == 1);
  BOOST_TEST(received(kChensNumber) == 1);

  phone(kAnnasNumber, "Y");
  BOOST_TEST(received(kAnnasNumber, true) == 1, "507: the card is woken");
  phone(kBorisNumber, "n");
  BOOST_TEST(lab.record(kBoris).updated_at == lab.now().utc_ms, "506: no update needed");

  lab.tell("-- the wake-up makes Anna's card open a channel; the user gives the key");
  anna.open_channel();
  const base::Bytes newer = example_image(61, 'b');
  BOOST_TEST((anna.back_up(newer, anna.key, 2).result == vault::CardResult::done));
  BOOST_TEST(lab.record(kAnna).updated_at == lab.now().utc_ms);

  days(5, "Chen has not answered");
  BOOST_TEST(received(kChensNumber) == 1);
  days(1, "repeat_after is over");
  BOOST_TEST(received(kChensNumber) == 2);
  days(7, "still no answer");
  BOOST_TEST(received(kChensNumber) == 3);
  days(40, "three are enough");
  BOOST_TEST(received(kChensNumber) == 3);
  BOOST_TEST(received(kAnnasNumber) == 1);
  BOOST_TEST(received(kBorisNumber) == 1);
  days(9, "two months after Chen's first due date, and after the answers of the others");
  BOOST_TEST(received(kChensNumber) == 4);
  BOOST_TEST(received(kAnnasNumber) == 2);
  BOOST_TEST(received(kBorisNumber) == 2);
  for (const char* kind : {"reminder", "reminder_sent", "answered_yes", "wake_up"}) {
    BOOST_TEST(noted(kAnna, kind), kind);
  }
  BOOST_TEST(noted(kBoris, "answered_no"));
  BOOST_TEST(vault::verify_audit(*store, *lab.keys)->empty());
}

// The subscriber wants no more, then wants them again; words as people type them.
BOOST_AUTO_TEST_CASE(stop_and_start) {
  days(62, "due");
  phone(kChensNumber, "ＳＴＯＰ。");
  days(120, "nothing more for Chen");
  BOOST_TEST(received(kChensNumber) == 1);
  BOOST_TEST(noted(kChen, "opted_out"));
  phone(kChensNumber, "start");
  days(65, "reminded again");
  BOOST_TEST(received(kChensNumber) >= 2);
}

// A number that is gone is no "no answer"; a stranger's Y does nothing.
BOOST_AUTO_TEST_CASE(numbers) {
  days(62, "due");
  phone("+491729999999", "Y");
  for (std::size_t i = 0; i < out.at_smsc.size(); ++i) {
    if ("+" + out.at_smsc[i].to.digits() != kBorisNumber) continue;
    lab.tell("SMSC -> receipt: Boris's number is unknown");
    reminders->keep(
        {vault::SmsReceipt{
            "smsc", "id" + std::to_string(i), 0, {}, vault::SmsReceipt::Kind::failed, "err:001"}},
        lab.now());
  }
  days(30, "Boris is not asked again in this cycle");
  BOOST_TEST(received(kBorisNumber) == 1);
  BOOST_TEST(received(kAnnasNumber) == 3);
  BOOST_TEST(noted(kBoris, "number_unreachable"));
  BOOST_TEST(received(kAnnasNumber, true) == 0);
}

// The phone was off: what found nobody is repeated when the network says that it is back.
BOOST_AUTO_TEST_CASE(the_phone_is_back) {
  days(62, "due");
  phone(kAnnasNumber, "1");
  BOOST_TEST(received(kAnnasNumber, true) == 1);
  lab.clock.advance(2 * base::kHourMs);
  lab.tell("SMSC -> alert_notification: Anna's phone is back");
  reminders->subscriber_back(*vault::Msisdn::from_text(kAnnasNumber), lab.now());
  work();
  BOOST_TEST(received(kAnnasNumber, true) == 2);
  BOOST_TEST(wake.built.size() == 2u);
  BOOST_TEST(wake.built[1] > wake.built[0], "with a counter of its own");
}

// What is erased on the card is not reminded of: number and cycle go, only a STOP stays.
BOOST_AUTO_TEST_CASE(erased_on_the_card) {
  days(62, "due");
  phone(kBorisNumber, "stop");
  for (CardInHand* card : {&anna, &boris}) {
    lab.tell("-- the user erases the backup in the card's menu");
    card->open_channel();
    bip::Fields fields;
    fields.iccid = vault::Iccid::from_digits(card->iccid)->to_ef();
    fields.key = base::Secret(base::as_bytes(card->key));
    const Answer answer = card->ask(bip::Ins::erase, std::move(fields));
    BOOST_REQUIRE((answer.result == vault::CardResult::done));
  }
  const vault::Reminder annas = reminder_of(kAnna);
  BOOST_TEST((!annas.number && !annas.open && annas.last_sent_at == 0 && annas.next_at == 0));
  const vault::Reminder boriss = reminder_of(kBoris);
  BOOST_TEST((!boriss.number && boriss.answer.empty()));
  BOOST_TEST((boriss.opted_out_at != 0 && !boriss.opted_out_by.empty()));
  phone(kAnnasNumber, "Y");
  BOOST_TEST(received(kAnnasNumber, true) == 0, "nobody waits for that answer any more");
  days(65, "nothing is there to be reminded of");
  BOOST_TEST(received(kAnnasNumber) == 1);
  BOOST_TEST(received(kBorisNumber) == 1);
}

// A new card: within swap_hold nothing is sent; the record's reminder goes with the record.
BOOST_AUTO_TEST_CASE(change_of_card) {
  const std::string fresh = "8944351002100001264";
  lab.import(fresh, kAnnasNumber);
  days(60, "the day before");
  lab.clock.advance(12 * base::kHourMs);
  auto care = lab.care();
  good(care.swap("max", kAnna, fresh, lab.now()));
  lab.clock.advance(13 * base::kHourMs);
  work();
  BOOST_TEST(received(kBorisNumber) == 1, "due at the same hour");
  BOOST_TEST(received(kAnnasNumber) == 0);
  days(2, "the hold is over");
  BOOST_TEST(received(kAnnasNumber) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
