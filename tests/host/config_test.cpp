// Proves what an operator sees of a bad file: which file, which line, which key; that check says
// what init says and changes nothing; that reload is all or nothing; that a taken port, a missing
// store and a missing schema are told apart.
#include <boost/test/unit_test.hpp>

#include "tests/host/loopback.h"
#include "tests/host/test_card.h"
#include "tests/host/workspace.h"

namespace {

using support::Guest;
using support::Loopback;
using support::MinimalHost;
using support::plugin_entry;
using support::TestCard;
using support::Workspace;

struct Fixture {
  Workspace workspace;
  MinimalHost host;
  Guest guest{plugin_entry(), host};

  // init and check refuse, with the same reason, which holds all of `parts`.
  void refused(std::initializer_list<std::string_view> parts) {
    const auto checked = guest.check(workspace.config());
    const auto answer = guest.init(workspace.config());
    BOOST_TEST(answer.status == BV_E_INVALID);
    BOOST_TEST(checked.status == BV_E_INVALID);
    BOOST_TEST(checked.why == answer.why);
    for (const std::string_view part : parts) {
      BOOST_TEST(answer.why.find(part) != std::string::npos,
                 "no '" << part << "' in: " << answer.why);
    }
    BOOST_TEST(guest.state() == "created");
  }
  void accepted() {
    const auto checked = guest.check(workspace.config());
    BOOST_TEST(checked.status == BV_OK, checked.why);
    BOOST_TEST(guest.state() == "created");
    const auto answer = guest.init(workspace.config());
    BOOST_REQUIRE_MESSAGE(answer.status == BV_OK, answer.why);
  }
  void run() {
    accepted();
    const auto answer = guest.start();
    BOOST_REQUIRE_MESSAGE(answer.status == BV_OK, answer.why);
  }
};

// A channel that is open and was served once.
struct Running : Fixture {
  TestCard card;
  std::uint64_t counter = 0;
  std::unique_ptr<Loopback> channel;
  long port = 0;

  Running() {
    run();
    port = guest.number("tcp");
    channel = std::make_unique<Loopback>(port);
    BOOST_REQUIRE(channel->send(card.identification()));
    lives();
  }
  void lives() {
    BOOST_REQUIRE(channel->send(card.report(++counter)));
    const auto answer = card.answer(channel->receive());
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->counter == counter);
    BOOST_TEST(guest.number("tcp") == port);
    BOOST_TEST(guest.state() == "running");
  }
  void reload_refused(std::initializer_list<std::string_view> parts) {
    const auto answer = guest.reload(workspace.config());
    BOOST_TEST(answer.status == BV_E_INVALID);
    for (const std::string_view part : parts) {
      BOOST_TEST(answer.why.find(part) != std::string::npos,
                 "no '" << part << "' in: " << answer.why);
    }
    lives();
    BOOST_TEST(Loopback(port).open());
  }
};

constexpr const char* kSecretLine =
    "1 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDD";

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

// What only the ESME can judge of an SMSC is refused here, not at the start.
BOOST_FIXTURE_TEST_CASE(an_smsc_that_could_not_be_started, Fixture) {
  workspace.put("smsc.password", "a password of more than eight characters", 0600);
  workspace.put("ca.pem", "no certificate", 0600);
  const std::string ini = support::read_file(workspace.config());
  const auto with = [&](const std::string& more) {
    workspace.put(
        "bipvault.ini",
        ini + "\n[smsc.one]\nhost = 127.0.0.1\nsystem_id = bipvault\nsource = 12345\n" + more,
        0600);
  };
  with("password_file = " + workspace.path("smsc.password") + "\n");
  refused({"[smsc.one]", "password"});
  workspace.put("smsc.password", "secret", 0600);
  with("password_file = " + workspace.path("smsc.password") +
       "\ntls = yes\ntls_ca_file = " + workspace.path("ca.pem") + "\n");
  refused({"[smsc.one]", "tls_ca_file"});
  with("password_file = " + workspace.path("smsc.password") + "\n");
  accepted();
}

