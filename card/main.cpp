// bipvault-card: a card with its files and applet, and a phone around it.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/standard_output.h"
#include "base/text.h"
#include "card/card_file.h"
#include "card/fill.h"
#include "card/image.h"
#include "card/park/cards.h"
#include "card/park/command.h"
#include "card/park/park.h"
#include "card/phone_book.h"
#include "card/runner.h"

namespace card {
namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

constexpr const char* kHelp =
    R"(bipvault-card: a (U)SIM card with the phone backup applet, and the phone around it.

  bipvault-card create --card FILE --iccid DIGITS --keys CSV [--msisdn +DIGITS] [--size CONTACTS]
                       [--messages N] [--memos N] [--server A.B.C.D:PORT]
                       [--channel tcp|cat_tp|tls_psk] [--force]
  bipvault-card fill   --card FILE [--contacts N] [--messages N] [--memos N] [--seed N]
  bipvault-card show   --card FILE [--json]        counts and digest, no content
  bipvault-card dump   --card FILE OUT             the image that a backup would carry
  bipvault-card wipe   --card FILE                 frees the user's files
  bipvault-card run    --card FILE --phone FILE [--server A.B.C.D:PORT] [--script FILE|-]
                       [--pcap FILE] [--gsmtap HOST] [--clock-file FILE] [--imei DIGITS]
                       [--timeout 120s] [--channel tcp|cat_tp|tls_psk] [--radio SOCKET] [--json]
                       [--show-keys] [--interactive]

  bipvault-card park   --cards CSV --server A.B.C.D:PORT --seconds N | --visits N
                       [--channel tcp|cat_tp|tls_psk] [--visit status,store,fetch]
                       [--size 2K|1K-64K]
                       [--rate N | --at-once N] [--think 2s] [--delay 600ms] [--loss PERCENT]
                       [--stay [--open-rate N] [--wait]] [--processes N] [--sources N]
                       [--cut PERCENT] [--timeout 60s] [--state FILE] [--json FILE] [--quiet]
                       [--no-confirm] [--allow-remote]
  bipvault-card park-cards --count N CSV
  bipvault-card --help | --version

FILE of --card holds the card (with its OTA keys: mode 0600), FILE of --phone what the phone keeps;
a phone that does not exist is a new one. create does not overwrite a file unless --force says so:
the card in it would lose its content, and to counters that begin anew the vault says counter low.
--keys: CSV with the columns iccid, key_set, algorithm (aes, 3des), kic, kid. --server goes instead
of the address that is in the card; --channel says, and the card keeps, whether the applet speaks
TCP, CAT_TP over UDP, or TLS with the pre-shared key of the CSV's column psk. --radio is a local
socket on which a network carries short messages, one a line: the phone says "attach ICCID", then
"submit HEX" for what it sends, to be answered by "taken" or "refused", and "report HEX" ("-":
empty, "refused": not readable) for each "deliver HEX" that it hears. HEX are the TPDUs of TS
23.040, of a report the user data alone.

Script, one line each, # for comments:
  menu TEXT            chooses the item (Back up, Restore, Restore older, Write memo, Status,
                       Erase backup)
  key DIGITS | @FILE   answers the next question for a key; key cancel: the user does not want to
  type TEXT            answers the next question for text, or chooses from the next list: the item
                       of that number or text
  back                 goes back from the next question or list
  ok | ignore          acknowledges what is on the screen (also by itself) | lets the next one pass
  advance 12h          moves the clock from timer to timer (and --clock-file with it)
  cut after N sent     breaks the connection after N more octets; cut after N received
  save-key FILE        writes the key shown last into a file of mode 0600
  sms NUMBER HEX|@FILE a binary message has come from NUMBER: its user data with header
  reply TEXT           the user answers the last text message
  await text REGEX     as expect, but waits for what comes by --radio
  listen               serves --radio until the network ends it
  run                  goes on until the card is idle or waits for the user
  expect text REGEX    a text was shown since the last one found (keys show as ***)
  expect result NAME   the last answer of the vault: done, key required, locked, ...

park: as many light cards as the CSV has lines, for load: the whole protocol, no files. Each visit
opens a channel, takes its steps (default status,store) and closes it; --rate so many visits a
second by chance, otherwise --at-once (100) are always under way. --stay: all cards open a channel
first, at --open-rate (2000/s), and keep it; visits then go to open ones; --wait tells when all are
open and goes on at a line of input. --delay is the network's, there and back; --loss is of
CAT_TP's datagrams, each way; --cut of steps in which the link drops; --sources spreads the cards
over so many addresses from 127.0.0.2 on. Progress goes to standard error, a summary in JSON to
standard output or --json. --state keeps counters, keys and what the vault has acknowledged between
two runs; a fetch fails as "lost" when it brings anything else. Cards that a run without it has
given keys are asked for them in the next ("key_wanted"); --no-confirm avoids that. Visits under
way at the end have 20 s, which no rate counts ("unended"). SIGINT ends it, with summary and state.
The server must be on the loopback unless --allow-remote.
park-cards makes a CSV with random keys: for the host's card_keys and for the import. It does not
overwrite one that holds cards.

--interactive: a person at the keyboard instead of a script, who also may type script lines; "quit"
or the end of the input ends it.

Exit: 0 done (--interactive: ended by the person, whatever he tried), 1 the story failed
(expectation, menu item, answer that a form does not take, time, file, output) or visits of a park
did or none ended, 2 wrong use.
)";

