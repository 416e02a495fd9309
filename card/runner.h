// One life of a card in a phone: power on, a script or a person at the keyboard, power off.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "card/applet.h"
#include "card/card_file.h"
#include "card/lab_clock.h"
#include "card/output.h"
#include "card/radio.h"
#include "card/script.h"
#include "card/terminal.h"

namespace card {

struct RunOptions {
  std::string card_file;
  std::string phone_file;
  std::optional<ServerAddress> server;
  std::optional<Carrier> carrier;
  std::string pcap;
  std::string gsmtap;
  std::string clock_file;
  std::string imei;   // of a new phone
  std::string radio;  // local socket of the network for short messages
  bool json = false;
  bool show_keys = false;
  bool interactive = false;
  std::int64_t timeout_ms = 120'000;  // of real time
};

class Runner {
 public:
  Runner(const RunOptions& options, std::FILE* out);

  base::Status power_on();
  // False: an expectation failed, a form took an answer not, or the time is up (told on the
  // output).
  bool play(const std::vector<ScriptLine>& lines);
  // Until the person ends it. False: the card's file could not be written.
  bool interact(std::FILE* in);
  base::Status power_off();

 private:
  bool perform(const ScriptLine& line);
  bool advance(std::int64_t by_ms);
  bool menu(const std::string& text);
  bool key(const std::string& argument);
  bool sms(const std::string& argument);
  bool await(const ScriptLine& line);
  bool listen();
  bool reply(const std::string& text);
  bool save_key(const std::string& path);
  bool expect(bool met, const ScriptLine& line);
  // Until the card is idle or, with nothing left to answer, waits for the user.
  bool run_on();
  void hear_radio();
  bool answer_prompt();
  bool fault(const std::string& text);
  bool read_person(std::FILE* in, std::string& line);
  bool person_acts(const std::string& line);

  struct Input {
    enum class What : std::uint8_t { text, cancel, back } what = What::text;
    base::Secret text;
  };

  RunOptions options_;
  Output output_;
  LabClock clock_;
  std::optional<Card> card_;
  Phone phone_;
  Trace trace_;
  Radio radio_;
  std::unique_ptr<Applet> applet_;
  std::unique_ptr<Uicc> uicc_;
  std::unique_ptr<Terminal> terminal_;
  std::deque<Input> inputs_;
  int ignores_ = 0;
  bool misfit_ = false;             // a form has not taken an answer of the script
  std::int64_t give_up_at_ms_ = 0;  // system's monotonic time
  std::string save_fault_;
};

}  // namespace card