// ---- the INI ----------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(no_file, Fixture) {
  const auto answer = guest.init(workspace.path("nowhere/at-all.ini"));
  BOOST_TEST(answer.status == BV_E_INVALID);
  BOOST_TEST(answer.why.find("nowhere/at-all.ini: ") != std::string::npos, answer.why);
  accepted();
}

BOOST_FIXTURE_TEST_CASE(a_directory_and_an_empty_path, Fixture) {
  BOOST_TEST(guest.init(workspace.path(".")).status == BV_E_INVALID);
  const auto empty = guest.init("");
  BOOST_TEST(empty.status == BV_E_INVALID);
  BOOST_TEST(!empty.why.empty());
  BOOST_TEST(guest.state() == "created");
}

BOOST_FIXTURE_TEST_CASE(unknown_key_with_line_and_nearest, Fixture) {
  workspace.change("workers = 2", "wokers = 2");
  refused({"bipvault.ini:", "[bip] wokers", "workers"});
}

BOOST_FIXTURE_TEST_CASE(all_faults_at_once, Fixture) {
  workspace.change("workers = 2", "workers = many");
  workspace.change("tcp = 127.0.0.1:0", "tcp = here");
  workspace.change("accept_unknown = yes", "accept_unknown = perhaps");
  refused({"[bip] workers", "[bip] tcp", "[vault] accept_unknown"});
}

BOOST_FIXTURE_TEST_CASE(after_a_refusal_the_right_file_is_taken, Fixture) {
  workspace.change("workers = 2", "workers = 0");
  refused({"[bip] workers"});
  workspace.change("workers = 0", "workers = 2");
  run();
}

// ---- key files --------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(key_files_missing, Fixture) {
  for (const char* name : {"master.keys", "pepper.keys", "audit.keys", "cards.csv"}) {
    const std::string content = support::read_file(workspace.path(name));
    std::filesystem::remove(workspace.path(name));
    refused({"bipvault.ini:", name, "there is no file"});
    workspace.put(name, content);
  }
  accepted();
}

BOOST_FIXTURE_TEST_CASE(key_files_that_others_may_read, Fixture) {
  for (const char* name : {"master.keys", "pepper.keys", "audit.keys", "cards.csv"}) {
    const std::string content = support::read_file(workspace.path(name));
    workspace.put(name, content, 0644);
    refused({"bipvault.ini:", name, "0644", "chmod 600"});
    workspace.put(name, content, 0400);
  }
  accepted();
}

BOOST_FIXTURE_TEST_CASE(key_files_with_wrong_content, Fixture) {
  for (const char* name : {"master.keys", "pepper.keys", "audit.keys"}) {
    const std::string content = support::read_file(workspace.path(name));
    const std::string line_2 = workspace.path(name) + ":2: ";
    workspace.put(name, "# a comment\n" + std::string(kSecretLine) + "\n");  // 60 digits
    refused({line_2});
    BOOST_TEST(guest.init(workspace.config()).why.find("00112233") == std::string::npos);
    workspace.put(name, "# a comment\nno number\n");
    refused({line_2});
    workspace.put(name, "# a comment\n1 " + std::string(64, 'g') + "\n");
    refused({line_2});
    workspace.put(name, "");
    refused({workspace.path(name)});
    workspace.put(name, content);
  }
  accepted();
}

// A key file of another vault: check says so, and a plugin that is started all the same serves
// nobody.
BOOST_FIXTURE_TEST_CASE(key_file_of_another_vault, Running) {
  BOOST_TEST(guest.stop() == BV_OK);
  workspace.put("pepper.keys", "1 " + std::string(64, 'a') + "\n");
  Guest second(plugin_entry(), host);
  const auto checked = second.check(workspace.config());
  BOOST_TEST(checked.status == BV_E_INVALID);
  const std::string fault = workspace.path("pepper.keys") + " does not belong to this database";
  BOOST_TEST(checked.why.find(fault) != std::string::npos, checked.why);
  BOOST_REQUIRE(second.init(workspace.config()).status == BV_OK);
  BOOST_REQUIRE(second.start().status == BV_OK);
  BOOST_TEST(support::wait_for([&] { return second.state() == "degraded"; }), second.health());
  BOOST_TEST(host.logged(fault, BV_LOG_ERROR) == 1);
  BOOST_TEST(second.stop() == BV_OK);
}

