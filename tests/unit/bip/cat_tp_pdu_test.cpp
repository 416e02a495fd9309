// Proves that CAT_TP PDUs are read and written as the standard has them, octet by octet, and that
// nothing else is taken for one.
#include "bip/cat_tp_pdu.h"

#include <boost/test/unit_test.hpp>

#include <random>

namespace {

using namespace bip;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

struct Vector {
  const char* what;
  const char* octets;
};

// A dialogue of which each PDU was checked with tshark.
const Vector kVectors[] = {
    {"SYN", "8000002100012328000001000000000AAC6D 0400 0400 0A 98445301200100103246"},
    {"SYN/ACK", "C000001723280001000005000100000A0EB5 0400 0400 00"},
    {"ACK", "4000001200012328000001010500000A96B9"},
    {"data, more follow",
     "4400001223280001001405010100000A6E31 01281516191212B20101D5CE6F21F57558A74E63"},
    {"data", "4000001223280001001605020100000A05C1 8925C33A686B78226859A915F38676B0FC395D218EF1"},
    {"ACK of both", "4000001200012328000001010502000A96B7"},
    {"EACK", "600000160001232800000101050200086CAC 0504 0505"},
    {"answer",
     "4000001200012328002601010502000A5818 "
     "022412B201011DB8A75920CC276EDB8E38C6AA43CE1E390197C0619F8A8D9836872B06A2ABAB"},
    {"NUL", "4800001223280001000005030101000A8EB6"},
    {"RST", "10000013232800010000050400000000C7BF 00"},
    {"RST with ACK", "5000001300012328000001020503000085BE 01"},
};

base::Bytes encoded(const CatTpPdu& pdu) {
  CatTpOutput out;
  out.add(pdu);
  BOOST_REQUIRE_EQUAL(out.count(), 1u);
  return {out[0].begin(), out[0].end()};
}

// With the checksum that belongs to the changed octets.
base::Bytes mended(base::Bytes octets) {
  octets[16] = octets[17] = 0;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) sum += octets[i] << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  octets[16] = static_cast<std::uint8_t>(~sum >> 8);
  octets[17] = static_cast<std::uint8_t>(~sum);
  return octets;
}

BOOST_AUTO_TEST_SUITE(cat_tp_pdu)

BOOST_AUTO_TEST_CASE(vectors_are_read_and_written) {
  for (const Vector& vector : kVectors) {
    BOOST_TEST_CONTEXT(vector.what) {
      const base::Bytes octets = hex(vector.octets);
      const auto pdu = decode_cat_tp(octets);
      BOOST_REQUIRE(pdu);
      BOOST_TEST(base::to_hex(encoded(*pdu)) == base::to_hex(octets));
    }
  }
}

BOOST_AUTO_TEST_CASE(fields_of_the_vectors) {
  const base::Bytes syn_octets = hex(kVectors[0].octets);
  const auto syn = decode_cat_tp(syn_octets).value();
  BOOST_TEST(syn.flags == 0x80);
  BOOST_TEST(syn.source == 1);
  BOOST_TEST(syn.destination == 9000);
  BOOST_TEST(syn.sequence == 0x100);
  BOOST_TEST(syn.window == 10);
  BOOST_TEST(syn.max_pdu == 0x400);
  BOOST_TEST(syn.max_sdu == 0x400);
  BOOST_TEST(base::to_hex(syn.identification) == "98445301200100103246");
  BOOST_TEST(syn.counted());
  const base::Bytes eack_octets = hex(kVectors[6].octets);
  const auto eack = decode_cat_tp(eack_octets).value();
  BOOST_TEST(base::to_hex(eack.eacks) == "05040505");
  BOOST_TEST(eack.acknowledgement == 0x502);
  BOOST_TEST(!eack.counted());
  const base::Bytes rst_octets = hex(kVectors[10].octets);
  BOOST_TEST(decode_cat_tp(rst_octets).value().reason == 1);
}

