// Customer care and provisioning as users of the vault. Every call names who, why and (care) the
// document shown; nothing is done without a history entry in the same transaction. One thread at
// a time per object, each with its own Store.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/secret.h"
#include "vault/care_request.h"
#include "vault/policy.h"
#include "vault/ports.h"
#include "vault/sms_ports.h"

namespace vault {

// Who calls, and what the customer showed. The document's number is kept only as HMAC and its
// last four characters.
struct CareCall {
  std::string agent;
  std::string reason;
  std::string document_type;
  base::Secret document_number;
};

// Which record is meant: an ICCID in any spelling or a phone number ("+..."); or the one record of
// a customer, by the operator's reference exactly as import has told it.
struct Who {
  Who() = default;
  Who(std::string card_or_number) : text(std::move(card_or_number)) {}  // NOLINT: what it mostly is
  Who(const char* card_or_number) : text(card_or_number) {}             // NOLINT
  static Who of_customer(std::string reference) {
    Who who(std::move(reference));
    who.customer = true;
    return who;
  }
  std::string text;
  bool customer = false;
};

enum class CareError {
  bad_call,  // agent, reason or document missing
  not_found,
  ambiguous,    // several records fit what was typed, or one that has moved on to another card:
                // `candidates`
  wrong_state,  // nothing to unlock, no pending move, ...
  limit,        // agent_daily_limit reached
  conflict,
  unavailable,
};

struct CareFailure {
  CareError error = CareError::unavailable;
  std::string text;                     // one line for the agent
  std::vector<std::string> candidates;  // ICCIDs
  bool noted = false;                   // it stands in the history: kept, and counted as a call
};

// What is wrong with the name of an operator, who stands in the history; nothing: it will do.
std::optional<CareFailure> operator_fault(const std::string& name);

// Keys that were given for another card's record. They cost no attempt of a card's own.
struct ForeignKeys {
  int given = 0;         // wrong ones by this card, until customer care resets them
  int left = kAttempts;  // of this card; none: no key that it gives for another record is tried
  int taken = 0;         // wrong ones by other cards for this record
  std::int64_t taken_until = 0;         // when those are forgotten; 0: there are none
  std::int64_t claim_barred_until = 0;  // no key is tried for the record that this card claims
  bool any() const { return given > 0 || taken > 0 || claim_barred_until != 0; }
};

// What an agent may see: never content, never a key.
struct CareView {
  Record record;  // key_mac and history_mac are zeroed
  RecordState state = RecordState::empty;
  int attempts_left = 0;
  std::vector<ImageInfo> versions;
  std::vector<PendingMove> moves;
  std::vector<HistoryEntry> history;  // oldest first; of a very long one the newest entries
  std::string advice;                 // what to tell the customer
  Reminder reminder;
  std::optional<WakeUpRow> wake_up;  // of the card, if it was ever to be woken
  // The card that was asked for, when the record has moved on from it (Record::moved_at).
  std::optional<Iccid> former_card;
  ForeignKeys foreign;
};

template <class T>
using CareResult = std::variant<T, CareFailure>;

class CareService {
 public:
  CareService(const Policy& policy, const KeyRing& keys, Store& store, base::Log& log);

  // What is wrong with a call's reason, for whoever asks for the rest of the call.
  static std::optional<CareFailure> reason_fault(const std::string& reason);

  // Looking is an entry, too.
  CareResult<CareView> show(const CareCall& call, const Who& who, base::Now now);

  // Of a customer with several cards a line for each, by ICCID, kMostListed at most; one call, with
  // an entry in the history of each card.
  struct CustomerCard {
    Iccid iccid;
    std::optional<Msisdn> number;  // as provisioned
    RecordState state = RecordState::empty;
    bool ended = false;  // out of use, says provisioning
    std::int64_t updated_at = 0;
  };
  struct CustomerCards {
    std::vector<CustomerCard> cards;
    bool more = false;  // than are listed
  };
  static constexpr std::size_t kMostListed = 50;
  using Shown = std::variant<CareView, CustomerCards, CareFailure>;
  Shown show_customer(const CareCall& call, const std::string& reference, base::Now now);

  struct Unlocked {
    Iccid iccid;
    bool was_locked = false;
    bool key_reset = false;
    std::int64_t reset_until = 0;
    bool foreign_reset = false;           // the card may give keys for another card's record again
    std::int64_t claim_barred_until = 0;  // as in ForeignKeys
  };
  CareResult<Unlocked> unlock(const CareCall& call, const Who& who, bool reset_key, base::Now now);

  struct Moved {
    Iccid old_iccid;
    Iccid new_iccid;
    std::string how;  // "moved", "merged", "rejected", "moved before"
  };
  CareResult<Moved> confirm_move(const CareCall& call, const std::string& new_iccid, base::Now now);
  CareResult<Moved> reject_move(const CareCall& call, const std::string& new_iccid, base::Now now);

  // No reminders, or reminders again; the subscriber does the same by STOP and START.
  struct Reminders {
    Iccid iccid;
    bool on = false;
  };
  CareResult<Reminders> opt_out(const CareCall& call, const Who& who, base::Now now);
  CareResult<Reminders> opt_in(const CareCall& call, const Who& who, base::Now now);

