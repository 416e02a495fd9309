#include "cli/care.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "cli/care_access.h"
#include "cli/care_approval.h"
#include "cli/care_client.h"
#include "cli/care_intent.h"
#include "cli/care_view.h"
#include "cli/export.h"
#include "cli/terminal.h"
#include "vault/sealed_head.h"

namespace cli {

namespace {

bool names_somebody(const CommandLine& line) {
  return line.has("customer") || !line.arguments.empty();
}

// The option, or the answer on a terminal. Empty: neither.
std::string option_or_answer(const Tool& tool, const char* option, const char* question) {
  std::string value = tool.line().get(option);
  if (!value.empty() || !interactive()) return value;
  return ask(question).value_or("");
}

bool takes(const Tool& tool, const std::string& option) {
  const std::vector<OptionSpec>& options = tool.line().command->options;
  return std::any_of(options.begin(), options.end(),
                     [&](const OptionSpec& spec) { return spec.name == option; });
}

// Who calls and why, as far as the command takes it. Nothing: refused, and `code` says how.
// `known`: the service knows the agent by the user who calls.
std::optional<vault::CareCall> care_call(const Tool& tool, bool known, int& code) {
  vault::CareCall call;
  tell_what_happens(tool.line());
  const std::tuple<const char*, const char*, std::string*> texts[] = {
      {"agent", "Agent", &call.agent},
      {"reason", "Reason", &call.reason},
      {"document", "Kind of identity document", &call.document_type}};
  for (const auto& [option, question, place] : texts) {
    if (!takes(tool, option)) continue;
    if (known && place == &call.agent && !tool.line().has(option)) continue;
    *place = option_or_answer(tool, option, question);
    if (base::trim(*place).empty() || !base::valid_utf8(*place)) {
      code = tool.fail(kUsage, base::cat("--", option, " is missing or not readable"));
      return std::nullopt;
    }
    if (place != &call.reason) continue;
    // Before the document's number: nobody types it for nothing.
    if (const auto fault = vault::CareService::reason_fault(call.reason)) {
      code = report_failure(tool, *fault);
      return std::nullopt;
    }
  }
  if (!takes(tool, "document")) return call;
  auto number = ask_secret("Number of the document");
  if (!number || number->empty()) {
    code = tool.fail(kUsage,
                     "the document's number is missing: it is asked for on a terminal, or "
                     "read from the first line of standard input");
    return std::nullopt;
  }
  call.document_number = std::move(*number);
  return call;
}

template <class T>
int report(const Tool& tool, const vault::CareResult<T>& result,
           int (*good)(const Tool&, const T&)) {
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  return good(tool, std::get<T>(result));
}

// Which card each record belongs to now; a record that is gone has none.
RecordCards cards_of(vault::Store& store, const std::vector<vault::HistoryEntry>& entries,
                     base::Now now) {
  RecordCards cards;
  store.update(now, [&](vault::RecordTx& tx) {
    for (const vault::HistoryEntry& entry : entries) {
      if (cards.contains(entry.record)) continue;
      const vault::Record* record = tx.find(entry.record);
      cards[entry.record] = record == nullptr ? "" : record->iccid.digits();
    }
    return false;  // only looked at
  });
  return cards;
}

int audit(Tool& tool, vault::CareService& care, vault::Store& store) {
  vault::CareService::AuditQuery query;
  if (names_somebody(tool.line())) query.who = who_of(tool.line());
  query.agent = tool.line().get("agent");
  if (tool.line().has("day")) {
    query.day = parse_day(tool.line().get("day"));
    if (!query.day) return tool.fail(kUsage, "--day must be a date such as 2026-11-24");
  }
  auto found = care.audit(operator_name(tool), query, tool.now());
  if (const auto* failure = std::get_if<vault::CareFailure>(&found)) {
    return report_failure(tool, *failure);
  }
  auto& entries = std::get<std::vector<vault::HistoryEntry>>(found);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  if (entries.size() >= vault::HistoryQuery{}.limit) {
    tool.fail(kDone, base::cat("more than ", entries.size(),
                               " entries: the rest is left out; narrow it by card, agent or day"));
  }
  return report_history(tool, entries, cards_of(store, entries, tool.now()));
}

// Is the history up to the moment of that line still what it was then?
int compare_with(const Tool& tool, vault::Store& store, const vault::HeadSum& sealed,
                 std::vector<vault::AuditFault>& faults) {
  vault::HeadSummer now;
  for (bool there = false; !there;) {
    const auto step = now.advance(store, sealed.until);
    if (!step) return tool.fail(kUnavailable, step.error());
    there = *step;
  }
  if (now.sum() != sealed) {
    faults.push_back(
        {vault::kOwnHistory, "", 0,
         base::cat("not the history of the sealed head of ", base::iso_date(sealed.until), ": ",
                   now.sum().entries, " entries instead of ", sealed.entries,
                   now.sum().entries == sealed.entries ? ", or others" : "")});
  }
  return kDone;
}

int verify(Tool& tool, vault::CareService& care, vault::Store& store) {
  std::optional<vault::HeadSum> sealed;
  if (tool.line().has("sealed-head")) {
    const std::string line = tool.line().get("sealed-head");
    if (!vault::names_sealed(line)) {
      return tool.fail(kUsage,
                       "--sealed-head: there is no sealed head in what was given: a line of the "
                       "plugin's log has one, with the words 'sealed history head'");
    }
    sealed = vault::read_sealed(tool.keys(), line);
    if (!sealed) {
      return tool.fail(kUsage,
                       "--sealed-head holds no sealed head that was made with this audit "
                       "key");
    }
  }
  auto faults = vault::verify_audit(store, tool.keys());
  if (!faults) return tool.fail(kUnavailable, faults.error());
  if (sealed) {
    const int code = compare_with(tool, store, *sealed, *faults);
    if (code != kDone) return code;
  }
  const int code = report_audit(tool, *faults);
  const auto unnoted = care.note_verified(operator_name(tool), faults->size(), tool.now());
  return unnoted ? report_failure(tool, *unnoted) : code;
}

// A line may come as one argument or as many.
std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

int check_receipt(Tool& tool, vault::CareService& care) {
  return report(tool,
                care.check_receipt(operator_name(tool), joined(tool.line().arguments), tool.now()),
                report_receipt);
}

// Whoever sits at a terminal says once more that he means it.
bool erase_meant(const Tool& tool) {
  const std::string question = base::cat("Erase everything that is stored for ",
                                         who_text(tool.line()), ", for good? Type yes");
  return ask(question) == "yes";
}

// He sees what it is that he approves. False: `code` says why not.
bool approval_meant(const Tool& tool, const vault::CareCall& call, int& code) {
  CommandLine line = tool.line();
  const auto& commands = care_program().commands;
  const auto pending = std::find_if(commands.begin(), commands.end(),
                                    [](const CommandSpec& c) { return c.name == "pending"; });
  line.command = &*pending;
  for (const char* option : {"reason", "document", "json"}) line.options.erase(option);
  if (!call.agent.empty()) line.options["agent"] = call.agent;
  Tool look(care_program().name, std::move(line));
  code = run_care(look);
  if (code != kDone) return false;
  if (ask("Approve it? Type yes") == "yes") return true;
  code = tool.fail(kFailed, "nothing was approved");
  return false;
}

int show(const Tool& tool, vault::CareService& care, const vault::CareCall& call,
         const vault::Who& who) {
  if (!who.customer) return report(tool, care.show(call, who, tool.now()), report_view);
  const auto shown = care.show_customer(call, who.text, tool.now());
  if (const auto* view = std::get_if<vault::CareView>(&shown)) return report_view(tool, *view);
  if (const auto* cards = std::get_if<vault::CareService::CustomerCards>(&shown)) {
    return report_cards(tool, who.text, *cards);
  }
  return report_failure(tool, std::get<vault::CareFailure>(shown));
}

// The calls of agents.
int by_agent(const Tool& tool, vault::CareService& care, const vault::CareCall& call,
             const ContentSink& sink) {
  const std::string& name = tool.line().command->name;
  if (is_approvals_call(name)) return run_approvals_call(tool, care, call);
  const vault::Who who = who_of(tool.line());
  const base::Now now = tool.now();
  if (name == "show") return show(tool, care, call, who);
  if (name == "unlock") {
    return report(tool, care.unlock(call, who, tool.line().has("reset-key"), now), report_unlocked);
  }
  if (name == "opt-out") return report(tool, care.opt_out(call, who, now), report_reminders);
  if (name == "opt-in") return report(tool, care.opt_in(call, who, now), report_reminders);
  if (name == "suspend") return report(tool, care.suspend(call, who, now), report_service);
  if (name == "resume") return report(tool, care.resume(call, who, now), report_service);
  if (name == "erase") return report(tool, care.erase(call, who, now), report_erased);
  if (name == "export") return run_export(tool, care, call, sink);
  if (name == "confirm-move") return report_moved(tool, care.confirm_move(call, who.text, now));
  return report_moved(tool, care.reject_move(call, who.text, now));
}

}  // namespace

std::optional<std::int64_t> parse_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9')) return std::nullopt;
  }
  const auto number = [&](std::size_t first, std::size_t size) {
    return static_cast<int>(*base::parse_integer(text.substr(first, size)));
  };
  const base::Civil day{number(0, 4), number(5, 2), number(8, 2)};
  const std::chrono::year_month_day date{std::chrono::year{day.year},
                                         std::chrono::month{static_cast<unsigned>(day.month)},
                                         std::chrono::day{static_cast<unsigned>(day.day)}};
  if (!date.ok() || day.year < 1970) return std::nullopt;
  return base::from_civil(day);
}

