// Proves that entries are counted in a well-formed image and that anything else counts as one.
#include <boost/test/unit_test.hpp>

#include <random>

#include "vault/image.h"

using base::Bytes;
using base::Writer;

namespace {

Bytes file_object(int records) {
  Writer content;
  content.tlv(0x80, *base::from_hex("3F007F106F3A")).tlv(0x81, *base::from_hex("01"));
  for (int i = 1; i <= records; ++i) {
    Writer record;
    const std::uint8_t number = static_cast<std::uint8_t>(i);
    record.tlv(0x80, {&number, 1}).tlv(0x81, *base::from_hex("416E6E61FF"));
    content.tlv(0xA1, record.view());
  }
  Writer object;
  object.tlv(0xA0, content.view());
  return object.take();
}

Bytes image(std::initializer_list<Bytes> objects) {
  Writer out;
  out.text("BV").u8(1);
  for (const Bytes& object : objects) out.bytes(object);
  return out.take();
}

Bytes memo() {
  Writer content;
  content.tlv(0x80, base::as_bytes("Note")).tlv(0x81, base::as_bytes("milk"));
  Writer object;
  object.tlv(0xA2, content.view());
  return object.take();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_entries)

BOOST_AUTO_TEST_CASE(records_and_memos_count) {
  BOOST_TEST(vault::count_entries(image({})) == 0u);
  BOOST_TEST(vault::count_entries(image({file_object(250), file_object(20), memo(), memo()})) ==
             272u);
}

BOOST_AUTO_TEST_CASE(what_does_not_parse_counts_as_one) {
  const Bytes whole = image({file_object(5), memo()});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::uint32_t count = vault::count_entries(base::View(whole).first(size));
    BOOST_TEST((count == 1u || count == 0u || count == 5u), size);
  }
  Bytes other = whole;
  other[2] = 9;
  BOOST_TEST(vault::count_entries(other) == 1u);
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    Bytes mutated = whole;
    for (int i = 0; i < 3; ++i)
      mutated[random() % mutated.size()] = static_cast<std::uint8_t>(random());
    BOOST_TEST(vault::count_entries(mutated) <= whole.size());
  }
}

BOOST_AUTO_TEST_SUITE_END()
