// One call in bipvault-cared.
#include <sstream>

#include "cli/care.h"
#include "cli/care_access.h"
#include "cli/cared.h"

namespace cli {

namespace {

constexpr char kProgram[] = "bipvault-care";  // for whom it answers

vault::CareCall call_of(CareRequest& request, const CommandLine& line) {
  vault::CareCall call;
  call.agent = line.get("agent");
  call.reason = line.get("reason");
  call.document_type = line.get("document");
  call.document_number = std::move(request.document_number);
  return call;
}

// Who calls, for the log. What is no name is not told: it could be a line of its own.
std::string name_of(const CommandLine& line, bool by_auditor) {
  const std::string name = line.get(by_auditor ? "operator" : "agent");
  if (name.empty()) return "";
  return ", " + (vault::operator_fault(name) ? "?" : name);  // agents' names are of the same kind
}

}  // namespace

CareAnswer refused(ExitCode code, const std::string& text) {
  return {code, "", base::cat(kProgram, ": ", text, "\n"), {}};
}

CareAnswer serve_request(Tool& service, ::uid_t user, std::string_view text) {
  auto read = read_request(text);
  if (const auto* fault = std::get_if<std::string>(&read)) return refused(kUsage, *fault);
  CareRequest& request = std::get<CareRequest>(read);
  auto found = command_line_of(request, care_program());
  if (const auto* fault = std::get_if<std::string>(&found)) return refused(kUsage, *fault);
  CommandLine& line = std::get<CommandLine>(found);
  const config::CareAccess* access = service.care_access();
  if (access == nullptr) return refused(kBadConfig, "the service's configuration is wrong");
  const auto no = admit(*access, user, line);
  const bool by_auditor = is_auditors_call(request.command);
  service.fail(kDone, base::with_id(base::cat("user ", user, name_of(line, by_auditor), ": ",
                                              request.command, no ? ": refused" : ""),
                                    "care.called"));
  if (no) return refused(kFailed, *no);

  const vault::CareCall call = call_of(request, line);
  for (const char* own : {"config", "clock-file"}) {
    if (service.line().has(own)) line.options[own] = service.line().get(own);
  }
  std::ostringstream out;
  std::ostringstream err;
  CareAnswer answer;
  {
    Tool tool(kProgram, std::move(line), out, err);
    answer.code = carry_out(tool, by_auditor ? nullptr : &call, [&](base::View content) {
      answer.content.assign(content.begin(), content.end());
      return base::Status();
    });
  }
  answer.out = out.str();
  answer.err = err.str();
  if (answer.code == kBadConfig) return refused(kBadConfig, "the service cannot work: see its log");
  return answer;
}

}  // namespace cli
