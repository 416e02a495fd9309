// What goes over bipvault-cared's socket, and who may make which call.
#include <boost/test/unit_test.hpp>

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "cli/care.h"
#include "cli/care_access.h"
#include "cli/care_protocol.h"
#include "cli/cared.h"
#include "cli/line_socket.h"
#include "tests/support/torment.h"
#include "tests/unit/cli/tools.h"

namespace {

cli::CareRequest a_request() {
  cli::CareRequest request;
  request.command = "unlock";
  request.options = {{"reason", "lost \"key\"\n"}, {"document", "passport"}, {"reset-key", "yes"}};
  request.arguments = {"8986"};
  request.document_number = base::Secret(base::as_bytes("D123"));
  return request;
}

template <class T>
bool refused(const std::variant<T, std::string>& result) {
  return std::holds_alternative<std::string>(result);
}

cli::CommandLine line_for(const std::string& command) {
  cli::CareRequest request;
  request.command = command;
  request.arguments = {"8986"};
  if (command == "request") request.arguments = {"unlock", "8986"};
  return std::get<cli::CommandLine>(cli::command_line_of(request, cli::care_program()));
}

constexpr ::uid_t kMei = 64001, kBroker = 64003, kAuditor = 64004;

config::CareAccess access() {
  config::CareAccess access;
  access.agents = {"64001=mei", "root=rita"};
  access.brokers = {"64003"};
  access.auditors = {"64004", "root"};
  return access;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(care_service)

BOOST_AUTO_TEST_CASE(request_and_answer_come_as_they_went) {
  const cli::CareRequest sent = a_request();
  const std::string line = cli::to_line(sent);
  BOOST_TEST(line.find('\n') == line.size() - 1, "one line");
  const auto read = cli::read_request(line);
  BOOST_REQUIRE(!refused(read));
  const auto& got = std::get<cli::CareRequest>(read);
  BOOST_TEST(got.command == sent.command);
  BOOST_TEST((got.options == sent.options && got.arguments == sent.arguments));
  BOOST_TEST(base::as_text(got.document_number.view()) == "D123");

  const cli::CareAnswer told{5, "o\n", "e", {0x00, 0xFF}};
  const auto back = cli::read_answer(cli::to_line(told));
  BOOST_REQUIRE(!refused(back));
  const auto& answer = std::get<cli::CareAnswer>(back);
  BOOST_TEST((answer.code == 5 && answer.out == "o\n" && answer.err == "e"));
  BOOST_TEST((answer.content == told.content));
}

// Proves that nothing that comes breaks the reader, and that its refusal quotes nothing.
BOOST_AUTO_TEST_CASE(no_request) {
  const std::string line = cli::to_line(a_request());
  for (std::size_t size = 0; size + 1 < line.size(); ++size) {
    const auto read = cli::read_request(line.substr(0, size));
    BOOST_REQUIRE(refused(read));
    BOOST_REQUIRE(std::get<std::string>(read).find("D123") == std::string::npos);
  }
  card_test::torment(base::as_bytes(line), [](base::View octets) {
    cli::read_request(base::as_text(octets));
    cli::read_answer(base::as_text(octets));
  });
  for (const char* text :
       {"", "[]", "null", "{}", R"({"version":1})",
        R"({"version":1,"command":1,"options":{},"arguments":[],"document_number":""})",
        R"({"version":1,"command":"a","options":[],"arguments":[],"document_number":""})",
        R"({"version":1,"command":"a","options":{"a":{}},"arguments":[],"document_number":""})",
        R"({"version":1,"command":"a","options":{},"arguments":[[]],"document_number":""})",
        R"({"version":2,"command":"a","options":{},"arguments":[],"document_number":""})"}) {
    BOOST_TEST(refused(cli::read_request(text)), text);
  }
  BOOST_TEST(refused(cli::read_request(std::string(cli::kLongestRequest + 1, ' '))));
  BOOST_TEST(
      refused(cli::read_answer(R"({"version":1,"code":0,"out":"","err":"","content":"zz"})")));
}

// Proves that a request can say only what a command line could, and nothing of the service's own.
BOOST_AUTO_TEST_CASE(only_what_could_be_typed) {
  const auto with = [](auto change) {
    cli::CareRequest request = a_request();
    change(request);
    return refused(cli::command_line_of(request, cli::care_program()));
  };
  BOOST_TEST(!with([](auto&) {}));
  BOOST_TEST(!with([](auto& r) { r.options["json"] = "yes"; }));
  BOOST_TEST(with([](auto& r) { r.command = "rm"; }));
  BOOST_TEST(with([](auto& r) { r.arguments.clear(); }));
  BOOST_TEST(with([](auto& r) { r.arguments.emplace_back("x"); }));
  for (const char* option : {"config", "clock-file", "version", "operator", "day", ""}) {
    BOOST_TEST(with([&](auto& r) { r.options[option] = "x"; }), option);
  }
}

// Proves that everybody calls in his own name, brokers excepted, and auditors only audit.
BOOST_AUTO_TEST_CASE(who_may_call) {
  const auto admitted = [](::uid_t user, const std::string& command, const std::string& agent,
                           const std::string& by) {
    cli::CommandLine line = line_for(command);
    if (!agent.empty()) line.options["agent"] = agent;
    return !cli::admit(access(), user, line) && line.get("agent") == by;
  };
  BOOST_TEST(admitted(kMei, "unlock", "", "mei"));
  BOOST_TEST(admitted(kMei, "erase", "mei", "mei"));
  BOOST_TEST(!admitted(kMei, "unlock", "li", "li"));
  for (const char* call : {"request", "approve", "reject", "pending"}) {
    BOOST_TEST(admitted(kMei, call, "", "mei"), call);
    BOOST_TEST(!admitted(kMei, call, "li", "li"), call);
    BOOST_TEST(!admitted(kAuditor, call, "", ""), call);
  }
  BOOST_TEST(!admitted(kMei, "audit", "", ""));
  BOOST_TEST(!admitted(kMei, "erase verify", "", ""));
  BOOST_TEST(admitted(kBroker, "unlock", "li", "li"));
  BOOST_TEST(!admitted(kBroker, "unlock", "", ""));
  BOOST_TEST(!admitted(kAuditor, "show", "", ""));
  BOOST_TEST(!admitted(kAuditor, "show", "mei", "mei"));
  BOOST_TEST(!admitted(64999, "show", "mei", "mei"));
  BOOST_TEST(admitted(0, "show", "", "rita"), "by name");

  for (const ::uid_t user : {kMei, kBroker, kAuditor, ::uid_t{0}}) {
    BOOST_TEST(cli::is_caller(access(), user));
  }
  BOOST_TEST(!cli::is_caller(access(), 64999));

  cli::CommandLine audit = line_for("audit");
  audit.options["agent"] = "mei";  // here it is what is looked for
  BOOST_TEST(!cli::admit(access(), kAuditor, audit).has_value());
  BOOST_TEST(audit.get("operator") == "uid64004");
  BOOST_TEST(audit.get("agent") == "mei");
  audit.options["operator"] = "chief";
  BOOST_TEST(cli::admit(access(), kAuditor, audit).has_value());
}

// What the service's log says of a call: the user and a name that could be one, so that no caller
// writes a line of his own; of an auditor's, his name and not the agent whom he looks for.
BOOST_AUTO_TEST_CASE(who_has_called) {
  const tools::Laboratory lab;
  std::ofstream(lab.ini) << "[store]\npath = v.db\n[keys]\nmaster_key_file = m\n"
                            "pepper_file = p\naudit_key_file = a\n"
                            "[care]\nagents = 64001=mei\nauditors = 64004\n";
  BOOST_REQUIRE_EQUAL(lab.ops({"keys", "init"}).code, 0);
  const auto logged = [&](::uid_t user, const std::string& command, const std::string& option,
                          const std::string& name) {
    cli::CareRequest request;
    request.command = command;
    if (command == "show") request.arguments = {"8986"};
    request.options[option] = name;
    cli::CommandLine line;
    line.options["config"] = lab.ini;
    std::ostringstream out;
    std::ostringstream log;
    cli::Tool service("cared", line, out, log);
    (void)cli::serve_request(service, user, cli::to_line(request));
    return log.str();
  };
  const std::string forged = "x\ncared: user 0, boss: erase [care.called]";
  BOOST_TEST(logged(kMei, "show", "agent", "li") ==
             "cared: user 64001, li: show: refused [care.called]\n");
  BOOST_TEST(logged(kMei, "show", "agent", forged) ==
             "cared: user 64001, ?: show: refused [care.called]\n");
  BOOST_TEST(logged(kMei, "show", "agent", "") == "cared: user 64001, mei: show [care.called]\n");
  BOOST_TEST(logged(kAuditor, "audit", "agent", "mei") ==
             "cared: user 64004, uid64004: audit [care.called]\n");
  BOOST_TEST(logged(kAuditor, "audit", "operator", forged) ==
             "cared: user 64004, ?: audit: refused [care.called]\n");
}

// What comes from elsewhere, a database's or the kernel's text, stays one line.
BOOST_AUTO_TEST_CASE(a_line_of_the_log_is_one_line) {
  const int file = ::memfd_create("stderr", MFD_CLOEXEC);
  const int before = ::dup(STDERR_FILENO);
  BOOST_REQUIRE(file >= 0);
  ::dup2(file, STDERR_FILENO);
  cli::StderrLog("cared", "x.ini").warning("db.unavailable", "a\ncared: b\x1b[1m");
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  char text[200];
  const ssize_t size = ::pread(file, text, sizeof text, 0);
  ::close(file);
  BOOST_REQUIRE(size > 0);
  BOOST_TEST(std::string(text, static_cast<std::size_t>(size)) ==
             "cared: db: a cared: b?[1m [db.unavailable]\n");
}

// Proves the limit, the deadline and the end of a line.
BOOST_AUTO_TEST_CASE(lines_over_a_socket) {
  int ends[2];
  BOOST_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  const cli::LineSocket here(ends[0]);
  {
    const cli::LineSocket there(ends[1]);
    BOOST_TEST(there.write("one\n", 1000).ok());
    BOOST_TEST(*here.read_line(3, 1000) == "one");
    BOOST_TEST(there.write("four\n", 1000).ok());
    BOOST_TEST(here.read_line(3, 1000).error() == "longer than it may be");
    BOOST_TEST(here.read_line(3, 20).error() == "nothing came in time");
    BOOST_TEST(there.write(std::string(10'000'000, 'x'), 20).error() == "not taken in time");
  }
  BOOST_TEST(!here.write("x\n", 1000).ok());
}

BOOST_AUTO_TEST_SUITE_END()
