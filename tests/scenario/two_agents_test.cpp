// Calls of customer care that a second agent has to approve ([vault] two_person): what one agent
// alone cannot do, two do together; once, in time, and only if the record is as it was.
#include <boost/test/unit_test.hpp>

#include "tests/support/laboratory.h"
#include "vault/history.h"

using namespace support;
using vault::CareAction;
using vault::CareService;
using State = vault::CareRequest::State;

namespace {

const std::string kCard = "8944351002100001231";
const std::string kNewCard = "8944351002100001249";

struct Fixture {
  Fixture() {
    lab.policy.two_person.on = true;
    lab.import(kCard, "+491721234567", "C-1");
    card.back_up(image);
    card.open_channel();
  }
  void lock() {
    for (int i = 0; i < vault::kAttempts; ++i) card.fetch_begin(wrong_key(card.key));
    BOOST_REQUIRE(lab.record(kCard).locked_at != 0);
  }
  static vault::CareCall by(const std::string& agent, const std::string& number = "X1234567") {
    return {agent, "lost the key", "passport", base::Secret(base::as_bytes(number))};
  }
  std::uint64_t ask(const CareService::Wish& wish, const std::string& agent = "anna",
                    const std::string& who = kCard) {
    return good(lab.care().request(by(agent), who, wish, lab.now())).request.id;
  }
  std::string asked_in_vain(const CareService::Wish& wish) {
    return refusal(lab.care().request(by("anna"), kCard, wish, lab.now()));
  }
  std::string approved_in_vain(std::uint64_t id, const vault::CareCall& call) {
    return refusal(lab.care().approve(call, id, lab.now()));
  }
  std::string export_in_vain(const std::string& agent, const std::string& form = "raw",
                             std::size_t copy = 0) {
    return refusal(lab.care().export_content(by(agent), kCard, form, copy, lab.now()));
  }
  template <class T>
  static std::string refusal(const vault::CareResult<T>& result) {
    const auto* failure = std::get_if<vault::CareFailure>(&result);
    return failure == nullptr ? "" : failure->text;
  }
  State state(std::uint64_t id) {
    return good(lab.care().pending(by("li"), id, lab.now())).front().request.state;
  }
  std::vector<std::string> history() {
    vault::HistoryQuery query;
    query.record = lab.record(kCard).id;
    std::vector<std::string> lines;
    for (const auto& entry : lab.store->history(query).take()) {
      lines.push_back(entry.note.kind + " " + entry.note.actor);
    }
    return lines;
  }
  bool history_whole() {
    const auto faults = vault::verify_audit(*lab.store, *lab.keys);
    return faults.ok() && faults->empty();
  }

