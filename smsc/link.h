// One SMPP connection as an ESME sees it, from its first octet to its last, without I/O: octets and
// time in; octets, events and a deadline out. A new connection is a new Link. Answers are matched
// by sequence number alone (SMPP 3.4 clause 5.1.4). One thread at a time per object.
//
// Who calls: feed() what comes, send output() and consume() it, look at next_event() after each
// call, and call on_deadline() when deadline() has come.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "smsc/framing.h"
#include "smsc/pdu.h"
#include "smsc/settings.h"

namespace smsc {

enum class Role : std::uint8_t { transceiver, transmitter, receiver };

struct LinkEvent {
  enum class Kind : std::uint8_t {
    bound,
    answered,    // token, status, message_id, command
    expired,     // token: written and not answered in time; its place in the window is free
    late,        // token: the answer to one that had expired
    unanswered,  // token: written, and the link has ended
    unsent,      // token: the link has ended, and nothing of it was written
    delivered,   // sequence, message: to be answered by deliver_result()
    alert,       // alert
    closed,      // last of all; end, status, text
  };
  Kind kind = Kind::closed;
  std::uint64_t token = 0;
  std::uint32_t status = 0;
  std::uint32_t sequence = 0;
  std::string message_id;
  DeliverSm message;
  AlertNotification alert;
  std::string text;  // for the operator
};

class Link {
 public:
  static constexpr std::int64_t kNever = INT64_MAX;

  // leaving: the SMSC wants no more of this link, and what is outstanding is waited for.
  enum class Phase : std::uint8_t { binding, bound, unbinding, leaving, closed };
  enum class End : std::uint8_t {
    none,
    refused,  // the bind was answered with refusal_status()
    bind_timeout,
    no_answer,  // enquire_link, or every submit, was not answered
    not_smpp,   // a length that cannot be
    by_peer,    // unbind, or the connection
    by_us,
    rebind,  // an answer said that we are not bound
    broken,  // a request of ours cannot be built
  };

  // The bind request is in output() from the start; `now` is when the connection was made.
  Link(std::shared_ptr<const Settings> settings, Role role, base::Now now);

  void feed(base::View octets, base::Now now);
  void connection_lost(base::Now now);
  // Places that are free for submit(): 0 unless bound, and for a receiver.
  std::size_t room() const;
  // Into output(), with `token` for the events. Only with room(). Error: a field that does not
  // fit; nothing was sent.
  base::Status submit(const SubmitSm& message, std::uint64_t token, base::Now now);
  // Answers the delivered message of that sequence number.
  void deliver_result(std::uint32_t sequence, std::uint32_t status, base::Now now);
  // No more room; what is outstanding is waited for, then unbind.
  void unbind(base::Now now);
  // An answer said that we are not bound: no more room, and the end when what is outstanding is
  // answered, or its time is over.
  void rebind(base::Now now);
  // Ends at once.
  void close(End end, base::Now now);

  base::View output() const { return base::View(output_).subspan(sent_); }
  void consume(std::size_t octets);
  std::optional<LinkEvent> next_event();
  std::int64_t deadline() const;
  void on_deadline(base::Now now);

  Phase phase() const { return phase_; }
  End end() const { return end_; }
  std::uint32_t refusal_status() const { return refusal_status_; }
  std::size_t in_flight() const { return pending_.size(); }
  std::size_t to_be_answered() const { return deliveries_.size(); }

  struct Counts {
    std::uint64_t odd_pdus = 0;       // something was ignored or repaired
    std::uint64_t nacked = 0;         // unknown or unreadable, said so
    std::uint64_t stray_answers = 0;  // to nothing that we asked
    std::uint64_t late_answers = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Pending {
    std::uint64_t token = 0;
    std::int64_t expires_at = 0;
    std::uint64_t begins_at = 0;  // octet of the connection's output
  };

  void on_frame(const Frame& frame, base::Now now);
  void on_answer(const Frame& frame, base::Now now);
  void on_bind_answer(const Frame& frame, base::Now now);
  void on_submit_answer(const Frame& frame, base::Now now);
  void on_request(const Frame& frame, base::Now now);
  void on_message(const Frame& frame);
  void say(std::uint32_t command, std::uint32_t status, std::uint32_t sequence);
  void nack(const Header& header, std::uint32_t status);
  void expire(base::Now now);
  void enquire(base::Now now);
  void leave(End end, std::int64_t at_most, base::Now now);
  void go_on_ending(base::Now now);
  void end_pending();
  void forget_answered();
  std::uint32_t next_sequence();
  void event(LinkEvent event) { events_.push_back(std::move(event)); }

  std::shared_ptr<const Settings> settings_;
  Role role_;
  Phase phase_ = Phase::binding;
  End end_ = End::none;
  End ends_as_ = End::by_peer;  // what an end of this phase by time or by the connection is
  std::uint32_t refusal_status_ = 0;
  std::string end_text_;
  Framer framer_;
  SubmitPacker packer_;
  base::Bytes output_;
  std::size_t sent_ = 0;
  std::uint64_t consumed_ = 0;  // octets of output ever taken away
  std::deque<LinkEvent> events_;
  std::uint32_t last_sequence_ = 0;
  std::uint32_t bind_sequence_ = 0;
  std::uint32_t enquire_sequence_ = 0;  // 0: none under way
  std::uint32_t unbind_sequence_ = 0;
  std::optional<std::uint32_t> peers_unbind_;  // to be answered last of all
  std::unordered_map<std::uint32_t, Pending> pending_;
  std::deque<std::uint32_t> pending_order_;  // oldest first; its front is in pending_
  std::deque<std::pair<std::uint32_t, std::uint64_t>> expired_;  // sequence, token
  std::map<std::uint32_t, std::uint32_t> deliveries_;  // sequence: command; not answered yet
  std::int64_t phase_deadline_ = kNever;               // of bind, unbind and leaving
  std::int64_t last_heard_ = 0;
  std::int64_t enquire_deadline_ = kNever;
  std::int64_t last_answer_ = 0;  // to a submit
  int expiries_ = 0;              // since then, at different times
  Counts counts_;
};

}  // namespace smsc