BOOST_FIXTURE_TEST_CASE(card_keys_with_wrong_content, Fixture) {
  const std::string header = "iccid,key_set,algorithm,kic,kid\n";
  const std::string row = TestCard().digits + ",1,aes," + std::string(32, '4');
  const std::string line_2 = workspace.path("cards.csv") + ":2: ";
  workspace.put("cards.csv", "");
  refused({workspace.path("cards.csv")});
  workspace.put("cards.csv", "iccid,key_set\n" + TestCard().digits + ",1\n");
  refused({workspace.path("cards.csv"), "algorithm"});
  workspace.put("cards.csv", header + row + ",4444\n");
  refused({line_2});
  BOOST_TEST(guest.init(workspace.config()).why.find("4444") == std::string::npos);
  workspace.put("cards.csv", header + TestCard().digits + ",16,aes," + std::string(32, '4') + "," +
                                 std::string(32, '4') + "\n");
  refused({line_2});
}

// ---- store and ports --------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(store_without_directory, Fixture) {
  workspace.change("path = bipvault.db", "path = not-there/bipvault.db");
  refused({"[store] path", "not-there"});
}

// A peer that is down fails nothing: the plugin runs, says so, and tells what to do.
BOOST_FIXTURE_TEST_CASE(store_without_schema_is_degraded, Fixture) {
  std::filesystem::remove(workspace.path("bipvault.db"));
  run();
  BOOST_TEST(support::wait_for([&] { return guest.state() == "degraded"; }), guest.health());
  BOOST_TEST(host.logged("store unavailable", BV_LOG_ERROR) == 1);
  BOOST_TEST(host.logged("bipvault-ops") >= 1, guest.health());
  BOOST_TEST(!std::filesystem::exists(workspace.path("bipvault.db")));
  BOOST_TEST(Loopback(guest.number("tcp")).open());
  BOOST_TEST(guest.stop() == BV_OK);
}

BOOST_FIXTURE_TEST_CASE(taken_port, Fixture) {
  support::TakenPort taken;
  const std::string address = "127.0.0.1:" + std::to_string(taken.port());
  workspace.change("tcp = 127.0.0.1:0", "tcp = " + address);
  accepted();
  for (int i = 0; i < 2; ++i) {
    const auto answer = guest.start();
    BOOST_TEST(answer.status == BV_E_BUSY);
    BOOST_TEST(answer.why.find(address) != std::string::npos, answer.why);
    BOOST_TEST(guest.state() == "ready");
  }
  taken.release();
  const auto answer = guest.start();
  BOOST_REQUIRE_MESSAGE(answer.status == BV_OK, answer.why);
  BOOST_TEST(guest.number("tcp") == taken.port());
  BOOST_TEST(Loopback(taken.port()).open());
}

// No card could ever come in: that is no configuration for this host.
BOOST_FIXTURE_TEST_CASE(no_listener_and_no_platform_that_carries, Fixture) {
  workspace.change("tcp = 127.0.0.1:0", "tcp =");
  refused({"[bip] tcp: no card could come in", "bv.bip/1"});
}

// What the host lacks is told at once.
BOOST_FIXTURE_TEST_CASE(all_that_the_host_lacks, Fixture) {
  workspace.without_card_keys();
  workspace.change("tcp = 127.0.0.1:0", "tcp =\ntls_psk = 127.0.0.1:0");
  refused({"[keys] card_keys: the host gives no card keys",
           "\n" + workspace.config() + ": [bip] tls_psk: the host gives no pre-shared keys"});
}