  // The content itself, for the customer at the counter; also of a locked or suspended record.
  // Given out only with its entry in the history; what cannot be read is `unavailable`, and nothing
  // noted.
  struct Exported {
    Iccid iccid;
    ImageInfo image;
    base::Secret content;  // as the card has sent it (docs/protocol.md "Image")
  };
  // `form` is what it will be made into, for the history; `copy` counts the stored versions as show
  // lists them, 0 the newest.
  CareResult<Exported> export_content(const CareCall& call, const Who& who, const std::string& form,
                                      std::size_t copy, base::Now now);

  // The service has ended for this card: it is answered `suspended`, its data are kept for
  // Policy::retention; or it is on again.
  struct Service {
    Iccid iccid;
    bool suspended = false;
    std::int64_t kept_until = 0;  // of a suspended one
  };
  CareResult<Service> suspend(const CareCall& call, const Who& who, base::Now now);
  CareResult<Service> resume(const CareCall& call, const Who& who, base::Now now);

  // Content, numbers, customer and reminder gone for good; the card starts anew, or stays
  // suspended. What messages have told to the subscriber's number goes with [reminder]
  // keep_messages.
  struct Erased {
    Iccid iccid;
    std::uint64_t versions = 0;
    std::uint64_t octets = 0;
    std::string receipt;  // one line (vault/erasure.h)
  };
  CareResult<Erased> erase(const CareCall& call, const Who& who, base::Now now);
  // Is that the receipt of an erasure that the history knows, and is nothing of it left? Checking
  // is an entry in the vault's own history. A line that this audit key has not made is a bad_call.
  struct ReceiptCheck {
    Iccid iccid;
    std::int64_t at = 0;
    std::uint64_t versions = 0;
    std::uint64_t octets = 0;
    std::string actor;  // who has erased
    std::string fault;  // empty: it holds
  };
  CareResult<ReceiptCheck> check_receipt(const std::string& operator_name, const std::string& line,
                                         base::Now now);

  // With Policy::two_person, what it names is refused unless another agent has approved it: one
  // requests, another approves, and by that it is done, once, if the record is still as it was. An
  // approved export is taken by who has asked, by export_content. All of it is in the record's
  // history; care_approval.cpp.
  struct Wish {
    CareAction action = CareAction::unlock;
    bool reset_key = false;  // unlock
    std::string form;        // hand_over, as of export_content
    std::size_t copy = 0;
  };
  struct Requested {
    CareRequest request;
    std::string iccid;  // of the card that the record belongs to now; empty: it is gone
  };
  CareResult<Requested> request(const CareCall& call, const Who& who, const Wish& wish,
                                base::Now now);
  // What has been done; of an export nothing yet.
  struct Approved {
    Requested asked;
    std::optional<Unlocked> unlocked;
    std::optional<Moved> moved;
    std::optional<Erased> erased;
  };
  // Of another agent, who must name the same document; others are noted, and the third ends it.
  CareResult<Approved> approve(const CareCall& call, std::uint64_t request, base::Now now);
  // Ends a request: who has asked withdraws it, anybody else rejects it. Needs no document.
  CareResult<Requested> reject(const CareCall& call, std::uint64_t request, base::Now now);
  // All that wait, oldest first, at most kMostPending; or one, also when it is over. Needs the
  // agent only; an entry in the vault's own history.
  static constexpr std::size_t kMostPending = 200;
  CareResult<std::vector<Requested>> pending(const CareCall& call,
                                             std::optional<std::uint64_t> request, base::Now now);

  // Provisioning's order: the customer's card was changed. Needs no document; actor "ops:NAME".
  CareResult<Moved> swap(const std::string& operator_name, const std::string& old_iccid,
                         const std::string& new_iccid, base::Now now);

  // Provisioning's word that a card is out of use (or, `ended` false, in use after all): then a
  // change to a card of the same customer needs no key. `card` is an ICCID in any spelling; a
  // record that has moved on is not meant by its old card's number.
  struct Ended {
    Iccid iccid;
    bool changed = false;  // false: it was so already
  };
  CareResult<Ended> set_ended(const std::string& operator_name, const std::string& card, bool ended,
                              base::Now now);

  // Operations want a card woken: a request that an instance fulfils (vault/outbox.h), which notes
  // who has asked.
  struct Asked {
    Iccid iccid;
    std::uint64_t request = 0;
  };
  CareResult<Asked> wake(const std::string& operator_name, const std::string& who,
                         WakeReason reason, base::Now now);

  struct AuditQuery {
    std::optional<Who> who;           // nothing: all
    std::string agent;                // empty: all
    std::optional<std::int64_t> day;  // any moment of a UTC day
  };
  // Reading the history is an entry, too: in the record that was asked for, else in the vault's own
  // history. Nothing is given when it cannot be written.
  CareResult<std::vector<HistoryEntry>> audit(const std::string& operator_name,
                                              const AuditQuery& query, base::Now now);
  // That somebody has verified the history, and with what result. Nothing: noted.
  std::optional<CareFailure> note_verified(const std::string& operator_name, std::size_t faults,
                                           base::Now now);

 private:
  class Call;

  CareResult<Reminders> set_reminders(const CareCall& call, const Who& who, bool on, base::Now now);
  CareResult<Service> set_suspended(const CareCall& call, const Who& who, bool suspended,
                                    base::Now now);
  CareResult<CustomerCards> list(const CareCall& call, const std::string& reference,
                                 std::vector<Record> records, base::Now now);
  std::optional<CareFailure> note_own(const HistoryNote& note, base::Now now);

  Policy policy_;
  const KeyRing& keys_;
  Store& store_;
  base::Log& log_;
};

}  // namespace vault
