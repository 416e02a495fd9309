// Proves the parts of the park that need no vault: its command line, what it counts, what its cards
// remember between two runs, and that no answer, whatever it holds, passes for a good one.
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <fstream>

#include "base/files.h"
#include "card/park/command.h"
#include "card/park/park.h"
#include "card/park/report.h"
#include "card/park/visit.h"
#include "tests/support/test_vault.h"
#include "tests/support/torment.h"

namespace {

using card::Carrier;
using namespace card::park;
using Given = std::map<std::string, std::string>;

std::string fault_of(Given more) {
  Given given{{"cards", "c.csv"}, {"server", "127.0.0.1:7100"}, {"seconds", "1"}};
  for (auto& [name, value] : more) given[name] = value;
  if (more.contains("seconds") && more["seconds"].empty()) given.erase("seconds");
  const auto settings = settings_of(given);
  return settings ? "" : settings.error();
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(park)

BOOST_AUTO_TEST_CASE(the_command_line) {
  const auto read = settings_of({{"cards", "c.csv"},
                                 {"server", "127.0.0.5:7102"},
                                 {"visits", "10"},
                                 {"visit", "store,fetch status"},
                                 {"size", "1K-64K"},
                                 {"channel", "cat_tp"},
                                 {"loss", "12.5"},
                                 {"delay", "600ms"},
                                 {"stay", ""}});
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->steps.size() == 3u);
  BOOST_TEST((read->steps[1] == Step::fetch));
  BOOST_TEST(read->least_size == 1024u);
  BOOST_TEST(read->most_size == 65536u);
  BOOST_TEST(read->loss == 0.125);
  BOOST_TEST(read->delay_ms == 600);
  BOOST_TEST(read->stay);
  BOOST_TEST(read->confirm);
  BOOST_TEST(fault_of({}).empty());
  for (const auto& [name, value] : Given{{"visit", "stor"},
                                         {"visits", "0"},
                                         {"visits", "1x"},
                                         {"visits", "1.5"},
                                         {"rate", "-1"},
                                         {"size", "64K-1K"},
                                         {"size", "2"},
                                         {"loss", "91"},
                                         {"delay", "5"},
                                         {"channel", "sctp"},
                                         {"processes", "65"},
                                         {"at-once", "0"},
                                         {"seconds", "nan"},
                                         {"visits", "nan"},
                                         {"rate", "inf"},
                                         {"server", "127.0.0.1"}}) {
    const std::string fault = fault_of({{name, value}});
    BOOST_TEST(mentions(fault, "--" + name), name << "=" << value << ": " << fault);
  }
  BOOST_TEST(mentions(fault_of({{"server", "10.0.0.1:7100"}}), "loopback"));
  BOOST_TEST(fault_of({{"server", "10.0.0.1:7100"}, {"allow-remote", ""}}).empty());
  BOOST_TEST(mentions(fault_of({{"seconds", ""}}), "bound"));
}

// What would have no effect, or not the one that is asked for, is refused.
BOOST_AUTO_TEST_CASE(options_that_need_others) {
  BOOST_TEST(mentions(fault_of({{"wait", ""}}), "--wait needs --stay"));
  BOOST_TEST(fault_of({{"wait", ""}, {"stay", ""}}).empty());
  BOOST_TEST(mentions(fault_of({{"open-rate", "9"}}), "--open-rate needs --stay"));
  BOOST_TEST(mentions(fault_of({{"loss", "5"}}), "--loss needs --channel cat_tp"));
  BOOST_TEST(fault_of({{"loss", "5"}, {"channel", "cat_tp"}}).empty());
  BOOST_TEST(mentions(fault_of({{"at-once", "3"}, {"processes", "4"}}), "--processes"));
  BOOST_TEST(fault_of({{"at-once", "4"}, {"processes", "4"}}).empty());
  const Given far{{"server", "10.0.0.1:7100"}, {"allow-remote", ""}, {"sources", "2"}};
  BOOST_TEST(mentions(fault_of(far), "--sources needs"));
}

BOOST_AUTO_TEST_CASE(times_are_exact_to_a_thirty_second_part) {
  for (std::uint64_t us = 0; us < 100'000'000; us += 1 + us / 50) {
    const double read = Histogram::us(Histogram::index(us));
    BOOST_REQUIRE(std::abs(read - static_cast<double>(us)) <= 1 + static_cast<double>(us) / 32);
  }
  BOOST_TEST(Histogram::index(UINT64_MAX) == Histogram::kBuckets - 1);
  auto stats = std::make_unique<std::array<Stats, 2>>();
  for (int i = 1; i <= 100; ++i) (*stats)[i % 2].times[1].add(static_cast<std::uint64_t>(i) * 1000);
  (*stats)[0].visits = 3;
  (*stats)[1].visits = 4;
  (*stats)[1].failures[0] = 2;
  const Totals totals = total(*stats);
  BOOST_TEST(totals.visits == 7u);
  BOOST_TEST(totals.failed == 2u);
  BOOST_TEST(!totals.good());
  BOOST_TEST(totals.percentile_ms(1, 0.5) == 50, boost::test_tools::tolerance(0.04));
  BOOST_TEST(totals.percentile_ms(kSteps, 0.99) == 99, boost::test_tools::tolerance(0.04));
  BOOST_TEST(totals.percentile_ms(0, 0.5) == 0);
}

// Rates are of the time that was asked for: what ended in the grace after it is no part of them.
BOOST_AUTO_TEST_CASE(rates_are_of_the_time_measured) {
  auto stats = std::make_unique<std::array<Stats, 1>>();
  Stats& one = stats->front();
  one.visits = 100;
  one.steps[0] = 200;
  one.measured_ms = 10'000;
  one.keep_measured();
  one.visits = 110;
  one.steps[0] = 220;
  const std::string summary = summary_json(total(*stats), Settings(), 3);
  BOOST_TEST(mentions(summary, "\"seconds\": 10.000"));
  BOOST_TEST(mentions(summary, "\"visits\": 110, \"visits_per_second\": 10.0,"));
  BOOST_TEST(mentions(summary, "\"count\": 220, \"per_second\": 20.0,"));
}

BOOST_AUTO_TEST_CASE(when_a_run_was_good) {
  Totals totals;
  BOOST_TEST(totals.good());
  totals.unended = 1;
  BOOST_TEST(!totals.good());  // nobody has answered at all
  totals.visits = 1;
  BOOST_TEST(totals.good());
  totals.failed = 1;
  BOOST_TEST(!totals.good());
}

BOOST_AUTO_TEST_CASE(cards_and_what_they_remember) {
  const support::TestDirectory directory;
  const std::string csv = directory / "cards.csv";
  const std::string state = directory / "state.csv";
  BOOST_REQUIRE(make_cards(csv, 3).ok());
  struct stat file {};
  BOOST_REQUIRE_EQUAL(::stat(csv.c_str(), &file), 0);
  BOOST_TEST((file.st_mode & 0777) == 0600u);
  BOOST_TEST(mentions(make_cards(csv, 3).error(), "is there and not empty"));
  const std::string other = directory / "other";
  std::ofstream(other) << "iccid,key_set,algorithm,kic,kid\n1,of,another,kind,\n";
  BOOST_TEST(mentions(make_cards(other, 3).error(), "is there and not empty"));
  for (const char* const nothing : {"", "iccid,key_set,algorithm,kic,kid\n"}) {
    std::ofstream(other, std::ios::trunc) << nothing;
    BOOST_TEST(make_cards(other, 3).ok());
  }
  const auto cards = read_cards(csv);
  BOOST_REQUIRE(cards.ok());
  BOOST_REQUIRE_EQUAL(cards->size(), 3u);
  BOOST_TEST(((*cards)[0].iccid != (*cards)[1].iccid));
  BOOST_TEST((*cards)[2].keys.psk.size() == 16u);

  std::vector<Memory> memories(3);
  const auto nothing = read_state(state, *cards, memories.data());  // there is none yet
  BOOST_REQUIRE(nothing.ok());
  BOOST_TEST(nothing->empty());
  BOOST_TEST(memories[0].counter > 0u);
  memories[1].counter = 77;
  memories[1].transaction = 5;
  std::memcpy(memories[1].key, "123456782", 10);
  memories[1].acknowledge(11);
  memories[1].sent(12);
  BOOST_REQUIRE(write_state(state, *cards, memories.data(), nothing->view()).ok());
  BOOST_REQUIRE_EQUAL(::stat(state.c_str(), &file), 0);
  BOOST_TEST((file.st_mode & 0777) == 0600u);
  std::vector<Memory> again(3);
  BOOST_REQUIRE(read_state(state, *cards, again.data()).ok());
  BOOST_TEST(again[1].counter == 77u);
  BOOST_TEST(again[1].transaction == 5u);
  BOOST_TEST(std::string(again[1].key) == "123456782");
  BOOST_TEST(again[2].key[0] == 0);
  BOOST_TEST(again[1].may_be(11));
  BOOST_TEST(again[1].may_be(12));
  BOOST_TEST(!again[1].may_be(13));
  BOOST_TEST(!again[1].may_be(0));  // an image was acknowledged
  BOOST_TEST(again[2].may_be(0));
  BOOST_TEST(!again[2].may_be(11));

  // A list without some of them leaves those as they are.
  std::vector<ParkCard> fewer(1);
  fewer[0].iccid = (*cards)[2].iccid;
  Memory third;
  const auto others = read_state(state, fewer, &third);
  BOOST_REQUIRE(others.ok());
  third.counter = 99;
  BOOST_REQUIRE(write_state(state, fewer, &third, others->view()).ok());
  BOOST_REQUIRE(read_state(state, *cards, again.data()).ok());
  BOOST_TEST(again[1].counter == 77u);
  BOOST_TEST(std::string(again[1].key) == "123456782");
  BOOST_TEST(again[1].may_be(12));
  BOOST_TEST(again[2].counter == 99u);

  std::ofstream(state) << "iccid,counter,transaction,key,images\n89860000000000000018,x,1,,0\n";
  BOOST_TEST(!read_state(state, *cards, again.data()).ok());
  std::ofstream(csv, std::ios::app) << "8986000000000000001,1,aes,00,00,\n";
  BOOST_TEST(mentions(read_cards(csv).error(), "line 5"));
  std::ofstream(csv, std::ios::trunc) << "iccid,key_set,algorithm,kic,kid\n8986000000000000001,1\n";
  BOOST_TEST(mentions(read_cards(csv).error(), "line 2"));
  std::ofstream(csv, std::ios::trunc) << "";
  BOOST_REQUIRE(make_cards(csv, 3).ok());
  BOOST_TEST(read_cards(csv, 3).ok());
  BOOST_TEST(mentions(read_cards(csv, 2).error(), "more than 2 cards"));
  BOOST_TEST(!read_cards(directory / "none").ok());
}

// Before any card calls, as otherwise nothing but channels that do not come about would tell.
BOOST_AUTO_TEST_CASE(tls_needs_every_cards_key) {
  const support::TestDirectory directory;
  const std::string key(32, 'A');
  std::ofstream(directory / "cards.csv")
      << "iccid,key_set,algorithm,kic,kid,psk\n89860000000000000018,1,aes," << key << "," << key
      << "," << key << "\n89860000000000000026,1,aes," << key << "," << key << ",\n";
  Settings settings;
  settings.cards = directory / "cards.csv";
  settings.server = {{127, 0, 0, 1}, 1};
  settings.visits = 1;
  settings.quiet = true;
  settings.json = directory / "summary.json";
  settings.carrier = Carrier::tls_psk;
  const auto refused = card::park::run(settings);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(mentions(refused.error(), "no psk for 1 of 2 cards, first 89860000000000000026"));
  settings.carrier = Carrier::tcp;
  BOOST_TEST(card::park::run(settings).ok());
}

BOOST_AUTO_TEST_CASE(which_image_the_vault_may_have) {
  Memory memory;
  BOOST_TEST(memory.may_be(0));
  memory.sent(1);
  BOOST_TEST((memory.may_be(0) && memory.may_be(1) && !memory.may_be(2)));
  memory.acknowledge(1);
  BOOST_TEST((!memory.may_be(0) && memory.may_be(1)));
  for (std::uint64_t digest = 2; digest < 2 + Memory::kMostUnanswered; ++digest) {
    memory.sent(digest);
    memory.sent(digest);
  }
  BOOST_TEST((memory.may_be(1) && memory.may_be(2) && !memory.may_be(99)));
  memory.sent(99);
  BOOST_TEST((memory.too_many && memory.may_be(100)));
  memory.acknowledge(99);
  BOOST_TEST((memory.may_be(99) && !memory.may_be(1) && !memory.may_be(100)));
}

BOOST_AUTO_TEST_CASE(no_answer_passes_for_a_good_one) {
  const support::TestDirectory directory;
  BOOST_REQUIRE(make_cards(directory / "cards.csv", 1).ok());
  const auto cards = read_cards(directory / "cards.csv");
  BOOST_REQUIRE(cards.ok());
  const ParkCard& card = cards->front();
  const Settings settings;
  Memory memory;
  const auto both = static_cast<std::uint8_t>(card.keys.key_set << 4 | 2);
  const bip::CommandHead head{{0x16, 0x19}, both, both, {0xBF, 0xFF, 0x01}};
  const bip::ResponsePacket done{{0xBF, 0xFF, 0x01}, 1, bip::PacketStatus::por_ok, {0x00}};
  const auto good = bip::wrap_response(bip::Carrier::bip, head, done,
                                       {card.keys.kic.view(), card.keys.kid.view()});
  BOOST_REQUIRE(good.has_value());
  std::size_t passed = 0;
  card_test::torment(*good, [&](base::View octets) {
    Visit visit(card, memory, settings, Step::status, 0, 1);
    BOOST_REQUIRE_EQUAL(visit.begin().size(), 1u);
    BOOST_REQUIRE(visit.answer(octets).empty());
    BOOST_REQUIRE((visit.state() != Visit::State::going_on));
    const bool same = std::equal(octets.begin(), octets.end(), good->begin(), good->end());
    if (visit.state() == Visit::State::done && !same) ++passed;
  });
  BOOST_TEST(passed == 0u);
  Visit visit(card, memory, settings, Step::status, 0, 1);
  visit.begin();
  visit.answer(*good);
  BOOST_TEST((visit.state() == Visit::State::done));
  // `done` without what a fetch needs.
  Visit fetch(card, memory, settings, Step::fetch, 0, 1);
  fetch.begin();
  BOOST_TEST(fetch.answer(*good).empty());
  BOOST_TEST((fetch.state() == Visit::State::broken));
}

BOOST_AUTO_TEST_SUITE_END()
