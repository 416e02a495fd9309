// Proves that every call in the wrong state answers BV_E_STATE and changes nothing, that NULL and
// tiny arguments do no harm, and that lifecycle calls need no particular thread.
#include <boost/test/unit_test.hpp>

#include <map>
#include <string>
#include <thread>

#include "tests/host/loopback.h"
#include "tests/host/test_card.h"
#include "tests/host/workspace.h"

namespace {

using support::Guest;
using support::MinimalHost;
using support::plugin_entry;
using support::Workspace;

struct Fixture {
  Workspace workspace;
  MinimalHost host;
  Guest guest{plugin_entry(), host};

  void to_ready() {
    const auto answer = guest.init(workspace.config());
    BOOST_REQUIRE_MESSAGE(answer.status == BV_OK, answer.why);
  }
  void to_running() {
    to_ready();
    const auto answer = guest.start();
    BOOST_REQUIRE_MESSAGE(answer.status == BV_OK, answer.why);
    BOOST_REQUIRE_EQUAL(guest.state(), "running");
  }
  void takes_connections() {
    support::Loopback card(guest.number("tcp"));
    BOOST_TEST(card.open());
  }
  // With one line each: what the host makes of a mere BV_E_STATE is not known.
  void refused(const char* call, bv_status status) {
    const std::string line = std::string(call) + ": not in state " + guest.state();
    BOOST_TEST(status == BV_E_STATE, call);
    BOOST_TEST(host.logged(line, BV_LOG_WARNING) == ++told[line], line);
  }
  std::map<std::string, int> told;
  void destroy_is_refused() {
    guest.table()->destroy(guest.table());
    BOOST_TEST(guest.state() != "");  // ASan: still there
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(order, Fixture)

BOOST_AUTO_TEST_CASE(created_takes_init_only) {
  const auto start = guest.start();
  refused("start", start.status);
  BOOST_TEST(start.why.find("created") != std::string::npos, start.why);
  refused("reload", guest.reload(workspace.config()).status);
  refused("drain", guest.drain(0));
  refused("stop", guest.stop());
  BOOST_TEST(guest.state() == "created");
  to_ready();
}

BOOST_AUTO_TEST_CASE(ready_takes_start_only) {
  to_ready();
  refused("init", guest.init(workspace.config()).status);
  refused("reload", guest.reload(workspace.config()).status);
  refused("drain", guest.drain(1000));
  refused("stop", guest.stop());
  BOOST_TEST(guest.state() == "ready");
  BOOST_TEST(guest.start().status == BV_OK);
}

BOOST_AUTO_TEST_CASE(running_refuses_init_start_and_destroy) {
  to_running();
  refused("init", guest.init(workspace.config()).status);
  refused("start", guest.start().status);
  destroy_is_refused();
  BOOST_TEST(guest.state() == "running");
  takes_connections();
  BOOST_TEST(guest.stop() == BV_OK);
  BOOST_TEST(guest.state() == "ready");
}

BOOST_AUTO_TEST_CASE(draining_takes_stop_only) {
  to_running();
  const long port = guest.number("tcp");
  BOOST_TEST(guest.drain(60'000) == BV_OK);
  BOOST_TEST(guest.state() == "draining");
  refused("init", guest.init(workspace.config()).status);
  refused("start", guest.start().status);
  refused("reload", guest.reload(workspace.config()).status);
  refused("drain", guest.drain(0));
  destroy_is_refused();
  BOOST_TEST(guest.state() == "draining");
  BOOST_TEST(support::wait_for([&] { return !support::Loopback(port).open(); }));
  BOOST_TEST(guest.stop() == BV_OK);
}

BOOST_AUTO_TEST_CASE(start_stop_start_works_many_times) {
  to_ready();
  for (int i = 0; i < 5; ++i) {
    BOOST_REQUIRE(guest.start().status == BV_OK);
    takes_connections();
    if (i % 2 == 1) BOOST_REQUIRE(guest.drain(10) == BV_OK);
    BOOST_REQUIRE(guest.stop() == BV_OK);
    BOOST_TEST(guest.state() == "ready");
    BOOST_TEST(guest.stop() == BV_E_STATE);
  }
}

BOOST_AUTO_TEST_CASE(stop_with_deadline_0_ends_sooner_or_later) {
  to_running();
  BOOST_TEST(support::wait_for([&] { return guest.stop(0) == BV_OK; }));
  BOOST_TEST(guest.state() == "ready");
  BOOST_TEST(guest.start().status == BV_OK);
}

BOOST_AUTO_TEST_CASE(destroy_in_created_and_ready_and_create_again) {
  guest.destroy();
  for (int i = 0; i < 3; ++i) {
    Guest again(plugin_entry(), host);
    BOOST_REQUIRE(again.init(workspace.config()).status == BV_OK);
    if (i == 0) continue;
    BOOST_REQUIRE(again.start().status == BV_OK);
    BOOST_REQUIRE(support::Loopback(again.number("tcp")).open());
    BOOST_REQUIRE(again.stop() == BV_OK);
  }
}

BOOST_AUTO_TEST_CASE(two_at_once) {
  to_running();
  Workspace other_place;
  MinimalHost other_host;
  Guest other(plugin_entry(), other_host);
  BOOST_REQUIRE(other.init(other_place.config()).status == BV_OK);
  BOOST_REQUIRE(other.start().status == BV_OK);
  BOOST_TEST(other.number("tcp") != guest.number("tcp"));
  takes_connections();
  BOOST_TEST(support::Loopback(other.number("tcp")).open());
  BOOST_TEST(other.stop() == BV_OK);
  other.destroy();
  takes_connections();
}

// One store, so that a packet is good once, wherever it comes; one port, which belongs to the
// first.
BOOST_AUTO_TEST_CASE(two_with_one_configuration) {
  to_running();
  MinimalHost other_host;
  Guest other(plugin_entry(), other_host);
  BOOST_REQUIRE_EQUAL(other.init(workspace.config()).status, BV_OK);
  BOOST_REQUIRE_EQUAL(other.start().status, BV_OK);
  const support::TestCard card;
  const auto status_at = [&](Guest& one, std::uint64_t counter) {
    support::Loopback channel(one.number("tcp"));
    base::Bytes octets = card.identification();
    const base::Bytes packet = card.report(counter);
    octets.insert(octets.end(), packet.begin(), packet.end());
    BOOST_REQUIRE(channel.send({octets.begin(), octets.end()}));
    const auto answer = card.answer(channel.receive());
    return answer ? static_cast<int>(answer->status) : -1;
  };
  BOOST_TEST(status_at(guest, 1) == 0);
  BOOST_TEST(status_at(other, 1) == 2);
  BOOST_TEST(status_at(other, 2) == 0);
  BOOST_TEST(status_at(guest, 2) == 2);
  BOOST_TEST(status_at(guest, 3) == 0);

  const std::string address = "127.0.0.1:" + std::to_string(guest.number("tcp"));
  workspace.change("tcp = 127.0.0.1:0", "tcp = " + address);
  BOOST_REQUIRE_EQUAL(other.stop(), BV_OK);
  other.destroy();
  Guest third(plugin_entry(), other_host);
  BOOST_REQUIRE_EQUAL(third.init(workspace.config()).status, BV_OK);
  const auto refused = third.start();
  BOOST_TEST(refused.status == BV_E_BUSY);
  BOOST_TEST(refused.why.find(address) != std::string::npos, refused.why);
  BOOST_TEST(refused.why.find("in use") != std::string::npos, refused.why);
  BOOST_TEST(status_at(guest, 4) == 0);
  BOOST_REQUIRE_EQUAL(guest.stop(), BV_OK);
  const auto started = third.start();  // its port is free now
  BOOST_REQUIRE_MESSAGE(started.status == BV_OK, started.why);
  BOOST_TEST(status_at(third, 5) == 0);
}

BOOST_AUTO_TEST_CASE(null_plugin) {
  const bv_plugin calls = *guest.table();
  bv_buffer why{};
  BOOST_TEST(calls.init(nullptr, "x", &why) == BV_E_INVALID);
  BOOST_TEST(calls.start(nullptr, &why) == BV_E_INVALID);
  BOOST_TEST(calls.reload(nullptr, "x", &why) == BV_E_INVALID);
  BOOST_TEST(calls.drain(nullptr, 1) == BV_E_INVALID);
  BOOST_TEST(calls.stop(nullptr, 1) == BV_E_INVALID);
  calls.destroy(nullptr);
  BOOST_TEST(calls.get_extension(nullptr, "nobody") == nullptr);
  const auto* health = static_cast<const bv_health_1*>(guest.extension(BV_EXT_HEALTH));
  const auto* check = static_cast<const bv_check_1*>(guest.extension(BV_EXT_CHECK));
  BOOST_TEST(health->snapshot(nullptr, &why) == BV_E_INVALID);
  BOOST_TEST(check->check(nullptr, "x", &why) == BV_E_INVALID);
}

BOOST_AUTO_TEST_CASE(null_paths_and_buffers) {
  bv_plugin* plugin = guest.table();
  const auto* health = static_cast<const bv_health_1*>(guest.extension(BV_EXT_HEALTH));
  const auto* check = static_cast<const bv_check_1*>(guest.extension(BV_EXT_CHECK));
  BOOST_TEST(plugin->init(plugin, nullptr, nullptr) == BV_E_INVALID);
  BOOST_TEST(check->check(plugin, nullptr, nullptr) == BV_E_INVALID);
  BOOST_TEST(health->snapshot(plugin, nullptr) == BV_E_INVALID);
  bv_buffer lies{nullptr, 100, 0};
  BOOST_TEST(health->snapshot(plugin, &lies) == BV_E_INVALID);
  BOOST_TEST(guest.state() == "created");
  to_running();
  BOOST_TEST(plugin->reload(plugin, nullptr, nullptr) == BV_E_INVALID);
  BOOST_TEST(guest.state() == "running");
}

// `why` may be NULL, and of any size: truncated, terminated, never overrun.
BOOST_AUTO_TEST_CASE(why_of_every_size) {
  bv_plugin* plugin = guest.table();
  const std::string path = workspace.path("missing.ini");
  BOOST_TEST(plugin->init(plugin, path.c_str(), nullptr) == BV_E_INVALID);
  bv_buffer lies{nullptr, 100, 0};
  BOOST_TEST(plugin->init(plugin, path.c_str(), &lies) == BV_E_INVALID);
  const std::string whole = guest.init(path).why;
  BOOST_REQUIRE(whole.starts_with(path));
  for (std::size_t room = 0; room <= whole.size() + 2; ++room) {
    auto octets = std::make_unique<uint8_t[]>(room);
    std::fill_n(octets.get(), room, uint8_t{0xAA});
    bv_buffer why{octets.get(), room, 0};
    BOOST_TEST(plugin->init(plugin, path.c_str(), &why) == BV_E_INVALID);
    if (room == 0) continue;
    const auto* text = reinterpret_cast<const char*>(octets.get());
    BOOST_REQUIRE(why.size < room);
    BOOST_TEST(text[why.size] == '\0');
    BOOST_TEST(std::string(text, why.size) == whole.substr(0, room - 1));
  }
}

// Text is cut at a whole UTF-8 character.
BOOST_AUTO_TEST_CASE(why_is_cut_between_characters) {
  bv_plugin* plugin = guest.table();
  const char* const path = "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x93\xB1.ini";  // 2, 3 and 4 octets
  const std::size_t whole[] = {0, 0, 2, 2, 2, 5, 5, 5, 5, 9, 10};
  for (std::size_t room = 1; room <= 11; ++room) {
    std::vector<uint8_t> octets(room, 0xAA);
    bv_buffer why{octets.data(), room, 0};
    BOOST_TEST(plugin->init(plugin, path, &why) == BV_E_INVALID);
    BOOST_TEST(why.size == whole[room - 1], "room " << room << " size " << why.size);
  }
}

BOOST_AUTO_TEST_CASE(a_good_call_leaves_no_old_reason) {
  std::vector<uint8_t> octets(400);
  bv_buffer why{octets.data(), octets.size(), 0};
  bv_plugin* plugin = guest.table();
  BOOST_TEST(plugin->init(plugin, workspace.path("missing.ini").c_str(), &why) == BV_E_INVALID);
  BOOST_TEST(why.size > 0);
  BOOST_TEST(plugin->init(plugin, workspace.config().c_str(), &why) == BV_OK);
  BOOST_TEST(why.size == 0);
  BOOST_TEST(octets[0] == 0);
}

BOOST_AUTO_TEST_CASE(every_call_on_another_thread) {
  const auto elsewhere = [](auto call) { std::thread(call).join(); };
  elsewhere([&] { BOOST_TEST(guest.init(workspace.config()).status == BV_OK); });
  elsewhere([&] { BOOST_TEST(guest.start().status == BV_OK); });
  elsewhere([&] { BOOST_TEST(guest.reload(workspace.config()).status == BV_OK); });
  elsewhere([&] { BOOST_TEST(guest.state() == "running"); });
  elsewhere([&] { BOOST_TEST(guest.drain(1) == BV_OK); });
  elsewhere([&] { BOOST_TEST(guest.stop() == BV_OK); });
  elsewhere([&] { guest.destroy(); });
}

BOOST_AUTO_TEST_CASE(health_tells_the_size_it_needs) {
  to_running();
  const auto* health = static_cast<const bv_health_1*>(guest.extension(BV_EXT_HEALTH));
  bv_plugin* plugin = guest.table();
  bv_buffer out{nullptr, 0, 0};
  BOOST_REQUIRE(health->snapshot(plugin, &out) == BV_E_TOO_SMALL);
  BOOST_REQUIRE(out.size > 20);
  const std::size_t needed = out.size;
  for (const std::size_t room : {std::size_t{1}, needed / 2, needed - 1}) {
    std::vector<uint8_t> octets(room, 0xAA);
    out = {octets.data(), room, 0};
    BOOST_TEST(health->snapshot(plugin, &out) == BV_E_TOO_SMALL);
    BOOST_TEST(out.size >= needed - 1);
    BOOST_TEST(octets[0] == 0xAA);  // nothing half-written
  }
  std::vector<uint8_t> octets(needed + 200, 0xAA);
  out = {octets.data(), octets.size(), 0};
  BOOST_REQUIRE(health->snapshot(plugin, &out) == BV_OK);
  BOOST_TEST(octets[out.size] == 0);
  BOOST_TEST(octets[0] == '{');
  BOOST_TEST(octets[out.size - 1] == '}');
}

// bv.health/1 is [any]: from several threads while the main class does its calls.
BOOST_AUTO_TEST_CASE(health_from_everywhere_at_any_time) {
  std::atomic<bool> ends{false};
  std::vector<std::thread> watchers;
  for (int i = 0; i < 2; ++i) {
    watchers.emplace_back([&] {
      while (!ends) {
        if (guest.health().front() != '{') std::abort();
      }
    });
  }
  to_ready();
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(guest.start().status == BV_OK);
    BOOST_TEST(guest.reload(workspace.config()).status == BV_OK);
    BOOST_TEST(guest.stop() == BV_OK);
  }
  ends = true;
  for (std::thread& watcher : watchers) watcher.join();
}

BOOST_AUTO_TEST_SUITE_END()
