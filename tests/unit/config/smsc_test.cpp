// Sections [smsc.NAME], [reminder] and [wake_up]: what stands in the file is what the modules get,
// in the order of the file, and each mistake is told with its line.
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/config.h"
#include "config/table.h"

namespace {

using config::Check;
using config::Config;
using Problems = std::vector<config::Problem>;

// Seven lines, the last one empty.
const std::string kRequired =
    "[keys]\nmaster_key_file = m\npepper_file = p\naudit_key_file = a\n[store]\npath = d\n\n";
const std::string kSmsc = "host = h\nsystem_id = bv\nsource = 12345\n";

std::variant<Config, Problems> read(const std::string& text) {
  return config::parse(kRequired + text, "/etc/x.ini", Check::syntax_only);
}

Config good(const std::string& text) {
  auto result = read(text);
  if (auto* problems = std::get_if<Problems>(&result)) {
    BOOST_FAIL(problems->front().to_string());
  }
  return std::get<Config>(std::move(result));
}

// All problems, one a line.
std::string faults(const std::string& text) {
  auto result = read(text);
  std::string out;
  if (auto* problems = std::get_if<Problems>(&result)) {
    for (const config::Problem& problem : *problems) out += problem.to_string() + "\n";
  }
  return out;
}

void refuses(const std::string& text, const std::string& expected) {
  const std::string got = faults(text);
  BOOST_TEST(got.find(expected + "\n") != std::string::npos,
             text << "\nexpected " << expected << "\ngot " << got);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(smscs)

BOOST_AUTO_TEST_CASE(sections_come_in_the_order_of_the_file) {
  const Config c = good("[smsc.main]\n" + kSmsc +
                        "port = 2776\nbind = transmitter_receiver\nbinds = 3\nwindow = 100\n"
                        "binary_data_coding = 04\ndefault_alphabet = latin1\nconcat = sar\n"
                        "id_match = hex_dec\non_timeout = resend\nstatus.58 = queue_full\n"
                        "status.0400 = bad_number\npassword_file = main.password\n"
                        "[vault]\nlock = timed\n[smsc.backup-2]\n" +
                        kSmsc);
  BOOST_REQUIRE_EQUAL(c.smscs.size(), 2u);
  const smsc::Settings& s = c.smscs[0].settings;
  BOOST_TEST(s.name == "main");
  BOOST_TEST(s.host == "h");
  BOOST_TEST(s.port == 2776);
  BOOST_TEST((s.bind == smsc::BindMode::transmitter_receiver));
  BOOST_TEST(s.binds == 3);
  BOOST_TEST(s.window == 100u);
  BOOST_TEST(s.binary_data_coding == 4);
  BOOST_TEST((s.default_alphabet == smsc::Alphabet::latin1));
  BOOST_TEST((s.concat == smsc::Concat::sar));
  BOOST_TEST((s.id_match == smsc::IdMatch::hex_dec));
  BOOST_TEST(s.password_file == "/etc/main.password");
  BOOST_TEST(!s.password);  // read by who needs it
  BOOST_TEST(s.reactions.size() == 2u);
  BOOST_TEST((s.reactions.at(0x58) == smsc::Reaction::queue_full));
  BOOST_TEST((s.reactions.at(0x400) == smsc::Reaction::bad_number));
  BOOST_TEST(c.smscs[1].settings.name == "backup-2");
  BOOST_TEST((c.reminder.on_timeout_of.at("main") == vault::OnTimeout::resend));
  BOOST_TEST((c.reminder.on_timeout_of.at("backup-2") == vault::OnTimeout::assume_sent));
  BOOST_TEST((c.vault.lock == vault::LockMode::timed));
}

// Proves that an [smsc.NAME] with nothing but what must be given has the struct's defaults.
BOOST_AUTO_TEST_CASE(defaults_are_those_of_the_struct) {
  const smsc::Settings s = good("[smsc.a]\n" + kSmsc).smscs.at(0).settings;
  const auto values = [](const smsc::Settings& x) {
    return std::vector<std::int64_t>{x.port,
                                     x.tls,
                                     static_cast<int>(x.bind),
                                     x.binds,
                                     x.receiver_port,
                                     x.source_ton,
                                     x.source_npi,
                                     x.destination_ton,
                                     x.destination_npi,
                                     x.registered_delivery,
                                     x.message_mode,
                                     x.binary_data_coding,
                                     static_cast<int>(x.default_alphabet),
                                     static_cast<int>(x.concat),
                                     static_cast<int>(x.id_match),
                                     x.window,
                                     x.rate,
                                     x.max_segments,
                                     x.connect_timeout,
                                     x.bind_timeout,
                                     x.response_timeout,
                                     x.enquire_link,
                                     x.enquire_timeout,
                                     x.unbind_timeout,
                                     x.reconnect_min,
                                     x.reconnect_max,
                                     x.refused_retry,
                                     x.throttle_hold,
                                     x.retry_after,
                                     x.retries,
                                     x.queue_timeout,
                                     x.failover_after,
                                     x.duplicate_window,
                                     x.max_pdu};
  };
  const auto got = values(s);
  const auto wanted = values(smsc::Settings());
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
}

// Proves that the words of `status.NN` stand in the order of the enum.
BOOST_AUTO_TEST_CASE(reactions_by_name) {
  const std::pair<const char*, smsc::Reaction> names[] = {
      {"ok", smsc::Reaction::ok},
      {"refused", smsc::Reaction::refused},
      {"bad_number", smsc::Reaction::bad_number},
      {"bad_source", smsc::Reaction::bad_source},
      {"rebind", smsc::Reaction::rebind},
      {"retry", smsc::Reaction::retry},
      {"retry_slowly", smsc::Reaction::retry_slowly},
      {"queue_full", smsc::Reaction::queue_full},
      {"throttled", smsc::Reaction::throttled}};
  for (const auto& [name, reaction] : names) {
    const Config c = good("[smsc.a]\n" + kSmsc + "status.88 = " + name + "\n");
    BOOST_TEST((c.smscs[0].settings.reactions.at(0x88) == reaction), name);
  }
}

// Proves that the commented part of the example is a section once its comment marks are gone.
BOOST_AUTO_TEST_CASE(the_commented_example_is_a_section) {
  std::string section;
  std::istringstream lines(config::defaults_ini());
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    inside = inside || line == ";[smsc.NAME]";
    if (!inside || !line.starts_with(';') || line.starts_with("; ")) continue;
    if (line.starts_with(";status.NN")) line = ";status.88 = refused";
    section += line.substr(1) + "\n";
  }
  const Config c = good(section);
  BOOST_REQUIRE_EQUAL(c.smscs.size(), 1u);
  BOOST_TEST(c.smscs[0].settings.name == "NAME");
  BOOST_TEST(c.smscs[0].settings.host == "smsc.example.net");
}

BOOST_AUTO_TEST_CASE(mistakes_in_a_section) {
  const std::string begin = "[smsc.a]\n" + kSmsc;  // lines 8 to 11
  refuses("[smsc.a]\nhost = h\n",
          "/etc/x.ini:8: [smsc.a] system_id: missing; for example: system_id = bipvault");
  refuses(begin + "windw = 1\n",
          "/etc/x.ini:12: [smsc.a] windw: unknown key (nearest known: window)");
  refuses(begin + "window = 0\n",
          "/etc/x.ini:12: [smsc.a] window: 0 is outside its limits: from 1 to 1000");
  refuses(begin + "bind = tranceiver\n",
          "/etc/x.ini:12: [smsc.a] bind: must be one of: transceiver transmitter_receiver "
          "transmitter receiver (nearest: transceiver)");
  refuses(begin + "status.58 = throttle\n",
          "/etc/x.ini:12: [smsc.a] status.58: must be one of: ok refused bad_number bad_source "
          "rebind retry retry_slowly queue_full throttled (nearest: throttled)");
  refuses(begin + "status.5x = retry\n",
          "/etc/x.ini:12: [smsc.a] status.5x: not a command_status: up to 8 hexadecimal digits, "
          "not 0");
  refuses(begin + "status.0 = retry\n",
          "/etc/x.ini:12: [smsc.a] status.0: not a command_status: up to 8 hexadecimal digits, "
          "not 0");
  refuses(begin + "tls = yes\n",
          "/etc/x.ini:8: [smsc.a] tls_ca_file: tls = yes needs the authorities that sign its "
          "certificate");
  refuses(begin + "tls_key_file = k\n",
          "/etc/x.ini:8: [smsc.a] tls_cert_file: tls_cert_file and tls_key_file belong together");
  refuses(begin + "reconnect_max = 500ms\n",
          "/etc/x.ini:12: [smsc.a] reconnect_max: is shorter than reconnect_min");
  refuses("[smsc.a]\nhost = h\nsystem_id = bv\nsource = ABC\n",
          "/etc/x.ini:11: [smsc.a] source: is not a number; for a name source_ton must be 5");
  refuses("[smsc.a]\nhost = h\nsystem_id = sixteen_or_more_\nsource = 1\n",
          "/etc/x.ini:10: [smsc.a] system_id: is longer than 15 characters");
  refuses("[smsc.]\n" + kSmsc,
          "/etc/x.ini:8: [smsc.]: the name behind 'smsc.' has not 1 to 32 "
          "characters");
  refuses(begin + "[smsc.a]\n", "/etc/x.ini:12: [smsc.a]: section given twice, first in line 8");
  refuses("[smcs.a]\n", "/etc/x.ini:8: [smcs.a]: unknown section (nearest known: smsc.a)");
}

// Proves that two sections with the same mistake are told apart.
BOOST_AUTO_TEST_CASE(each_section_has_its_own_lines) {
  const std::string both = "[smsc.a]\n" + kSmsc + "rate = x\n[smsc.b]\n" + kSmsc + "rate = x\n";
  refuses(both, "/etc/x.ini:12: [smsc.a] rate: not a whole number");
  refuses(both, "/etc/x.ini:17: [smsc.b] rate: not a whole number");
}

BOOST_AUTO_TEST_CASE(files_of_a_section) {
  char name[] = "/tmp/bipvault-config-XXXXXX";
  const std::string dir = mkdtemp(name);
  const auto put = [&](const std::string& file, mode_t mode) {
    std::ofstream(dir + "/" + file) << "x";
    ::chmod((dir + "/" + file).c_str(), mode);
  };
  for (const char* file : {"m", "p", "a", "secret"}) put(file, 0600);
  put("open", 0644);
  const auto problems = [&](const std::string& more) {
    std::ofstream(dir + "/b.ini") << kRequired << "[smsc.a]\n" << kSmsc << more;
    const auto result = config::load(dir + "/b.ini");
    return std::holds_alternative<Config>(result) ? Problems() : std::get<Problems>(result);
  };
  BOOST_TEST(problems("password_file = secret\n").empty());
  BOOST_REQUIRE_EQUAL(problems("password_file = open\n").size(), 1u);
  BOOST_TEST(problems("password_file = open\n")[0].text.find("mode 0644") != std::string::npos);
  BOOST_TEST(problems("password_file = open\n")[0].line == 12);
  BOOST_REQUIRE_EQUAL(problems("password_file = none\n").size(), 1u);
  BOOST_TEST((problems("password_file = none\n")[0].kind == config::Problem::Kind::missing_file));
  BOOST_TEST(problems("tls_ca_file = none\n").size() == 1u);
  std::filesystem::remove_all(dir);
}

BOOST_AUTO_TEST_CASE(changes_need_a_restart) {
  const Config one = good("[smsc.a]\n" + kSmsc);
  const Config other = good("[smsc.a]\n" + kSmsc + "window = 20\nstatus.88 = retry\n");
  const std::vector<std::string> expected{"[smsc.a] window", "[smsc.a] status.NN"};
  BOOST_TEST(config::not_reloadable(one, other) == expected, boost::test_tools::per_element());
  const Config two = good("[smsc.b]\n" + kSmsc + "[smsc.a]\n" + kSmsc);
  BOOST_TEST(config::not_reloadable(one, two).size() == 1u);
  const Config texts = good("[smsc.a]\n" + kSmsc +
                            "[reminder]\nenabled = yes\nyes.fr = O OUI\n"
                            "[wake_up]\nkey_set = 2\n");
  BOOST_TEST(config::not_reloadable(one, texts).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(reminders)

BOOST_AUTO_TEST_CASE(what_the_file_says) {
  const Config c = good("[smsc.a]\n" + kSmsc +
                        "[reminder]\nenabled = yes\ninterval = 1months12h\nhours = 22:00-06:30\n"
                        "time_zone = Europe/Berlin\nrepeat_times = 0\nmsisdn_allow = +49 43\n"
                        "text.de = Stand {date}. J oder N?\nyes.de = J JA\nno.de = NEIN\n"
                        "text.en = Hello {{}}\nstop = STOP ENDE\n"
                        "[wake_up]\nmode = push\nserver = 10.0.0.1:7100\ntar = B20101\n"
                        "key_set = 3\nalgorithm = 3des\ntransport = cat_tp\nbearer = 0203\n"
                        "apn = internet.example\ntries = 5\n");
  const vault::ReminderSettings& r = c.reminder;
  BOOST_TEST(r.enabled);
  BOOST_TEST((r.interval == vault::Interval{1, 12 * base::kHourMs}));
  BOOST_TEST((r.hours == vault::Hours{22 * 60, 6 * 60 + 30}));
  BOOST_TEST(r.time_zone == "Europe/Berlin");
  BOOST_TEST(r.repeat_times == 0);
  BOOST_TEST((r.msisdn_allow == std::vector<std::string>{"+49", "43"}));
  BOOST_TEST(r.text.at("de") == "Stand {date}. J oder N?");
  BOOST_TEST(r.text.at("en") == "Hello {{}}");
  BOOST_TEST(r.text.at("zh") == vault::ReminderSettings().text.at("zh"));
  BOOST_TEST((r.words.yes.at("de") == std::vector<std::string>{"J", "JA"}));
  BOOST_TEST((r.words.yes.at("") == vault::WordLists().yes.at("")));
  BOOST_TEST((r.words.stop.at("") == std::vector<std::string>{"STOP", "ENDE"}));
  BOOST_TEST(r.wake_up.tries == 5);
  BOOST_TEST((c.wake_up.mode == bip::WakeMode::push));
  BOOST_TEST(c.wake_up.server == "10.0.0.1:7100");
  BOOST_TEST((c.wake_up.tar == std::array<std::uint8_t, 3>{0xB2, 0x01, 0x01}));
  BOOST_TEST(c.wake_up.key_set == 3);
  BOOST_TEST((c.wake_up.family == bip::Family::des3));
  BOOST_TEST((c.wake_up.transport == bip::PushTransport::cat_tp));
  BOOST_TEST((c.wake_up.bearer == base::Bytes{0x02, 0x03}));
}

BOOST_AUTO_TEST_CASE(defaults_are_those_of_the_structs) {
  const Config c = good("");
  const vault::ReminderSettings r;
  BOOST_TEST((c.reminder.interval == r.interval));
  BOOST_TEST((c.reminder.hours == r.hours));
  BOOST_TEST((c.reminder.text == r.text));
  BOOST_TEST((c.reminder.shrunk_text == r.shrunk_text));
  BOOST_TEST((c.reminder.help_text == r.help_text));
  BOOST_TEST((c.reminder.words.yes == r.words.yes));
  BOOST_TEST((c.reminder.words.no == r.words.no));
  BOOST_TEST((c.reminder.words.stop == r.words.stop));
  BOOST_TEST((c.reminder.words.start == r.words.start));
  BOOST_TEST((c.reminder.words.help == r.words.help));
  const auto numbers = [](const Config& x) {
    const vault::ReminderSettings& s = x.reminder;
    const vault::WakeUpSettings& w = s.wake_up;
    return std::vector<std::int64_t>{s.enabled,
                                     s.repeat_after,
                                     s.repeat_times,
                                     s.validity,
                                     s.lease,
                                     s.batch,
                                     s.keep_messages,
                                     w.validity,
                                     w.retry_after,
                                     w.tries,
                                     w.lifetime,
                                     w.without_applet,
                                     w.identity_max_age,
                                     w.identity_rate,
                                     w.identity_again,
                                     w.back_pause,
                                     static_cast<int>(x.wake_up.mode),
                                     x.wake_up.key_set,
                                     static_cast<int>(x.wake_up.family),
                                     static_cast<int>(x.wake_up.transport),
                                     x.wake_up.cat_tp_port,
                                     x.wake_up.buffer_size,
                                     x.smsc_common.mo_queue};
  };
  const auto got = numbers(c);
  const auto wanted = numbers(Config());
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
  BOOST_TEST((c.wake_up.tar == Config().wake_up.tar));
  BOOST_TEST((c.wake_up.bearer == Config().wake_up.bearer));
}

BOOST_AUTO_TEST_CASE(messages_by_host) {
  const Config c = good("[smsc]\nby_host = yes\n[reminder]\nenabled = yes\n");
  BOOST_TEST(c.sms_by_host);
  BOOST_TEST(c.has_sms());
  BOOST_TEST(c.vault.notices.unlock);
  refuses(
      "[smsc]\nby_host = yes\n[smsc.a]\n" + kSmsc,
      "/etc/x.ini:9: [smsc] by_host: by_host = yes and sections [smsc.NAME] exclude each other");
}

BOOST_AUTO_TEST_CASE(notices) {
  const std::string texts = "[notice]\nmove.de = Jetzt {card}\nerase.en = Gone\n";
  const vault::NoticeSettings all = good("[smsc.a]\n" + kSmsc + texts).vault.notices;
  BOOST_TEST((all.unlock && all.move && all.erase && all.handed_over));
  BOOST_TEST(all.move_text.at("de") == "Jetzt {card}");
  BOOST_TEST(all.erase_text.at("en") == "Gone");
  BOOST_TEST((all.unlock_text == vault::NoticeSettings().unlock_text));
  const vault::NoticeSettings one =
      good("[smsc.a]\n" + kSmsc + "[vault]\nnotify = move\n").vault.notices;
  BOOST_TEST((!one.unlock && one.move && !one.erase && !one.handed_over));
  BOOST_TEST((one.move_text == vault::NoticeSettings().move_text));
  const vault::NoticeSettings none =
      good("[smsc.a]\n" + kSmsc + "[vault]\nnotify = none\n").vault.notices;
  BOOST_TEST((!none.unlock && !none.move && !none.erase && !none.handed_over));
  // Without an SMSC nobody could be told.
  BOOST_TEST(!good(texts).vault.notices.unlock);
  refuses("[notice]\nerase.fr = {date}\n",
          "/etc/x.ini:9: [notice] erase.fr: there is no placeholder {date}");
}

BOOST_AUTO_TEST_CASE(mistakes) {
  refuses("[reminder]\nenabled = yes\n",
          "/etc/x.ini:9: [reminder] enabled: there is no section [smsc.NAME] to send reminders by");
  refuses("[reminder]\ninterval = soon\n",
          "/etc/x.ini:9: [reminder] interval: not a span of time such as 2months, 60d or "
          "1months12h");
  refuses("[reminder]\nhours = 9\n",
          "/etc/x.ini:9: [reminder] hours: not a part of the day such as 09:00-20:00");
  refuses("[reminder]\ntime_zone = Mars/Base\n",
          "/etc/x.ini:9: [reminder] time_zone: this machine knows no zone Mars/Base");
  refuses("[reminder]\ntext.fr = {nom}\n",
          "/etc/x.ini:9: [reminder] text.fr: there is no placeholder {nom}");
  refuses("[reminder]\nyes = Y N\n",
          "/etc/x.ini:9: [reminder] yes: the word N means two things in one language, or nothing");
  refuses("[reminder]\nmsisdn_allow = +49x\n",
          "/etc/x.ini:9: [reminder] msisdn_allow: '+49x' is not the beginning of a number");
  refuses("[reminder]\ntxt.fr = a\n", "/etc/x.ini:9: [reminder] txt.fr: unknown key");

  refuses("[wake_up]\nmode = push\n",
          "/etc/x.ini: [wake_up] server: mode = push needs the address that cards shall connect "
          "to");
  refuses("[wake_up]\napn = a..b\n",
          "/etc/x.ini:9: [wake_up] apn: not an access point name: labels with dots between");
}

BOOST_AUTO_TEST_SUITE_END()
