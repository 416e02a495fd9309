// The host's small parts: its INI, its log lines, and what it reads of a plugin's health.
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/files.h"
#include "host/json.h"
#include "host/library.h"
#include "host/log.h"
#include "host/settings.h"
#include "tests/support/until.h"

// Proves that the example in config/ is what `--defaults` prints, and that it is accepted.
BOOST_AUTO_TEST_CASE(the_example_is_the_defaults) {
  std::ifstream file(BIPVAULT_SOURCE_DIR "/config/host.ini");
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  BOOST_TEST(content == host::example_ini());
  const auto parsed = host::parse_settings(content, "/etc/host.ini");
  BOOST_REQUIRE(std::holds_alternative<host::Settings>(parsed));
  const host::Settings& settings = std::get<host::Settings>(parsed);
  BOOST_TEST(settings.plugin == "/etc/../lib/bipvault.so");
  BOOST_TEST(settings.plugin_config == "/etc/bipvault.ini");
  BOOST_TEST(settings.drain_deadline_ms == 30'000);
  BOOST_TEST(!settings.core_dumps);
  BOOST_TEST((settings.log_level == base::Severity::info));
}

// Proves that faults are told all at once with line and key.
BOOST_AUTO_TEST_CASE(faults_of_host_ini) {
  const auto parsed =
      host::parse_settings("[host]\nplugin = p\nclock = sundial\nlogg = stderr\n[hots]\n", "h.ini");
  BOOST_REQUIRE(std::holds_alternative<std::vector<std::string>>(parsed));
  const std::vector<std::string> expected{
      "h.ini: [host] plugin_config: missing; for example: plugin_config = bipvault.ini",
      "h.ini:3: [host] clock: must be system or file:PATH",
      "h.ini:4: [host] logg: unknown key (nearest known: log)",
      "h.ini:5: [hots]: unknown section (nearest known: host)"};
  BOOST_TEST(std::get<std::vector<std::string>>(parsed) == expected,
             boost::test_tools::per_element());
}

// Proves that the clock's file is relative to host.ini.
BOOST_AUTO_TEST_CASE(channels_that_the_host_carries) {
  const auto parse = [](const std::string& line) {
    return host::parse_settings("[host]\nplugin = p\nplugin_config = c\n" + line, "h.ini");
  };
  const auto off = parse("");
  BOOST_TEST(!std::get<host::Settings>(off).carry_bip);
  const auto on = parse("carry_bip = yes\ncarry_bip_address = [::1]:7110\n");
  BOOST_TEST(std::get<host::Settings>(on).carry_bip);
  BOOST_TEST(std::get<host::Settings>(on).carry_bip_address == "[::1]:7110");
  const auto bad = parse("carry_bip_address = everywhere\n");
  BOOST_TEST(std::get<std::vector<std::string>>(bad).at(0).starts_with(
      "h.ini:4: [host] carry_bip_address: must be an address and port"));
}

BOOST_AUTO_TEST_CASE(clock_of_a_laboratory) {
  const auto parsed = host::parse_settings(
      "[host]\nplugin = p\nplugin_config = c\nclock = file:offset\n", "/lab/h.ini");
  BOOST_REQUIRE(std::holds_alternative<host::Settings>(parsed));
  BOOST_TEST(std::get<host::Settings>(parsed).clock_file == "/lab/offset");
}

// Proves that a line stays one line and has date, severity, component and text.
BOOST_AUTO_TEST_CASE(log_lines) {
  BOOST_TEST(host::stderr_line(0, base::Severity::warning, "bip", "a\nb\x1b[1m") ==
             "1970-01-01T00:00:00Z warning bip a b?[1m\n");
  BOOST_TEST(host::journal_fields(base::Severity::error, "db", "x\nPRIORITY=7") ==
             "PRIORITY=3\nSYSLOG_IDENTIFIER=bipvault-host\nBIPVAULT_COMPONENT=db\n"
             "MESSAGE=x PRIORITY=7\n");
  BOOST_TEST(host::journal_fields(base::Severity::info, "db", "card [1] [db.available]") ==
             "PRIORITY=6\nSYSLOG_IDENTIFIER=bipvault-host\nBIPVAULT_COMPONENT=db\n"
             "BIPVAULT_MESSAGE=db.available\nMESSAGE=card [1] [db.available]\n");
  for (const char* none : {"", "]", " []", "a [b]", "a [b.c", "a [b.C]", "a [b.c] ", "[b.c]"}) {
    BOOST_TEST(host::id_in(none) == "", none);
  }
}

// Proves that a line reaches journald's socket as one datagram with its fields.
BOOST_AUTO_TEST_CASE(journal_datagram) {
  char directory[] = "/tmp/bipvault-log-XXXXXX";
  BOOST_REQUIRE(::mkdtemp(directory) != nullptr);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = std::string(directory) + "/socket";
  std::memcpy(address.sun_path, path.data(), path.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  BOOST_REQUIRE_EQUAL(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);

  const base::SystemClock clock;
  host::Log log(host::LogTarget::journald, base::Severity::info, clock, "", path);
  BOOST_REQUIRE(log.start());
  log.debug("bip", "not wanted");
  log.info("bip.stopped", "wanted");
  log.stop();
  char got[512];
  const ssize_t size = ::recv(socket, got, sizeof got, MSG_DONTWAIT);
  BOOST_REQUIRE(size > 0);
  BOOST_TEST(std::string(got, static_cast<std::size_t>(size)) ==
             host::journal_fields(base::Severity::info, "bip", "wanted [bip.stopped]"));
  ::close(socket);
  ::unlink(path.c_str());
  ::rmdir(directory);
}

// Proves that a file is gone on with, and opened anew when it was renamed and the log told so.
BOOST_AUTO_TEST_CASE(log_in_a_file) {
  char directory[] = "/tmp/bipvault-log-XXXXXX";
  BOOST_REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/host.log";
  const auto read = [](const std::string& file) {
    const auto text = base::read_text_file(file, 4096);
    return text ? *text : std::string();
  };
  std::ofstream(path) << "before\n";
  const base::SystemClock clock;
  host::Log log(host::LogTarget::file, base::Severity::info, clock, path);
  BOOST_REQUIRE(log.start());
  log.info("bip.stopped", "one");
  BOOST_TEST(support::until([&] { return read(path).ends_with("info bip one [bip.stopped]\n"); }));
  BOOST_TEST(read(path).starts_with("before\n"));
  BOOST_TEST(::rename(path.c_str(), (path + ".1").c_str()) == 0);
  log.info("bip.stopped", "two");
  BOOST_TEST(support::until([&] { return read(path + ".1").ends_with("two [bip.stopped]\n"); }));
  log.reopen();
  log.info("bip.stopped", "three");
  log.stop();
  BOOST_TEST(read(path).ends_with("info bip three [bip.stopped]\n"));
  BOOST_TEST(read(path + ".1").find("three") == std::string::npos);
  for (const char* end : {"", ".1"}) ::unlink((path + end).c_str());
  ::rmdir(directory);
}

BOOST_AUTO_TEST_CASE(log_file_needs_a_name) {
  const auto parse = [](const std::string& keys) {
    return host::parse_settings("[host]\nplugin = p\nplugin_config = c\n" + keys, "/lab/h.ini");
  };
  const auto good = parse("log = file\nlog_file = ../log/host.log\n");
  BOOST_REQUIRE(std::holds_alternative<host::Settings>(good));
  BOOST_TEST(std::get<host::Settings>(good).log_file == "/lab/../log/host.log");
  const auto bad = parse("log = file\n");
  BOOST_TEST(std::get<std::vector<std::string>>(bad).at(0) ==
             "/lab/h.ini:4: [host] log: file needs log_file");
  const auto nowhere = host::parse_settings(
      "[host]\nplugin = p\nplugin_config = c\nlog = file\nlog_file = none/host.log\n", "/lab/h.ini",
      true);
  BOOST_TEST(std::get<std::vector<std::string>>(nowhere).at(0) ==
             "/lab/h.ini:5: [host] log_file: there is no directory /lab/none");
}

// Proves that a member is found whatever stands before it, and that broken texts give nothing.
BOOST_AUTO_TEST_CASE(members_of_json) {
  const std::string text = R"( {"a": "}\"{", "b" : [1, {"ports": 0}], "ports": {"tcp": 1}, "n":2})";
  BOOST_TEST(host::json_member(text, "ports").value() == R"({"tcp": 1})");
  BOOST_TEST(host::json_member(text, "n").value() == "2");
  BOOST_TEST(!host::json_member(text, "tcp"));
  for (const char* broken : {"", "{", "[]", "{\"n\"", "{\"n\":", "{\"n\":}", "{n:1}", "{\"n\":[1",
                             "{\"m\":\"x", "{\"m\":1 \"n\":2}"}) {
    BOOST_TEST(!host::json_member(std::string_view(broken), "n"), broken);
  }
  for (std::size_t size = 0; size + 2 <= text.size(); ++size) {
    BOOST_TEST(!host::json_member(std::string_view(text).substr(0, size), "n"));
  }
}

