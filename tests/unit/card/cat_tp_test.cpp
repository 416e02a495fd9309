// Proves that the card backs up and restores over CAT_TP as it does over TCP: above the same BIP
// commands, with one datagram per "send immediately", also when datagrams are lost or the vault
// forgets the link. A card has no clock but the terminal's timers.
#include <boost/test/unit_test.hpp>

#include <random>

#include "bip/cat_tp_links.h"
#include "card/cat_tp_end.h"
#include "card/image.h"
#include "tests/support/card_world.h"
#include "tests/support/cat_tp_front.h"

using namespace card;

namespace {

constexpr int kFirstData = 7;  // datagram: SYN, SYN/ACK, ACK, BEGIN, answer, ACK

Card cat_tp_card() {
  Card card = card_test::test_card(card_test::kIccid);
  card.carrier = Carrier::cat_tp;
  fill_card(card, {40, 6, 2}, 1);
  return card;
}

struct World : card_test::World {
  World() : card_test::World(cat_tp_card()), front(vault) {
    connect_datagrams = [this] { return front.connect(); };
    also_serve = [this] { return front.serve(now); };
  }
  ~World() { also_serve = nullptr; }

  // Time goes on until the card has nothing to do.
  bool settle(int seconds) {
    for (int i = 0; i < seconds && !applet->idle(); ++i) advance(1'000);
    return applet->idle();
  }
  void back_up() {
    menu(Applet::kBackUp);
    BOOST_REQUIRE(settle(1'200));
  }

  card_test::CatTpFront front;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(card_cat_tp)

BOOST_AUTO_TEST_CASE(backs_up_and_restores) {
  World world;
  const base::Bytes before = world.image();
  world.back_up();
  BOOST_TEST(base::to_hex(world.front.identification) == base::to_hex(world.card.iccid));
  BOOST_TEST((world.vault.image == before));
  BOOST_TEST(world.vault.key_active);
  BOOST_TEST(world.front.largest <= 1400u);
  erase_user_files(world.card.files);
  world.answers.push_back(world.shown_key());
  world.menu(Applet::kRestore);
  BOOST_TEST(world.settle(60));
  BOOST_TEST((world.image() == before));
}

BOOST_AUTO_TEST_CASE(a_small_buffer_of_the_terminal) {
  World world;
  world.most_buffer = 300;
  world.power_on();
  world.back_up();
  BOOST_TEST((world.vault.image == world.image()));
  BOOST_TEST(world.front.largest <= 300u);
}

// A link that breaks is opened again at the next chance, as over TCP: the upload resumes.
BOOST_AUTO_TEST_CASE(datagrams_are_lost) {
  std::size_t datagrams = 0, lost = 0;
  for (unsigned seed = 1; seed <= 8; ++seed) {
    World world;
    std::mt19937 random(seed);
    world.front.lose = [&] { return random() % 10 < 3; };
    for (int i = 0; i < 6 && !world.vault.key_active; ++i) world.back_up();
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST((world.vault.image == world.image()));
      BOOST_TEST(world.vault.key_active);
      BOOST_TEST(world.vault.counter_rose);
    }
    datagrams += world.front.datagrams;
    lost += world.front.lost;
  }
  BOOST_TEST(lost * 5 > datagrams);
}

// Acknowledgements that come while data are sent are not taken for answers: none is due before END.
BOOST_AUTO_TEST_CASE(acknowledgements_are_no_answers) {
  World world;
  // The first DATA gets lost; each one behind it is answered by an EACK at once.
  world.serve_early = true;
  int seen = 0;
  world.front.lose = [&] { return ++seen == kFirstData; };
  const std::int64_t begin = world.now.mono_ms;
  world.back_up();
  BOOST_TEST((world.vault.image == world.image()));
  BOOST_TEST(world.vault.connections == 1u);
  BOOST_TEST(world.front.lost == 1u);
  BOOST_TEST(world.now.mono_ms - begin < 20'000);
}

BOOST_AUTO_TEST_CASE(nobody_answers) {
  World world;
  world.front.lose = [] { return true; };
  world.back_up();
  BOOST_TEST(world.vault.connections == 0u);
  BOOST_TEST(world.shown("No connection"));
}

// The vault's RST tells the card, which opens the link again after the user has typed.
BOOST_AUTO_TEST_CASE(the_vault_forgets_the_link_while_the_user_types) {
  World world;
  world.back_up();
  const std::string key = world.shown_key();
  world.menu(Applet::kBackUp);
  BOOST_REQUIRE(world.terminal->prompt());
  world.front.forget(world.now);
  world.answers.push_back(key);
  world.run();
  BOOST_TEST(world.settle(600));
  BOOST_TEST((world.vault.image == world.image()));
}

// A timer that runs costs an envelope a second: only while something is under way.
BOOST_AUTO_TEST_CASE(no_ticks_while_nothing_is_under_way) {
  World world;
  world.back_up();
  world.advance(2'000);  // the last one
  const std::int64_t next = world.terminal->deadline().value();
  BOOST_TEST(next - world.now.mono_ms > 1'000);
}

// What the vault repeats is acknowledged each time, though no time passes for the card: it has
// nothing under way.
BOOST_AUTO_TEST_CASE(every_repetition_is_acknowledged) {
  const bip::CatTpSettings settings;
  base::Now now{1'000, 0};
  const base::Bytes identification(10, 0x98);
  card::CatTpEnd end(settings.port, 1400, 5, identification);
  std::mt19937_64 random(1);
  bip::CatTpLinks links(settings, [&] { return random(); });
  bip::CatTpLinks::Link* link = nullptr;
  const bip::SocketPeer from{};
  int heard = 0;
  const auto to_vault = [&](bool lost) {
    while (const auto datagram = end.next_datagram()) {
      ++heard;
      if (!lost) links.feed(*datagram, from, now);
    }
    while (const auto event = links.next_event()) {
      if (event->what == bip::CatTpLinks::Event::What::opened) link = event->link;
    }
  };
  const auto to_card = [&] {
    for (std::size_t i = 0; i < links.outputs(); ++i) end.datagram(links.output(i));
    links.clear_output();
  };
  for (int i = 0; i < 3; ++i) {
    to_vault(false);
    to_card();
  }
  BOOST_REQUIRE(link != nullptr);
  links.send(*link, base::Bytes(20, 0x02), now);
  for (int repetition = 0; repetition < 4; ++repetition) {
    to_card();
    heard = 0;
    to_vault(true);
    BOOST_TEST(heard == 1);
    now.mono_ms += settings.rto_max;
    links.on_deadline(now);
  }
}

BOOST_AUTO_TEST_SUITE_END()
