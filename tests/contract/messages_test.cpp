// Reminders, messages and wake-ups on a real store: rows come back as they were written, a change
// that rests on an old row is a conflict, looks for work find what is due and nothing else, and
// instances that work at the same time write to each subscriber once.
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "tests/contract/fixture.h"
#include "tests/support/scripted_sms.h"
#include "vault/reminder_service.h"

using namespace contract;
using vault::MessageScan;
using vault::Outcome;
using vault::RecordTx;

namespace {

constexpr std::int64_t kDue = 61 * base::kDayMs;

struct Messages : Fixture {
  // Runs f inside an update that is to be committed.
  template <class F>
  void write(F&& f) {
    commit([&](RecordTx& tx) { f(tx.messages()); });
  }
  template <class F>
  void read(F&& f) {
    update([&](RecordTx& tx) {
      f(tx.messages());
      return false;
    });
  }
  MessageScan& scan() { return store->messages(); }
  vault::Record held(unsigned card, std::int64_t updated_at) {
    create(iccid(card));
    commit([&](RecordTx& tx) {
      vault::Record& record = *tx.find(iccid(card));
      record.msisdn_provisioned = msisdn(card);
      const base::Bytes content = random_content(10);
      record.image = image_of(record, content, updated_at);
      tx.add_image(record, *record.image, content);
      record.updated_at = updated_at;
      record.identity_at = updated_at + 1;
    });
    return *Fixture::read(iccid(card));
  }
};

vault::IncomingSms incoming(std::uint8_t mark, const std::string& text = "Y") {
  vault::IncomingSms sms;
  sms.mark[0] = mark;
  sms.mark[31] = 1;
  sms.smsc = "first";
  sms.from = msisdn(1);
  sms.to = "12345";
  sms.text = text;
  sms.at = 5;
  sms.next_at = 10;
  return sms;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(messages, Messages)

// Every field of every row comes back; a second write of the same changes nothing.
BOOST_AUTO_TEST_CASE(rows_come_back) {
  vault::RecordId id{};
  id[3] = 7;
  vault::Reminder reminder{id, 1, 2,     3,    4, 5,         true,      msisdn(1), 6,
                           7,  8, "yes", true, 9, "agent:a", msisdn(2), 10};
  vault::WakeUpRow card(iccid(1));
  card.version = 1;
  card.record = id;
  card.state = vault::WakeUpRow::State::waiting;
  card.reason = vault::WakeReason::identity;
  card.asked_by = "ops:max";
  card.wanted_at = card.next_at = card.expires_at = 11;
  card.tries = 2;
  card.counter_raised = true;
  card.ref = 12;
  card.tar = {0xBF, 0xFF, 0x01};
  card.counter = vault::kCounterMax - 1;
  card.key_set = 15;
  card.sent_at = card.last_status_at = card.not_before = card.without_applet_until = 13;
  card.last_status = 9;
  card.last_authentic = true;
  vault::JobRow job{"reminders", 1, "a#1", 14, 15, id, 16, 17};
  vault::InstanceRow instance{"a", 1, "0.1", 18, 19, "sessions 3\nstore ok"};
  write([&](vault::MessageTx& tx) {
    tx.reminder(id) = reminder;
    tx.wake_up(iccid(1)) = card;
    tx.job("reminders") = job;
    tx.instance("a") = instance;
    tx.downlink(iccid(1), 3) = 42;
  });
  read([&](vault::MessageTx& tx) {
    BOOST_TEST((tx.reminder(id) == reminder));
    BOOST_TEST((tx.wake_up(iccid(1)) == card));
    BOOST_TEST((tx.job("reminders") == job));
    BOOST_TEST((tx.instance("a") == instance));
    BOOST_TEST(tx.downlink(iccid(1), 3) == 42u);
    BOOST_TEST(tx.downlink(iccid(1), 4) == 0u);
    BOOST_TEST(tx.wake_up(iccid(2)).version == 0u);
  });
  const Outcome again = update([&](RecordTx& tx) {
    tx.messages().reminder(id) = reminder;
    (void)tx.messages().job("other");
    return true;
  });
  BOOST_TEST((again == Outcome::unchanged));
  BOOST_TEST(scan().instances()->size() == 1u);
}

BOOST_AUTO_TEST_CASE(messages_and_requests_come_back) {
  vault::Sms sms;
  vault::OutboxItem item;
  write([&](vault::MessageTx& tx) {
    vault::Sms& fresh = tx.add_sms();
    sms = fresh;
    sms.version = 1;
    sms.kind = vault::SmsKind::reminder;
    sms.record[0] = 1;
    sms.to = msisdn(1);
    sms.text = "备份 {date} \xF0\x9F\x93\xB1 '\"\\";
    sms.smsc = "first";
    sms.due_at = 3;
    sms.attempt = 2;
    sms.step = vault::SmsStep::submitting;
    sms.owner = "a#1";
    sms.lease_until = sms.created_at = sms.submitted_at = sms.expires_at = 4;
    sms.tries = 1;
    sms.outbox = 5;
    sms.segment_count = 2;
    sms.segments = {{1, vault::SmsStep::sent, "first", "00B8BE19"},
                    {2, vault::SmsStep::submitting, "first", ""}};
    fresh = sms;
    vault::OutboxItem& request = tx.add_outbox();
    item = {request.id,
            1,
            vault::OutboxItem::Kind::wake,
            vault::OutboxItem::State::open,
            {},
            msisdn(2),
            "text",
            "identity",
            "ops:max",
            1,
            100,
            2,
            "",
            0};
    request = item;
  });
  BOOST_TEST(sms.ref != 0u);
  BOOST_TEST(sms.ref <= 0x7FFFFFFFFFFFFFFFu);
  write([&](vault::MessageTx& tx) {
    BOOST_REQUIRE(tx.sms(sms.ref) != nullptr);
    BOOST_TEST((*tx.sms(sms.ref) == sms));
    BOOST_TEST((*tx.outbox(item.id) == item));
    tx.sms(sms.ref)->segments[1] = {2, vault::SmsStep::delivered, "second", "x"};
    tx.sms(sms.ref)->segments.push_back({3, vault::SmsStep::sent, "first", "y"});
  });
  read([&](vault::MessageTx& tx) {
    BOOST_REQUIRE(tx.sms(sms.ref)->segments.size() == 3u);
    BOOST_TEST(tx.sms(sms.ref)->segments[1].message_id == "x");
    BOOST_TEST((tx.sms(12345) == nullptr));
    BOOST_TEST((tx.outbox(12345) == nullptr));
  });
  BOOST_TEST(scan().open_outbox(1, 10)->empty());
  BOOST_TEST(scan().open_outbox(2, 10)->size() == 1u);
}

// The same message again is recognised, also when two instances keep it at the same time.
BOOST_AUTO_TEST_CASE(incoming_once) {
  bool fresh = false;
  write([&](vault::MessageTx& tx) { fresh = tx.add_incoming(incoming(1)); });
  BOOST_TEST(fresh);
  const auto other = open();
  const Outcome again = other->update(now, [&](RecordTx& tx) {
    fresh = tx.messages().add_incoming(incoming(1));
    return true;
  });
  BOOST_TEST((again == Outcome::unchanged));
  BOOST_TEST(!fresh);
  bool raced = false;
  const Outcome race = update([&](RecordTx& tx) {
    const bool added = tx.messages().add_incoming(incoming(2));
    if (!std::exchange(raced, true)) {
      BOOST_TEST((other->update(now, [&](RecordTx& theirs) {
        return theirs.messages().add_incoming(incoming(2));
      }) == Outcome::committed));
      BOOST_TEST(added);
    } else {
      BOOST_TEST(!added, "the second look sees the other's");
    }
    return true;
  });
  BOOST_TEST((race == Outcome::unchanged));
  const auto open = scan().open_incoming(10, 10);
  BOOST_REQUIRE(open->size() == 2u);
  BOOST_TEST(scan().open_incoming(9, 10)->empty());
  vault::IncomingSms expected = incoming(1);
  expected.id = open->front().id;
  expected.version = 1;
  if (open->front().mark == expected.mark) BOOST_TEST((open->front() == expected));
  write([&](vault::MessageTx& tx) { tx.incoming(open->front().id)->next_at = 0; });
  BOOST_TEST(scan().open_incoming(10, 10)->size() == 1u);
}

BOOST_AUTO_TEST_CASE(parts_find_each_other) {
  write([&](vault::MessageTx& tx) {
    for (std::uint8_t i = 1; i <= 3; ++i) {
      vault::IncomingSms part = incoming(i);
      part.reference = 77;
      part.parts = 3;
      part.part = i;
      tx.add_incoming(part);
    }
    vault::IncomingSms stranger = incoming(9);
    stranger.from = msisdn(2);
    stranger.reference = 77;
    stranger.parts = 3;
    tx.add_incoming(stranger);
  });
  vault::IncomingSms one = incoming(1);
  one.reference = 77;
  one.parts = 3;
  BOOST_TEST(scan().parts_of(one)->size() == 3u);
}

// A row that another has changed in between makes the update begin again.
BOOST_AUTO_TEST_CASE(rows_are_guarded) {
  vault::RecordId id{};
  id[0] = 1;
  write([&](vault::MessageTx& tx) {
    tx.reminder(id).next_at = 1;
    tx.downlink(iccid(1), 1) = 1;
  });
  const auto other = open();
  int calls = 0;
  commit([&](RecordTx& tx) {
    tx.messages().reminder(id).sent += 1;
    tx.messages().downlink(iccid(1), 1) += 1;
    if (calls++ > 0) return;
    BOOST_TEST((other->update(now, [&](RecordTx& theirs) {
      theirs.messages().reminder(id).sent += 1;
      theirs.messages().downlink(iccid(1), 1) += 1;
      return true;
    }) == Outcome::committed));
  });
  BOOST_TEST(calls == 2);
  read([&](vault::MessageTx& tx) {
    BOOST_TEST(tx.reminder(id).sent == 2);
    BOOST_TEST(tx.downlink(iccid(1), 1) == 3u);
  });
}

// Of a due date's attempts there is one each, whatever the instances believe.
BOOST_AUTO_TEST_CASE(an_attempt_is_unique) {
  const auto attempt = [&](vault::Store& with, int number) {
    return with.update(now, [&](RecordTx& tx) {
      vault::Sms& sms = tx.messages().add_sms();
      sms.record[0] = 1;
      sms.due_at = 3;
      sms.attempt = number;
      sms.to = msisdn(1);
      return true;
    });
  };
  BOOST_TEST((attempt(*store, 1) == Outcome::committed));
  BOOST_TEST((attempt(*store, 2) == Outcome::committed));
  BOOST_TEST((attempt(*store, 1) == Outcome::unavailable), "refused as long as it is tried");
}

BOOST_AUTO_TEST_CASE(looks_for_work) {
  std::set<vault::RecordId> ids;
  for (unsigned i = 1; i <= 5; ++i) ids.insert(held(i, 1000 * (i / 2)).id);
  using Date = MessageScan::Date;
  std::vector<MessageScan::Dated> walked;
  MessageScan::Dated after;
  for (;;) {
    const auto page = scan().records_by(Date::updated, after, 2000, 2);
    BOOST_REQUIRE(page.ok());
    if (page->empty()) break;
    after = page->back();
    walked.insert(walked.end(), page->begin(), page->end());
  }
  std::set<vault::RecordId> seen;
  for (const auto& dated : walked) seen.insert(dated.record);
  BOOST_TEST((seen == ids) == false, "0 is no date");
  BOOST_TEST(walked.size() == 4u);
  BOOST_TEST(seen.size() == 4u);
  BOOST_TEST(scan().records_by(Date::updated, {}, 999, 10)->empty());
  BOOST_TEST(scan().records_by(Date::identity, {}, 1001, 10)->size() == 3u);

  write([&](vault::MessageTx& tx) {
    int at = 10;
    for (const vault::RecordId& id : ids) {
      vault::Reminder& row = tx.reminder(id);
      row.next_at = at++;
      row.number = msisdn(9);
      row.last_sent_at = at;
    }
    tx.wake_up(iccid(1)).next_at = 10;
    tx.wake_up(iccid(2)).next_at = 20;
    tx.wake_up(iccid(3)).asked_by = "x";
  });
  BOOST_TEST(scan().due_reminders(12, 10)->size() == 3u);
  BOOST_TEST(scan().due_reminders(12, 2)->size() == 2u);
  BOOST_REQUIRE(scan().due_wake_ups(15, 10)->size() == 1u);
  BOOST_TEST((scan().due_wake_ups(15, 10)->front() == iccid(1)));
  BOOST_TEST(scan().records_of_number(msisdn(9))->size() == 5u);
  BOOST_TEST((scan().records_of_number(msisdn(9))->front() == *ids.rbegin()), "the newest first");
  BOOST_TEST((scan().records_of_number(msisdn(2))->front() == Fixture::read(iccid(2))->id));
  BOOST_TEST(scan().records_of_number(msisdn(8))->empty());
}

// Ids that are the same for all messages must not lead to a stranger's.
BOOST_AUTO_TEST_CASE(receipts_find_their_segment) {
  std::vector<vault::SmsRef> refs;
  write([&](vault::MessageTx& tx) {
    for (unsigned i = 1; i <= 3; ++i) {
      vault::Sms& sms = tx.add_sms();
      sms.to = msisdn(i);
      sms.submitted_at = 100 + i;
      sms.step = vault::SmsStep::sent;
      sms.lease_until = 50;
      sms.segments = {{1, vault::SmsStep::sent, "same", "constant"},
                      {2, vault::SmsStep::sent, "own", "id" + std::to_string(i)}};
      refs.push_back(sms.ref);
    }
  });
  using Kind = vault::SmsReceipt::Kind;
  const auto find = [&](vault::SmsReceipt receipt, std::int64_t since = 0) {
    return *scan().segments_of(receipt, since);
  };
  const auto own = find({"own", "id2", 0, {}, Kind::delivered, ""});
  BOOST_REQUIRE(own.size() == 1u);
  BOOST_TEST((own[0] == std::pair{refs[1], 2}));
  BOOST_TEST(find({"other", "id2", 0, {}, Kind::delivered, ""}).empty());
  BOOST_TEST(find({"own", "id2", 0, {}, Kind::delivered, ""}, 200).empty());
  const auto constant = find({"same", "constant", 0, msisdn(1), Kind::delivered, ""});
  BOOST_REQUIRE(constant.size() == 1u);
  BOOST_TEST((constant[0] == std::pair{refs[0], 1}));
  const auto by_number = find({"own", "unknown", 0, msisdn(3), Kind::delivered, ""});
  BOOST_REQUIRE(by_number.size() == 1u);
  BOOST_TEST((by_number[0] == std::pair{refs[2], 0}));
  // Numbers in national form are nobody's. An id alone will do if an SMSC says so and one has it.
  const auto national = vault::Msisdn::from_text("017000000").value();
  vault::SmsReceipt receipt{"own", "id2", 0, national, Kind::delivered, ""};
  BOOST_TEST(find(receipt).empty());  // a person may have written it
  receipt.marked = true;
  BOOST_REQUIRE(find(receipt).size() == 1u);
  BOOST_TEST((find(receipt)[0] == std::pair{refs[1], 2}));
  BOOST_TEST(find(receipt, 200).empty());
  receipt.number = msisdn(3);  // somebody else's: who has a message goes before who has the id
  BOOST_REQUIRE(find(receipt).size() == 1u);
  BOOST_TEST((find(receipt)[0] == std::pair{refs[2], 0}));
  vault::SmsReceipt any{"same", "constant", 0, national, Kind::delivered, ""};
  any.marked = true;
  BOOST_TEST(find(any).empty());
  BOOST_TEST(scan().left_behind(vault::SmsStep::sent, 50, 10)->size() == 3u);
  BOOST_TEST(scan().left_behind(vault::SmsStep::sent, 49, 10)->empty());
  BOOST_TEST(scan().left_behind(vault::SmsStep::claimed, 50, 10)->empty());
}

// A sender's own reference is that of its message's number, and is 0 where there is none.
BOOST_AUTO_TEST_CASE(references_tell_messages_apart) {
  std::map<std::uint16_t, vault::SmsRef> refs;
  write([&](vault::MessageTx& tx) {
    refs.clear();
    while (refs.size() < 3) {
      vault::Sms& sms = tx.add_sms();
      sms.to = msisdn(1);
      sms.step = vault::SmsStep::sent;
      const auto reference = static_cast<std::uint16_t>(sms.ref);
      if (reference < 2 || !refs.emplace(reference, sms.ref).second) continue;
      sms.submitted_at = 100;
      sms.segments = {{1, vault::SmsStep::sent, "same", "constant"}};
    }
  });
  const auto find = [&](const vault::SmsReceipt& receipt) {
    return *scan().segments_of(receipt, 0);
  };
  vault::SmsReceipt receipt{"same", "constant", 0, {}, vault::SmsReceipt::Kind::delivered, ""};
  receipt.marked = true;
  const auto found_is = [&](vault::SmsRef ref, int segment) {
    const auto found = find(receipt);
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST((found[0] == std::pair{ref, segment}));
  };
  for (const auto& [reference, ref] : refs) {
    receipt.reference = reference;
    receipt.number.reset();
    found_is(ref, 1);
    receipt.number = msisdn(1);
    found_is(ref, 1);
    receipt.number = vault::Msisdn::from_text("017000000").value();
    found_is(ref, 1);
    receipt.message_id.clear();
    BOOST_TEST(find(receipt).empty());
    receipt.number = msisdn(1);
    found_is(ref, 0);
    receipt.message_id = "constant";
  }
  for (const std::uint16_t unknown : {std::uint16_t{0}, std::uint16_t{1}}) {  // nothing rests on it
    receipt.reference = unknown;
    BOOST_TEST(find(receipt).size() == 3u);
  }
}

// Only what is over and old goes; what is still under way stays, however old it is.
BOOST_AUTO_TEST_CASE(old_messages_go) {
  write([&](vault::MessageTx& tx) {
    for (const std::int64_t at : {10, 20}) {
      for (const auto step : {vault::SmsStep::claimed, vault::SmsStep::sent}) {
        vault::Sms& sms = tx.add_sms();
        sms.created_at = at;
        sms.step = step;
        sms.segments = {{1, step, "first", "x"}};
      }
      vault::OutboxItem& item = tx.add_outbox();
      item.created_at = at;
      item.state = vault::OutboxItem::State::done;
      tx.add_outbox().created_at = at;
      vault::IncomingSms sms = incoming(static_cast<std::uint8_t>(at));
      sms.at = at;
      sms.next_at = 0;
      tx.add_incoming(sms);
      sms.mark[1] = 1;
      sms.next_at = 5;
      tx.add_incoming(sms);
    }
  });
  const auto ended = scan().ended_before(20, 10);
  BOOST_REQUIRE(ended.ok());
  BOOST_TEST(ended->sms.size() == 1u);
  BOOST_TEST(ended->outbox.size() == 1u);
  BOOST_TEST(ended->incoming.size() == 1u);
  write([&](vault::MessageTx& tx) { tx.drop(*ended); });
  BOOST_TEST(scan().ended_before(20, 10)->empty());
  BOOST_TEST(ask("SELECT COUNT(*) FROM sms_out") == "3");
  BOOST_TEST(ask("SELECT COUNT(*) FROM sms_segments") == "3");
  BOOST_TEST(ask("SELECT COUNT(*) FROM outbox") == "3");
  BOOST_TEST(ask("SELECT COUNT(*) FROM sms_in") == "3");
}

// Three instances at once, each in a thread of its own, over records that are all due: every
// subscriber is written to once, and the history agrees.
BOOST_AUTO_TEST_CASE(instances_at_the_same_time) {
  constexpr unsigned kRecords = 60;
  for (unsigned i = 1; i <= kRecords; ++i) held(i, now.utc_ms - kDue);
  now.utc_ms -= now.utc_ms % base::kDayMs - 12 * base::kHourMs;  // noon
  now.utc_ms += base::kDayMs;
  vault::ReminderSettings settings;
  settings.enabled = true;
  settings.batch = 7;
  std::mutex mutex;
  std::multiset<std::string> written;
  std::atomic<int> failures{0};
  const auto instance = [&](const std::string& name) {
    const auto own = open();
    support::ScriptedOut out;
    vault::ReminderService service(settings, {}, name, *own, out, nullptr, log, counters);
    std::size_t told = 0;
    for (int quiet = 0; quiet < 3;) {
      const bool more = service.work(now) <= now.mono_ms;
      quiet = more || told < out.at_smsc.size() ? 0 : quiet + 1;
      for (; told < out.at_smsc.size(); ++told) {
        const std::lock_guard lock(mutex);
        written.insert(out.at_smsc[told].to.digits());
        service.outcome({out.at_smsc[told].ref, 1, 1, vault::SmsOutcome::Kind::accepted, name,
                         std::to_string(told), 0, false});
      }
    }
    if (!service.idle()) ++failures;
  };
  std::vector<std::thread> threads;
  for (const char* name : {"a", "b", "c"}) threads.emplace_back(instance, name);
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(failures == 0);
  BOOST_TEST(written.size() == kRecords);
  BOOST_TEST(std::set<std::string>(written.begin(), written.end()).size() == kRecords);
  BOOST_TEST(ask("SELECT COUNT(*) FROM history WHERE kind = 'reminder'") ==
             std::to_string(kRecords));
  BOOST_TEST(ask("SELECT COUNT(*) FROM history WHERE kind = 'reminder_sent'") ==
             std::to_string(kRecords));
  BOOST_TEST(vault::verify_audit(*store, keys())->empty());
}

BOOST_AUTO_TEST_SUITE_END()