// Proves that every defect of an entry is named.
BOOST_AUTO_TEST_CASE(faults_of_an_entry) {
  bv_entry good{};
  good.magic = BV_ENTRY_MAGIC;
  good.struct_size = sizeof good;
  good.abi_major = BV_ABI_MAJOR;
  good.pointer_size = sizeof(void*);
  good.id = good.name = good.vendor = good.version = "x";
  good.create = [](const bv_host*) -> bv_plugin* { return nullptr; };
  BOOST_TEST(host::entry_fault(&good) == "");
  BOOST_TEST(!host::entry_fault(nullptr).empty());
  const auto fault = [&](auto change) {
    bv_entry entry = good;
    change(entry);
    return host::entry_fault(&entry);
  };
  BOOST_TEST(fault([](bv_entry& e) { e.magic = 0; }).find("magic") != std::string::npos);
  BOOST_TEST(fault([](bv_entry& e) { e.abi_major = 9; }).find("version 9.0") != std::string::npos);
  BOOST_TEST(fault([](bv_entry& e) { e.struct_size = 8; }).find("8 octets") != std::string::npos);
  BOOST_TEST(fault([](bv_entry& e) { e.pointer_size = 4; }).find("pointers") != std::string::npos);
  BOOST_TEST(fault([](bv_entry& e) { e.vendor = nullptr; }).find("vendor") != std::string::npos);
  BOOST_TEST(fault([](bv_entry& e) { e.create = nullptr; }).find("create") != std::string::npos);
  BOOST_TEST(!host::plugin_fault(nullptr).empty());
  BOOST_TEST(!host::plugin_fault(std::make_unique<bv_plugin>().get()).empty());
}
