// The applet without a phone: the test fetches its commands and answers them octet by octet, also
// as no terminal of ours does.
#pragma once

#include <boost/test/unit_test.hpp>

#include <string_view>
#include <vector>

#include "card/applet.h"
#include "card/terminal.h"

namespace card_test {

struct LoneApplet {
  explicit LoneApplet(card::Card card_in) : card(std::move(card_in)) {
    applet.terminal_profile(card::Terminal::profile());
    while (!applet.idle()) answer("");
  }
  void menu(card::Applet::Item item) { applet.envelope(card::encode(card::menu_selection(item))); }
  card::Command fetch() {
    last = card::decode_command(applet.pending()).value();
    applet.fetched();
    return last;
  }
  // To what waits or was fetched: the result and what follows, in hexadecimal; "": performed.
  void answer(std::string_view result) {
    if (!applet.pending().empty()) fetch();
    card::Response response;
    response.number = last.number;
    response.type = last.type;
    response.qualifier = last.qualifier;
    const base::Bytes performed = card::encode(response);
    if (result.empty()) {
      BOOST_TEST(applet.terminal_response(performed));
      return;
    }
    base::Writer octets;
    octets.bytes(base::View(performed).first(performed.size() - 3));
    octets.bytes(base::from_hex(result).value());
    BOOST_TEST(applet.terminal_response(octets.take()));
  }

  card::Card card;
  std::vector<card::Event> events;
  card::Applet applet{card, [] {}, [this](const card::Event& event) { events.push_back(event); }};
  card::Command last;
};

}  // namespace card_test