BOOST_AUTO_TEST_CASE(truncated_at_every_length) {
  for (const Vector& vector : kVectors) {
    const base::Bytes octets = hex(vector.octets);
    for (std::size_t size = 0; size < octets.size(); ++size) {
      BOOST_TEST(!decode_cat_tp(base::View(octets).first(size)));
    }
    base::Bytes longer = octets;
    longer.push_back(0);
    BOOST_TEST(!decode_cat_tp(longer));
  }
}

BOOST_AUTO_TEST_CASE(every_single_changed_bit_is_seen) {
  for (const Vector& vector : kVectors) {
    const base::Bytes octets = hex(vector.octets);
    for (std::size_t bit = 0; bit < octets.size() * 8; ++bit) {
      base::Bytes changed = octets;
      changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1 << bit % 8));
      BOOST_TEST(!decode_cat_tp(changed));
    }
  }
}

BOOST_AUTO_TEST_CASE(random_octets_are_no_pdu) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    base::Bytes octets(random() % 64);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    // Also with lengths and checksum that fit: what is read must be written again the same.
    if (octets.size() >= 18) {
      octets[1] = octets[2] = 0;
      octets[3] = static_cast<std::uint8_t>(18 + random() % (octets.size() - 17));
      octets[8] = 0;
      octets[9] = static_cast<std::uint8_t>(octets.size() - octets[3]);
      octets = mended(octets);
    }
    const auto pdu = decode_cat_tp(octets);
    if (!pdu || pdu->version() != 0) continue;
    base::Bytes again = encoded(*pdu);
    if (pdu->is(cat_tp::kEack)) octets = mended((octets[0] = pdu->flags, octets));
    BOOST_TEST(base::to_hex(again) == base::to_hex(octets));
  }
}

BOOST_AUTO_TEST_CASE(what_no_flags_may_combine) {
  for (const int flags : {0x00, 0x08, 0xA0, 0x90, 0x88, 0x30, 0x18, 0x14, 0xF0, 0x70}) {
    base::Bytes octets = hex(kVectors[2].octets);
    octets[0] = static_cast<std::uint8_t>(flags);
    BOOST_TEST_CONTEXT(flags) BOOST_TEST(!decode_cat_tp(mended(octets)));
  }
  // Data in a NUL, an EACK of one and a half numbers, identification data beyond the header.
  base::Bytes nul = hex("48000012232800010001050301010000000001");
  BOOST_TEST(!decode_cat_tp(mended(nul)));
  BOOST_TEST(!decode_cat_tp(mended(hex("600000150001232800000101050200080000 050405"))));
  base::Bytes syn = hex(kVectors[0].octets);
  for (const int size : {0, 9, 11, 255}) {
    syn[22] = static_cast<std::uint8_t>(size);
    BOOST_TEST(!decode_cat_tp(mended(syn)));
  }
}

BOOST_AUTO_TEST_CASE(another_version_is_told_apart) {
  base::Bytes syn = hex(kVectors[0].octets);
  syn[0] = 0x81;
  const base::Bytes octets = mended(syn);
  const auto pdu = decode_cat_tp(octets);
  BOOST_REQUIRE(pdu);
  BOOST_TEST(pdu->version() == 1);
  BOOST_TEST(pdu->identification.empty());
}

// Some peers send it so; it is written as it should be.
BOOST_AUTO_TEST_CASE(an_eack_without_ack_counts_as_one) {
  base::Bytes eack = hex(kVectors[6].octets);
  eack[0] = 0x20;
  const base::Bytes octets = mended(eack);
  const auto pdu = decode_cat_tp(octets);
  BOOST_REQUIRE(pdu);
  BOOST_TEST(base::to_hex(encoded(*pdu)) == base::to_hex(hex(kVectors[6].octets)));
}

BOOST_AUTO_TEST_CASE(distance_wraps) {
  BOOST_TEST(cat_tp_distance(2, 0xFFFE) == 4);
  BOOST_TEST(cat_tp_distance(0xFFFE, 2) == -4);
  BOOST_TEST(cat_tp_distance(7, 7) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
