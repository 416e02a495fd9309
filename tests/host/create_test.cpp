// Proves that create takes any host that plugin.h allows and refuses every other, calls nobody,
// and that extensions are found by their exact ids only.
#include <boost/test/unit_test.hpp>

#include "tests/host/workspace.h"

namespace {

using support::Guest;
using support::MinimalHost;
using support::plugin_entry;

// The host struct in memory of exactly `size` octets, so that ASan sees who reads behind it.
struct SizedHost {
  explicit SizedHost(std::size_t size) : octets(new uint8_t[size]()) {
    MinimalHost model;
    model.table.struct_size = static_cast<uint32_t>(size);
    std::memcpy(octets.get(), &model.table, std::min(size, sizeof model.table));
  }
  const bv_host* host() const { return reinterpret_cast<const bv_host*>(octets.get()); }
  std::unique_ptr<uint8_t[]> octets;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(create)

BOOST_AUTO_TEST_CASE(entry_describes_itself) {
  const bv_entry& entry = plugin_entry();
  BOOST_TEST(entry.magic == 0x42495056u);
  BOOST_TEST(entry.struct_size == 64u);
  BOOST_TEST(entry.abi_major == 1u);
  BOOST_TEST(entry.abi_minor == 0u);
  BOOST_TEST(entry.pointer_size == 8u);
  BOOST_TEST(entry.reserved == 0u);
  BOOST_TEST(std::string(entry.id) == "bipvault");
  BOOST_TEST(std::string(entry.name) != "");
  BOOST_TEST(std::string(entry.vendor) != "");
  BOOST_TEST(std::string(entry.version) != "");
  BOOST_TEST(support::load_plugin(BIPVAULT_PLUGIN) == &entry);
}

BOOST_AUTO_TEST_CASE(calls_no_host_function) {
  MinimalHost host;
  int asked = 0;
  host.on_get_extension = [&](const char*) -> const void* {
    ++asked;
    return nullptr;
  };
  {
    Guest guest(plugin_entry(), host);
    BOOST_REQUIRE(guest.table() != nullptr);
    BOOST_TEST(guest.table()->struct_size == 72u);
    BOOST_TEST(guest.table()->reserved == 0u);
    guest.destroy();  // without the stop of its end, which is refused and says so
  }
  BOOST_TEST(asked == 0);
  BOOST_TEST(host.lines().empty());
}

BOOST_AUTO_TEST_CASE(refuses_no_host) { BOOST_TEST(plugin_entry().create(nullptr) == nullptr); }

BOOST_AUTO_TEST_CASE(refuses_other_major_versions) {
  for (const uint32_t major : {0u, 2u, 0xFFFFFFFFu}) {
    MinimalHost host;
    host.table.abi_major = major;
    BOOST_TEST(plugin_entry().create(&host.table) == nullptr);
  }
}

BOOST_AUTO_TEST_CASE(refuses_every_struct_that_is_too_short) {
  for (std::size_t size = sizeof(uint32_t); size < sizeof(bv_host); ++size) {
    const SizedHost sized(size);
    BOOST_TEST(plugin_entry().create(sized.host()) == nullptr, "size " << size);
  }
}

BOOST_AUTO_TEST_CASE(refuses_a_null_function) {
  MinimalHost host;
  host.table.get_extension = nullptr;
  BOOST_TEST(plugin_entry().create(&host.table) == nullptr);
}

// A host built from a later 1.x: more members at the end, a higher minor version.
BOOST_AUTO_TEST_CASE(takes_newer_minor_versions_and_longer_structs) {
  struct Newer {
    bv_host core;
    void* more[8];
  };
  MinimalHost model;
  Newer newer{model.table, {}};
  newer.core.struct_size = sizeof newer;
  newer.core.abi_minor = 7;
  bv_plugin* plugin = plugin_entry().create(&newer.core);
  BOOST_REQUIRE(plugin != nullptr);
  plugin->destroy(plugin);
}

BOOST_AUTO_TEST_CASE(takes_the_exact_size_and_null_texts) {
  const SizedHost sized(sizeof(bv_host));
  auto* host = reinterpret_cast<bv_host*>(sized.octets.get());
  host->ctx = nullptr;
  host->name = nullptr;
  host->version = nullptr;
  bv_plugin* plugin = plugin_entry().create(sized.host());
  BOOST_REQUIRE(plugin != nullptr);
  plugin->destroy(plugin);
}

BOOST_AUTO_TEST_CASE(extensions_by_exact_id_only) {
  MinimalHost host;
  Guest guest(plugin_entry(), host);
  BOOST_TEST(guest.extension("bv.health/1") != nullptr);
  BOOST_TEST(guest.extension("bv.check/1") != nullptr);
  for (const char* id : {"", "bv.health", "bv.health/", "bv.health/2", "bv.health/11",
                         "bv.health/1 ", " bv.health/1", "bv.health/1\n", "BV.HEALTH/1",
                         "bv.check/1.0", "bv.check/1x", "bv.log/1", "bv.sms-sink/2", "\xFF\xFE"}) {
    BOOST_TEST(guest.extension(id) == nullptr, "id '" << id << "'");
  }
  BOOST_TEST(guest.extension(nullptr) == nullptr);
  // Ids that live in memory of exactly their size.
  const std::string long_id(100'000, 'b');
  BOOST_TEST(guest.extension(long_id.c_str()) == nullptr);
}

BOOST_AUTO_TEST_CASE(two_objects_are_two) {
  MinimalHost one, two;
  Guest first(plugin_entry(), one), second(plugin_entry(), two);
  BOOST_REQUIRE(first.table() != nullptr);
  BOOST_REQUIRE(second.table() != nullptr);
  BOOST_TEST(first.table() != second.table());
  BOOST_TEST(first.table()->self != second.table()->self);
}

BOOST_AUTO_TEST_SUITE_END()
