#include "cli/care_view.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <iostream>

#include "cli/progress.h"

namespace cli {

namespace {

using base::cat;

constexpr std::size_t kIccidColumn = 20;

ExitCode code_of(vault::CareError error) {
  switch (error) {
    case vault::CareError::bad_call:
      return kUsage;
    case vault::CareError::not_found:
    case vault::CareError::ambiguous:
      return kNotFound;
    case vault::CareError::limit:
      return kLimit;
    case vault::CareError::unavailable:
      return kUnavailable;
    case vault::CareError::wrong_state:
    case vault::CareError::conflict:
      break;
  }
  return kFailed;
}

}  // namespace

std::string entry_text(const vault::HistoryEntry& entry) {
  return cat(base::iso_date(entry.at), "  ", entry.note.kind, "  ", entry.note.actor,
             entry.note.detail.empty() ? "" : "  ", entry.note.detail);
}

JsonObject entry_json(const vault::HistoryEntry& entry) {
  JsonObject out = json_object();
  out.set("record", base::to_hex(entry.record));
  out.set("seq", entry.seq);
  out.set("at", base::iso_date(entry.at));
  out.set("kind", entry.note.kind);
  out.set("actor", entry.note.actor);
  out.set("detail", entry.note.detail);
  return out;
}

void set_text(JsonObject& out, const char* name, const std::string& value) {
  if (!value.empty()) out.set(name, value);
}

const char* state_name(vault::RecordState state) {
  switch (state) {
    case vault::RecordState::empty:
      return "empty";
    case vault::RecordState::held:
      return "held";
    case vault::RecordState::locked:
      return "locked";
    case vault::RecordState::suspended:
      return "suspended";
  }
  return "";
}

int report_failure(const Tool& tool, const vault::CareFailure& failure) {
  if (tool.json() && !failure.candidates.empty()) {
    JsonObject out = json_object();
    Poco::JSON::Array candidates;
    for (const std::string& iccid : failure.candidates) candidates.add(iccid);
    out.set("candidates", candidates);
    tool.print(out);
  }
  const int code = tool.fail(code_of(failure.error), failure.text);
  if (!tool.json()) {
    for (const std::string& iccid : failure.candidates) tool.err() << "  " << iccid << "\n";
  }
  return code;
}

std::optional<int> operator_refused(const Tool& tool) {
  const auto fault = vault::operator_fault(operator_name(tool));
  if (!fault) return std::nullopt;
  return report_failure(tool, *fault);
}

std::string unlocked_text(const vault::CareService::Unlocked& done) {
  std::string text = cat(done.iccid.digits(), done.was_locked ? " unlocked" : ": attempts reset");
  if (done.key_reset) {
    text += cat("; the card's next session until ", base::iso_date(done.reset_until),
                " is given a new key. Ask the customer to back up or to restore now.");
  }
  if (done.foreign_reset) text += "; it may give three keys for another card's record again";
  if (done.claim_barred_until != 0) {
    text += cat("; no key is tried for the record that it claims until ",
                base::iso_date(done.claim_barred_until), ": confirm-move, or an order, moves it");
  }
  return text;
}

std::string moved_text(const vault::CareService::Moved& done) {
  return cat(done.how, ": ", done.old_iccid.digits(), " -> ", done.new_iccid.digits());
}

int report_unlocked(const Tool& tool, const vault::CareService::Unlocked& done) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("iccid", done.iccid.digits());
    out.set("was_locked", done.was_locked);
    out.set("key_reset", done.key_reset);
    if (done.foreign_reset) out.set("foreign_reset", true);
    if (done.claim_barred_until != 0) {
      out.set("claim_barred_until", base::iso_date(done.claim_barred_until));
    }
    set_text(out, "reset_until", done.key_reset ? base::iso_date(done.reset_until) : "");
    tool.print(out);
    return kDone;
  }
  tool.print(unlocked_text(done) + "\n");
  return kDone;
}

int report_reminders(const Tool& tool, const vault::CareService::Reminders& done) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("iccid", done.iccid.digits());
    out.set("reminders", done.on);
    tool.print(out);
  } else {
    tool.print(cat("reminders ", done.on ? "on" : "off", ": ", done.iccid.digits(), "\n"));
  }
  return kDone;
}

int report_moved(const Tool& tool, const vault::CareResult<vault::CareService::Moved>& result) {
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  const auto& moved = std::get<vault::CareService::Moved>(result);
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("old_iccid", moved.old_iccid.digits());
    out.set("new_iccid", moved.new_iccid.digits());
    out.set("how", moved.how);
    tool.print(out);
  } else {
    tool.print(moved_text(moved) + "\n");
  }
  return kDone;
}

int report_ended(const Tool& tool, bool ended,
                 const vault::CareResult<vault::CareService::Ended>& result) {
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  const auto& done = std::get<vault::CareService::Ended>(result);
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("iccid", done.iccid.digits());
    out.set("ended", ended);
    out.set("changed", done.changed);
    tool.print(out);
  } else {
    tool.print(cat(done.iccid.digits(), ended ? " is out of use" : " is in use",
                   done.changed ? "\n" : ", as before\n"));
  }
  return kDone;
}

int report_history(const Tool& tool, const std::vector<vault::HistoryEntry>& entries,
                   const RecordCards& cards) {
  const auto card_of = [&](const vault::HistoryEntry& entry) {
    const auto found = cards.find(entry.record);
    return found == cards.end() ? std::string() : found->second;
  };
  if (tool.json()) {
    JsonObject out = json_object();
    Poco::JSON::Array list;
    for (const vault::HistoryEntry& entry : entries) {
      JsonObject item = entry_json(entry);
      set_text(item, "iccid", card_of(entry));
      list.add(item);
    }
    out.set("history", list);
    tool.print(out);
    return kDone;
  }
  std::string text;
  for (const vault::HistoryEntry& entry : entries) {
    std::string card = card_of(entry);
    if (entry.record == vault::kOwnHistory) card = "(no card)";
    // Ids of records that were imported together differ at their ends only.
    if (card.empty()) card = "record " + base::to_hex(base::View(entry.record).last(5));
    card.resize(std::max(card.size(), kIccidColumn), ' ');
    text += cat(card, "  ", entry_text(entry), "\n");
  }
  tool.print(text);
  if (entries.empty()) tool.fail(kDone, "no entry of the history fits");
  return kDone;
}

int report_audit(const Tool& tool, const std::vector<vault::AuditFault>& faults) {
  if (tool.json()) {
    JsonObject out = json_object();
    Poco::JSON::Array list;
    for (const vault::AuditFault& fault : faults) {
      JsonObject item = json_object();
      item.set("record", base::to_hex(fault.record));
      set_text(item, "iccid", fault.iccid);
      item.set("seq", fault.seq);
      item.set("what", fault.what);
      list.add(item);
    }
    out.set("faults", list);
    tool.print(out);
  } else {
    for (const vault::AuditFault& fault : faults) {
      const bool own = fault.record == vault::kOwnHistory;
      const std::string record = own ? "the vault's own history" : base::to_hex(fault.record);
      tool.print(cat(own ? "" : "record ", record, fault.iccid.empty() ? "" : " of card ",
                     fault.iccid, fault.seq == 0 ? "" : cat(", entry ", fault.seq), ": ",
                     fault.what, "\n"));
    }
    if (faults.empty()) tool.print("the history is whole\n");
  }
  return faults.empty() ? kDone : kFailed;
}

}  // namespace cli
