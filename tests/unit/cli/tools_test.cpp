// The tools as processes, on a SQLite store of their own: exit codes, what is printed, and that a
// document's number appears nowhere.
#include "tests/unit/cli/tools.h"

#include <algorithm>

#include "cli/imei.h"

using namespace tools;

// Proves that each step before the first service is named when it is missing, with its exit code.
BOOST_AUTO_TEST_CASE(first_steps) {
  const Laboratory lab;
  const Ended no_keys = lab.ops({"config", "check"});
  BOOST_TEST(no_keys.code == 3);
  BOOST_TEST(contains(no_keys,
                      "restore it from the backup of the keys; only for a new vault: "
                      "bipvault-ops --config " +
                          lab.ini + " keys init"),
             no_keys.output);
  BOOST_TEST(contains(lab.ops({"keys", "init"}), "created"));
  BOOST_TEST(contains(lab.ops({"keys", "init"}), "exist already"));
  BOOST_TEST(lab.ops({"config", "check"}).code == 0);
  const std::string init = "bipvault-ops --config " + lab.ini + " db init\n";
  for (const Arguments& asked : {Arguments{"db", "status"}, Arguments{"db", "upgrade"},
                                 Arguments{"db", "check"}, Arguments{"status"}}) {
    const Ended no_file = lab.ops(asked);
    BOOST_TEST(no_file.code == 4, asked.back());
    BOOST_TEST(
        no_file.output ==
        "bipvault-ops: " + lab.path.string() +
            "/bipvault.db: no database there; is its disk mounted, and [store] path right? Only "
            "for a new vault: " +
            init);
  }
  const Ended no_schema = lab.ops({"import", "-"}, "iccid\n8986001234567890120\n");
  BOOST_TEST(no_schema.code == 4);
  BOOST_TEST(no_schema.output.ends_with(init), no_schema.output);
  BOOST_TEST(std::count(no_schema.output.begin(), no_schema.output.end(), '\n') == 1,
             no_schema.output);
  BOOST_TEST(lab.ops({"db", "init"}).code == 0);
  BOOST_TEST(lab.ops({"db", "init"}).code == 1);
  const Ended upgraded = lab.ops({"db", "upgrade"});
  BOOST_TEST(upgraded.code == 0);
  BOOST_TEST(contains(upgraded, "nothing to upgrade: schema "), upgraded.output);
  BOOST_TEST(lab.ops({"db", "status"}).code == 0);
  ::chmod((lab.path / "pepper.keys").c_str(), 0644);
  BOOST_TEST(lab.ops({"keys", "init"}).code == 3);
  BOOST_TEST(run("bipvault-ops", {"db"}).code == 2);
  BOOST_TEST(run("bipvault-ops", {"--config", "/nonexistent", "db", "status"}).code == 3);
}

// Proves an import's counts, its bad lines and its repetition.
BOOST_AUTO_TEST_CASE(imports) {
  const Laboratory lab;
  lab.set_up();
  const std::string file = lab.path / "cards.txt";
  std::ofstream(file) << "* vendor\nQuantity: 3\nvar_out: ser_nb/ki\n8986001234567890120 00\n"
                         "8986001234567890146 11\nnonsense\n";
  const Ended dry = lab.ops({"import", file, "--dry-run"});
  BOOST_TEST(contains(dry,
                      "dry run, nothing is stored: would have created 1, updated 0, "
                      "unchanged 1, bad 1"),
             dry.output);
  const Ended all = lab.ops({"import", file, "--all-or-nothing"});
  BOOST_TEST(all.code == 1);
  BOOST_TEST(!contains(all, "created"), all.output);
  BOOST_TEST(contains(all, "1 bad lines: nothing was imported"), all.output);
  const Ended good = lab.ops({"import", file});
  BOOST_TEST(good.code == 1);
  BOOST_TEST(contains(good, "line 6: 1 fields instead of 2"));
  BOOST_TEST(contains(good, "created 1, updated 0, unchanged 1, bad 1"));
  const Ended json = lab.ops({"--json", "import", file});
  BOOST_TEST(contains(json, "\"unchanged\": 2"));
  BOOST_TEST(lab.ops({"import", "/nonexistent"}).code == 1);
  const Ended vendor = lab.ops({"import", "-"}, "Quantity: 1\n8986001234567890146\n");
  BOOST_TEST(vendor.code == 1);
  BOOST_TEST(contains(vendor, "on standard input needs --format vendor"), vendor.output);
  BOOST_TEST(!contains(lab.ops({"import", "-", "--format", "csv"}, "x\n"), "--format vendor"));
  BOOST_TEST(lab.ops({"import", file, "--batch", "0"}).code == 2);
}

