// The proactive commands that the applet uses (TS 102 223 clause 6.6). Pure, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "card/profile.h"
#include "card/toolkit.h"

namespace card {

struct MenuItem {
  std::uint8_t id = 0;
  std::string text;
};

enum class Clear { by_itself, by_user };
struct InputForm {
  bool digits = true;
  bool hidden = false;
  std::uint8_t least = 1;
  std::uint8_t most = 1;
};

namespace commands {

Command set_up_menu(std::string_view title, const std::vector<MenuItem>& items);
Command set_up_event_list(std::initializer_list<std::uint8_t> events);
Command poll_interval(int seconds);
Command more_time();
Command display_text(std::string_view text, Clear clear);
Command get_input(std::string_view text, const InputForm& form);
// `title` may be empty; of the items each has an identifier of its own, 1..255.
Command select_item(std::string_view title, const std::vector<MenuItem>& items);
Command local_information(std::uint8_t qualifier);
Command start_timer(std::uint8_t id, int seconds);
Command stop_timer(std::uint8_t id);
// File change notification for one file (clause 6.4.7, qualifier 01).
Command refresh(const Path& changed);
// Default bearer, immediate link establishment, UICC in client mode (clause 6.4.27): TCP, or UDP
// when CAT_TP is to go over it.
Command open_channel(const ServerAddress& server, std::uint16_t buffer,
                     Carrier carrier = Carrier::tcp);
Command close_channel(std::uint8_t channel);
Command channel_status();
Command send_short_message(base::View tpdu);
Command send_data(std::uint8_t channel, base::View data, bool immediate);
Command receive_data(std::uint8_t channel, std::uint8_t octets);

}  // namespace commands

// Those of SET UP MENU or SELECT ITEM (clause 8.9); one without identifier is left out.
std::vector<MenuItem> read_items(const Command& command);

}  // namespace card
