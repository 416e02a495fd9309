#include "vault/care_call.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace vault {

namespace {

constexpr std::size_t kDocumentTail = 4;  // characters of a document's number that are kept

bool plain_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c == '@';
         });
}

// Letters of one case and digits only, other characters of UTF-8 as they are: however somebody has
// spaced it.
base::Secret folded(base::View text) {
  base::Bytes out;
  out.reserve(text.size());  // no copy is left behind
  for (const std::uint8_t c : text) {
    const bool small = c >= 'a' && c <= 'z';
    const bool kept = small || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
    if (kept) out.push_back(small ? static_cast<std::uint8_t>(c - 'a' + 'A') : c);
  }
  return base::Secret(std::move(out));
}

// What is kept of a call must not tell the number that is kept only as a digest.
bool holds_number(const std::string& text, const base::Secret& document_number) {
  constexpr std::size_t kTelling = 4;
  const base::Secret number = folded(document_number.view());
  const base::Secret all = folded(base::as_bytes(text));
  return number.size() >= kTelling &&
         base::as_text(all.view()).find(base::as_text(number.view())) != std::string_view::npos;
}

}  // namespace

std::optional<CareFailure> agent_name_fault(const std::string& name) {
  if (plain_name(name)) return std::nullopt;
  return fail(CareError::bad_call,
              "the agent's name is missing or holds other characters than "
              "letters, digits and . _ - @");
}

std::optional<CareFailure> CareService::reason_fault(const std::string& reason) {
  constexpr std::size_t kShortest = 3;
  const std::size_t size = base::trim(reason).size();
  if (size >= kShortest) return std::nullopt;
  return fail(CareError::bad_call,
              size == 0 ? "a reason must be given"
                        : base::cat("the reason is too short: it is a sentence for your "
                                    "supervisor, of ",
                                    kShortest, " characters at least"));
}

std::optional<CareFailure> agent_fault(const CareCall& call) {
  if (auto fault = agent_name_fault(call.agent)) return fault;
  return CareService::reason_fault(call.reason);
}

std::optional<CareFailure> call_fault(const CareCall& call) {
  if (auto fault = agent_fault(call)) return fault;
  if (call.document_type.empty()) {
    return fail(CareError::bad_call, "the type of the identity document must be given");
  }
  // Four characters are kept: the whole number must have more.
  if (call.document_number.size() <= kDocumentTail) {
    return fail(CareError::bad_call, "the document's number is missing or too short");
  }
  for (const auto& [name, text] :
       {std::pair{"the reason", &call.reason}, {"the kind of document", &call.document_type}}) {
    if (!holds_number(*text, call.document_number)) continue;
    return fail(CareError::bad_call,
                base::cat(name,
                          " holds the document's number, and would be kept in the history: "
                          "write it without"));
  }
  return std::nullopt;
}

namespace {

// A number when it is written as one, else an ICCID in any spelling; digits may be both.
struct Spelled {
  std::vector<Iccid> spellings;
  std::optional<Msisdn> number;
};

bool is_international(const std::string& text) {
  return text.starts_with('+') || text.starts_with("00");
}

Spelled read_who(const std::string& text) {
  Spelled who;
  if (!is_international(text)) who.spellings = iccid_spellings(text);
  if (who.spellings.empty()) who.number = Msisdn::from_text(text);
  return who;
}

// A card that is named as it stands, be it one of before, is meant, and none that another spelling
// of it names: else neither of them could be named, and an order that is repeated would take the
// other's record.
base::Result<std::vector<Record>> look_up(Store& store, const Spelled& who) {
  if (who.spellings.size() > 1) {
    auto literal = store.find_any({who.spellings.front()}, std::nullopt);
    if (!literal || !literal->empty()) return literal;
  }
  return store.find_any(who.spellings, who.number);
}

// Digits that are taken for an ICCID, but are no more than a number has.
bool looks_national(const std::string& text) {
  constexpr std::ptrdiff_t kLongestNumber = 15;
  return !is_international(text) && std::count_if(text.begin(), text.end(), [](unsigned char c) {
                                      return std::isdigit(c) != 0;
                                    }) <= kLongestNumber;
}

}  // namespace

std::string tidy(std::string text) {
  constexpr std::size_t kLongest = 200;
  const bool utf8 = base::valid_utf8(text);
  for (char& c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7F) c = ' ';
    if (!utf8 && octet >= 0x80) c = '?';
  }
  text.resize(base::cut_text(text, kLongest).size());
  return text;
}

CareFailure fail(CareError error, std::string text) { return {error, std::move(text), {}}; }

std::optional<CareFailure> operator_fault(const std::string& name) {
  if (plain_name(name)) return std::nullopt;
  return fail(CareError::bad_call,
              "the operator's name is missing or holds other characters "
              "than letters, digits and . _ - @");
}