struct Arguments {
  std::map<std::string, std::string> values;  // option without dashes to value; flags: empty
  std::vector<std::string> rest;

  bool has(const std::string& name) const { return values.contains(name); }
  std::string get(const std::string& name, const std::string& fallback = {}) const {
    const auto it = values.find(name);
    return it == values.end() ? fallback : it->second;
  }
};

struct Syntax {
  std::set<std::string> needed, optional, flags;
  std::size_t rest = 0;
};

const std::map<std::string, Syntax>& syntaxes() {
  static const std::map<std::string, Syntax> all{
      {"create",
       {{"card", "iccid", "keys"},
        {"msisdn", "size", "messages", "memos", "server", "channel"},
        {"force"},
        0}},
      {"fill", {{"card"}, {"contacts", "messages", "memos", "seed"}, {}, 0}},
      {"show", {{"card"}, {}, {"json"}, 0}},
      {"dump", {{"card"}, {}, {}, 1}},
      {"wipe", {{"card"}, {}, {}, 0}},
      {"run",
       {{"card", "phone"},
        {"server", "script", "pcap", "gsmtap", "clock-file", "imei", "timeout", "channel", "radio"},
        {"json", "show-keys", "interactive"},
        0}},
      {"park", {{"cards", "server"}, park::options(), park::flags(), 0}},
      {"park-cards", {{"count"}, {}, {}, 1}}};
  return all;
}

int wrong_use(const std::string& text) {
  std::fprintf(stderr, "bipvault-card: %s (see --help)\n", text.c_str());
  return kUsage;
}
int failed(const std::string& text) {
  std::fprintf(stderr, "bipvault-card: %s\n", text.c_str());
  return kFailed;
}

base::Result<Arguments> parse(const Syntax& syntax, int argc, char** argv) {
  Arguments arguments;
  for (int i = 2; i < argc; ++i) {
    std::string word = argv[i];
    if (!word.starts_with("--")) {
      arguments.rest.push_back(std::move(word));
      continue;
    }
    word.erase(0, 2);
    const std::size_t equals = word.find('=');
    std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    word = word.substr(0, equals);
    if (!syntax.flags.contains(word)) {
      if (!syntax.needed.contains(word) && !syntax.optional.contains(word)) {
        return base::Error{"unknown option --" + word};
      }
      if (equals == std::string::npos) {
        if (++i == argc) return base::Error{"--" + word + " needs a value"};
        value = argv[i];
      }
    }
    arguments.values[word] = value;
  }
  for (const std::string& name : syntax.needed) {
    if (!arguments.has(name)) return base::Error{"--" + name + " is needed"};
  }
  if (arguments.rest.size() != syntax.rest) return base::Error{"wrong number of arguments"};
  return arguments;
}

// A whole number within limits; `fallback` when the option was not given.
std::optional<std::int64_t> number(const Arguments& arguments, const std::string& name,
                                   std::int64_t fallback, std::int64_t least, std::int64_t most) {
  if (!arguments.has(name)) return fallback;
  const auto value = base::parse_integer(arguments.get(name));
  if (!value || *value < least || *value > most) return std::nullopt;
  return value;
}

// Whatever bears this name, a link to nowhere too.
bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