  Laboratory lab;
  CardInHand card{lab, kCard};
  const base::Bytes image = example_image(60, 'a');
};

const std::string kOtherDocument = "this is not the document that was shown for the request";
const CareService::Wish kUnlock{CareAction::unlock, false, "", 0};
const CareService::Wish kReset{CareAction::unlock, true, "", 0};
const CareService::Wish kExport{CareAction::hand_over, false, "raw", 0};
const CareService::Wish kErase{CareAction::erase, false, "", 0};
const CareService::Wish kMove{CareAction::confirm_move, false, "", 0};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(two_agents, Fixture)

// Proves that one agent alone unlocks, erases and exports nothing, and cannot approve himself.
BOOST_AUTO_TEST_CASE(not_alone) {
  lock();
  auto care = lab.care();
  BOOST_TEST(good(care.show(by("anna"), kCard, lab.now()))
                 .advice.ends_with("request unlock; if the key is lost: request unlock "
                                   "--reset-key."));
  BOOST_TEST(refusal(care.unlock(by("anna"), kCard, false, lab.now())) ==
             "a second agent has to approve this: request unlock");
  BOOST_TEST(refusal(care.erase(by("anna"), kCard, lab.now())) ==
             "a second agent has to approve this: request erase");
  BOOST_TEST(export_in_vain("anna") == "a second agent has to approve this: request export");
  const std::uint64_t id = ask(kUnlock);
  BOOST_TEST(approved_in_vain(id, by("anna")) == "an agent cannot approve his own request");
  BOOST_TEST(lab.record(kCard).locked_at != 0);
  BOOST_TEST((state(id) == State::open));
  lab.policy.two_person.erase = false;  // [care] approve does not name it
  BOOST_TEST(asked_in_vain(kErase) == "this needs no second agent: call it at once");
  BOOST_TEST(!good(lab.care().erase(by("anna"), kCard, lab.now())).receipt.empty());
}

// Proves that the second agent's approval does it, once, in the name of both, and tells the first.
BOOST_AUTO_TEST_CASE(together) {
  lock();
  const std::uint64_t id = ask(kReset);
  BOOST_TEST(asked_in_vain(kUnlock).starts_with("it is asked for already: request "));
  const auto waiting = good(lab.care().pending(by("li"), std::nullopt, lab.now()));
  BOOST_REQUIRE(waiting.size() == 1u);
  BOOST_TEST(waiting.front().iccid == kCard);
  BOOST_TEST(wish_text(waiting.front().request) == "unlock --reset-key");
  BOOST_TEST(waiting.front().request.document_tail == "4567");
  const auto done = good(lab.care().approve(by("li"), id, lab.now()));
  BOOST_TEST(done.unlocked->key_reset);
  BOOST_TEST(lab.record(kCard).locked_at == 0);
  BOOST_TEST(approved_in_vain(id, by("li")) == "the request is done already");
  BOOST_TEST(good(lab.care().pending(by("anna"), id, lab.now()))
                 .front()
                 .request.result.starts_with("unlocked; a new key until "));
  const auto lines = history();
  const std::vector<std::string> last(lines.end() - 3, lines.end());
  const std::vector<std::string> wanted{"requested agent:anna", "request_approved agent:li",
                                        "unlocked_key_reset agent:anna"};
  BOOST_TEST(last == wanted, boost::test_tools::per_element());
  BOOST_TEST(history_whole());
}

// Proves that the approver must have the document that was shown, and that a request ends in time.
BOOST_AUTO_TEST_CASE(same_document_in_time) {
  lock();
  const std::uint64_t id = ask(kUnlock);
  BOOST_TEST(approved_in_vain(id, by("li", "X7654321")) == kOtherDocument);
  BOOST_TEST(approved_in_vain(1, by("li")) == "there is no such request");
  lab.time_passes(lab.policy.two_person.request_life - 1, "just in time");
  BOOST_TEST(approved_in_vain(id, by("li", "X")) ==
             "the document's number is missing or too short");
  lab.time_passes(1, "too late");
  BOOST_TEST(approved_in_vain(id, by("li")) == "the request has expired");
  BOOST_TEST(good(lab.care().pending(by("li"), std::nullopt, lab.now())).empty());
  BOOST_TEST(lab.record(kCard).locked_at != 0);
  const std::uint64_t again = ask(kUnlock);
  BOOST_TEST(good(lab.care().approve(by("li"), again, lab.now())).unlocked->was_locked);
}

// Proves that nobody tries numbers until one fits: every other document stands in the history under
// the name of who gave it, counts for his day, and the third ends the request.
BOOST_AUTO_TEST_CASE(no_guessing_of_the_document) {
  lock();
  lab.policy.agent_daily_limit = 2;
  const std::uint64_t id = ask(kUnlock);
  for (const std::string number : {"X0000001", "X0000002"}) {
    BOOST_TEST(approved_in_vain(id, by("li", number)) == kOtherDocument);
    BOOST_TEST(history().back() == "request_refused agent:li");
  }
  BOOST_TEST(approved_in_vain(id, by("li")) == "the agent's calls for today are used up");
  BOOST_TEST(good(lab.care().pending(by("mei"), id, lab.now())).front().request.result ==
             "another document was given twice");
  BOOST_TEST(approved_in_vain(id, by("otto", "X0000003")) == kOtherDocument);
  BOOST_TEST(history().back() == "request_rejected agent:otto");
  BOOST_TEST(approved_in_vain(id, by("otto")) == "the request was rejected or withdrawn");
  BOOST_TEST(lab.record(kCard).locked_at != 0);
  BOOST_TEST(history_whole());
}

// Proves that a request is about the record as it was: a lock, an erasure, a version gone end it.
BOOST_AUTO_TEST_CASE(changed_in_between) {
  card.fetch_begin(wrong_key(card.key));
  const std::uint64_t attempts = ask(kUnlock);
  card.fetch_begin(wrong_key(card.key));
  card.fetch_begin(wrong_key(card.key));
  const std::string changed =
      "the record has changed since it was asked for: look at it, and request anew";
  BOOST_TEST(approved_in_vain(attempts, by("li")) == changed);
  const std::uint64_t unlock = ask(kUnlock);
  const std::uint64_t erase = ask(kErase);
  BOOST_TEST(!good(lab.care().approve(by("li"), erase, lab.now())).erased->receipt.empty());
  BOOST_TEST(approved_in_vain(unlock, by("li")) == changed);
  BOOST_TEST(asked_in_vain(kErase) == "there is nothing to erase");
  BOOST_TEST(asked_in_vain(kExport) == "nothing is stored");
  BOOST_TEST(asked_in_vain(kUnlock) == "the record is not locked and no attempt is used");
  BOOST_TEST(history_whole());
}

// Proves that an approved export goes to who has asked for it, once, in the form and the version
// that were asked for.
BOOST_AUTO_TEST_CASE(content_for_one) {
  const std::uint64_t id = ask(kExport);
  BOOST_TEST(export_in_vain("anna") == "a second agent has to approve this: request export");
  BOOST_TEST(approved_in_vain(id, by("li", "X7654321")) == kOtherDocument);
  good(lab.care().approve(by("li"), id, lab.now()));
  BOOST_TEST((state(id) == State::approved));
  BOOST_TEST(good(lab.care().pending(by("mei"), id, lab.now())).front().request.result == "",
             "nothing has come of it yet");
  card.begin(example_image(60, 'b'), card.key, 9);
  card.send_data(example_image(60, 'b'), 0, example_image(60, 'b').size(), 9);
  BOOST_REQUIRE((card.end(9).result == vault::CardResult::done));
  BOOST_TEST(export_in_vain("li") == "a second agent has to approve this: request export");
  BOOST_TEST(export_in_vain("anna", "text") == "approved was --format raw");
  BOOST_TEST(export_in_vain("anna", "raw", 2) == "there is no version 2: 2 are stored, from 0");
  card.begin(example_image(60, 'c'), card.key, 10);
  card.send_data(example_image(60, 'c'), 0, example_image(60, 'c').size(), 10);
  BOOST_REQUIRE((card.end(10).result == vault::CardResult::done));
  BOOST_TEST(export_in_vain("anna", "raw", 1) == "approved was another version: now --copy 2");
  BOOST_TEST(refusal(lab.care().export_content(by("anna", "X7654321"), kCard, "raw", 0,
                                               lab.now())) == kOtherDocument);
  BOOST_TEST(history().back() == "request_refused agent:anna");
  const auto taken = lab.care().export_content(by("anna"), kCard, "raw", 0, lab.now());
  const auto content = good(taken).content.view();
  BOOST_TEST((base::Bytes(content.begin(), content.end()) == image), "the older version");
  BOOST_TEST(export_in_vain("anna") == "a second agent has to approve this: request export");
  BOOST_TEST((state(id) == State::done));
  BOOST_TEST(history().back() == "exported agent:anna");
  BOOST_TEST(history_whole());
}

// Proves that the approved content is not an answer to guesses either.
BOOST_AUTO_TEST_CASE(no_guessing_of_the_document_for_content) {
  const std::uint64_t id = ask(kExport);
  good(lab.care().approve(by("li"), id, lab.now()));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(refusal(lab.care().export_content(by("anna", "X7654321"), kCard, "raw", 0,
                                                 lab.now())) == kOtherDocument);
  }
  BOOST_TEST(export_in_vain("anna") == "a second agent has to approve this: request export");
  BOOST_TEST((state(id) == State::rejected));
  BOOST_TEST(history_whole());
}