std::string detail_of(const Grounds& grounds, const std::string& extra) {
  return (grounds.approval.empty() ? "" : grounds.approval + "; ") +
         tidy(extra + (extra.empty() ? "" : "; ") + "reason: " + grounds.reason) +
         "; document: " + grounds.document_type + " ..." + grounds.document_tail + " (" +
         grounds.document_mac + ")";
}

std::variant<Record, CareFailure> CareService::Call::resolve(const Who& meant) {
  if (meant.customer) return only_of_customer(meant.text);
  const Spelled who = read_who(meant.text);
  if (who.spellings.empty() && !who.number) {
    return fail(CareError::not_found, "neither an ICCID nor a phone number");
  }
  auto found = look_up(service_.store_, who);
  if (!found) return fail(CareError::unavailable, found.error());
  if (found->empty()) {
    return fail(CareError::not_found, looks_national(meant.text)
                                          ? "no record fits; a phone number is written with + and "
                                            "the country code"
                                          : "no record fits");
  }
  if (found->size() > 1) {
    CareFailure failure = fail(CareError::ambiguous, "several records fit");
    for (const Record& record : *found) failure.candidates.push_back(record.iccid.digits());
    return failure;
  }
  return found->front();
}

std::optional<Iccid> former_card(const Who& who, const Record& found) {
  if (who.customer || !found.moved_from) return std::nullopt;
  const std::vector<Iccid> spellings = read_who(who.text).spellings;
  const auto meant = [&](const Iccid& card) {
    return std::find(spellings.begin(), spellings.end(), card) != spellings.end();
  };
  return meant(*found.moved_from) && !meant(found.iccid) ? found.moved_from : std::nullopt;
}

CareFailure moved_on(const Iccid& former, const Record& record, const std::string& instead) {
  CareFailure failure =
      fail(CareError::ambiguous, base::cat("the back-up of card ", former.digits(),
                                           " belongs to card ", record.iccid.digits(), " since ",
                                           base::iso_date(record.moved_at), "; ", instead));
  failure.candidates.push_back(record.iccid.digits());
  return failure;
}

std::variant<Record, CareFailure> CareService::Call::resolve_present(const Who& who) {
  auto target = resolve(who);
  const auto* record = std::get_if<Record>(&target);
  if (record == nullptr) return target;
  const auto former = former_card(who, *record);
  if (former) return moved_on(*former, *record, kNameThatCard);
  return target;
}

std::optional<CareFailure> CareService::Call::run(const Record& target, const std::string& actor,
                                                  const Body& body) {
  return transact(actor, [&](RecordTx& tx) -> std::optional<CareFailure> {
    Record* record = tx.find(target.id);
    if (record == nullptr) return fail(CareError::not_found, "the record has just been removed");
    // Moved since it was looked up: what was said of its card is not meant for the next one.
    if (record->iccid != target.iccid) return moved_on(target.iccid, *record, kNameThatCard);
    return body(tx, *record);
  });
}

std::optional<CareFailure> CareService::Call::transact(const std::string& actor, const Work& work) {
  std::optional<CareFailure> failure;
  const Outcome outcome = service_.store_.update(now_, [&](RecordTx& tx) {
    failure = over_limit(tx, actor)
                  ? fail(CareError::limit, "the agent's calls for today are used up")
                  : work(tx);
    return !failure || failure->noted;
  });
  if (outcome == Outcome::unavailable) {
    return fail(CareError::unavailable,
                "the store has not answered, and may have done it: look with show, then repeat");
  }
  return failure;
}

std::optional<CareFailure> CareService::Call::by_agent(const CareCall& call, const Who& who,
                                                       const Body& body) {
  if (auto fault = call_fault(call)) return fault;
  auto target = resolve_present(who);
  if (auto* failure = std::get_if<CareFailure>(&target)) return *failure;
  return run(std::get<Record>(target), "agent:" + call.agent, body);
}

Grounds CareService::Call::grounds(const CareCall& call) const {
  const base::View number = call.document_number.view();
  const std::size_t kept = std::min(kDocumentTail, number.size());
  return {"agent:" + call.agent,
          tidy(call.reason),
          tidy(call.document_type),
          tidy(std::string(base::as_text(number.last(kept)))),
          service_.keys_.document_mac(call.document_type, number),
          ""};
}

std::string CareService::Call::detail(const CareCall& call, const std::string& extra) const {
  return detail_of(grounds(call), extra);
}

bool CareService::Call::over_limit(RecordTx& tx, const std::string& actor) const {
  const int limit = service_.policy_.agent_daily_limit;
  return limit > 0 && actor.starts_with("agent:") &&
         tx.calls_by_agent_today(actor) >= static_cast<std::uint64_t>(limit);
}

}  // namespace vault
