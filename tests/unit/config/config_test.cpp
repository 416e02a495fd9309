// The plugin's INI is read strictly: every kind of mistake is refused with file, line, key and
// reason, all at once, and what the table prints is what the table reads.
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>

#include "config/config.h"
#include "config/table.h"

namespace {

using config::Check;
using config::Config;
using config::Problem;
using Problems = std::vector<Problem>;

const std::string kRequired =
    "[keys]\nmaster_key_file = m\npepper_file = p\naudit_key_file = a\n[store]\npath = d\n";

Problems faults_of(const std::string& text) {
  auto result = config::parse(text, "/etc/x.ini", Check::syntax_only);
  if (std::holds_alternative<Config>(result)) return {};
  return std::get<Problems>(std::move(result));
}

Config good(const std::string& text) {
  auto result = config::parse(text, "/etc/x.ini", Check::syntax_only);
  if (std::holds_alternative<Problems>(result)) {
    BOOST_FAIL(std::get<Problems>(result).front().to_string());
  }
  return std::get<Config>(result);
}

bool has(const Problems& problems, const std::string& line) {
  return std::any_of(problems.begin(), problems.end(),
                     [&](const Problem& p) { return p.to_string() == line; });
}

std::string all(const Problems& problems) {
  std::string out;
  for (const Problem& problem : problems) out += problem.to_string() + "\n";
  return out;
}

// A directory of the test's own, removed at its end.
struct Directory {
  Directory() {
    char name[] = "/tmp/bipvault-config-XXXXXX";
    path = mkdtemp(name);
  }
  ~Directory() {
    const std::string command = "rm -rf " + path;
    if (std::system(command.c_str()) != 0) BOOST_TEST_MESSAGE("left behind: " << path);
  }
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0600) {
    const std::string file = path + "/" + name;
    std::ofstream(file) << content;
    ::chmod(file.c_str(), mode);
    return file;
  }
  std::string path;
};

struct Case {
  const char* text;
  const char* expected;
};

}  // namespace

// Proves that every default lies within its own limits and that each field can hold them.
BOOST_AUTO_TEST_CASE(the_table_is_consistent) {
  for (const std::string& fault : config::table_faults()) BOOST_ERROR(fault);
}

// Proves that the printed defaults are accepted and mean exactly the defaults of the structs.
BOOST_AUTO_TEST_CASE(printed_defaults_mean_the_defaults) {
  const Config c = good(config::defaults_ini());
  Config expected;
  BOOST_TEST(c.store.path == "/etc/bipvault.db");
  BOOST_TEST(c.keys.master_key_file == "/etc/master.keys");
  expected.store.path = c.store.path;
  expected.keys = c.keys;
  BOOST_TEST(config::not_reloadable(expected, c).empty());
  BOOST_TEST(c.bip.tcp == expected.bip.tcp);
  BOOST_TEST((c.bip.tar == expected.bip.tar));
  BOOST_TEST(c.bip.allow_aes == expected.bip.allow_aes);
  BOOST_TEST(c.bip.allow_3des == expected.bip.allow_3des);
  BOOST_TEST((c.bip.exempt_ranges == expected.bip.exempt_ranges));
  const auto numbers = [](const Config& x) {
    const bip::Settings& b = x.bip;
    const vault::Policy& v = x.vault;
    return std::vector<std::int64_t>{x.store.port,
                                     x.store.connect_timeout_ms,
                                     x.store.query_timeout_ms,
                                     x.store.commit_deadline_ms,
                                     b.identify_timeout,
                                     b.identify_complete,
                                     b.packet_timeout,
                                     b.idle_timeout,
                                     b.key_entry_timeout,
                                     b.close_wait,
                                     b.max_security_errors,
                                     b.bad_per_ip,
                                     b.bad_per_iccid,
                                     b.sessions,
                                     b.session_input,
                                     b.session_output,
                                     b.batch,
                                     b.workers,
                                     b.queue_per_worker,
                                     b.queue_wait,
                                     b.max_packet,
                                     b.max_data,
                                     v.accept_unknown,
                                     v.key_digits,
                                     v.keep_versions,
                                     v.shrink_guard,
                                     v.pin,
                                     v.resume_window,
                                     v.issue_window,
                                     v.max_image_bytes,
                                     static_cast<std::int64_t>(v.staging_bytes),
                                     static_cast<std::int64_t>(v.staging_disk),
                                     static_cast<int>(v.lock),
                                     v.lock_minutes,
                                     static_cast<int>(v.rebind),
                                     v.move_window,
                                     v.swap_hold,
                                     v.retention,
                                     v.agent_daily_limit};
  };
  const auto got = numbers(c);
  const auto wanted = numbers(expected);
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
}

