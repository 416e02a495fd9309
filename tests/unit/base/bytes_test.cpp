// Proves that the reader never goes past its end and that a failure sticks.
#include <boost/test/unit_test.hpp>

#include "base/bytes.h"

using namespace base;

BOOST_AUTO_TEST_SUITE(bytes)

BOOST_AUTO_TEST_CASE(reads_big_endian_and_stops_at_the_end) {
  const Bytes data = *from_hex("01 0203 04050607 08090A0B0C");
  Reader reader(data);
  BOOST_TEST(reader.u8() == 0x01);
  BOOST_TEST(reader.u16() == 0x0203);
  BOOST_TEST(reader.u32() == 0x04050607u);
  BOOST_TEST(reader.u40() == 0x08090A0B0Cull);
  BOOST_TEST(reader.at_end());
  BOOST_TEST(reader.u8() == 0);
  BOOST_TEST(!reader.ok());
  BOOST_TEST(reader.left() == 0u);
  BOOST_TEST(reader.take(0).empty());
  BOOST_TEST(!reader.ok(), "a failure sticks");
}

BOOST_AUTO_TEST_CASE(ber_lengths) {
  for (const std::size_t length : {0u, 1u, 127u, 128u, 255u, 256u, 65535u}) {
    Writer writer;
    writer.ber_length(length);
    Reader reader(writer.view());
    BOOST_TEST(reader.ber_length() == length);
    BOOST_TEST(reader.at_end());
  }
  for (const char* hex : {"", "80", "81", "8201", "83010000", "FF"}) {
    const Bytes data = *from_hex(hex);
    Reader reader(data);
    reader.ber_length();
    BOOST_TEST(!reader.ok(), hex);
  }
}

BOOST_AUTO_TEST_CASE(tlv_at_every_cut) {
  Writer writer;
  const Bytes value(300, 0x5A);
  writer.tlv(0x87, value).tlv(0x80, from_hex("0102").value());
  for (std::size_t size = 0; size <= writer.size(); ++size) {
    Reader reader(View(writer.view()).first(size));
    std::size_t found = 0;
    while (next_tlv(reader)) ++found;
    BOOST_TEST(found == (size == writer.size() ? 2u : size >= 304u ? 1u : 0u), size);
    BOOST_TEST(reader.ok() == (size == 0 || size == 304 || size == writer.size()), size);
  }
}

BOOST_AUTO_TEST_CASE(hex) {
  BOOST_TEST(to_hex(*from_hex("00 ff 1A")) == "00FF1A");
  BOOST_TEST(!from_hex("0"));
  BOOST_TEST(!from_hex("0G"));
  BOOST_TEST(from_hex("")->empty());
}

BOOST_AUTO_TEST_SUITE_END()
