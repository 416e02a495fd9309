// What is read of an instance's row, whatever stands in it.
#include "cli/instance_view.h"

#include <boost/test/unit_test.hpp>

#include <sstream>

namespace {

vault::Running running(const std::string& health) {
  vault::Running one;
  one.row.name = "vault1";
  one.row.product = "0.1.0";
  one.row.started_at = one.row.seen_at = 1'764'000'000'000;
  one.row.health = health;
  one.alive = true;
  return one;
}

constexpr char kHealth[] =
    "keys.master 2\nkeys.pepper 1\nport.tcp 7100\nsessions 12\nproven_sessions 11\n"
    "sessions_waiting 0\nsmsc.main.bound 0\nsmsc.main.binds 1\nsmsc.main.waiting 3\n"
    "smsc.main.in_flight 0\nsmsc.main.rate 5\nsmsc.main.trouble 13: the password is wrong\n"
    "alarm.smsc.main not bound: the password is wrong\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(instance_view)

// Proves that everything that stands there is shown, and what is asked for alone is found.
BOOST_AUTO_TEST_CASE(all_of_it) {
  const cli::InstanceView view = cli::instance_view(running(kHealth), true);
  BOOST_TEST(view.text ==
             "instance vault1: runs, version 0.1.0, started 2025-11-24T16:00:00Z, seen "
             "2025-11-24T16:00:00Z\n"
             "  channels: 12 open, 11 proven, 0 waiting, tcp on port 7100\n"
             "  keys: master 2, pepper 1\n"
             "  main: not bound, connections 1, waiting 3, in flight 0, 5 a second; 13: the "
             "password is wrong\n"
             "  ALARM smsc.main: not bound: the password is wrong\n");
  BOOST_TEST(view.has_smsc);
  BOOST_TEST(!view.bound);
  BOOST_TEST(view.alarmed);
  std::ostringstream json;
  view.json.stringify(json);
  BOOST_TEST(json.str().find("\"bound\":false") != std::string::npos, json.str());
  BOOST_TEST(json.str().find("\"waiting\":3") != std::string::npos, json.str());
  BOOST_TEST(cli::instance_figure(running(kHealth).row, "keys.master").value() == 2);
  BOOST_TEST(!cli::instance_figure(running(kHealth).row, "keys.other").has_value());
}

// Proves that a row that is cut off anywhere, or of another version, is shown as far as it goes.
BOOST_AUTO_TEST_CASE(cut_off) {
  const std::string whole = kHealth;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const cli::InstanceView view = cli::instance_view(running(whole.substr(0, size)), true);
    BOOST_TEST(view.text.starts_with("instance vault1: runs"));
  }
  for (const char* strange : {"\n\n", " ", "smsc. x", "smsc..bound 1", "alarm.", "a b c\nd"}) {
    const cli::InstanceView view = cli::instance_view(running(strange), true);
    BOOST_TEST(view.text.find("channels: ? open") != std::string::npos, strange);
  }
}

BOOST_AUTO_TEST_SUITE_END()