// Proves that care finds a card by number and by ICCID, that every call is in the history, and that
// the document's number is nowhere: not in an answer, not in the database.
BOOST_AUTO_TEST_CASE(care_calls) {
  const Laboratory lab;
  lab.set_up();
  const Ended by_number = lab.care(proven({"show", "+8613800000001"}));
  BOOST_TEST(by_number.code == 0);
  BOOST_TEST(contains(by_number, "8986001234567890120"));
  BOOST_TEST(contains(by_number, "...5432"));
  const Ended by_iccid = lab.care(proven({"--json", "show", "8986 0012 3456 7890 120F"}));
  BOOST_TEST(by_iccid.code == 0);
  BOOST_TEST(contains(by_iccid, "\"msisdn_provisioned\": \"+8613800000001\""));
  BOOST_TEST(lab.care(proven({"show", "+4912345"})).code == 5);
  BOOST_TEST(lab.care(proven({"unlock", "8986001234567890120"})).code == 1);
  BOOST_TEST(lab.care(proven({"confirm-move", "8986001234567890120"})).code == 1);
  BOOST_TEST(lab.care({"show", "8986001234567890120", "--agent", "ann"}).code == 2);
  BOOST_TEST(lab.care(proven({"show", "8986001234567890120"}), "").code == 2);

  const Ended audit = lab.care({"audit", "8986001234567890120", "--agent", "ann"});
  BOOST_TEST(audit.code == 0);
  BOOST_TEST(contains(audit, "shown  agent:ann  reason: lost phone; document: passport ...5432"));
  BOOST_TEST(contains(lab.care({"audit", "verify"}), "the history is whole"));
  BOOST_TEST(lab.care({"audit", "--day", "2026-02-30"}).code == 2);
  BOOST_TEST(contains(lab.care({"audit", "--day", "1999-01-01"}), "no entry of the history fits"));
  const std::string hint = "a phone number is written with + and the country code";
  for (const auto& [who, hinted] : {std::pair{"13800000001", true},
                                    {"8986001234567890999", false},
                                    {"+8613800000009", false},
                                    {"008613800000009", false}}) {
    const Ended none = lab.care(proven({"show", who}));
    BOOST_TEST(none.code == 5, who);
    BOOST_TEST(contains(none, "no record fits"), none.output);
    BOOST_TEST(contains(none, hint) == hinted, none.output);
  }
  for (const Ended& ended : {by_number, by_iccid, audit}) BOOST_TEST(!contains(ended, kNumber));
  for (const auto& entry : fs::directory_iterator(lab.path)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    BOOST_TEST(content.find(kNumber) == std::string::npos, entry.path());
  }
}

// Proves that an order moves the record to the new card.
BOOST_AUTO_TEST_CASE(swap_by_order) {
  const Laboratory lab;
  lab.set_up();
  const Ended moved = lab.ops({"--json", "swap", "8986001234567890120", "8986001234567890138"});
  BOOST_TEST(moved.code == 0);
  BOOST_TEST(contains(moved, "\"how\": \"moved\""));
  const Ended again = lab.ops({"--json", "swap", "8986001234567890120", "8986001234567890138"});
  BOOST_TEST(again.code == 0, "an order whose answer was lost may be repeated");
  BOOST_TEST(contains(again, "\"how\": \"moved before\""));
  BOOST_TEST(lab.ops({"swap", "8986001234567890138", "8986001234567890138"}).code == 2);
}

