// Proves one SMPP connection in octets and time: nothing before the bind, answers by number alone,
// a timer on everything, and that a strange peer costs one PDU and not the link.
#include "smsc/link.h"

#include <boost/test/unit_test.hpp>

#include "base/log.h"
#include "tests/unit/smsc/scripted_smsc.h"

namespace {

using namespace smsc;
using scripted::deliver;
using scripted::hex;
using scripted::pdu;
using scripted::Peer;
using Kind = LinkEvent::Kind;
using End = Link::End;
using Phase = Link::Phase;

constexpr std::uint32_t kSubmitAnswer = command::kSubmitSm | command::kResponse;

std::string kinds(Link& link) {
  std::string text;
  while (const auto event = link.next_event()) {
    const char* const names[] = {"bound",  "answered",  "expired", "late",  "unanswered",
                                 "unsent", "delivered", "alert",   "closed"};
    text += base::cat(text.empty() ? "" : " ", names[static_cast<int>(event->kind)]);
    if (event->token != 0) text += base::cat(":", event->token);
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(links)

BOOST_AUTO_TEST_CASE(binds_first_and_submits_then) {
  Peer peer;
  BOOST_TEST(peer.link->room() == 0u);
  SubmitSm message;
  BOOST_TEST(!peer.link->submit(message, 1, peer.now()).ok());
  peer.bound();
  BOOST_TEST(peer.link->room() == 10u);
  peer.submits(42);
  const auto heard = peer.hears();
  BOOST_REQUIRE(heard.size() == 1u);
  BOOST_TEST(heard[0].command == command::kSubmitSm);
  BOOST_TEST(heard[0].sequence == 2u);
  peer.says(pdu(kSubmitAnswer, 0, 2, "414200"));
  const auto event = peer.link->next_event();
  BOOST_REQUIRE(event.has_value());
  BOOST_TEST((event->kind == Kind::answered));
  BOOST_TEST(event->token == 42u);
  BOOST_TEST(event->message_id == "AB");
  BOOST_TEST(peer.link->in_flight() == 0u);
}

BOOST_AUTO_TEST_CASE(octet_by_octet) {
  Peer peer;
  peer.bound();
  peer.submits(1);
  base::Bytes stream = deliver(9, "Y");
  const base::Bytes answer = pdu(kSubmitAnswer, 0, 2, "3100");
  stream.insert(stream.end(), answer.begin(), answer.end());
  const base::Bytes second = deliver(10, "N");
  stream.insert(stream.end(), second.begin(), second.end());
  for (const std::uint8_t octet : stream) peer.says({octet});
  BOOST_TEST(kinds(*peer.link) == "delivered answered:1 delivered");
  BOOST_TEST(peer.link->to_be_answered() == 2u);
}

BOOST_AUTO_TEST_CASE(each_role_binds_in_its_way) {
  auto settings = Peer::defaults();
  settings->receiver_system_id = "other";
  Peer receiver(settings, Role::receiver);
  const base::Bytes wire(receiver.link->output().begin(), receiver.link->output().end());
  BOOST_TEST(base::to_hex(wire).find(base::to_hex(base::as_bytes("other"))) != std::string::npos);
  // An SMSC that answers bind_receiver with bind_transmitter_resp.
  const auto heard = receiver.hears();
  BOOST_TEST(heard.at(0).command == command::kBindReceiver);
  receiver.says(pdu(0x80000002, 0, heard.at(0).sequence, "00"));
  BOOST_TEST((receiver.link->phase() == Phase::bound));
  BOOST_TEST(receiver.link->room() == 0u);
  Peer transmitter(Peer::defaults(), Role::transmitter);
  transmitter.bound(command::kBindTransmitter);
  BOOST_TEST(transmitter.link->room() == 10u);
}

BOOST_AUTO_TEST_CASE(a_refused_bind_ends_it) {
  for (std::uint32_t status : {0x05u, 0x0Du, 0x0Eu, 0x0Fu, 0x401u}) {
    for (const char* body : {"", "00", "534D534300"}) {
      Peer peer;
      peer.hears();
      peer.says(pdu(0x80000009, status, 1, body));
      BOOST_TEST((peer.link->end() == End::refused));
      BOOST_TEST(peer.link->refusal_status() == status);
      BOOST_TEST(kinds(*peer.link) == "closed");
    }
  }
  Peer nacked;
  nacked.says(pdu(command::kGenericNack, 0, 1));
  BOOST_TEST((nacked.link->end() == End::refused));
}

BOOST_AUTO_TEST_CASE(a_bind_that_is_not_answered_ends_it) {
  Peer peer;
  peer.says(pdu(command::kEnquireLink, 0, 77));  // somebody is there, and it is answered
  const auto heard = peer.hears();
  BOOST_TEST(heard.at(1).command == 0x80000015);
  BOOST_TEST(heard.at(1).sequence == 77u);
  peer.passes(14'999);
  BOOST_TEST((peer.link->phase() == Phase::binding));
  BOOST_TEST(peer.hears().empty());  // no enquire_link of ours before the bind's answer
  peer.passes(1);
  BOOST_TEST((peer.link->end() == End::bind_timeout));
}

BOOST_AUTO_TEST_CASE(the_window_holds) {
  Peer peer;
  peer.settings->window = 3;
  peer.bound();
  for (std::uint64_t token = 1; token <= 3; ++token) peer.submits(token);
  BOOST_TEST(peer.link->room() == 0u);
  SubmitSm message;
  BOOST_TEST(!peer.link->submit(message, 4, peer.now()).ok());
  BOOST_TEST(peer.hears().size() == 3u);
  // Out of order, and one with an error, without a body.
  peer.says(pdu(kSubmitAnswer, 0x58, 4));
  peer.says(pdu(kSubmitAnswer, 0, 2, "3100"));
  BOOST_TEST(kinds(*peer.link) == "answered:3 answered:1");
  BOOST_TEST(peer.link->room() == 2u);
}

BOOST_AUTO_TEST_CASE(a_message_that_does_not_fit_costs_nothing) {
  Peer peer;
  peer.bound();
  SubmitSm message;
  message.destination.digits = std::string(40, '1');
  BOOST_TEST(!peer.link->submit(message, 4, peer.now()).ok());
  BOOST_TEST(peer.hears().empty());
  BOOST_TEST(peer.link->in_flight() == 0u);
}

BOOST_AUTO_TEST_CASE(every_request_has_a_timer_and_late_answers_are_known) {
  Peer peer;
  peer.bound();
  peer.submits(1);
  peer.passes(10'000);
  peer.submits(2);
  peer.passes(20'000);
  BOOST_TEST(kinds(*peer.link) == "expired:1");
  BOOST_TEST(peer.link->in_flight() == 1u);
  peer.says(pdu(kSubmitAnswer, 0, 2, "3100"));
  BOOST_TEST(kinds(*peer.link) == "late:1");
  peer.says(pdu(kSubmitAnswer, 0, 2, "3100"));  // once more: nobody's any longer
  peer.says(pdu(kSubmitAnswer, 0, 99, "3100"));
  BOOST_TEST(kinds(*peer.link) == "");
  BOOST_TEST(peer.link->counts().stray_answers == 2u);
  BOOST_TEST((peer.link->phase() == Phase::bound));
}

BOOST_AUTO_TEST_CASE(expired_numbers_are_not_remembered_for_ever) {
  Peer peer;
  peer.settings->window = 5'000;
  peer.bound();
  for (std::uint64_t token = 1; token <= 3'000; ++token) peer.submits(token);
  peer.hears();
  peer.passes(29'000);
  peer.says(pdu(command::kEnquireLink, 0, 1));
  peer.passes(1'000);
  BOOST_TEST(peer.link->in_flight() == 0u);
  kinds(*peer.link);
  peer.says(pdu(kSubmitAnswer, 0, 3'001, ""));  // the last one
  BOOST_TEST(kinds(*peer.link) == "late:3000");
  peer.says(pdu(kSubmitAnswer, 0, 2, ""));  // the first one
  BOOST_TEST(kinds(*peer.link) == "");
}

BOOST_AUTO_TEST_CASE(enquires_only_when_idle) {
  Peer peer;
  peer.bound();
  for (int i = 0; i < 10; ++i) {
    peer.passes(20'000);
    peer.says(deliver(static_cast<std::uint32_t>(i + 1), "Y"));
  }
  BOOST_TEST(peer.hears().empty());
  peer.passes(30'000);
  auto heard = peer.hears();
  BOOST_REQUIRE(heard.size() == 1u);
  BOOST_TEST(heard[0].command == command::kEnquireLink);
  peer.passes(10'000);
  BOOST_TEST(peer.hears().empty());  // one at a time
  peer.says(pdu(0x80000015, 0, heard[0].sequence));
  peer.passes(29'999);
  BOOST_TEST((peer.link->phase() == Phase::bound));
  BOOST_TEST(peer.hears().empty());
  peer.passes(1);
  BOOST_TEST(peer.hears().size() == 1u);
  peer.passes(15'000);
  BOOST_TEST((peer.link->end() == End::no_answer));
}

// A peer whose reader is dead, while we go on submitting.
BOOST_AUTO_TEST_CASE(submits_alone_are_no_sign_of_life) {
  Peer peer;
  peer.bound();
  for (std::uint64_t token = 1; token <= 9; ++token) {
    peer.submits(token);
    peer.passes(5'000);
  }
  BOOST_TEST((peer.link->end() == End::no_answer));
}

// Answers enquire_link and nothing else.
BOOST_AUTO_TEST_CASE(a_peer_that_never_answers_submits_is_left) {
  Peer peer;
  peer.bound();
  std::uint64_t token = 0;
  for (int second = 0; second < 100 && peer.link->phase() == Phase::bound; ++second) {
    if (peer.link->room() > 0) peer.submits(++token);
    for (const Header& header : peer.hears()) {
      if (header.command == command::kEnquireLink) peer.says(pdu(0x80000015, 0, header.sequence));
    }
    peer.passes(1'000);
  }
  BOOST_TEST((peer.link->end() == End::no_answer));
}

// The same, when whole windows are written at once and expire at once; a pause between them is none
// of the peer's.
BOOST_AUTO_TEST_CASE(windows_that_expire_as_a_whole_are_no_new_beginning) {
  for (const std::int64_t pause : {0, 3'600'000}) {
    auto settings = Peer::defaults();
    settings->enquire_link = 0;
    Peer peer(settings);
    peer.bound();
    for (int window = 1; window <= 3; ++window) {
      BOOST_TEST((peer.link->phase() == Phase::bound));
      while (peer.link->room() > 0) peer.submits(1);
      peer.passes(30'000);
      peer.passes(pause);
    }
    BOOST_TEST((peer.link->end() == End::no_answer));
  }
}

BOOST_AUTO_TEST_CASE(enquire_link_can_be_off) {
  auto settings = Peer::defaults();
  settings->enquire_link = 0;
  Peer peer(settings);
  peer.bound();
  BOOST_TEST(peer.link->deadline() == Link::kNever);
  peer.says(pdu(command::kEnquireLink, 0, 3));
  BOOST_TEST(peer.hears().size() == 1u);
}

BOOST_AUTO_TEST_CASE(messages_are_answered_when_the_caller_says_so) {
  Peer peer;
  peer.bound();
  peer.says(deliver(5, "Y"));
  peer.says(deliver(6, "N"));
  BOOST_TEST(peer.hears().empty());
  peer.link->deliver_result(6, 0, peer.now());
  peer.link->deliver_result(6, 0, peer.now());  // twice: once on the wire
  peer.link->deliver_result(5, status::kThrottled, peer.now());
  const auto heard = peer.hears();
  BOOST_REQUIRE(heard.size() == 2u);
  BOOST_TEST(heard[0].command == 0x80000005);
  BOOST_TEST(heard[0].sequence == 6u);
  BOOST_TEST(heard[1].status == status::kThrottled);
  BOOST_TEST(heard[1].length == 17u);
  // Its number may be used again, but not twice at a time.
  peer.says(deliver(5, "Y"));
  peer.says(deliver(5, "Z"));
  BOOST_TEST(peer.hears().at(0).status == status::kThrottled);
  BOOST_TEST(peer.link->to_be_answered() == 1u);
}

BOOST_AUTO_TEST_CASE(a_message_while_an_answer_is_waited_for_is_no_answer) {
  Peer peer;
  peer.bound();
  peer.submits(1);             // sequence number 2
  peer.says(deliver(2, "Y"));  // the peer counts for itself
  BOOST_TEST(kinds(*peer.link) == "delivered");
  BOOST_TEST(peer.link->in_flight() == 1u);
}

BOOST_AUTO_TEST_CASE(strange_pdus_cost_a_nack) {
  Peer peer;
  peer.bound();
  peer.says(pdu(0x00010203, 0, 8, "FFFF"));         // unknown
  peer.says(pdu(command::kDeliverSm, 0, 9, "01"));  // unreadable
  peer.says(pdu(command::kSubmitSm, 0, 10));        // not for us
  const auto heard = peer.hears();
  BOOST_REQUIRE(heard.size() == 3u);
  BOOST_TEST(heard[0].command == command::kGenericNack);
  BOOST_TEST(heard[0].status == status::kUnknownCommand);
  BOOST_TEST(heard[0].sequence == 8u);
  BOOST_TEST(heard[1].command == 0x80000005);
  BOOST_TEST(heard[1].status == status::kSystemError);
  BOOST_TEST(heard[2].command == command::kGenericNack);
  // A nack with a number of nobody, with 0, an outbind, an alert that is cut.
  peer.says(pdu(command::kGenericNack, 3, 16));
  peer.says(pdu(command::kGenericNack, 3, 0));
  peer.says(pdu(command::kOutbind, 0, 1, "0000"));
  peer.says(pdu(command::kAlertNotification, 0, 1, "03"));
  peer.says(pdu(0x80000005, 0, 1, "3100"));
  BOOST_TEST(peer.hears().empty());
  BOOST_TEST((peer.link->phase() == Phase::bound));
  peer.says(pdu(command::kAlertNotification, 0, 1,
                "0301"
                "343900"
                "0001"
                "313200"));
  BOOST_TEST(kinds(*peer.link) == "alert");
}

BOOST_AUTO_TEST_CASE(a_nack_answers_what_it_names) {
  Peer peer;
  peer.bound();
  peer.submits(7);
  peer.says(pdu(command::kGenericNack, 0, 2));
  const auto event = peer.link->next_event();
  BOOST_REQUIRE(event.has_value());
  BOOST_TEST((event->kind == Kind::answered));
  BOOST_TEST(event->status != status::kOk);
}

BOOST_AUTO_TEST_CASE(a_bad_length_closes) {
  Peer peer;
  peer.bound();
  peer.submits(7);
  peer.hears();
  peer.says(
      hex("7FFFFFFF"
          "00000005"
          "00000000"
          "00000004"));
  BOOST_TEST((peer.link->end() == End::not_smpp));
  const auto heard = peer.hears();
  BOOST_TEST(heard.at(0).command == command::kGenericNack);
  BOOST_TEST(heard.at(0).status == status::kBadCommandLength);
  BOOST_TEST(kinds(*peer.link) == "unanswered:7 closed");
}

BOOST_AUTO_TEST_CASE(what_was_not_written_is_told_apart) {
  Peer peer;
  peer.bound();
  peer.submits(1);
  const std::size_t one = peer.link->output().size();
  peer.submits(2);
  peer.submits(3);
  peer.link->consume(one + 1);  // the first and an octet of the second
  peer.link->connection_lost(peer.now());
  BOOST_TEST(kinds(*peer.link) == "unanswered:1 unanswered:2 unsent:3 closed");
  BOOST_TEST((peer.link->end() == End::by_peer));
}

BOOST_AUTO_TEST_CASE(unbinds_after_the_last_answers) {
  Peer peer;
  peer.bound();
  peer.submits(1);
  peer.says(deliver(5, "Y"));
  peer.hears();
  peer.link->unbind(peer.now());
  BOOST_TEST(peer.link->room() == 0u);
  BOOST_TEST(peer.hears().empty());
  peer.says(pdu(kSubmitAnswer, 0, 2, "3100"));
  BOOST_TEST(peer.hears().empty());
  peer.link->deliver_result(5, 0, peer.now());
  const auto heard = peer.hears();
  BOOST_REQUIRE(heard.size() == 2u);
  BOOST_TEST(heard[1].command == command::kUnbind);
  peer.says(pdu(0x80000006, 0, heard[1].sequence));
  BOOST_TEST((peer.link->end() == End::by_us));
  // One that never answers is waited for, for a while.
  Peer silent;
  silent.bound();
  silent.link->unbind(silent.now());
  silent.passes(5'000);
  BOOST_TEST((silent.link->end() == End::by_us));
}

// What it has still to say comes before our answer, upon which it closes.
BOOST_AUTO_TEST_CASE(the_peers_unbind_is_answered_after_the_last_answers) {
  Peer peer;
  peer.bound();
  peer.submits(1);
  peer.submits(2);
  peer.says(deliver(5, "Y"));
  peer.hears();
  peer.says(pdu(command::kUnbind, 0, 30));
  BOOST_TEST(peer.link->room() == 0u);
  peer.says(pdu(kSubmitAnswer, 0, 2, "3100"));
  peer.says(pdu(kSubmitAnswer, 0, 3, "3200"));
  BOOST_TEST(peer.hears().empty());
  peer.link->deliver_result(5, 0, peer.now());
  const auto heard = peer.hears();
  BOOST_REQUIRE(heard.size() == 2u);
  BOOST_TEST(heard[1].command == 0x80000006);
  BOOST_TEST(heard[1].sequence == 30u);
  BOOST_TEST((peer.link->end() == End::by_peer));
  BOOST_TEST(kinds(*peer.link) == "delivered answered:1 answered:2 closed");
  peer.says(deliver(1, "Y"));  // nothing is heard any more
  BOOST_TEST(kinds(*peer.link) == "");
}

BOOST_AUTO_TEST_CASE(the_peers_unbind_is_answered_in_time) {
  Peer peer;
  peer.bound();
  peer.submits(1);
  peer.hears();
  peer.says(pdu(command::kUnbind, 0, 30));
  peer.passes(4'000);
  peer.says(pdu(command::kUnbind, 0, 31));  // once more: no more time
  BOOST_TEST(peer.hears().empty());
  peer.passes(1'000);
  BOOST_TEST(peer.hears().at(0).command == 0x80000006);
  BOOST_TEST((peer.link->end() == End::by_peer));
  BOOST_TEST(kinds(*peer.link) == "unanswered:1 closed");
  Peer idle;  // nothing is waited for
  idle.bound();
  idle.says(pdu(command::kUnbind, 0, 1));
  BOOST_TEST(idle.hears().at(0).command == 0x80000006);
  BOOST_TEST((idle.link->phase() == Phase::closed));
}

// "Not bound" says it of one; what it says of the others is on its way.
BOOST_AUTO_TEST_CASE(who_is_not_bound_hears_the_other_answers_first) {
  for (const bool silent : {false, true}) {
    Peer peer;
    peer.bound();
    for (std::uint64_t token = 1; token <= 3; ++token) peer.submits(token);
    peer.hears();
    peer.says(pdu(kSubmitAnswer, 4, 2));
    peer.link->rebind(peer.now());
    peer.link->rebind(peer.now());
    BOOST_TEST(peer.link->room() == 0u);
    BOOST_TEST(peer.hears().empty());
    peer.says(pdu(kSubmitAnswer, 0, 3, "3100"));
    BOOST_TEST(kinds(*peer.link) == "answered:1 answered:2");
    if (silent) {
      peer.passes(30'000);
      BOOST_TEST(kinds(*peer.link) == "unanswered:3 closed");
    } else {
      peer.says(pdu(kSubmitAnswer, 4, 4));
      BOOST_TEST(kinds(*peer.link) == "answered:3 closed");
    }
    BOOST_TEST((peer.link->end() == End::rebind));
  }
}

BOOST_AUTO_TEST_CASE(messages_before_the_bind_are_refused) {
  Peer peer;
  peer.hears();
  peer.says(deliver(4, "Y"));
  BOOST_TEST(peer.hears().at(0).status == status::kBadBindState);
}

BOOST_AUTO_TEST_SUITE_END()
