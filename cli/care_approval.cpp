#include "cli/care_approval.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "cli/care_view.h"
#include "cli/export.h"

namespace cli {

namespace {

using base::cat;
using vault::CareAction;
using vault::CareRequest;
using vault::CareService;
using State = CareRequest::State;

constexpr CareAction kActions[] = {CareAction::unlock, CareAction::hand_over, CareAction::erase,
                                   CareAction::confirm_move};

std::optional<CareService::Wish> wish_of(const Tool& tool, int& code) {
  const std::string& name = tool.line().arguments[0];
  const auto* const action = std::find_if(std::begin(kActions), std::end(kActions),
                                          [&](CareAction a) { return name == name_of(a); });
  CareService::Wish wish;
  if (action == std::end(kActions)) {
    code = tool.fail(kUsage, "CALL must be one of unlock, export, erase, confirm-move");
    return std::nullopt;
  }
  wish.action = *action;
  wish.reset_key = tool.line().has("reset-key");
  wish.form = tool.line().get("format");
  const bool exports = wish.action == CareAction::hand_over;
  if (exports && !export_form_ok(tool, code)) return std::nullopt;
  if (!exports && (tool.line().has("format") || tool.line().has("copy"))) {
    code = tool.fail(kUsage, "--format and --copy belong to export");
    return std::nullopt;
  }
  if (wish.reset_key && wish.action != CareAction::unlock) {
    code = tool.fail(kUsage, "--reset-key belongs to unlock");
    return std::nullopt;
  }
  if (wish.action == CareAction::confirm_move && tool.line().has("customer")) {
    code = tool.fail(kUsage, "confirm-move takes the new card's ICCID");
    return std::nullopt;
  }
  wish.copy = export_copy(tool);
  return wish;
}

std::optional<std::uint64_t> number_of(const Tool& tool, int& code) {
  const auto number = base::parse_integer(tool.line().arguments[0]);
  if (number && *number > 0) return static_cast<std::uint64_t>(*number);
  code = tool.fail(kUsage, "NUMBER must be that of a request, as pending lists them");
  return std::nullopt;
}

const char* state_of(const CareRequest& request, base::Now now) {
  const bool waits = request.state == State::open || request.state == State::approved;
  if (waits && request.expires_at <= now.utc_ms) return "expired";
  switch (request.state) {
    case State::open:
      return "open";
    case State::approved:
      return "approved";
    case State::done:
      return "done";
    case State::rejected:
      break;
  }
  return request.decided_by == request.asked_by ? "withdrawn" : "rejected";
}

JsonObject request_json(const CareService::Requested& asked, base::Now now) {
  const CareRequest& request = asked.request;
  JsonObject out = json_object();
  out.set("request", request.id);
  out.set("call", name_of(request.action));
  if (!request.detail.empty()) out.set("detail", request.detail);
  if (!asked.iccid.empty()) out.set("iccid", asked.iccid);
  out.set("state", state_of(request, now));
  out.set("asked_by", request.asked_by);
  out.set("asked_at", base::iso_date(request.asked_at));
  out.set("expires_at", base::iso_date(request.expires_at));
  out.set("reason", request.reason);
  out.set("document", cat(request.document_type, " ...", request.document_tail));
  if (!request.decided_by.empty()) {
    out.set("decided_by", request.decided_by);
    out.set("decided_at", base::iso_date(request.decided_at));
  }
  if (!request.result.empty()) out.set("result", request.result);
  return out;
}

std::string request_text(const CareService::Requested& asked, base::Now now) {
  const CareRequest& request = asked.request;
  std::string text =
      cat("request ", request.id, ": ", wish_text(request), ", card ",
          asked.iccid.empty() ? "(none any more)" : asked.iccid, "\n  ", state_of(request, now),
          "; asked for by ", request.asked_by, " ", base::iso_date(request.asked_at), ", until ",
          base::iso_date(request.expires_at), "\n  reason: ", request.reason,
          "; document: ", request.document_type, " ...", request.document_tail, "\n");
  if (!request.decided_by.empty()) {
    text += cat("  by ", request.decided_by, " ", base::iso_date(request.decided_at),
                request.result.empty() ? "" : ": ", request.result, "\n");
  }
  return text;
}

int report_requests(const Tool& tool, const std::vector<CareService::Requested>& list) {
  if (tool.json()) {
    JsonObject out = json_object();
    Poco::JSON::Array requests;
    for (const auto& one : list) requests.add(request_json(one, tool.now()));
    out.set("requests", requests);
    tool.print(out);
    return kDone;
  }
  for (const auto& one : list) tool.print(request_text(one, tool.now()));
  if (list.empty()) tool.print("no request waits\n");
  if (list.size() >= CareService::kMostPending) {
    tool.fail(kDone, cat("more than ", list.size(), " requests: the newer ones are left out"));
  }
  return kDone;
}

int report_request(const Tool& tool, const CareService::Requested& asked, const std::string& text) {
  if (tool.json()) {
    tool.print(request_json(asked, tool.now()));
  } else {
    tool.print(text + "\n");
  }
  return kDone;
}

int request(const Tool& tool, CareService& care, const vault::CareCall& call) {
  int code = kDone;
  const auto wish = wish_of(tool, code);
  if (!wish) return code;
  const auto result = care.request(call, who_of(tool.line()), *wish, tool.now());
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  const auto& asked = std::get<CareService::Requested>(result);
  return report_request(
      tool, asked,
      cat("request ", asked.request.id, ": ", wish_text(asked.request), ", card ", asked.iccid,
          "; another agent has to approve it until ", base::iso_date(asked.request.expires_at)));
}

std::string done_text(const CareService::Approved& done) {
  if (done.unlocked) return unlocked_text(*done.unlocked);
  if (done.erased) return erased_text(*done.erased);
  if (done.moved) return moved_text(*done.moved);
  return cat(done.asked.iccid, ": the content can be taken by ", done.asked.request.asked_by,
             ", once, until ", base::iso_date(done.asked.request.expires_at));
}

int approve(const Tool& tool, CareService& care, const vault::CareCall& call,
            std::uint64_t number) {
  const auto result = care.approve(call, number, tool.now());
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  const auto& done = std::get<CareService::Approved>(result);
  return report_request(tool, done.asked, cat("request ", number, " approved. ", done_text(done)));
}

int reject(const Tool& tool, CareService& care, const vault::CareCall& call, std::uint64_t number) {
  const auto result = care.reject(call, number, tool.now());
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  const auto& asked = std::get<CareService::Requested>(result);
  return report_request(tool, asked,
                        cat("request ", number, " ", state_of(asked.request, tool.now())));
}

int pending(const Tool& tool, CareService& care, const vault::CareCall& call,
            std::optional<std::uint64_t> number) {
  const auto result = care.pending(call, number, tool.now());
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    return report_failure(tool, *failure);
  }
  return report_requests(tool, std::get<std::vector<CareService::Requested>>(result));
}

}  // namespace

bool is_approvals_call(const std::string& command) {
  return command == "request" || command == "approve" || command == "reject" ||
         command == "pending";
}

bool approval_options_ok(const Tool& tool, int& code) {
  if (tool.line().command->name == "request") return wish_of(tool, code).has_value();
  return tool.line().arguments.empty() || number_of(tool, code).has_value();
}

int run_approvals_call(const Tool& tool, CareService& care, const vault::CareCall& call) {
  const std::string& name = tool.line().command->name;
  if (name == "request") return request(tool, care, call);
  int code = kDone;
  std::optional<std::uint64_t> number;
  if (!tool.line().arguments.empty()) {
    number = number_of(tool, code);
    if (!number) return code;
  }
  if (name == "pending") return pending(tool, care, call, number);
  return name == "approve" ? approve(tool, care, call, *number) : reject(tool, care, call, *number);
}

}  // namespace cli