int create(const Arguments& arguments) {
  const auto iccid = iccid_octets(arguments.get("iccid"));
  if (!iccid) return wrong_use("--iccid takes 10 to 20 digits");
  const auto contacts = number(arguments, "size", 250, 1, kMaxContacts);
  const auto messages = number(arguments, "messages", 30, 1, 254);
  const auto memos = number(arguments, "memos", 10, 1, 254);
  if (!contacts || !messages || !memos) return wrong_use("sizes: 1..2032 contacts, 1..254 others");
  const auto server = parse_server(arguments.get("server", "127.0.0.1:7100"));
  if (!server) return wrong_use("--server takes A.B.C.D:PORT");
  const auto carrier = parse_carrier(arguments.get("channel", "tcp"));
  if (!carrier) return wrong_use("--channel takes tcp, cat_tp or tls_psk");
  if (arguments.has("msisdn") && !dialled_number(arguments.get("msisdn"))) {
    return wrong_use("--msisdn takes a number of at most 20 digits, \"+\" before them or not");
  }
  const std::string path = arguments.get("card");
  if (!arguments.has("force") && is_there(path)) {
    return failed(path + ": is there already; --force makes a new card in its place");
  }
  auto keys = read_ota_keys(arguments.get("keys"), *iccid);
  if (!keys) return failed(keys.error());
  const Sizes sizes{static_cast<std::size_t>(*contacts), static_cast<std::size_t>(*messages),
                    static_cast<std::size_t>(*memos)};
  Card card = make_card(*iccid, sizes, arguments.get("msisdn"));
  if (*carrier == Carrier::tls_psk && keys->psk.empty()) {
    return failed(arguments.get("keys") + ": no psk for this ICCID");
  }
  card.keys = keys.take();
  card.server = *server;
  card.carrier = *carrier;
  const auto saved = save_card(path, card);
  return saved ? kOk : failed(saved.error());
}

int fill(const Arguments& arguments) {
  const auto contacts = number(arguments, "contacts", 0, 0, kMaxContacts);
  const auto messages = number(arguments, "messages", 0, 0, 254);
  const auto memos = number(arguments, "memos", 0, 0, 254);
  const auto seed = number(arguments, "seed", 1, 0, INT64_MAX);
  if (!contacts || !messages || !memos || !seed) return wrong_use("not a number in its limits");
  auto card = load_card(arguments.get("card"));
  if (!card) return failed(card.error());
  const FillCounts wanted{static_cast<std::size_t>(*contacts), static_cast<std::size_t>(*messages),
                          static_cast<std::size_t>(*memos)};
  const FillCounts done = fill_card(*card, wanted, static_cast<std::uint64_t>(*seed));
  const auto saved = save_card(arguments.get("card"), *card);
  if (!saved) return failed(saved.error());
  std::printf("filled: %zu contacts, %zu messages, %zu memos\n", done.contacts, done.messages,
              done.memos);
  const bool all = done.contacts == wanted.contacts && done.messages == wanted.messages &&
                   done.memos == wanted.memos;
  return all ? kOk : failed("the card is full");
}

int show(const Arguments& arguments) {
  const auto card = load_card(arguments.get("card"));
  if (!card) return failed(card.error());
  const base::Bytes image = encode_image(take_image(card->files));
  const std::string digest = base::to_hex(base::sha256(image));
  const std::string iccid = iccid_digits(card->iccid);
  const std::size_t contacts = count_contacts(card->files);
  const std::size_t messages = count_used(*card->files.find(path::usim(fid::kSms))) +
                               count_used(*card->files.find(path::telecom(fid::kSms)));
  const std::size_t memos = count_used(*card->files.find(path::memos()));
  std::printf(arguments.has("json")
                  ? "{\"iccid\":\"%s\",\"contacts\":%zu,\"messages\":%zu,\"memos\":%zu,"
                    "\"octets\":%zu,\"digest\":\"%s\"}\n"
                  : "iccid %s\ncontacts %zu\nmessages %zu\nmemos %zu\noctets %zu\ndigest %s\n",
              iccid.c_str(), contacts, messages, memos, image.size(), digest.c_str());
  return kOk;
}

int dump(const Arguments& arguments) {
  const auto card = load_card(arguments.get("card"));
  if (!card) return failed(card.error());
  const base::Bytes image = encode_image(take_image(card->files));
  const auto saved = base::write_file_atomically(arguments.rest[0], base::as_text(image), 0600);
  return saved ? kOk : failed(saved.error());
}

