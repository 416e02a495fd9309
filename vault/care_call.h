// One call of an agent or an operator: find the record, do the thing, note who did it. Private to
// vault: CareService is the door.
#pragma once

#include <functional>
#include <utility>

#include "vault/care_service.h"

namespace vault {

CareFailure fail(CareError error, std::string text);
// The card that the record was moved away from, when that is what it was found by.
std::optional<Iccid> former_card(const Who& who, const Record& found);
// Why what was said of that card is not done to the record; `instead`: what to do.
CareFailure moved_on(const Iccid& former, const Record& record, const std::string& instead);
inline constexpr char kNameThatCard[] = "name that card if it is meant";
// Text that goes into the history: valid UTF-8, no control characters, no unbounded length.
std::string tidy(std::string text);
// What is missing of a call: all of it, without the document, of the name alone.
std::optional<CareFailure> call_fault(const CareCall& call);
std::optional<CareFailure> agent_fault(const CareCall& call);
std::optional<CareFailure> agent_name_fault(const std::string& name);
bool needs_approval(const TwoPerson& policy, CareAction action);

// What is kept of who calls, why, and what the customer has shown.
struct Grounds {
  std::string actor;  // "agent:NAME"
  std::string reason;
  std::string document_type;
  std::string document_tail;  // the last characters of its number
  std::string document_mac;
  std::string approval;  // "request 12345678, approved by agent:li"; empty: none was asked for
};
// For the history.
std::string detail_of(const Grounds& grounds, const std::string& extra);

class CareService::Call {
 public:
  Call(CareService& service, base::Now now) : service_(service), now_(now) {}

  // The one record that is meant. By a card of before only for whoever looks (former_card).
  std::variant<Record, CareFailure> resolve(const Who& who);
  // The same for a call that changes something: a card whose record has moved on is refused.
  std::variant<Record, CareFailure> resolve_present(const Who& who);
  // The records of both cards of an order. One record twice: the order was carried out already, or
  // both cards are the same.
  std::variant<std::pair<Record, Record>, CareFailure> resolve_order(const std::string& old_iccid,
                                                                     const std::string& new_iccid);
  // That one record, when it was moved away from the old card.
  CareResult<Moved> order_again(const Record& target, const std::string& old_iccid,
                                const std::string& actor);
  // All records of a customer, at most `limit`, at least one; or the only one.
  std::variant<std::vector<Record>, CareFailure> of_customer(const std::string& reference,
                                                             std::size_t limit);
  std::variant<Record, CareFailure> only_of_customer(const std::string& reference);
  // What show gives, noted.
  CareResult<CareView> view(const CareCall& call, const Record& target);
  // Runs `body` on the record in one transaction; a failure that it returns undoes everything,
  // unless it is `noted`.
  using Body = std::function<std::optional<CareFailure>(RecordTx&, Record&)>;
  std::optional<CareFailure> run(const Record& target, const std::string& actor, const Body& body);
  // The frame of run: one transaction, undone as there, within the agent's limit.
  using Work = std::function<std::optional<CareFailure>(RecordTx&)>;
  std::optional<CareFailure> transact(const std::string& actor, const Work& work);
  // The frame of every call of an agent: who calls, which record, then `body` in one transaction.
  std::optional<CareFailure> by_agent(const CareCall& call, const Who& who, const Body& body);
  Grounds grounds(const CareCall& call) const;
  std::string detail(const CareCall& call, const std::string& extra) const;

  // Why that call cannot be made without a request; nothing: it can.
  std::optional<CareFailure> approval_missing(CareAction action) const;
  // The calls that may need a second agent (care_actions.cpp): each is a body. `done` is what is
  // told to who has called.
  std::optional<CareFailure> unlock(RecordTx& tx, Record& record, const Grounds& grounds,
                                    bool reset_key, std::optional<Unlocked>& done);
  std::optional<CareFailure> erase(RecordTx& tx, Record& record, const Grounds& grounds,
                                   std::optional<Erased>& done);
  // `from`: only the claim on this card's record; empty: whichever waits.
  std::optional<CareFailure> confirm_move(RecordTx& tx, Record& record, const Grounds& grounds,
                                          const std::string& from, std::optional<Moved>& done);
  std::optional<CareFailure> hand_over(RecordTx& tx, Record& record, const Grounds& grounds,
                                       const std::string& form, std::size_t copy,
                                       std::optional<Exported>& done);
  // The faults that they would meet, without a change (care_actions.cpp).
  std::optional<CareFailure> unlock_fault(const Record& record, bool reset_key) const;
  static CareFailure nothing_to_erase();
  static CareFailure no_claim();
  std::optional<CareFailure> version_of(RecordTx& tx, const Record& record, std::size_t copy,
                                        ImageInfo& image) const;
  // The claim of that card that waits; `from` as of confirm_move.
  std::optional<PendingMove> claim_of(RecordTx& tx, const Record& record,
                                      const std::string& from) const;

  ForeignKeys foreign_keys(RecordTx& tx, const Record& record) const;

  // Requests of them (care_approval.cpp). `request` gets what it is about.
  std::optional<CareFailure> prepare(RecordTx& tx, const Record& record, const Wish& wish,
                                     CareRequest& request) const;
  std::optional<CareFailure> carry_out(RecordTx& tx, Record& record, CareRequest& request,
                                       Approved& done);
  // The request by which that agent may take the record's content; 0: none.
  base::Result<std::uint64_t> approved_export(const RecordId& record,
                                              const std::string& actor) const;
  std::optional<CareFailure> hand_over_approved(RecordTx& tx, std::uint64_t request,
                                                const Grounds& grounds, const std::string& form,
                                                std::size_t copy, std::optional<Exported>& done);

 private:
  void hand_over(RecordTx& tx, Record& record, const Grounds& grounds, const std::string& form,
                 const ImageInfo& image, std::optional<Exported>& done);
  static std::optional<ImageInfo> requested_version(RecordTx& tx, const Record& record,
                                                    const CareRequest& request);
  static CareFailure version_gone();
  bool over_limit(RecordTx& tx, const std::string& actor) const;

  CareService& service_;
  base::Now now_;
};

}  // namespace vault
