#include "cli/care_client.h"

#include "cli/care_protocol.h"
#include "cli/line_socket.h"

namespace cli {

namespace {

CareRequest request_of(const Tool& tool, const vault::CareCall* call) {
  CareRequest request;
  request.command = tool.line().command->name;
  request.options = tool.line().options;
  request.arguments = tool.line().arguments;
  for (const char* own : {"config", "clock-file"}) request.options.erase(own);
  // Where the file is, is this side's business.
  const auto output = request.options.find("output");
  if (output != request.options.end() && output->second != "-") output->second = "file";
  if (call == nullptr) return request;
  // Not every command takes all of them.
  for (const auto& [option, value] : {std::pair{"agent", &call->agent},
                                      {"reason", &call->reason},
                                      {"document", &call->document_type}}) {
    if (!value->empty()) request.options[option] = *value;
  }
  request.document_number = call->document_number.clone();
  return request;
}

}  // namespace

int ask_service(const Tool& tool, const config::CareAccess& access, const vault::CareCall* call,
                const ContentSink& sink) {
  const auto socket = LineSocket::connect(access.socket);
  if (!socket) {
    return tool.fail(kUnavailable, base::cat("the care service cannot be reached: ", socket.error(),
                                             "; nothing was done"));
  }
  std::string line = to_line(request_of(tool, call));
  const base::Status sent = socket->write(line, access.request_timeout);
  base::wipe(line.data(), line.size());
  // A service that refuses may have closed its side already: its answer says more.
  const auto answered =
      socket->read_line(kLongestAnswer, access.call_timeout + 2 * access.request_timeout);
  if (!answered) {
    return tool.fail(kUnavailable, base::cat("the care service did not answer: ",
                                             sent ? answered.error() : sent.error(),
                                             "; it may have been done: look with show"));
  }
  const auto read = read_answer(*answered);
  if (const auto* fault = std::get_if<std::string>(&read)) {
    return tool.fail(kUnavailable, base::cat("the care service: ", *fault));
  }
  const CareAnswer& answer = std::get<CareAnswer>(read);
  if (answer.code == kDone && tool.line().command->name == "export") {
    if (const base::Status kept = sink(answer.content); !kept) {
      return tool.fail(kFailed, kept.error());
    }
  }
  tool.out() << answer.out << std::flush;
  tool.err() << answer.err << std::flush;
  return answer.code;
}

}  // namespace cli
