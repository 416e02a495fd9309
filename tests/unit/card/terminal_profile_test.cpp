// The terminal's profile (TS 102 223 clause 5.2) and what the terminal carries out are one: each
// command, bearer and transport is done when its bit is set, and refused when it is not.
#include <set>
#include <utility>

#include "base/log.h"
#include "tests/unit/card/puppet_terminal.h"

using namespace card;

namespace {

using Bit = std::pair<std::size_t, int>;  // octet and bit, both from 1

struct Kind {
  std::uint8_t value;
  Bit bit;
};

// Proactive commands by their type (clause 9.4).
constexpr Kind kCommands[] = {
    {0x01, {3, 8}},  {0x02, {3, 4}},  {0x03, {3, 6}},  {0x04, {3, 7}},  {0x05, {5, 1}},
    {0x10, {4, 5}},  {0x11, {4, 3}},  {0x12, {4, 4}},  {0x13, {4, 2}},  {0x14, {9, 2}},
    {0x15, {9, 7}},  {0x20, {3, 5}},  {0x21, {3, 1}},  {0x22, {3, 2}},  {0x23, {3, 3}},
    {0x24, {4, 1}},  {0x25, {4, 6}},  {0x26, {4, 7}},  {0x27, {8, 1}},  {0x28, {8, 5}},
    {0x30, {7, 3}},  {0x31, {7, 1}},  {0x32, {7, 2}},  {0x33, {7, 4}},  {0x34, {8, 6}},
    {0x35, {9, 6}},  {0x40, {12, 1}}, {0x41, {12, 2}}, {0x42, {12, 3}}, {0x43, {12, 4}},
    {0x44, {12, 5}}, {0x45, {12, 6}}, {0x46, {12, 7}}, {0x47, {12, 8}},
};
// PROVIDE LOCAL INFORMATION by qualifier; the place shares its bit with the IMEI.
constexpr Kind kInformation[] = {
    {0x01, {4, 7}}, {0x02, {4, 8}}, {0x03, {8, 3}}, {0x04, {9, 4}}, {0x05, {9, 5}}, {0x06, {9, 8}},
};
// OPEN CHANNEL by the type of its bearer (clause 8.52); 03 is the default one, of the network.
constexpr Kind kBearers[] = {
    {0x01, {13, 1}}, {0x02, {13, 2}}, {0x03, {13, 2}},
    {0x05, {13, 3}}, {0x06, {13, 4}}, {0x07, {13, 5}},
};
// ... and by its transport (clause 8.59).
constexpr Kind kTransports[] = {
    {0x01, {17, 2}}, {0x02, {17, 1}}, {0x03, {17, 3}},
    {0x04, {17, 5}}, {0x05, {17, 4}}, {0x06, {17, 6}},
};
// What the terminal does of itself, each tried in terminal_test.cpp: profile download, SMS-PP data
// download, menu selection, timer expiration, command result; the events "data available" and
// "channel status"; a timer's value.
constexpr Bit kOthers[] = {{1, 1}, {1, 2}, {1, 4}, {1, 6}, {2, 1}, {6, 3}, {6, 4}, {8, 2}};

bool told(const Bit& bit) {
  const base::Bytes profile = Terminal::profile();
  return bit.first <= profile.size() && (profile[bit.first - 1] >> (bit.second - 1) & 1) != 0;
}

struct Fixture : card_test::PuppetTerminal {
  // Whether a channel opens with that bearer and transport.
  bool opens(std::uint8_t bearer, std::uint8_t transport) {
    Command command = commands::open_channel({{10, 1, 2, 3}, 4321}, 800);
    command.objects = ObjectList();
    command.objects.add(tag::kBearer, {bearer}).add(tag::kBufferSize, {0x03, 0x20});
    command.objects.add(tag::kTransport, {transport, 0x10, 0xE1});
    command.objects.add(tag::kOtherAddress, {0x21, 10, 1, 2, 3});
    const bool open = ask(command).ok();
    BOOST_TEST(open == terminal->channel_open());
    if (open) ask(commands::close_channel(1));
    return open;
  }
};

std::string name_of(const char* what, const Kind& kind) {
  return base::cat(what, " ", +kind.value, ", octet ", kind.bit.first, " bit ", kind.bit.second);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(terminal_profile, Fixture)

BOOST_AUTO_TEST_CASE(commands_that_are_told_are_understood_and_no_others) {
  for (const Kind& kind : kCommands) {
    Command command = commands::more_time();
    command.type = static_cast<CommandType>(kind.value);
    const bool understood = ask(command).result != General::type_not_understood;
    BOOST_TEST(understood == told(kind.bit), name_of("command", kind));
  }
}

BOOST_AUTO_TEST_CASE(information_that_is_told_is_given_and_no_other) {
  for (const Kind& kind : kInformation) {
    const bool given = ask(commands::local_information(kind.value)).ok();
    BOOST_TEST(given == told(kind.bit), name_of("information", kind));
  }
}

BOOST_AUTO_TEST_CASE(bearers_and_transports_that_are_told_open_a_channel_and_no_others) {
  for (const Kind& kind : kBearers) {
    BOOST_TEST(opens(kind.value, transport::kTcpClient) == told(kind.bit), name_of("bearer", kind));
  }
  for (const Kind& kind : kTransports) {
    BOOST_TEST(opens(0x03, kind.value) == told(kind.bit), name_of("transport", kind));
  }
}

// Bits 6 to 8 of octet 13.
BOOST_AUTO_TEST_CASE(as_many_channels_as_are_told) {
  int open = 0;
  while (this->open().ok()) ++open;
  BOOST_TEST(open == Terminal::profile().at(12) >> 5);
}

BOOST_AUTO_TEST_CASE(each_bit_is_looked_at_here) {
  std::set<Bit> known(std::begin(kOthers), std::end(kOthers));
  const auto add = [&](const auto& kinds) {
    for (const Kind& kind : kinds) known.insert(kind.bit);
  };
  add(kCommands);
  add(kInformation);
  add(kBearers);
  add(kTransports);
  for (int bit = 6; bit <= 8; ++bit) known.insert({13, bit});
  for (std::size_t octet = 1; octet <= Terminal::profile().size(); ++octet) {
    for (int bit = 1; bit <= 8; ++bit) {
      BOOST_TEST((!told({octet, bit}) || known.contains({octet, bit})),
                 base::cat("octet ", octet, " bit ", bit));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
