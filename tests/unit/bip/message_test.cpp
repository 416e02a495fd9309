// Proves that messages survive the way there and back, that unknown tags are skipped, the first of
// a repeated tag counts, and that no length that lies is believed.
#include "bip/message.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <vector>

namespace {

using namespace bip;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

Message full_message() {
  Message message;
  message.code = 0x02;
  Fields& f = message.fields;
  f.iccid = {0x98, 0x44, 0x53, 0x01, 0x20, 0x01, 0x00, 0x10, 0x32, 0x46};
  f.previous = {0x98, 0x44, 0x53, 0x01, 0x20, 0x01, 0x00, 0x10, 0x32, 0x47};
  f.number = hex("918631F5");
  f.key = base::Secret(base::as_bytes("123456784"));
  f.transaction = 0x01020304;
  f.total = 16384;
  f.offset = 700;
  f.data = base::Bytes(1024, 0xAB);
  f.digest.emplace().fill(0x11);
  f.attempts_left = 2;
  f.date = {0x20, 0x26, 0x11, 0x24, 0x09, 0x05, 0x00};
  f.record_state = 1;
  f.max_data = 512;
  f.key_state = 2;
  f.version = 3;
  f.counts = {10, 2};
  f.flags = 1;
  f.handset = base::Bytes(30, 0x44);
  f.origin = 1;
  return message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(message)

BOOST_AUTO_TEST_CASE(known_octets) {
  Message begin;
  begin.code = static_cast<std::uint8_t>(Ins::store_data);
  begin.fields.transaction = 5;
  begin.fields.offset = 0x2BC;
  begin.fields.data = hex("AABBCC");
  BOOST_TEST(base::to_hex(encode_message(begin)) ==
             "03840400000005860400"
             "0002BC8703AABBCC");
  Message done;
  BOOST_TEST(base::to_hex(encode_message(done)) == "00");
  done.fields.counts = {0x0102, 0x0304};
  BOOST_TEST(base::to_hex(encode_message(done)) == "008F0401020304");
}

BOOST_AUTO_TEST_CASE(every_field_survives) {
  const Message sent = full_message();
  const auto read = decode_message(encode_message(sent));
  BOOST_REQUIRE(read);
  const Fields& a = sent.fields;
  const Fields& b = read->fields;
  BOOST_TEST(read->code == sent.code);
  BOOST_TEST((a.iccid == b.iccid && a.previous == b.previous && a.number == b.number));
  BOOST_REQUIRE(b.key);
  BOOST_TEST(base::as_text(b.key->view()) == "123456784");
  BOOST_TEST((a.transaction == b.transaction && a.total == b.total && a.offset == b.offset));
  BOOST_TEST((a.data == b.data && a.digest == b.digest && a.attempts_left == b.attempts_left));
  BOOST_TEST((a.date == b.date && a.record_state == b.record_state && a.max_data == b.max_data));
  BOOST_TEST((a.key_state == b.key_state && a.version == b.version && a.counts == b.counts));
  BOOST_TEST((a.flags == b.flags && a.handset == b.handset && a.origin == b.origin));
}

BOOST_AUTO_TEST_CASE(lengths_around_the_ber_forms) {
  for (std::size_t size : {1u, 127u, 128u, 129u, 255u, 256u, 1023u, 1024u}) {
    Message sent;
    sent.fields.data = base::Bytes(size, 0x77);
    const auto read = decode_message(encode_message(sent));
    BOOST_REQUIRE(read);
    BOOST_TEST((read->fields.data == sent.fields.data));
  }
}

BOOST_AUTO_TEST_CASE(unknown_tags_are_skipped_and_the_first_of_two_counts) {
  const auto read = decode_message(hex("03 0503AABBCC 8604 00000001 FE00 8604 00000002 86 01 03"));
  BOOST_REQUIRE(read);
  BOOST_TEST(read->fields.offset.value() == 1u);
}

BOOST_AUTO_TEST_CASE(every_truncation_is_refused_or_a_shorter_message) {
  const base::Bytes whole = encode_message(full_message());
  // Where a TLV ends the rest may be missing; everywhere else the decoder must refuse.
  std::vector<bool> boundary(whole.size() + 1, false);
  base::Reader reader(whole);
  reader.u8();
  boundary[1] = true;
  while (base::next_tlv(reader)) boundary[reader.position()] = true;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    BOOST_TEST(decode_message(base::View(whole).first(size)).has_value() == boundary[size]);
  }
}

BOOST_AUTO_TEST_CASE(known_tags_with_impossible_lengths_are_refused) {
  const std::pair<int, std::vector<std::size_t>> allowed[] = {
      {0x80, {10}}, {0x81, {10}}, {0x84, {4}}, {0x85, {4}}, {0x86, {4}},
      {0x88, {32}}, {0x89, {1}},  {0x8A, {7}}, {0x8B, {1}}, {0x8C, {2}},
      {0x8D, {1}},  {0x8E, {2}},  {0x8F, {4}}, {0x90, {1}}, {0x92, {1}}};
  for (const auto& [tag, sizes] : allowed) {
    for (std::size_t size = 0; size <= 40; ++size) {
      base::Writer writer;
      writer.u8(1).tlv(static_cast<std::uint8_t>(tag), base::Bytes(size, 1));
      const bool fits = std::find(sizes.begin(), sizes.end(), size) != sizes.end();
      BOOST_TEST(decode_message(writer.view()).has_value() == fits, tag << " " << size);
    }
  }
  const auto accepts = [](int tag, std::size_t size) {
    base::Writer writer;
    writer.u8(1).tlv(static_cast<std::uint8_t>(tag), base::Bytes(size, 0x31));
    return decode_message(writer.view()).has_value();
  };
  BOOST_TEST((!accepts(0x83, 6) && accepts(0x83, 7) && accepts(0x83, 16) && !accepts(0x83, 17)));
  BOOST_TEST((!accepts(0x87, 0) && accepts(0x87, 1) && accepts(0x87, 1024)));
  BOOST_TEST(!accepts(0x87, 1025));
  BOOST_TEST((accepts(0x82, 0) && accepts(0x82, 11) && !accepts(0x82, 17)));
  BOOST_TEST((!accepts(0x91, 7) && accepts(0x91, 8) && !accepts(0x91, 256)));
}

BOOST_AUTO_TEST_CASE(random_octets_end_in_something) {
  std::mt19937 random(2);
  int accepted = 0;
  for (int round = 0; round < 50000; ++round) {
    base::Bytes octets(random() % 60);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    const auto read = decode_message(octets);
    if (!read) continue;
    ++accepted;
    // What was understood must be understood alike once encoded anew.
    const auto again = decode_message(encode_message(*read));
    BOOST_REQUIRE(again);
    BOOST_TEST(encode_message(*again) == encode_message(*read));
  }
  BOOST_TEST(accepted > 100);
}

BOOST_AUTO_TEST_SUITE_END()
