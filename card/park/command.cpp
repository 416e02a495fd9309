#include "card/park/command.h"

#include <charconv>
#include <optional>

#include "base/text.h"

namespace card::park {
namespace {

using Given = std::map<std::string, std::string>;

// Reads options one after the other; the first fault stays.
class Reader {
 public:
  explicit Reader(const Given& given) : given_(given) {}

  const std::string* text(const std::string& name) const {
    const auto found = given_.find(name);
    return found == given_.end() ? nullptr : &found->second;
  }
  bool flag(const std::string& name) const { return given_.contains(name); }
  void whole(const std::string& name, std::size_t least, std::size_t most, std::size_t& value) {
    number(name, static_cast<double>(least), static_cast<double>(most), [&](double number) {
      value = static_cast<std::size_t>(number);
      return static_cast<double>(value) == number;
    });
  }
  void real(const std::string& name, double least, double most, double& value) {
    number(name, least, most, [&](double number) {
      value = number;
      return true;
    });
  }
  void duration(const std::string& name, std::int64_t most, std::int64_t& value) {
    const std::string* const given = text(name);
    if (given == nullptr) return;
    const auto read = base::parse_duration(*given);
    if (!read || *read < 0 || *read > most) return fail(name, "a duration such as 200ms");
    value = *read;
  }
  void fail(const std::string& name, const std::string& wants) {
    if (fault_.empty()) fault_ = "--" + name + " takes " + wants;
  }
  // An option that would otherwise be ignored.
  void needs(const std::string& name, bool there, const std::string& what) {
    if (flag(name) && !there && fault_.empty()) fault_ = "--" + name + " needs " + what;
  }
  const std::string& fault() const { return fault_; }

 private:
  template <class Take>
  void number(const std::string& name, double least, double most, Take take) {
    const std::string* const given = text(name);
    if (given == nullptr) return;
    double value = 0;
    const auto read = std::from_chars(given->data(), given->data() + given->size(), value);
    const bool good = read.ec == std::errc() && read.ptr == given->data() + given->size();
    if (!good || !(value >= least && value <= most) || !take(value)) {  // nan is nowhere
      fail(name, "a number from " + std::to_string(static_cast<long long>(least)) + " to " +
                     std::to_string(static_cast<long long>(most)));
    }
  }

  const Given& given_;
  std::string fault_;
};

void read_steps(Reader& reader, Settings& settings) {
  const std::string* const given = reader.text("visit");
  if (given == nullptr) return;
  settings.steps.clear();
  for (const std::string_view word : base::split_words(*given)) {
    if (word == "status") {
      settings.steps.push_back(Step::status);
    } else if (word == "store") {
      settings.steps.push_back(Step::store);
    } else if (word == "fetch") {
      settings.steps.push_back(Step::fetch);
    } else {
      return reader.fail("visit", "steps of status, store, fetch");
    }
  }
  if (settings.steps.empty() || settings.steps.size() > 100) {
    reader.fail("visit", "1 to 100 steps of status, store, fetch");
  }
}

void read_size(Reader& reader, Settings& settings) {
  const std::string* const given = reader.text("size");
  if (given == nullptr) return;
  const std::size_t dash = given->find('-');
  const auto least = base::parse_size(given->substr(0, dash));
  const auto most = dash == std::string::npos ? least : base::parse_size(given->substr(dash + 1));
  if (!least || !most || *least < 3 || *most < *least || *most > 16 * 1024 * 1024) {
    return reader.fail("size", "octets such as 2K, or 1K-64K");
  }
  settings.least_size = static_cast<std::size_t>(*least);
  settings.most_size = static_cast<std::size_t>(*most);
}

void read_server(Reader& reader, Settings& settings) {
  const auto server = parse_server(*reader.text("server"));
  if (!server) return reader.fail("server", "A.B.C.D:PORT");
  settings.server = *server;
  if (server->ip[0] != 127 && !reader.flag("allow-remote")) {
    reader.fail("server", "a loopback address; --allow-remote for a laboratory's network");
  }
}

void read_bounds(Reader& reader, Settings& settings) {
  reader.real("rate", 0, 100'000, settings.rate);
  reader.whole("at-once", 1, Settings::kMostCards, settings.at_once);
  reader.whole("visits", 1, 1'000'000'000, settings.visits);
  reader.real("seconds", 0, 86'400, settings.seconds);
  reader.real("open-rate", 1, 100'000, settings.open_rate);
  reader.whole("processes", 1, Settings::kMostProcesses, settings.processes);
  reader.whole("sources", 1, 60'000, settings.sources);
  if (settings.visits == 0 && settings.seconds == 0) {
    reader.fail("seconds", "how long (or --visits how many): a park has a bound");
  }
  if (settings.at_once < settings.processes) reader.fail("at-once", "no less than --processes");
  reader.needs("wait", settings.stay, "--stay");
  reader.needs("open-rate", settings.stay, "--stay");
  reader.needs("sources", settings.sources == 1 || settings.server.ip[0] == 127,
               "a server on the loopback");
}

void read_network(Reader& reader, Settings& settings) {
  reader.duration("think", 3'600'000, settings.think_ms);
  reader.duration("delay", 60'000, settings.delay_ms);
  reader.duration("timeout", 3'600'000, settings.timeout_ms);
  double percent = 0;
  reader.real("loss", 0, 90, percent);
  settings.loss = percent / 100;
  percent = 0;
  reader.real("cut", 0, 100, percent);
  settings.cut = percent / 100;
  if (settings.cut > 0 && settings.stay) reader.fail("cut", "no --stay");
  if (const std::string* const channel = reader.text("channel")) {
    const auto carrier = parse_carrier(*channel);
    if (carrier) settings.carrier = *carrier;
    if (!carrier) reader.fail("channel", "tcp, cat_tp or tls_psk");
  }
  reader.needs("loss", settings.loss == 0 || settings.carrier == Carrier::cat_tp,
               "--channel cat_tp: only datagrams get lost");
}

}  // namespace

const std::set<std::string>& options() {
  static const std::set<std::string> all{"visit",   "size",      "rate",      "at-once", "visits",
                                         "seconds", "open-rate", "processes", "think",   "sources",
                                         "delay",   "loss",      "channel",   "timeout", "state",
                                         "json",    "cut"};
  return all;
}

const std::set<std::string>& flags() {
  static const std::set<std::string> all{"stay", "wait", "quiet", "allow-remote", "no-confirm"};
  return all;
}

base::Result<Settings> settings_of(const Given& given) {
  Settings settings;
  Reader reader(given);
  settings.cards = *reader.text("cards");
  if (const auto* state = reader.text("state")) settings.state = *state;
  if (const auto* json = reader.text("json")) settings.json = *json;
  settings.stay = reader.flag("stay");
  settings.wait = reader.flag("wait");
  settings.quiet = reader.flag("quiet");
  settings.confirm = !reader.flag("no-confirm");
  read_server(reader, settings);
  read_steps(reader, settings);
  read_size(reader, settings);
  read_bounds(reader, settings);
  read_network(reader, settings);
  if (!reader.fault().empty()) return base::Error{reader.fault()};
  return settings;
}

}  // namespace card::park