vault::Who who_of(const CommandLine& line) {
  if (line.has("customer")) {
    return vault::Who::of_customer(std::string(base::trim(line.get("customer"))));
  }
  return line.arguments.back();
}

std::string who_text(const CommandLine& line) {
  const vault::Who who = who_of(line);
  return (who.customer ? "customer " : "") + who.text;
}

int carry_out(Tool& tool, const vault::CareCall* call, const ContentSink& sink) {
  const std::string& name = tool.line().command->name;
  vault::Store* store = tool.store();
  if (store == nullptr) return tool.code();
  vault::CareService care(tool.config(false)->vault, tool.keys(), *store, tool.log());
  if (name == "audit verify") return verify(tool, care, *store);
  if (name == "audit") return audit(tool, care, *store);
  if (name == "erase verify") return check_receipt(tool, care);
  return by_agent(tool, care, *call, sink);
}

int run_care(Tool& tool) {
  const std::string& name = tool.line().command->name;
  const config::CareAccess* access = tool.care_access();
  if (access == nullptr) return tool.code();
  const bool service = !access->socket.empty();
  int code = kDone;
  // The configuration first: nobody types a number for nothing.
  if (!service && tool.config(false) == nullptr) return tool.code();
  if (name == "export" && !export_options_ok(tool, code)) return code;
  if (is_approvals_call(name) && !approval_options_ok(tool, code)) return code;
  std::optional<vault::CareCall> call;
  if (!is_auditors_call(name)) {
    call = care_call(tool, service, code);
    if (!call) return code;
  }
  if (interactive()) {
    if (name == "erase" && !erase_meant(tool)) return tool.fail(kFailed, "nothing was erased");
    if (name == "approve" && !approval_meant(tool, *call, code)) return code;
  }
  // The file first: nothing is taken from the vault for a place where it cannot go.
  std::optional<ExportFile> file;
  if (name == "export") {
    file.emplace(tool.line().get("output"));
    if (const base::Status made = file->made(); !made) return tool.fail(kFailed, made.error());
  }
  const ContentSink sink = [&](base::View content) {
    const base::Status written = file->write(content);
    return written ? file->keep() : written;
  };
  const vault::CareCall* by = call ? &*call : nullptr;
  return service ? ask_service(tool, *access, by, sink) : carry_out(tool, by, sink);
}

}  // namespace cli
