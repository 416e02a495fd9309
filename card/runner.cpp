#include "card/runner.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "base/files.h"
#include "base/text.h"

namespace card {
namespace {

constexpr int kLongestWaitMs = 200;
constexpr std::size_t kKeyFileLimit = 256;
constexpr std::size_t kSmsFileLimit = 1024;

// For each Prompt::Kind.
constexpr std::array<const char*, 3> kAsks{"[enter]> ", "type (empty: cancel)> ",
                                           "number, text or back (empty: cancel)> "};

// With its number, unless the text begins with that.
std::string to_choose(const MenuItem& item) {
  const std::string number = std::to_string(item.id);
  const bool said = item.text == number || item.text.starts_with(number + " ");
  return (said ? "  " : "  " + number + " ") + item.text;
}

}  // namespace

Runner::Runner(const RunOptions& options, std::FILE* out)
    : options_(options),
      output_(out, {options.json, options.show_keys || options.interactive}),
      clock_(options.clock_file) {}

base::Status Runner::power_on() {
  auto card = load_card(options_.card_file);
  if (!card) return base::Error{card.error()};
  card_.emplace(card.take());
  if (options_.carrier) card_->carrier = *options_.carrier;
  const auto phone = load_phone(options_.phone_file);
  if (!phone) return base::Error{phone.error()};
  phone_ = *phone;
  if (!options_.imei.empty()) phone_.imei = options_.imei;
  if (!options_.pcap.empty()) {
    if (auto opened = trace_.write_pcap(options_.pcap); !opened) return opened;
  }
  if (!options_.gsmtap.empty()) {
    if (auto opened = trace_.send_to(options_.gsmtap); !opened) return opened;
  }
  const Report report = [this](const Event& event) { output_.event(event); };
  const auto commit = [this] {
    if (const auto saved = save_card(options_.card_file, *card_); !saved) {
      save_fault_ = saved.error();
    }
  };
  applet_ = std::make_unique<Applet>(*card_, commit, report);
  uicc_ = std::make_unique<Uicc>(*card_, *applet_);
  TerminalSettings settings;
  settings.server = options_.server;
  settings.before_connect = [this] { clock_.settle(); };
  settings.submit = [this](base::View tpdu) { radio_.submit(tpdu); };
  settings.delivered = [this](std::optional<base::View> user_data) { radio_.report(user_data); };
  terminal_ = std::make_unique<Terminal>(*uicc_, phone_, std::move(settings), &trace_, report);
  give_up_at_ms_ = base::SystemClock().now().mono_ms + options_.timeout_ms;
  terminal_->power_on(clock_.now());
  if (options_.radio.empty()) return {};
  return radio_.attach(options_.radio, iccid_digits(card_->iccid));
}

base::Status Runner::power_off() {
  if (auto saved = save_card(options_.card_file, *card_); !saved) return saved;
  if (auto saved = save_phone(options_.phone_file, phone_); !saved) return saved;
  if (!save_fault_.empty()) return base::Error{save_fault_};
  return trace_.end();
}

bool Runner::fault(const std::string& text) {
  output_.event({"fault", text, {}});
  return false;
}

bool Runner::play(const std::vector<ScriptLine>& lines) {
  if (!run_on()) return false;
  for (const ScriptLine& line : lines) {
    if (!perform(line)) return false;
  }
  // The script has ended: nobody is there to type any more.
  for (;;) {
    if (!run_on()) return false;
    if (!terminal_->prompt()) return !misfit_;
    terminal_->ignore();
  }
}

bool Runner::perform(const ScriptLine& line) {
  using Verb = ScriptLine::Verb;
  switch (line.verb) {
    case Verb::advance:
      return advance(line.number);
    case Verb::menu:
      return menu(line.argument);
    case Verb::key:
      return key(line.argument) && run_on();
    case Verb::type:
      inputs_.push_back({Input::What::text, base::Secret(base::as_bytes(line.argument))});
      return run_on();
    case Verb::back:
      inputs_.push_back({Input::What::back, {}});
      return run_on();
    case Verb::ok:
      return run_on();
    case Verb::ignore:
      ++ignores_;
      return true;
    case Verb::cut_sent:
      terminal_->cuts().after_sent = static_cast<std::size_t>(line.number);
      return true;
    case Verb::cut_received:
      terminal_->cuts().after_received = static_cast<std::size_t>(line.number);
      return true;
    case Verb::save_key:
      return save_key(line.argument);
    case Verb::run:
      return run_on();
    case Verb::sms:
      return sms(line.argument);
    case Verb::await:
      return await(line);
    case Verb::listen:
      return listen();
    case Verb::reply:
      return reply(line.argument);
    case Verb::expect_text:
      return expect(output_.find_text(line.argument), line);
    case Verb::expect_result:
      return expect(output_.last_result() == line.argument, line);
  }
  return false;
}

bool Runner::expect(bool met, const ScriptLine& line) {
  if (met) return true;
  const bool text = line.verb != ScriptLine::Verb::expect_result;
  return fault("line " + std::to_string(line.line) + ": expected " + (text ? "text " : "result ") +
               line.argument + (text ? "" : ", last was " + output_.last_result()));
}

// From deadline to deadline, so that every timer finds its own time.
bool Runner::advance(std::int64_t by_ms) {
  std::int64_t left = by_ms;
  while (run_on() && left > 0 && !terminal_->prompt()) {
    const std::int64_t next = *terminal_->deadline() - clock_.now().mono_ms;
    const std::int64_t step = std::clamp<std::int64_t>(next, 0, left);
    if (const auto moved = clock_.advance(step); !moved) return fault(moved.error());
    left -= step;
  }
  if (left > 0 && terminal_->prompt()) {
    // The user is asked something on the way: time stands still until it is answered.
    if (const auto moved = clock_.advance(left); !moved) return fault(moved.error());
    return true;
  }
  return left <= 0 && run_on();
}

bool Runner::menu(const std::string& text) {
  for (const MenuItem& item : terminal_->menu()) {
    if (!base::equal_ignoring_case(item.text, text)) continue;
    terminal_->select(item.id);
    return run_on();
  }
  return fault("no menu item " + text);
}

bool Runner::key(const std::string& argument) {
  if (argument == "cancel") {
    inputs_.push_back({Input::What::cancel, {}});
    return true;
  }
  if (!argument.starts_with('@')) {
    inputs_.push_back({Input::What::text, base::Secret(base::as_bytes(argument))});
    return true;
  }
  auto text = base::read_text_file(argument.substr(1), kKeyFileLimit);
  if (!text) return fault(argument.substr(1) + ": " + text.error());
  const auto digits = std::string_view(*text).substr(0, text->find_first_of(" \r\n"));
  inputs_.push_back({Input::What::text, base::Secret(base::as_bytes(digits))});
  base::wipe(text->data(), text->size());
  return true;
}

// "NUMBER HEX" or "NUMBER @FILE": user data with its header, as an SMSC would deliver it.
bool Runner::sms(const std::string& argument) {
  const auto words = base::split_words(argument);
  const auto originator = words.empty() ? std::nullopt : dialled_number(words[0]);
  if (words.size() != 2 || !originator) {
    return fault("sms takes a number of at most 20 digits and the user data");
  }
  std::string hex(words[1]);
  if (hex.starts_with('@')) {
    auto text = base::read_text_file(hex.substr(1), kSmsFileLimit);
    if (!text) return fault(hex.substr(1) + ": " + text.error());
    hex = text->substr(0, text->find_first_of("\r\n"));
  }
  const auto user_data = base::from_hex(hex);
  if (!user_data || !terminal_->deliver(*originator, *user_data)) {
    return fault("no user data of at most 140 octets in hexadecimal");
  }
  return run_on();
}

// A text that may still have to come.
bool Runner::await(const ScriptLine& line) {
  while (run_on()) {
    if (output_.find_text(line.argument)) return true;
    if (!radio_.attached()) return expect(false, line);
    radio_.wait(kLongestWaitMs);
  }
  return false;
}

bool Runner::listen() {
  while (run_on()) {
    if (!radio_.attached()) return true;
    radio_.wait(kLongestWaitMs);
  }
  return false;
}

bool Runner::reply(const std::string& text) {
  if (!terminal_->reply(text))
    return fault("no text that can be answered, or no answer of one message");
  return run_on();
}

void Runner::hear_radio() {
  radio_.pump([this](base::View tpdu) { terminal_->receive(tpdu); });
}

bool Runner::save_key(const std::string& path) {
  if (output_.shown_key().empty()) return fault("no key was shown");
  const auto saved = base::write_file_atomically(
      path, std::string(base::as_text(output_.shown_key())) + "\n", 0600);
  output_.forget_key();
  return saved ? true : fault(saved.error());
}

bool Runner::answer_prompt() {
  const Prompt& prompt = *terminal_->prompt();
  if (prompt.kind == Prompt::Kind::acknowledge) {
    if (options_.interactive) return false;
    if (ignores_ > 0) {
      --ignores_;
      terminal_->ignore();
    } else {
      terminal_->acknowledge();
    }
    return true;
  }
  if (inputs_.empty()) return false;
  const Input input = std::move(inputs_.front());
  inputs_.pop_front();
  if (input.what == Input::What::cancel) {
    terminal_->cancel();
    return true;
  }
  if (input.what == Input::What::back) {
    terminal_->go_back();
    return true;
  }
  if (!terminal_->answer(base::as_text(input.text.view()))) {
    misfit_ = !fault("the form does not take this answer");
    terminal_->cancel();
  }
  return true;
}

bool Runner::run_on() {
  for (;;) {
    if (base::SystemClock().now().mono_ms >= give_up_at_ms_ && !options_.interactive) {
      return fault("the time is up");
    }
    if (!save_fault_.empty()) return fault(save_fault_);
    hear_radio();
    if (terminal_->step(clock_.now())) continue;
    if (terminal_->prompt()) {
      if (answer_prompt()) continue;
      return true;
    }
    if (radio_.submitting()) {
      radio_.wait(kLongestWaitMs);
    } else if (applet_->idle() || !terminal_->channel_open()) {
      return true;
    } else {
      terminal_->wait_channel(kLongestWaitMs);
    }
  }
}

// Shows what can be done and reads a line; false at the end of the input.
bool Runner::read_person(std::FILE* in, std::string& line) {
  if (const auto& prompt = terminal_->prompt()) {
    for (const MenuItem& item : prompt->items) std::puts(to_choose(item).c_str());
    std::fputs(kAsks.at(static_cast<std::size_t>(prompt->kind)), stdout);
  } else {
    for (const MenuItem& item : terminal_->menu()) {
      std::printf("  %d %s\n", item.id, item.text.c_str());
    }
    std::fputs("number, script line or quit> ", stdout);
  }
  std::fflush(stdout);
  char buffer[1024];
  if (!std::fgets(buffer, sizeof buffer, in)) return false;
  line = base::trim(std::string_view(buffer, std::strcspn(buffer, "\r\n")));
  return line != "quit";
}

bool Runner::interact(std::FILE* in) {
  std::string line;
  while (run_on() && read_person(in, line)) {
    if (const auto& prompt = terminal_->prompt()) {
      if (prompt->kind == Prompt::Kind::acknowledge) {
        terminal_->acknowledge();
      } else if (line.empty()) {
        terminal_->cancel();
      } else if (prompt->kind == Prompt::Kind::choice && line == "back") {
        terminal_->go_back();
      } else if (!terminal_->answer(line)) {
        std::puts("That does not fit.");
      }
      base::wipe(line.data(), line.size());
      continue;
    }
    if (!person_acts(line)) std::puts("Not done.");
  }
  return save_fault_.empty();
}

bool Runner::person_acts(const std::string& line) {
  if (line.empty()) return true;
  if (const auto item = base::parse_integer(line); item && *item > 0 && *item < 0xFF) {
    terminal_->select(static_cast<std::uint8_t>(*item));
    return true;
  }
  const auto parsed = parse_script_line(line, 1);
  return parsed && perform(*parsed);
}

}  // namespace card