// Proves that a call for the card of before does nothing to the present one, and names it; that
// show finds it and says so first; and that a late order takes the record from nobody.
BOOST_AUTO_TEST_CASE(called_by_the_card_of_before) {
  const Laboratory lab;
  lab.set_up();
  const std::string before = "8986001234567890120";
  const std::string now = "8986001234567890138";
  const std::string third = "8986001234567890146";
  BOOST_REQUIRE(lab.ops({"import", "-"}, "iccid\n" + third + "\n").code == 0);
  BOOST_REQUIRE(lab.ops({"swap", before, now}).code == 0);
  const std::string belongs =
      "he back-up of card " + before + " belongs to card " + now + " since ";
  const Ended refused = lab.care(proven({"suspend", before}));
  BOOST_TEST(refused.code == 5, refused.output);
  BOOST_TEST(contains(refused, "bipvault-care: t" + belongs), refused.output);
  BOOST_TEST(contains(refused, "; name that card if it is meant\n  " + now + "\n"), refused.output);
  BOOST_TEST(contains(lab.care(proven({"--json", "erase", before})), "\"candidates\""));
  const Ended late = lab.ops({"swap", before, third});
  BOOST_TEST(late.code == 5, late.output);
  BOOST_TEST(contains(late, "old card: t" + belongs), late.output);
  const Ended shown = lab.care(proven({"show", before}));
  BOOST_TEST(shown.code == 0);
  BOOST_TEST(shown.output.starts_with("T" + belongs), shown.output);
  BOOST_TEST(contains(shown, "\nState             empty\n"), shown.output);
  BOOST_TEST(!contains(shown, "suspended"), shown.output);
  const Ended json = lab.care(proven({"--json", "show", before}));
  BOOST_TEST(contains(json, "\"asked_for\": \"" + before + "\""), json.output);
  BOOST_TEST(contains(json, "\"moved_at\": \"20"), json.output);
  const Ended own = lab.care(proven({"show", now}));
  BOOST_TEST(own.output.starts_with("ICCID"), own.output);
  BOOST_TEST(lab.care(proven({"suspend", now})).code == 0);
}

// Proves that provisioning can tell that a card is out of use, and take it back.
BOOST_AUTO_TEST_CASE(ended_by_order) {
  const Laboratory lab;
  lab.set_up();
  const std::string card = "8986001234567890120";
  const Ended told = lab.ops({"ended", "8986 0012 3456 7890 120", "--operator", "prov"});
  BOOST_TEST(told.code == 0);
  BOOST_TEST(told.output == card + " is out of use\n");
  BOOST_TEST(lab.ops({"ended", card}).output == card + " is out of use, as before\n");
  BOOST_TEST(contains(lab.care(proven({"show", card})), "out of use, says provisioning"));
  BOOST_TEST(contains(lab.ops({"--json", "ended", card, "--in-use"}), "\"ended\": false"));
  const Ended audit = lab.care({"audit", card});
  BOOST_TEST(contains(audit, "ended  ops:prov  order of provisioning"));
  BOOST_TEST(contains(audit, "in_use_again  ops:"));
  BOOST_TEST(lab.ops({"ended", "8986001234567890999"}).code == 5);
  BOOST_TEST(lab.ops({"ended", "+8613800000001"}).code == 1);
  BOOST_TEST(lab.ops({"ended", card, "--operator", "no name"}).code == 2);
  BOOST_TEST(lab.ops({"swap", card, "8986001234567890138"}).code == 0);
  const Ended moved = lab.ops({"ended", card});
  BOOST_TEST(moved.code == 5);
  BOOST_TEST(contains(moved, "belongs to card 8986001234567890138 since"), moved.output);
}

// Proves that reading and verifying the history leave entries of their own.
BOOST_AUTO_TEST_CASE(audits_are_audited) {
  const Laboratory lab;
  lab.set_up();
  BOOST_TEST(contains(lab.care({"audit", "8986001234567890120", "--operator", "chief"}),
                      "audited  ops:chief  history"));
  BOOST_TEST(contains(lab.care({"audit", "--agent", "ann", "--operator", "chief"}), "no entry"));
  BOOST_TEST(lab.care({"audit", "verify", "--operator", "chief"}).code == 0);
  const Ended all = lab.care({"audit", "--operator", "chief"});
  BOOST_TEST(contains(all, "(no card)"));
  BOOST_TEST(contains(all, "audited  ops:chief  history of agent ann"));
  BOOST_TEST(contains(all, "audit_verified  ops:chief  whole"));
  BOOST_TEST(contains(lab.care({"audit", "verify"}), "the history is whole"));
  const Ended forged = lab.care({"audit", "verify", "--sealed-head",
                                 "sealed history head 2026-11-24T14:00:00Z entries 0 sum " +
                                     std::string(64, '0') + " seal " + std::string(64, '0')});
  BOOST_TEST(forged.code == 2);
  BOOST_TEST(contains(forged, "no sealed head that was made with this audit key"));
  // What a search of the log gives that has found nothing, or another line.
  for (const auto& [none, why] :
       {std::pair("", "--sealed-head has no value"),
        std::pair("2026-11-24T14:00:00Z info plugin started", "there is no sealed head in what")}) {
    const Ended empty = lab.care({"audit", "verify", "--sealed-head", none});
    BOOST_TEST(empty.code == 2);
    BOOST_TEST(contains(empty, why));
  }
}