// Proves that a file with nothing but what must be given has the defaults, too.
BOOST_AUTO_TEST_CASE(absent_keys_have_their_defaults) {
  const Config c = good(kRequired);
  BOOST_TEST(c.vault.key_digits == 8);
  BOOST_TEST(c.bip.idle_timeout == 180'000);
  BOOST_TEST(c.store.path == "/etc/d");
}

// Proves that the example in the folder is the output of `config defaults`.
BOOST_AUTO_TEST_CASE(the_example_is_the_defaults) {
  std::ifstream file(BIPVAULT_SOURCE_DIR "/config/bipvault.ini");
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  BOOST_TEST(content == config::defaults_ini());
}

// Proves each lexical rule by one mistake against it.
BOOST_AUTO_TEST_CASE(lexical_mistakes) {
  const Case cases[] = {
      {"x\n", "/etc/x.ini:1: line without '=' (comments start with ';' or '#')"},
      {"tcp = 1\n", "/etc/x.ini:1: [] tcp: key before the first [section]"},
      {"[bip\n", "/etc/x.ini:1: [bip]: section without closing ']'"},
      {"[bip] x\n", "/etc/x.ini:1: [bip]: text after ']'"},
      {"[]\n", "/etc/x.ini:1: a section needs a name"},
      {"[b p]\n",
       "/etc/x.ini:1: [b p]: not a section's name: it may hold letters, digits, '.', '_' and '-'"},
      {"[smsc.a b]\n",
       "/etc/x.ini:1: [smsc.a b]: not a section's name: it may hold letters, digits, '.', '_' and "
       "'-'"},
      {"[smcs.main]\n", "/etc/x.ini:1: [smcs.main]: unknown section (nearest known: smsc.main)"},
      {"[bip]\n[bip]\n", "/etc/x.ini:2: [bip]: section given twice, first in line 1"},
      {"[bip]\nbatch=1\nbatch=2\n", "/etc/x.ini:3: [bip] batch: key given twice, first in line 2"},
      {"[bip]\nbatch = 1 ; one\n",
       "/etc/x.ini:2: [bip] batch: a comment needs a line of its own: put ';' at its beginning"},
      {"[bip]\nbatch = # one\n",
       "/etc/x.ini:2: [bip] batch: a comment needs a line of its own: put ';' at its beginning"},
      {"[bip]\n= 1\n", "/etc/x.ini:2: [bip]: this is not a key before '='"},
      {"[bip]\nbatch = \xff\n", "/etc/x.ini:2: [bip]: the line is not valid UTF-8"},
      {"[bip]\nbatch = \xed\xa0\x80\n", "/etc/x.ini:2: [bip]: the line is not valid UTF-8"},
      {"[bip]\nbatch = \x01\n", "/etc/x.ini:2: [bip]: control character in the line"},
      {"[bpi]\n", "/etc/x.ini:1: [bpi]: unknown section (nearest known: bip)"},
      {"[bip]\nidle_timout = 5s\n",
       "/etc/x.ini:2: [bip] idle_timout: unknown key (nearest known: idle_timeout)"},
      {"[bip]\nTcp = 127.0.0.1:1\n", "/etc/x.ini:2: [bip] Tcp: unknown key (nearest known: tcp)"},
      {"[bip]\nrebind = number\n",
       "/etc/x.ini:2: [bip] rebind: unknown here: the key belongs to [vault]"},
  };
  for (const Case& c : cases) {
    const Problems problems = faults_of(c.text);
    BOOST_TEST(has(problems, c.expected), "expected " << c.expected << "\ngot " << all(problems));
  }
  const std::string nul = std::string("[bip]\nbatch = 1") + '\0' + "\n";
  BOOST_TEST(has(faults_of(nul), "/etc/x.ini:2: [bip]: control character in the line"));
  const std::string longer = "[bip]\nbatch = " + std::string(4096, '1') + "\n";
  BOOST_TEST(has(faults_of(longer), "/etc/x.ini:2: [bip]: the line is longer than 4 KiB"));
  const std::string larger(1024 * 1024 + 1, '\n');
  BOOST_TEST(has(faults_of(larger), "/etc/x.ini: the file is larger than 1 MiB"));
}

// Proves each type's syntax and limits by one value outside it.
BOOST_AUTO_TEST_CASE(value_mistakes) {
  const Case cases[] = {
      {"[bip]\nbatch = 12x\n", "[bip] batch: not a whole number"},
      {"[bip]\nbatch =\n", "[bip] batch: not a whole number"},
      {"[bip]\nbatch = 0x10\n", "[bip] batch: not a whole number"},
      {"[bip]\nbatch = 99999999999999999999\n", "[bip] batch: not a whole number"},
      {"[bip]\nbatch = 0\n", "[bip] batch: 0 is outside its limits: from 1 to 256"},
      {"[store]\nport = 65536\n", "[store] port: 65536 is outside its limits: from 1 to 65535"},
      {"[bip]\nidle_timeout = 180\n",
       "[bip] idle_timeout: not a duration; for example 500ms, 10s, 5m, 24h or 60d"},
      {"[bip]\nidle_timeout = 1y\n",
       "[bip] idle_timeout: not a duration; for example 500ms, 10s, 5m, 24h or 60d"},
      {"[bip]\nidle_timeout = 9223372036854775807d\n",
       "[bip] idle_timeout: not a duration; for example 500ms, 10s, 5m, 24h or 60d"},
      {"[bip]\nidle_timeout = 1s\n",
       "[bip] idle_timeout: 1s is outside its limits: from 5s to 24h"},
      {"[vault]\nmax_image_bytes = 1T\n",
       "[vault] max_image_bytes: not a size; for example 1400, 256K, 1M or 2G"},
      {"[vault]\naccept_unknown = maybe\n", "[vault] accept_unknown: must be yes or no"},
      {"[vault]\nrebind = trust\n",
       "[vault] rebind: must be one of: proven number trusting (nearest: trusting)"},
      {"[bip]\nalgorithms = aes des\n", "[bip] algorithms: 'des' is none of: aes 3des"},
      {"[bip]\nalgorithms = aes aes\n", "[bip] algorithms: 'aes' is given twice"},
      {"[bip]\nalgorithms =\n", "[bip] algorithms: must not be empty"},
      {"[bip]\nexempt_ranges = 10.0.0.0/33\n",
       "[bip] exempt_ranges: '10.0.0.0/33' is not an address range such as 10.0.0.0/8"},
      {"[bip]\ntar = BFFF\n", "[bip] tar: has 2 octets: from 3 to 3"},
      {"[bip]\ntar = BFFF0G\n", "[bip] tar: not 6 hexadecimal digits, two for each octet"},
      {"[bip]\ntar = BFF\n", "[bip] tar: not 6 hexadecimal digits, two for each octet"},
      {"[wake_up]\nbearer = 030\n",
       "[wake_up] bearer: not from 2 to 32 hexadecimal digits, two for each octet"},
      {"[bip]\ntcp = localhost:7100\n",
       "[bip] tcp: not an address such as 127.0.0.1:7100 or [::1]:7100 (names are not looked up)"},
      {"[bip]\ntcp = 127.0.0.1:70000\n",
       "[bip] tcp: not an address such as 127.0.0.1:7100 or [::1]:7100 (names are not looked up)"},
      {"[keys]\naudit_key_file =\n", "[keys] audit_key_file: must not be empty"},
      {"[keys]\nmaster_key_file =\n",
       "[keys] master_key_file: must be given, unless pkcs11_module is"},
      {"[keys]\npkcs11_module = m\n", "[keys] pkcs11_token: pkcs11_module needs the token's label"},
      {"[keys]\npkcs11_module = m\n", "[keys] pkcs11_pin_file: pkcs11_module needs the PIN's file"},
      {"[keys]\npkcs11_module = m\npkcs11_token = 123456789012345678901234567890123\n",
       "[keys] pkcs11_token: is longer than 32 octets"},
      {"[keys]\npepper_file = \"p\"\n",
       "[keys] pepper_file: quotes would be part of the path; leave them out"},
      {"[vault]\n", "[keys] audit_key_file: missing; for example: audit_key_file = audit.keys"},
      {"[store]\nengine = sqlite\n", "[store] path: engine = sqlite needs the database file here"},
      {"[store]\nengine = mysql\n", "[store] host: engine = mysql needs host or socket"},
      {"[store]\nengine = mysql\nhost = a\nsocket = b\n",
       "[store] socket: host and socket exclude each other"},
      {"[store]\nengine = mysql\nsocket = b\ntls_ca = c\n",
       "[store] tls_ca: TLS needs host: a unix socket has no name to check"},
      {"[bip]\nmax_data = 1000\nmax_packet = 1100\n",
       "[bip] max_data: must be at least 128 octets less than max_packet"},
      {"[bip]\nidentify_timeout = 31s\n",
       "[bip] identify_complete: is shorter than identify_timeout"},
      {"[bip]\ntls_max = 1.3\ntls_suites = PSK-AES128-GCM-SHA256\n",
       "[bip] tls_suites: names no suite of TLS 1.3, and tls_max is 1.3: every handshake would "
       "fail"},
      {"[bip]\ntls_suites = TLS_AES_128_GCM_SHA256\n",
       "[bip] tls_suites: names no suite of TLS 1.2, and tls_max is 1.2"},
      {"[bip]\ncat_tp_keep_alive = 180s\n",
       "[bip] cat_tp_keep_alive: is not shorter than idle_timeout, which ends the link first"},
      {"[bip]\ncat_tp_rto_min = 6s\ncat_tp_rto_max = 5s\n",
       "[bip] cat_tp_rto_max: is shorter than cat_tp_rto_min or cat_tp_rto_initial"},
      {"[bip]\ncat_tp_rto_max = 2s\n",
       "[bip] cat_tp_rto_max: is shorter than cat_tp_rto_min or cat_tp_rto_initial"},
      {"[reminder]\ntext.EN = x\n", "[reminder] text.EN: 'EN' is written en"},
      {"[reminder]\ntext.xx_yy = x\n", "[reminder] text.xx_yy: 'xx_yy' is written xx-YY"},
      {"[reminder]\nhelp_text.english = x\n",
       "[reminder] help_text.english: 'english' is no language's code such as en or pt-BR"},
      {"[reminder]\nyes.Q = Q\n",
       "[reminder] yes.Q: 'Q' is no language's code such as en or pt-BR"},
      {"[notice]\nmove.en_GB = x\n", "[notice] move.en_GB: 'en_GB' is written en-GB"},
      {"[reminder]\ndefault_language = EN\n", "[reminder] default_language: 'EN' is written en"},
      {"[vault]\nnotify = unlock none\n", "[vault] notify: none excludes the other words"},
      {"[care]\napprove = none erase\n", "[care] approve: none excludes the other words"},
      {"[bip]\ntls_psk = 127.0.0.1:7100\n",
       "[bip] tls_psk: 127.0.0.1:7100 is listened on by [bip] tcp already"},
      {"[bip]\ntcp = 0.0.0.0:7100\n[metrics]\nlisten = 127.0.0.1:7100\n",
       "[metrics] listen: 127.0.0.1:7100 is listened on by [bip] tcp already"},
      {"[bip]\ntcp =\ntls_psk = [::1]:7101\n[metrics]\nlisten = [0:0::1]:7101\n",
       "[metrics] listen: [0:0::1]:7101 is listened on by [bip] tls_psk already"},
      {"[bip]\ntls_psk = [::]:7100\n",
       "[bip] tls_psk: [::]:7100 is listened on by [bip] tcp already"},
      {"[vault]\nmax_image_bytes = 2M\nstaging_bytes = 1M\n",
       "[vault] staging_bytes: is less than max_image_bytes: no store could end"},
  };
  for (const Case& c : cases) {
    const Problems problems = faults_of(c.text);
    const bool found = std::any_of(problems.begin(), problems.end(), [&](const Problem& p) {
      return p.to_string().ends_with(std::string(": ") + c.expected);
    });
    BOOST_TEST(found, "expected " << c.expected << "\ngot " << all(problems));
  }
}

// Proves that addresses that go together are taken: other ports, other machines' addresses, free
// ports, and CAT_TP, which is UDP, on the port of TCP.
BOOST_AUTO_TEST_CASE(listeners_that_go_together) {
  for (const char* keys : {"tcp = 127.0.0.1:7100\ntls_psk = 127.0.0.1:7101\n",
                           "tcp = 127.0.0.1:7100\ntls_psk = 127.0.0.2:7100\n",
                           "tcp = 127.0.0.1:7100\ntls_psk = [::1]:7100\n",
                           "tcp = 127.0.0.1:0\ntls_psk = 127.0.0.1:0\n",
                           "tcp = 127.0.0.1:7100\ncat_tp = 127.0.0.1:7100\n"}) {
    const Problems problems = faults_of(kRequired + "[bip]\n" + keys);
    BOOST_TEST(problems.empty(), keys << all(problems));
  }
}

// Proves that all mistakes of a file are reported at once, in the order of its lines.
BOOST_AUTO_TEST_CASE(all_mistakes_at_once) {
  const Problems problems =
      faults_of(kRequired + "[bip]\nbatch = x\nidle = 1s\n[vault]\nlock = no\n");
  BOOST_REQUIRE_EQUAL(problems.size(), 3u);
  BOOST_TEST(problems[0].line == 8);
  BOOST_TEST(problems[1].line == 9);
  BOOST_TEST(problems[2].line == 11);
  BOOST_TEST(problems[2].key == "vault.lock");
}

// Proves that a section's faulty head does not hide what is wrong below it, and that what is right
// there counts: nothing is called missing.
BOOST_AUTO_TEST_CASE(mistakes_below_a_faulty_section) {
  const std::string below = "batch = x\nidle = 1s\ntcp = here\n";
  for (const char* head : {"[bip", "[bpi]", "[bip] ; cards", "[b.ip]", "[bip ; cards"}) {
    const Problems problems = faults_of(kRequired + head + "\n" + below);
    BOOST_REQUIRE_MESSAGE(problems.size() == 4u, head << ": " << all(problems));
    for (int i = 0; i < 4; ++i) BOOST_TEST(problems[static_cast<std::size_t>(i)].line == 7 + i);
    BOOST_TEST(problems[1].text == "not a whole number");
    BOOST_TEST(problems[2].text.starts_with("unknown key (nearest known: "));
  }
  const Problems keys = faults_of("[kesy]" + kRequired.substr(kRequired.find('\n')));
  BOOST_REQUIRE_MESSAGE(keys.size() == 1u, all(keys));
  BOOST_TEST(keys[0].to_string() == "/etc/x.ini:1: [kesy]: unknown section (nearest known: keys)");
  for (const char* head : {"[smsc.a b]", "[smcs.a]", "[smsc.a"}) {
    const Problems smsc = faults_of(kRequired + head + "\nport = x\nnothing = 1\n");
    const auto in_line = [&](int line) {
      return std::count_if(smsc.begin(), smsc.end(),
                           [&](const Problem& p) { return p.line == line; });
    };
    BOOST_TEST(in_line(8) == 1, head << ": " << all(smsc));
    BOOST_TEST(in_line(9) == 1, head << ": " << all(smsc));
  }
}

// Proves that BOM, CRLF, comment lines and a last line without end are accepted.
BOOST_AUTO_TEST_CASE(tolerated_forms) {
  const Config c = good("\xEF\xBB\xBF; a\r\n# b = c\r\n" + kRequired +
                        "[vault]\r\n  rebind =  number \r\n; x\r\nlock=timed\r\n[bip]\r\n"
                        "exempt_ranges = 10.0.0.0/8, ::1\r\nalgorithms = 3des aes\r\n"
                        "idle_timeout = 1m30s\r\ntcp =");
  BOOST_TEST((c.vault.rebind == vault::Rebind::number));
  BOOST_TEST((c.vault.lock == vault::LockMode::timed));
  BOOST_TEST(c.bip.exempt_ranges.size() == 2u);
  BOOST_TEST(c.bip.allow_3des);
  BOOST_TEST(c.bip.idle_timeout == 90'000);
  BOOST_TEST(c.bip.tcp.empty());
}

// Proves that a difference in a key that needs a restart is named, and no other.
BOOST_AUTO_TEST_CASE(keys_that_need_a_restart) {
  const Config running = good(kRequired);
  const Config wanted =
      good(kRequired + "[bip]\ntcp = 127.0.0.1:0\nworkers = 2\nbatch = 3\n[vault]\nlock = timed\n");
  const std::vector<std::string> expected{"[bip] tcp", "[bip] workers"};
  BOOST_TEST(config::not_reloadable(running, wanted) == expected, boost::test_tools::per_element());
}

// Proves that missing key files are a problem of their own kind and name the command that helps,
// that open modes are refused, and that everything is accepted once the files are right.
BOOST_AUTO_TEST_CASE(files_that_the_ini_names) {
  Directory dir;
  const std::string ini = dir.write("b.ini", kRequired, 0644);
  auto result = config::load(ini);
  BOOST_REQUIRE(std::holds_alternative<Problems>(result));
  const Problems missing = std::get<Problems>(result);
  BOOST_REQUIRE_EQUAL(missing.size(), 3u);
  for (const Problem& problem : missing) {
    BOOST_TEST((problem.kind == Problem::Kind::missing_file));
    BOOST_TEST(problem.to_string().find("bipvault-ops --config " + ini + " keys init") !=
               std::string::npos);
  }
  BOOST_TEST(std::holds_alternative<Config>(config::load(ini, Check::syntax_only)));

  dir.write("m", "", 0600);
  dir.write("p", "", 0640);
  BOOST_REQUIRE_EQUAL(::mkdir((dir.path + "/a").c_str(), 0700), 0);
  result = config::load(ini);
  BOOST_REQUIRE(std::holds_alternative<Problems>(result));
  const Problems bad = std::get<Problems>(result);
  BOOST_REQUIRE_EQUAL(bad.size(), 2u);
  BOOST_TEST((bad[0].kind == Problem::Kind::wrong));
  BOOST_TEST(bad[0].text.find("mode 0640") != std::string::npos);
  BOOST_TEST(bad[1].text.find("not a regular file") != std::string::npos);

  const std::string details =
      dir.write("details.ini", kRequired + "[detail_records]\ndirectory = details\n", 0644);
  result = config::load(details);
  BOOST_REQUIRE(std::holds_alternative<Problems>(result));
  BOOST_TEST(has(std::get<Problems>(result), details +
                                                 ":8: [detail_records] directory: there is "
                                                 "no directory " +
                                                 dir.path + "/details"));
  BOOST_REQUIRE_EQUAL(::mkdir((dir.path + "/details").c_str(), 0700), 0);
  BOOST_TEST(std::get<Problems>(config::load(details)).size() == 2u);

  BOOST_REQUIRE_EQUAL(::rmdir((dir.path + "/a").c_str()), 0);
  dir.write("a", "", 0400);
  dir.write("p", "", 0600);
  BOOST_TEST(std::holds_alternative<Config>(config::load(ini)));
}

// Proves that the printed defaults become a usable file once its key files are there.
BOOST_AUTO_TEST_CASE(printed_defaults_load_with_their_files) {
  Directory dir;
  const std::string ini = dir.write("b.ini", config::defaults_ini());
  for (const char* name : {"master.keys", "pepper.keys", "audit.keys"}) dir.write(name, "");
  BOOST_TEST(std::holds_alternative<Config>(config::load(ini)));
}

// Proves that what is no readable regular file is refused at once instead of hanging.
BOOST_AUTO_TEST_CASE(paths_that_are_no_file) {
  Directory dir;
  const std::string fifo = dir.path + "/fifo";
  BOOST_REQUIRE_EQUAL(::mkfifo(fifo.c_str(), 0600), 0);
  const std::pair<std::string, const char*> cases[] = {
      {dir.path, "is a directory"},
      {dir.path + "/none", "No such file or directory"},
      {fifo, "is not a regular file"},
      {"/dev/zero", "is not a regular file"}};
  for (const auto& [path, why] : cases) {
    const auto result = config::load(path);
    BOOST_REQUIRE(std::holds_alternative<Problems>(result));
    BOOST_TEST(std::get<Problems>(result).front().to_string() == path + ": " + why);
  }
}

// Proves that a key pasted where its file's name belongs does not reach the message.
BOOST_AUTO_TEST_CASE(a_pasted_key_is_not_shown) {
  Directory dir;
  const std::string key(64, 'a');
  const std::string ini = dir.write(
      "b.ini", "[keys]\nmaster_key_file = " + key + "\npepper_file = p\naudit_key_file = a\n");
  const auto result = config::load(ini);
  BOOST_REQUIRE(std::holds_alternative<Problems>(result));
  BOOST_TEST(all(std::get<Problems>(result)).find(key) == std::string::npos);
}

// Proves that no text crashes the reader: random octets, and the defaults with random changes.
BOOST_AUTO_TEST_CASE(random_texts) {
  std::mt19937 random(20261124);
  const std::string defaults = config::defaults_ini();
  for (int round = 0; round < 300; ++round) {
    std::string text = defaults;
    for (int i = 0; i < 8; ++i) text[random() % text.size()] = static_cast<char>(random());
    text.resize(random() % text.size());
    config::parse(text, "x.ini", Check::syntax_only);
    std::string noise(random() % 512, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    const auto result = config::parse(noise, "x.ini", Check::syntax_only);
    BOOST_TEST(std::holds_alternative<Problems>(result));
  }
}

// Proves that a fault that is found later, in a file that is named, has the line of its key.
BOOST_AUTO_TEST_CASE(line_of_a_key) {
  const Directory directory;
  const std::string path = directory.path + "/x.ini";
  std::ofstream(path) << "; a comment\n" << kRequired << "nonsense\n";
  BOOST_TEST(config::line_of_key(path, "keys", "pepper_file") == 4);
  BOOST_TEST(config::line_of_key(path, "store", "path") == 7);
  BOOST_TEST(config::line_of_key(path, "store", "pepper_file") == 0);
  BOOST_TEST(config::line_of_key(path, "keys", "pkcs11_module") == 0);
  BOOST_TEST(config::line_of_key(path + "x", "keys", "pepper_file") == 0);
}

// Proves that the reference names every key of the table.
BOOST_AUTO_TEST_CASE(reference_is_complete) {
  const std::string text = config::reference_markdown();
  for (const base::KeySpec& spec : config::table()) {
    BOOST_TEST(text.find("| `" + std::string(spec.key) + "` |") != std::string::npos);
  }
}
