// What bipvault-care and bipvault-cared say to each other over a Unix socket: one request and one
// answer per connection, each one line of JSON. Pure functions, any thread.
//
//   {"version":1,"command":"unlock","options":{"reason":"...","document":"passport"},
//    "arguments":["8986..."],"document_number":"..."}
//   {"version":1,"code":0,"out":"...","err":"","content":"4256..."}
//
// `options` are those of the command line, a switch is "yes". `content` is what export writes, in
// hexadecimal; the file is made by who has asked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "cli/command_line.h"

namespace cli {

inline constexpr std::size_t kLongestRequest = 16 * 1024;  // octets, with the line's end
inline constexpr std::size_t kLongestAnswer = 32 * 1024 * 1024;

struct CareRequest {
  std::string command;
  std::map<std::string, std::string> options;
  std::vector<std::string> arguments;
  base::Secret document_number;
};
struct CareAnswer {
  int code = kUnavailable;
  std::string out;
  std::string err;
  base::Bytes content;
};

// With the line's end. The caller wipes what holds a document's number.
std::string to_line(const CareRequest& request);
std::string to_line(const CareAnswer& answer);
// The string says what is wrong, never with what was read.
std::variant<CareRequest, std::string> read_request(std::string_view line);
std::variant<CareAnswer, std::string> read_answer(std::string_view line);

// As if it had been typed: the command must be there, each option one of its own, the arguments as
// many as it takes. What only the caller's side knows (config, clock-file) is refused.
std::variant<CommandLine, std::string> command_line_of(const CareRequest& request,
                                                       const ProgramSpec& program);

}  // namespace cli