// Proves that on a terminal what is missing is asked for, and the number is not shown.
BOOST_AUTO_TEST_CASE(questions_on_a_terminal) {
  const Laboratory lab;
  lab.set_up();
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  BOOST_REQUIRE(pid >= 0);
  if (pid == 0) {
    execute("bipvault-care", {"--config", lab.ini, "show", "+8613800000001", "--reason", "lost"});
  }
  std::string output;
  const auto answer = [&](const std::string& question, const std::string& text) {
    while (output.find(question) == std::string::npos) {
      if (!read_more(terminal, output)) return false;
    }
    return ::write(terminal, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  };
  BOOST_REQUIRE_MESSAGE(answer("Agent: ", "ann\n"), output);
  BOOST_REQUIRE_MESSAGE(answer("Kind of identity document: ", "passport\n"), output);
  BOOST_REQUIRE_MESSAGE(answer("(not shown): ", std::string(kNumber) + "\n"), output);
  while (read_more(terminal, output)) {
  }
  ::close(terminal);
  BOOST_TEST(code_of(pid) == 0);
  BOOST_TEST(output.find("agent:ann") != std::string::npos, output);
  BOOST_TEST(output.find("passport\r\n") != std::string::npos);
  BOOST_TEST(output.find(kNumber) == std::string::npos);
}

// Proves that a document's number in what is kept of a call refuses the call, however it is
// written, and is neither repeated nor kept.
BOOST_AUTO_TEST_CASE(number_in_the_reason) {
  const Laboratory lab;
  lab.set_up();
  const std::string card = "8986001234567890120";
  const auto called = [&](const std::string& reason, const std::string& kind) {
    return lab.care({"show", card, "--agent", "ann", "--reason", reason, "--document", kind},
                    "D 9876-5432\n");
  };
  for (const char* said :
       {"passport D98765432, lost", "lost (d 98765432)", "D987 654 32", "no.D9876.5432x"}) {
    const Ended refused = called(said, "passport");
    BOOST_TEST(refused.code == 2, refused.output);
    BOOST_TEST(contains(refused, "the reason holds the document's number"), refused.output);
    BOOST_TEST(!contains(refused, "98765432"), refused.output);
    BOOST_TEST(!contains(refused, "9876-5432"), refused.output);
  }
  BOOST_TEST(contains(called("lost phone", "passport D98765432"), "the kind of document holds"));
  BOOST_TEST(!contains(lab.care({"audit", card}), "shown"));
  BOOST_TEST(called("passport ...5432 seen, lost D9876", "passport").code == 0);
  for (const auto& entry : fs::directory_iterator(lab.path)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    BOOST_TEST(content.find("98765432") == std::string::npos, entry.path());
  }
}

// Proves that a reason that says nothing is refused as what it is, and before the document is asked
// for.
BOOST_AUTO_TEST_CASE(reason_of_two_characters) {
  const Laboratory lab;
  lab.set_up();
  const std::string text = "the reason is too short";
  const Ended refused = lab.care(
      {"show", "+8613800000001", "--agent", "ann", "--reason", " ab ", "--document", "passport"});
  BOOST_TEST(refused.code == 2, refused.output);
  BOOST_TEST(contains(refused, text), refused.output);
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  BOOST_REQUIRE(pid >= 0);
  if (pid == 0) {
    execute("bipvault-care", {"--config", lab.ini, "show", "+8613800000001", "--agent", "ann"});
  }
  std::string output;
  while (output.find("Reason: ") == std::string::npos) {
    BOOST_REQUIRE_MESSAGE(read_more(terminal, output), output);
  }
  BOOST_REQUIRE(::write(terminal, "ab\n", 3) == 3);
  while (read_more(terminal, output)) {
  }
  ::close(terminal);
  BOOST_TEST(code_of(pid) == 2);
  BOOST_TEST(output.find(text) != std::string::npos, output);
  BOOST_TEST(output.find("document") == std::string::npos, output);
  BOOST_TEST(!contains(lab.care({"audit", "8986001234567890120"}), "shown"));
}

// Proves what the commands for SMS say when no instance runs: nothing is pretended, and a request
// stays for the one that comes.
BOOST_AUTO_TEST_CASE(sms_without_an_instance) {
  const Laboratory lab;
  lab.set_up();
  const Ended status = lab.ops({"smsc", "status"});
  BOOST_TEST(status.code == 1);
  BOOST_TEST(status.output == "no instance with an SMSC has reported\n");
  const Ended all = lab.ops({"status"});
  BOOST_TEST(all.code == 1);
  BOOST_TEST(contains(all, "no instance has reported\nreminders off, last run never\n"));
  BOOST_TEST(contains(lab.ops({"status", "--json"}), "\"running\": 0"));
  const Ended preview = lab.ops({"reminders", "preview", "--json"});
  BOOST_TEST(preview.code == 0);
  BOOST_TEST(preview.output.find("\"due\": 0") != std::string::npos, preview.output);
  const Ended reminders = lab.ops({"reminders", "status"});
  BOOST_TEST(reminders.code == 0);
  BOOST_TEST(reminders.output.find("off ([reminder] enabled)") != std::string::npos);
  BOOST_TEST(reminders.output.find("last run         never") != std::string::npos);
  for (const Arguments& request :
       {Arguments{"reminders", "run"}, Arguments{"wake", "8986001234567890120"},
        Arguments{"wake", "+8613800000002", "--reason", "identity"},
        Arguments{"smsc", "send-test", "+8613800000001", "Hello"}}) {
    Arguments arguments = request;
    arguments.insert(arguments.end(), {"--wait", "0"});
    const Ended asked = lab.ops(arguments);
    BOOST_TEST(asked.code == 4);
    BOOST_TEST(asked.output ==
               "bipvault-ops: no instance with an SMSC runs on this store; the request "
               "waits for an hour, do not repeat it\n");
  }
}

BOOST_AUTO_TEST_CASE(sms_mistakes) {
  const Laboratory lab;
  lab.set_up();
  const std::pair<Arguments, int> calls[] = {
      {{"wake", "8986001234567899999"}, 5},
      {{"wake", "8986001234567890120", "--reason", "boredom"}, 2},
      {{"wake"}, 2},
      {{"reminders", "run", "--wait", "soon"}, 2},
      {{"reminders", "preview", "--limit", "0"}, 2},
      {{"smsc", "send-test", "12"}, 2},
      {{"smsc", "send-test", "+8613800000001", ""}, 2},
      {{"smsc", "send-test", "+8613800000001", "--smsc", "none"}, 2}};
  for (const auto& [arguments, code] : calls) {
    BOOST_TEST(lab.ops(arguments).code == code, arguments.front() << " " << arguments.back());
  }
}

// Proves that a signal during the question ends the tool and leaves the terminal's echo on.
BOOST_AUTO_TEST_CASE(interrupted_question) {
  const Laboratory lab;
  lab.set_up();
  int terminal = -1;
  int name = -1;
  BOOST_REQUIRE_EQUAL(::openpty(&terminal, &name, nullptr, nullptr, nullptr), 0);
  const pid_t pid = ::fork();
  BOOST_REQUIRE(pid >= 0);
  if (pid == 0) {
    ::close(terminal);
    if (::login_tty(::dup(name)) != 0) _exit(126);
    execute("bipvault-care", {"--config", lab.ini, "show", "+8613800000001", "--reason", "lost",
                              "--agent", "ann", "--document", "passport"});
  }
  std::string output;
  while (output.find("(not shown): ") == std::string::npos) {
    BOOST_REQUIRE(read_more(terminal, output));
  }
  const auto echo = [&] {
    termios settings{};
    return ::tcgetattr(name, &settings) == 0 && (settings.c_lflag & ECHO) != 0;
  };
  BOOST_TEST(!echo());
  BOOST_REQUIRE_EQUAL(::write(terminal, "\x03", 1), 1);
  BOOST_TEST(code_of(pid) == 1000 + SIGINT);
  BOOST_TEST(echo());
  ::close(terminal);
  ::close(name);
}

// What a phone told of itself: care tells by it whether the customer's phone is the one last seen.
BOOST_AUTO_TEST_CASE(imei_of_a_handset) {
  const auto imei = [](const char* hex) { return cli::imei_of(*base::from_hex(hex)); };
  BOOST_TEST(imei("3A65390853468390FFFF7F9D") == "356938035643809");
  BOOST_TEST(imei("3A65390853468390") == "356938035643809");
  BOOST_TEST(imei("") == "");
  BOOST_TEST(imei("3A653908534683") == "", "cut off");
  BOOST_TEST(imei("3365390853468390") == "", "an IMEISV, or nothing");
  BOOST_TEST(imei("3A6539085346839F") == "", "no digit");
  BOOST_TEST(imei("FFFFFFFFFFFFFFFF") == "");
}