BOOST_FIXTURE_TEST_CASE(every_listener_is_named, Fixture) {
  workspace.change("tcp = 127.0.0.1:0",
                   "tcp = 127.0.0.1:0\ntls_psk = 127.0.0.1:0\ncat_tp = 127.0.0.1:0");
  run();
  const std::string tcp = "TCP port " + std::to_string(guest.number("tcp"));
  const std::string tls = "TLS-PSK on TCP port " + std::to_string(guest.number("tls_psk"));
  const std::string cat_tp = "CAT_TP on UDP port " + std::to_string(guest.number("cat_tp"));
  BOOST_TEST(host.logged("running; card channels: " + tcp + ", " + tls + ", " + cat_tp) == 1);
  BOOST_TEST(host.logged("listening on " + tcp + ", 2 workers") == 1);
  BOOST_TEST(host.logged("listening for " + tls + ", 2 workers") == 1);
  BOOST_TEST(host.logged("listening for " + cat_tp + ", 2 workers") == 1);
  BOOST_TEST(guest.stop() == BV_OK);
}

BOOST_FIXTURE_TEST_CASE(what_is_off_is_not_named, Fixture) {
  workspace.change("tcp = 127.0.0.1:0", "tcp =\ncat_tp = 127.0.0.1:0");
  run();
  BOOST_TEST(guest.number("tcp") == -1);
  const std::string cat_tp = "CAT_TP on UDP port " + std::to_string(guest.number("cat_tp"));
  BOOST_TEST(host.logged("running; card channels: " + cat_tp) == 1);
  BOOST_TEST(host.logged("listening on TCP") + host.logged("channels: TCP") == 0);
  BOOST_TEST(host.logged("listening for " + cat_tp) == 1);
  BOOST_TEST(guest.stop() == BV_OK);
}

// ---- reload -----------------------------------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(reload_of_the_same_file, Running) {
  const auto answer = guest.reload(workspace.config());
  BOOST_TEST(answer.status == BV_OK, answer.why);
  lives();
}

BOOST_FIXTURE_TEST_CASE(reload_of_a_bad_file_keeps_the_old_one_whole, Running) {
  const std::string good = support::read_file(workspace.config());
  for (const std::string& bad :
       {std::string(), std::string("[bip\n"), good + "[nobody]\n", good + "[bip]\ntcp = x\n",
        std::string(100'000, 'x'), std::string("\0\1\2", 3)}) {
    support::write_file(workspace.config(), bad);
    reload_refused({"bipvault.ini"});
  }
  std::filesystem::remove(workspace.config());
  reload_refused({"bipvault.ini"});
  // With a good value beside the bad one, neither is taken.
  support::write_file(workspace.config(), good);
  workspace.change("tcp =", "tar = BFFF02\nsessions = nobody\ntcp =");
  reload_refused({"[bip] sessions"});
}

BOOST_FIXTURE_TEST_CASE(reload_with_another_address_is_refused, Running) {
  workspace.change("tcp = 127.0.0.1:0", "tcp = 127.0.0.1:1");
  reload_refused({"bipvault.ini", "restart", "[bip] tcp"});
}

BOOST_FIXTURE_TEST_CASE(reload_names_every_key_that_needs_a_restart, Running) {
  workspace.change("workers = 2", "workers = 3");
  workspace.change("path = bipvault.db", "path = other.db");
  reload_refused({"restart", "[bip] workers", "[store] path"});
}

BOOST_FIXTURE_TEST_CASE(reload_of_a_live_key_is_for_new_channels, Running) {
  workspace.change("tcp =", "tar = BFFF02\ntcp =");
  const auto answer = guest.reload(workspace.config());
  BOOST_TEST(answer.status == BV_OK, answer.why);
  lives();
  const auto tar_is_unknown = [&] {
    Loopback fresh(port);
    fresh.send(card.identification());
    fresh.send(card.report(++counter));
    const auto octets = fresh.receive();
    return octets.size() == 13 && octets[12] == 9;
  };
  BOOST_TEST(support::wait_for(tar_is_unknown));
  lives();
}

BOOST_FIXTURE_TEST_CASE(check_while_running_changes_nothing, Running) {
  BOOST_TEST(guest.check(workspace.config()).status == BV_OK);
  workspace.change("workers = 2", "workers = 0");
  BOOST_TEST(guest.check(workspace.config()).status == BV_E_INVALID);
  lives();
}

BOOST_AUTO_TEST_SUITE_END()
