// A network between a card's end and a server, in fake time, from one seed: loss, duplicates,
// delays that reorder. The server takes what comes and, if told so, sends it back.
#pragma once

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "bip/cat_tp_links.h"

namespace cat_tp_world {

struct Weather {
  double loss = 0;
  double duplicate = 0;
  std::int64_t least_delay = 20;
  std::int64_t most_delay = 20;  // more than least: datagrams overtake each other
};

inline bip::SocketPeer peer(std::uint32_t host, std::uint16_t port) {
  bip::SocketPeer peer;
  peer.address[10] = peer.address[11] = 0xFF;
  for (int i = 0; i < 4; ++i) {
    peer.address[static_cast<std::size_t>(12 + i)] =
        static_cast<std::uint8_t>(host >> (24 - 8 * i));
  }
  peer.port = port;
  return peer;
}

class World {
 public:
  explicit World(std::uint32_t seed, Weather conditions = {}, bip::CatTpSettings for_card = {},
                 bip::CatTpSettings for_server = {})
      : random(seed),
        weather(conditions),
        card_settings(for_card),
        server_settings(for_server),
        links(server_settings, [this] { return wide(); }),
        card(card_settings, {1, server_settings.port}) {}

  void open(base::View claim) {
    card.open(claim, first ? *first : static_cast<std::uint16_t>(random()), now, out);
    collect();
  }
  void send(base::View sdu) {
    BOOST_REQUIRE(card.send(sdu, now, out));
    collect();
  }
  void reply(base::View sdu) {
    BOOST_REQUIRE(link != nullptr);
    BOOST_REQUIRE(links.send(*link, sdu, now));
    collect();
  }

  // One thing that happens next; false: nothing will until then.
  bool step(std::int64_t until) {
    const std::int64_t next = std::min({flying.empty() ? bip::CatTp::kNever : flying.begin()->first,
                                        card.deadline(), links.deadline()});
    if (next == bip::CatTp::kNever) return false;
    now.mono_ms = std::max(now.mono_ms, std::min(next, until));
    if (next > until) return false;
    if (card.deadline() <= now.mono_ms) card.on_deadline(now, out);
    if (links.deadline() <= now.mono_ms) links.on_deadline(now);
    while (!flying.empty() && flying.begin()->first <= now.mono_ms) {
      const Datagram datagram = std::move(flying.begin()->second);
      flying.erase(flying.begin());
      arrive(datagram);
    }
    collect();
    return true;
  }
  // Until `done` or for so long.
  template <class Done>
  bool run(Done done, std::int64_t most_ms) {
    const std::int64_t end = now.mono_ms + most_ms;
    collect();
    while (!done() && step(end)) {
    }
    return done();
  }
  bool card_open() const { return card.phase() == bip::CatTp::Phase::open; }
  bool open_both() const { return card_open() && link != nullptr; }

  struct Datagram {
    bool to_server = false;
    base::Bytes octets;
  };

  std::uint64_t wide() { return std::uint64_t{random()} << 32 | random(); }

  std::mt19937 random;
  Weather weather;
  bip::CatTpSettings card_settings, server_settings;
  bip::CatTpLinks links;
  bip::CatTp card;
  bip::CatTpOutput out;
  base::Now now{1'000'000, 0};
  bip::SocketPeer address = peer(0x0A000001, 40'000);
  std::optional<std::uint16_t> first;  // the card's initial sequence number

  std::multimap<std::int64_t, Datagram> flying;
  std::size_t datagrams = 0;
  bip::CatTpLinks::Link* link = nullptr;
  base::Bytes identification;
  std::vector<base::Bytes> at_server, at_card;
  bool server_takes = true, card_takes = true, echo = false;
  int opened = 0, closed = 0;
  std::vector<base::Bytes> log_to_card;

 private:
  void arrive(const Datagram& datagram) {
    if (datagram.to_server) return links.feed(datagram.octets, address, now);
    const auto pdu = bip::decode_cat_tp(datagram.octets);
    BOOST_REQUIRE(pdu);
    card.feed(*pdu, now, out);
  }

  void events() {
    while (auto event = links.next_event()) {
      if (event->what == bip::CatTpLinks::Event::What::opened) {
        ++opened;
        link = event->link;
        identification = event->identification;
      } else if (event->what == bip::CatTpLinks::Event::What::closed) {
        ++closed;
        links.release(*event->link, now);
        if (link == event->link) link = nullptr;
      }
    }
  }

  void collect() {
    events();
    while (link != nullptr && server_takes) {
      auto sdu = links.take(*link, now);
      if (!sdu) break;
      if (echo) links.send(*link, *sdu, now);
      at_server.push_back(std::move(*sdu));
    }
    while (card_takes) {
      auto sdu = card.take(now, out);
      if (!sdu) break;
      at_card.push_back(std::move(*sdu));
    }
    for (std::size_t i = 0; i < out.count(); ++i) fly(true, out[i]);
    out.clear();
    for (std::size_t i = 0; i < links.outputs(); ++i) {
      BOOST_TEST((links.output_to(i) == address));
      log_to_card.emplace_back(links.output(i).begin(), links.output(i).end());
      fly(false, links.output(i));
    }
    links.clear_output();
  }

  bool happens(double probability) {
    return std::uniform_real_distribution<double>(0, 1)(random) < probability;
  }
  void fly(bool to_server, base::View octets) {
    ++datagrams;
    if (happens(weather.loss)) return;
    const int copies = happens(weather.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const std::int64_t delay = std::uniform_int_distribution<std::int64_t>(
          weather.least_delay, weather.most_delay)(random);
      flying.emplace(now.mono_ms + delay, Datagram{to_server, {octets.begin(), octets.end()}});
    }
  }
};

}  // namespace cat_tp_world
