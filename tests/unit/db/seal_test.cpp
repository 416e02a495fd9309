// Sealed content: opens only whole, unchanged, for its own place and under its own keys.
#include <boost/test/unit_test.hpp>

#include "base/crypto.h"
#include "db/seal.h"

namespace {

struct Keys {
  Keys() { add(1); }
  void add(std::uint32_t number) {
    octets.emplace(number, base::random_array<32>());
    load();
  }
  void remove(std::uint32_t number) {
    octets.erase(number);
    load();
  }
  void load() {
    db::NumberedKeys all;
    for (const auto& [number, key] : octets) all.emplace(number, base::Secret(base::View(key)));
    keys = db::MasterKeys(std::move(all));
  }
  std::map<std::uint32_t, std::array<std::uint8_t, 32>> octets;
  db::MasterKeys keys;
  db::Sealer sealer{keys};
  db::BlobId id = base::random_array<16>();
  base::Bytes place{1, 2, 3};
};

base::Bytes text(std::size_t size) {
  base::Bytes bytes(size, 'x');
  for (std::size_t i = 0; i < size; i += 7) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(seal, Keys)

// What is sealed comes back, and takes less room when it can be compressed.
BOOST_AUTO_TEST_CASE(round_trip) {
  for (const std::size_t size : {0, 1, 31, 32, 33, 1000, 300'000}) {
    const auto plain = text(size);
    const auto sealed = sealer.seal(id, place, plain);
    BOOST_TEST((sealer.open(sealed, place, size) == plain));
  }
  BOOST_TEST(sealer.seal(id, place, base::Bytes(100'000, 'a')).data.size() < 1000u);
}

// What cannot be compressed comes back too, and takes hardly more room than it has.
BOOST_AUTO_TEST_CASE(incompressible) {
  for (const std::size_t size : {4096, 16'384, 131'071, 131'072, 262'142, 262'143, 300'000}) {
    base::Bytes plain(size);
    base::fill_random(plain);
    const auto sealed = sealer.seal(id, place, plain);
    BOOST_TEST((sealer.open(sealed, place, size) == plain));
    BOOST_TEST(!sealer.open(sealed, place, size + 1).has_value());
    BOOST_TEST(sealed.data.size() < size + 64);
  }
}

// Two seals of the same content share neither key nor octets.
BOOST_AUTO_TEST_CASE(fresh_each_time) {
  const auto plain = text(100);
  const auto one = sealer.seal(id, place, plain);
  const auto two = sealer.seal(id, place, plain);
  BOOST_TEST((one.data != two.data));
  BOOST_TEST((one.wrapped != two.wrapped));
}

// Another place, id, size, master key or master number: refused.
BOOST_AUTO_TEST_CASE(bound) {
  const auto plain = text(100);
  const auto sealed = sealer.seal(id, place, plain);
  BOOST_TEST(!sealer.open(sealed, base::Bytes{1, 2, 4}, 100).has_value());
  BOOST_TEST(!sealer.open(sealed, base::Bytes{}, 100).has_value());
  BOOST_TEST(!sealer.open(sealed, place, 99).has_value());
  BOOST_TEST(!sealer.open(sealed, place, SIZE_MAX).has_value());
  auto changed = sealed;
  changed.id[0] ^= 1;
  BOOST_TEST(!sealer.open(changed, place, 100).has_value());
  changed = sealed;
  changed.master = 2;
  BOOST_TEST(!sealer.open(changed, place, 100).has_value());
  add(2);
  BOOST_TEST(!sealer.open(changed, place, 100).has_value());
  remove(1);
  BOOST_TEST(!sealer.open(sealed, place, 100).has_value());
}

// The newest master key wraps; older ones still open.
BOOST_AUTO_TEST_CASE(newest_key_wraps) {
  const auto plain = text(100);
  const auto old = sealer.seal(id, place, plain);
  add(5);
  const auto fresh = sealer.seal(id, place, plain);
  BOOST_TEST(old.master == 1u);
  BOOST_TEST(fresh.master == 5u);
  BOOST_TEST((sealer.open(old, place, 100) == plain));
  BOOST_TEST((sealer.open(fresh, place, 100) == plain));
}

// Cut at every length, and with every octet changed: refused.
BOOST_AUTO_TEST_CASE(cut_or_changed_anywhere) {
  const auto sealed = sealer.seal(id, place, text(100));
  for (auto part : {&db::Sealed::data, &db::Sealed::wrapped}) {
    for (std::size_t i = 0; i < (sealed.*part).size(); ++i) {
      auto changed = sealed;
      (changed.*part).resize(i);
      BOOST_TEST(!sealer.open(changed, place, 100).has_value());
      changed = sealed;
      (changed.*part)[i] ^= 0x80;
      BOOST_TEST(!sealer.open(changed, place, 100).has_value());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