int wipe_card(const Arguments& arguments) {
  auto card = load_card(arguments.get("card"));
  if (!card) return failed(card.error());
  erase_user_files(card->files);
  const auto saved = save_card(arguments.get("card"), *card);
  return saved ? kOk : failed(saved.error());
}

base::Result<std::string> read_script(const std::string& path) {
  if (path.empty()) return std::string();
  if (path != "-") return base::read_text_file(path, 1024 * 1024);
  std::string text;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, stdin)) {
    text.append(buffer, got);
  }
  return text;
}

base::Result<RunOptions> run_options(const Arguments& arguments) {
  RunOptions options;
  options.card_file = arguments.get("card");
  options.phone_file = arguments.get("phone");
  options.pcap = arguments.get("pcap");
  options.gsmtap = arguments.get("gsmtap");
  options.clock_file = arguments.get("clock-file");
  options.imei = arguments.get("imei");
  options.radio = arguments.get("radio");
  options.json = arguments.has("json");
  options.show_keys = arguments.has("show-keys");
  options.interactive = arguments.has("interactive");
  if (!options.imei.empty() && (options.imei.size() != 15 || !imei_octets(options.imei))) {
    return base::Error{"--imei takes 15 digits"};
  }
  if (arguments.has("server")) {
    options.server = parse_server(arguments.get("server"));
    if (!options.server) return base::Error{"--server takes A.B.C.D:PORT"};
  }
  if (arguments.has("channel")) {
    options.carrier = parse_carrier(arguments.get("channel"));
    if (!options.carrier) return base::Error{"--channel takes tcp, cat_tp or tls_psk"};
  }
  if (arguments.has("timeout")) {
    const auto timeout = base::parse_duration(arguments.get("timeout"));
    if (!timeout || *timeout <= 0) return base::Error{"--timeout takes a duration such as 120s"};
    options.timeout_ms = *timeout;
  }
  return options;
}

int run(const Arguments& arguments) {
  const auto options = run_options(arguments);
  if (!options) return wrong_use(options.error());
  const auto text = read_script(arguments.get("script"));
  if (!text) return failed(arguments.get("script") + ": " + text.error());
  const auto lines = parse_script(*text);
  if (!lines) return wrong_use("script " + lines.error());
  Runner runner(*options, stdout);
  if (const auto on = runner.power_on(); !on) return failed(on.error());
  const bool good = options->interactive ? runner.interact(stdin) : runner.play(*lines);
  const auto off = runner.power_off();
  if (!off) return failed(off.error());
  return good ? kOk : kFailed;
}

int run_park(const Arguments& arguments) {
  const auto settings = park::settings_of(arguments.values);
  if (!settings) return wrong_use(settings.error());
  const auto good = park::run(*settings);
  if (!good) return failed(good.error());
  return *good ? kOk : kFailed;
}

int make_park_cards(const Arguments& arguments) {
  const auto count = base::parse_integer(arguments.get("count"));
  if (!count || *count < 1 || *count > std::int64_t{park::Settings::kMostCards}) {
    return wrong_use("--count takes 1 to 1000000");
  }
  const auto made = park::make_cards(arguments.rest[0], static_cast<std::size_t>(*count));
  return made ? kOk : failed(made.error());
}

int program(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    base::print(kHelp);
    return kOk;
  }
  if (name == "--version") {
    std::puts("bipvault-card " BIPVAULT_VERSION);
    return kOk;
  }
  const auto syntax = syntaxes().find(name);
  if (syntax == syntaxes().end()) {
    return wrong_use("which of create, fill, show, dump, wipe, run, park, park-cards?");
  }
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0) {
      base::print(kHelp);
      return kOk;
    }
  }
  const auto arguments = parse(syntax->second, argc, argv);
  if (!arguments) return wrong_use(arguments.error());
  if (name == "create") return create(*arguments);
  if (name == "fill") return fill(*arguments);
  if (name == "show") return show(*arguments);
  if (name == "dump") return dump(*arguments);
  if (name == "wipe") return wipe_card(*arguments);
  if (name == "park") return run_park(*arguments);
  if (name == "park-cards") return make_park_cards(*arguments);
  return run(*arguments);
}

}  // namespace
}  // namespace card

int main(int argc, char** argv) {
  base::hold_standard_descriptors();
  const int code = card::program(argc, argv);
  const base::Status printed = base::end_standard_output();
  return printed ? code : std::max(code, card::failed(printed.error()));
}
