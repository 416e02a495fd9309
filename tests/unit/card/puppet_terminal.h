// A terminal whose card is played by the test: it issues commands one by one and keeps what comes
// back.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "card/commands.h"
#include "card/terminal.h"
#include "tests/support/card_world.h"

namespace card_test {

using namespace card;

struct Puppet : ToolkitApplet {
  void terminal_profile(base::View) override {}
  bool envelope(base::View data) override {
    envelopes.push_back(decode_envelope(data).value());
    return true;
  }
  bool terminal_response(base::View data) override {
    responses.push_back(decode_response(data).value());
    return true;
  }
  void status() override { ++polls; }
  base::View pending() const override { return waiting; }
  void fetched() override { waiting.clear(); }

  base::Bytes waiting;
  std::vector<Envelope> envelopes;
  std::vector<Response> responses;
  int polls = 0;
};

struct PuppetTerminal {
  PuppetTerminal() {
    TerminalSettings settings;
    settings.most_buffer = 1000;
    settings.connect = [this](const ServerAddress& server) {
      named = server;
      if (!reachable) return -1;
      int ends[2];
      BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
      peer = ends[0];
      return ends[1];
    };
    settings.connect_datagrams = settings.connect;
    terminal.emplace(uicc, phone, settings, nullptr, [](const Event&) {});
    terminal->power_on(now);
    ask(commands::set_up_event_list({event::kDataAvailable, event::kChannelStatus}));
  }
  ~PuppetTerminal() {
    if (peer >= 0) ::close(peer);
  }

  void settle() {
    while (terminal->step(now)) continue;
  }
  void put(const Command& command) {
    puppet.waiting = encode(command);
    terminal->select(1);  // any envelope, so that the terminal hears of the waiting command
    settle();
  }
  // Runs one command; nothing: the terminal waits for the user.
  const Response& ask(const Command& command) {
    put(command);
    BOOST_REQUIRE(!puppet.responses.empty());
    return puppet.responses.back();
  }
  const Response& open(std::uint16_t buffer = 800) {
    return ask(commands::open_channel({{10, 1, 2, 3}, 4321}, buffer));
  }
  void peer_sends(std::size_t octets) {
    const base::Bytes data(octets, 0x5A);
    BOOST_REQUIRE(::send(peer, data.data(), data.size(), 0) == static_cast<ssize_t>(data.size()));
  }
  std::size_t events(std::uint8_t event) const {
    return static_cast<std::size_t>(
        std::count_if(puppet.envelopes.begin(), puppet.envelopes.end(), [&](const Envelope& e) {
          const auto list = e.objects.find(tag::kEventList);
          return list && (*list)[0] == event;
        }));
  }
  static std::string of(const Response& response, std::uint16_t tag) {
    const auto value = response.objects.find(tag);
    return value ? base::to_hex(*value) : "none";
  }

  card::Card card = card_test::test_card(card_test::kIccid);
  Phone phone;
  Puppet puppet;
  Uicc uicc{card, puppet};
  std::optional<Terminal> terminal;
  base::Now now{1000, 1'790'000'000'000};
  ServerAddress named;
  int peer = -1;
  bool reachable = true;
};

}  // namespace card_test