// Proves that who has asked may withdraw, that another may reject, and that this ends it.
BOOST_AUTO_TEST_CASE(withdrawn_and_rejected) {
  lock();
  const std::uint64_t own = ask(kUnlock);
  good(lab.care().reject(by("anna"), own, lab.now()));
  BOOST_TEST(history().back() == "request_withdrawn agent:anna");
  const std::uint64_t other = ask(kUnlock);
  good(lab.care().reject(by("li"), other, lab.now()));
  BOOST_TEST(history().back() == "request_rejected agent:li");
  for (const std::uint64_t id : {own, other}) {
    BOOST_TEST(approved_in_vain(id, by("otto")) == "the request was rejected or withdrawn");
    BOOST_TEST(refusal(lab.care().reject(by("li"), id, lab.now())) ==
               "the request is over already");
  }
  BOOST_TEST(lab.record(kCard).locked_at != 0);
}

// Proves that all of it counts for an agent's day, looking included.
BOOST_AUTO_TEST_CASE(within_the_limit) {
  lock();
  const std::uint64_t id = ask(kUnlock);
  lab.policy.agent_daily_limit = 1;
  const std::string used_up = "the agent's calls for today are used up";
  BOOST_TEST(asked_in_vain(kErase) == used_up);
  good(lab.care().pending(by("li"), std::nullopt, lab.now()));
  BOOST_TEST(refusal(lab.care().pending(by("li"), std::nullopt, lab.now())) == used_up);
  BOOST_TEST(approved_in_vain(id, by("li")) == used_up);
  BOOST_TEST(good(lab.care().approve(by("otto"), id, lab.now())).unlocked->was_locked);
}

// Proves that a change of card is confirmed for the claim that was looked at.
BOOST_AUTO_TEST_CASE(change_of_card) {
  lab.policy.two_person.move = true;
  lab.import(kNewCard);
  CardInHand newer(lab, kNewCard);
  newer.open_channel();
  newer.report(kCard);
  BOOST_TEST(refusal(lab.care().confirm_move(by("anna"), kNewCard, lab.now())) ==
             "a second agent has to approve this: request confirm-move");
  const std::uint64_t id = ask(kMove, "anna", kNewCard);
  const auto done = good(lab.care().approve(by("li"), id, lab.now()));
  BOOST_TEST(done.moved->old_iccid.digits() == kCard);
  BOOST_TEST(lab.record(kNewCard).image.has_value());
  BOOST_TEST(history_whole());
}

BOOST_AUTO_TEST_SUITE_END()
