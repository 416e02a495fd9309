// The handset: finds the card, fetches its proactive commands and carries them out, sends
// envelopes (TS 102 223 clauses 6.4, 7; TS 102 221 clause 14). One thread; never blocks but in
// OPEN CHANNEL and SEND DATA. Time comes in as an argument.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "card/card_file.h"
#include "card/channel.h"
#include "card/commands.h"
#include "card/report.h"
#include "card/short_message.h"
#include "card/sms_pp.h"
#include "card/trace.h"
#include "card/uicc.h"

namespace card {

struct TerminalSettings {
  std::optional<ServerAddress> server;  // in place of what the card names
  std::size_t most_buffer = 1500;       // granted by OPEN CHANNEL
  int connect_timeout_ms = 10'000;
  std::function<void()> before_connect;  // may wait
  // In place of a TCP connection: gives a connected stream socket, or -1.
  std::function<int(const ServerAddress&)> connect;
  std::function<int(const ServerAddress&)> connect_datagrams;  // the same for UDP
  // Short messages to the network, as TPDUs; the answer to each that came by receive(), in order:
  // the user data of the delivery report, empty without; nothing: it cannot be read.
  std::function<void(base::View)> submit;
  std::function<void(std::optional<base::View>)> delivered;
};

// What the screen shows and waits for.
struct Prompt {
  enum class Kind : std::uint8_t { acknowledge, input, choice } kind = Kind::acknowledge;
  std::string text;
  bool digits = false;
  std::size_t least = 0, most = 0;  // characters as UCS2 counts them
  std::vector<MenuItem> items;      // of a choice
};

class Terminal {
 public:
  // References outlive the terminal. `trace` may be null.
  Terminal(Uicc& uicc, Phone& phone, TerminalSettings settings, Trace* trace, Report report);

  void power_on(base::Now now);
  // Does one thing that can be done now: an event, a proactive command, a timer, a poll. False:
  // there is nothing to do until the user, the network or a deadline.
  bool step(base::Now now);
  // The next timer or poll, monotonic.
  std::optional<std::int64_t> deadline() const;
  bool channel_open() const { return channel_ != nullptr; }
  void wait_channel(int timeout_ms);

  const std::vector<MenuItem>& menu() const { return menu_; }
  void select(std::uint8_t item);
  // A short message for the card has come (SMS-PP data download). False: too long.
  bool deliver(const Number& originator, base::View user_data);
  // A message has come as the network sends it (SMS-DELIVER): for the card, or a text for the user.
  void receive(base::View tpdu);
  // The user answers the last text. False: there is none that can be answered, or the answer does
  // not fit one message.
  bool reply(const std::string& text);

  const std::optional<Prompt>& prompt() const { return prompt_; }
  // To an input, or to a choice by the item's identifier or its text. False: the form does not
  // allow it.
  bool answer(std::string_view text);
  void acknowledge();
  void cancel();   // the user does not want
  void go_back();  // the user wants the screen before
  void ignore();   // no response from the user

  Cuts& cuts() { return cuts_; }
  static base::Bytes profile();  // TERMINAL PROFILE, clause 5.2

 private:
  struct Download {
    std::string from;
    bool reported = false;  // the network wants a delivery report
  };
  // Of what receive() was given, in its order: the network tells them apart by nothing else.
  struct DeliveryReport {
    bool ready = false;  // a download is answered when the card has had it
    std::optional<base::Bytes> user_data;
  };
  struct Timer {
    std::int64_t deadline_ms = 0;
    int seconds = 0;
  };

  // terminal.cpp
  ApduAnswer exchange(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2,
                      base::View data);
  ApduAnswer read(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, std::uint8_t le);
  ApduAnswer transmit(base::View apdu);
  void hand_over_iccid();
  void read_back_iccid();
  bool watch_channel();
  bool expire_timers();
  void fetch();
  void respond(const Response& response);
  void finish(General result, ObjectList objects = {}, base::Bytes additional = {});

  // terminal_commands.cpp
  void carry_out(const Command& command);
  void set_up_menu(const Command& command);
  void set_up_events(const Command& command);
  void display(const Command& command);
  void get_input(const Command& command);
  void select_item(const Command& command);
  bool choose(std::string_view text);
  void local_information(const Command& command);
  void manage_timer(const Command& command);
  void poll_interval(const Command& command);

  // terminal_sms.cpp
  void send_short_message(const Command& command);
  void download(const Delivered& message, base::View tpdu, bool reported);
  void downloaded(base::View answer);
  void report_deliveries();
  void show_text(const ReceivedText& text);
  void tell_sms(const std::string& to, base::View user_data) const;

  // terminal_bip.cpp
  void open_channel(const Command& command);
  std::unique_ptr<Channel> connect(const ServerAddress& server, std::size_t buffer,
                                   Channel::Failed& failed);
  std::unique_ptr<Channel> connect_datagrams(const ServerAddress& server, std::size_t buffer);
  void close_channel(const Command& command);
  void send_data(const Command& command);
  void receive_data(const Command& command);
  void channel_status();
  bool right_channel(const Command& command);

  Uicc& uicc_;
  Phone& phone_;
  TerminalSettings settings_;
  Trace* trace_;
  Report report_;

  base::Now now_;
  std::size_t pending_ = 0;  // octets of the proactive command that waits for FETCH
  std::deque<Envelope> envelopes_;
  std::deque<Download> downloads_;  // the short messages among them
  std::deque<DeliveryReport> delivery_reports_;
  Parts text_parts_;
  Number text_from_;  // of the last text; without digits it cannot be answered
  Command current_;   // being carried out, for the response
  std::optional<Prompt> prompt_;
  std::vector<MenuItem> menu_;
  bool wants_data_ = false, wants_status_ = false;
  std::array<std::optional<Timer>, 9> timers_;  // 1..8
  std::int64_t poll_ms_ = 30'000;
  std::int64_t poll_at_ms_ = 0;

  static constexpr std::uint8_t kChannel = 1;
  std::unique_ptr<Channel> channel_;
  Cuts cuts_;
  bool announced_ = false;  // data available was sent and not all has been fetched
  bool fetched_since_ = false;
  bool drop_told_ = false;
};

}  // namespace card
