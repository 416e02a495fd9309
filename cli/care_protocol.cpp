#include "cli/care_protocol.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"

namespace cli {

namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr int kVersion = 1;
constexpr std::size_t kDeepest = 4;

std::string line_of(const Object& object) {
  std::ostringstream out;
  object.stringify(out);
  return out.str() + "\n";
}

// Throws what Poco throws.
Object::Ptr object_of(std::string_view line, std::size_t longest) {
  if (line.size() > longest) throw Poco::DataException("too long");
  if (!base::valid_utf8(line)) throw Poco::DataException("no UTF-8");
  Poco::JSON::Parser parser;
  parser.setDepth(kDeepest);
  const auto object = parser.parse(std::string(line)).extract<Object::Ptr>();
  if (object->getValue<int>("version") != kVersion) throw Poco::DataException("another version");
  return object;
}

std::string text(const Object& object, const std::string& name) {
  const Poco::Dynamic::Var value = object.get(name);
  if (!value.isString()) throw Poco::DataException("not a text");
  return value.extract<std::string>();
}

bool has_option(const std::vector<OptionSpec>& options, const std::string& name) {
  return std::any_of(options.begin(), options.end(),
                     [&](const OptionSpec& option) { return option.name == name; });
}

}  // namespace

std::string to_line(const CareRequest& request) {
  Object options(Poco::JSON_PRESERVE_KEY_ORDER);
  for (const auto& [name, value] : request.options) options.set(name, value);
  Array arguments;
  for (const std::string& argument : request.arguments) arguments.add(argument);
  Object out(Poco::JSON_PRESERVE_KEY_ORDER);
  out.set("version", kVersion);
  out.set("command", request.command);
  out.set("options", options);
  out.set("arguments", arguments);
  out.set("document_number", std::string(base::as_text(request.document_number.view())));
  return line_of(out);
}

std::string to_line(const CareAnswer& answer) {
  Object out(Poco::JSON_PRESERVE_KEY_ORDER);
  out.set("version", kVersion);
  out.set("code", answer.code);
  out.set("out", answer.out);
  out.set("err", answer.err);
  if (!answer.content.empty()) out.set("content", base::to_hex(answer.content));
  return line_of(out);
}

std::variant<CareRequest, std::string> read_request(std::string_view line) {
  try {
    const Object::Ptr object = object_of(line, kLongestRequest);
    CareRequest request;
    request.command = text(*object, "command");
    const Object::Ptr options = object->getObject("options");
    const Array::Ptr arguments = object->getArray("arguments");
    if (options.isNull() || arguments.isNull()) return "a request without its parts";
    for (const auto& [name, value] : *options) request.options[name] = text(*options, name);
    for (const Poco::Dynamic::Var& value : *arguments) {
      if (!value.isString()) return "an argument that is no text";
      request.arguments.push_back(value.extract<std::string>());
    }
    std::string number = text(*object, "document_number");
    request.document_number = base::Secret(base::as_bytes(number));
    base::wipe(number.data(), number.size());
    return request;
  } catch (const std::exception&) {  // its text may hold what was read
    return "no request of this version";
  }
}

std::variant<CareAnswer, std::string> read_answer(std::string_view line) {
  try {
    const Object::Ptr object = object_of(line, kLongestAnswer);
    CareAnswer answer;
    answer.code = object->getValue<int>("code");
    answer.out = text(*object, "out");
    answer.err = text(*object, "err");
    if (object->has("content")) {
      auto content = base::from_hex(text(*object, "content"));
      if (!content) return "an answer with damaged content";
      answer.content = std::move(*content);
    }
    return answer;
  } catch (const std::exception&) {
    return "no answer of this version";
  }
}

std::variant<CommandLine, std::string> command_line_of(const CareRequest& request,
                                                       const ProgramSpec& program) {
  CommandLine line;
  for (const CommandSpec& command : program.commands) {
    if (command.name == request.command) line.command = &command;
  }
  if (line.command == nullptr) return "there is no such command";
  for (const auto& [name, value] : request.options) {
    if (name != "json" && !has_option(line.command->options, name)) {
      return "an option that this command does not take";
    }
    line.options[name] = value;
  }
  line.arguments = request.arguments;
  if (const std::string fault = arguments_fault(line); !fault.empty()) return fault;
  return line;
}

}  // namespace cli
