// The other side of a Link, in octets: what it was sent, PDU by PDU, and what it says.
#pragma once

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <vector>

#include "smsc/link.h"

namespace scripted {

inline base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

inline base::Bytes pdu(std::uint32_t command, std::uint32_t status, std::uint32_t sequence,
                       std::string_view body_hex = "") {
  base::Bytes out;
  smsc::append_header(out, command, status, sequence);
  const base::Bytes body = hex(body_hex);
  out.insert(out.end(), body.begin(), body.end());
  smsc::patch_length(out, 0);
  return out;
}

inline base::Bytes deliver(std::uint32_t sequence, std::string_view text,
                           std::string_view esm_class = "00") {
  const std::string body =
      "00"
      "0101"
      "34393100"
      "0001"
      "3132333400" +
      std::string(esm_class) +
      "0000"
      "00"
      "00"
      "00"
      "00"
      "00"
      "00";
  base::Bytes length{static_cast<std::uint8_t>(text.size())};
  return pdu(smsc::command::kDeliverSm, 0, sequence,
             body + base::to_hex(length) + base::to_hex(base::as_bytes(text)));
}

struct Peer {
  std::shared_ptr<smsc::Settings> settings;
  std::int64_t time = 1'000;
  std::unique_ptr<smsc::Link> link;

  static std::shared_ptr<smsc::Settings> defaults() {
    auto settings = std::make_shared<smsc::Settings>();
    settings->name = "a";
    settings->system_id = "bv";
    settings->password = std::make_shared<base::Secret>(base::as_bytes("secret"));
    return settings;
  }
  explicit Peer(std::shared_ptr<smsc::Settings> given = defaults(),
                smsc::Role role = smsc::Role::transceiver)
      : settings(std::move(given)) {
    link = std::make_unique<smsc::Link>(settings, role, now());
  }

  base::Now now() const { return {time, 1'764'000'000'000 + time}; }
  void says(const base::Bytes& octets) { link->feed(octets, now()); }
  void passes(std::int64_t ms) {  // with the deadlines that fall into it
    const std::int64_t until = time + ms;
    while (link->deadline() <= until) {
      time = std::max(time, link->deadline());
      link->on_deadline(now());
    }
    time = until;
  }
  // Headers of what came since the last call.
  std::vector<smsc::Header> hears() {
    smsc::Framer framer(100'000);
    framer.feed(link->output());
    link->consume(link->output().size());
    std::vector<smsc::Header> heard;
    while (const auto frame = framer.next()) heard.push_back(frame->header);
    BOOST_TEST(framer.buffered() == 0u);
    return heard;
  }
  void bound(std::uint32_t command = smsc::command::kBindTransceiver) {
    const auto heard = hears();
    BOOST_REQUIRE(heard.size() == 1u);
    BOOST_TEST(heard[0].command == command);
    says(pdu(command | smsc::command::kResponse, 0, heard[0].sequence, "534D534300"));
    const auto event = link->next_event();
    BOOST_REQUIRE(event.has_value());
    BOOST_TEST((event->kind == smsc::LinkEvent::Kind::bound));
  }
  void submits(std::uint64_t token) {
    smsc::SubmitSm message;
    message.destination = {1, 1, "491701234567"};
    message.text = {0x41};
    BOOST_REQUIRE(link->submit(message, token, now()).ok());
  }
};

}  // namespace scripted
