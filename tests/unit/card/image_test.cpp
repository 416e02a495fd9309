// The image: what is taken from a card comes back octet for octet on a card of the same size, and
// as far as it fits on another; no octets break the parser.
#include "card/image.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/card_world.h"
#include "tests/support/torment.h"

using namespace card;

namespace {

Card filled(const Sizes& sizes, std::uint64_t seed = 1) {
  Card card = card_test::test_card(card_test::kIccid, sizes);
  fill_card(card, {sizes.contacts, sizes.messages, sizes.memos}, seed);
  return card;
}

base::Bytes image_of(const Card& card) { return encode_image(take_image(card.files)); }

// Every file's content but those that belong to the card.
std::vector<base::Bytes> contents(const Card& card) {
  std::vector<base::Bytes> all;
  for (const File& file : card.files.files()) {
    all.emplace_back(file.content().begin(), file.content().end());
  }
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image)

BOOST_AUTO_TEST_CASE(the_bytes_are_those_of_the_protocol) {
  Image image;
  image.files.push_back(
      {{0x3F00, 0x7F10, 0x6F3A}, Structure::linear_fixed, 28, {{1, {0xAA, 0xBB}}, {300, {0xCC}}}});
  image.memos.push_back({"T", "Body", std::array<std::uint8_t, 7>{0x20, 0x26, 1, 2, 3, 4, 5}});
  const base::Bytes encoded = encode_image(image);
  BOOST_TEST(base::to_hex(encoded) ==
             "425601"
             "A020"
             "80063F007F106F3A"
             "810101"
             "82011C"
             "A107"
             "800101"
             "8102AABB"
             "A107"
             "8002012C"
             "8101CC"
             "A212"
             "800154"
             "8104426F6479"
             "820720260102030405");
  const auto back = parse_image(encoded);
  BOOST_REQUIRE(back);
  BOOST_TEST(encode_image(*back) == encoded);
  BOOST_TEST(back->files.at(0).records.at(1).number == 300);
}

BOOST_AUTO_TEST_CASE(a_restored_card_is_what_it_was) {
  const Card before = filled({300, 20, 3});
  Card after = card_test::test_card(card_test::kIccid, {300, 20, 3});
  fill_card(after, {250, 20, 3}, 99);  // other content, which has to go
  const auto parsed = parse_image(image_of(before));
  BOOST_REQUIRE(parsed);
  const Restored counts = write_image(after.files, *parsed);
  BOOST_TEST(counts.skipped == 0);
  BOOST_TEST(counts.written > 300);
  BOOST_TEST((contents(after) == contents(before)));
  BOOST_TEST(image_of(after) == image_of(before));
}

BOOST_AUTO_TEST_CASE(records_that_the_image_lacks_are_freed) {
  Card card = filled({40, 6, 4});
  const Card empty = card_test::test_card(card_test::kIccid);
  write_image(card.files, take_image(empty.files));
  BOOST_TEST((contents(card) == contents(empty)));
}

BOOST_AUTO_TEST_CASE(a_smaller_card_takes_what_fits) {
  const Card before = filled({40, 6, 4});
  Card small = card_test::test_card(card_test::kOtherIccid, {10, 2, 1});
  const Image image = take_image(before.files);
  const Restored counts = write_image(small.files, image);
  BOOST_TEST(count_contacts(small.files) == 10u);
  BOOST_TEST(counts.skipped > 30);
  BOOST_TEST(read_memos(*small.files.find(path::memos())).size() == 1u);
}

BOOST_AUTO_TEST_CASE(names_of_another_length_keep_their_number_part) {
  Card card = card_test::test_card(card_test::kIccid);
  base::Bytes record(20 + kNumberPart, 0xFF);  // a card with 20 octets for a name
  record[0] = 'A';
  record[20] = 0x03;
  record[21] = 0x81;
  record[22] = 0x11;
  record[23] = 0xF0;
  Image image;
  image.files.push_back({path::phone_book(fid::kAdn), Structure::linear_fixed, 34, {{2, record}}});
  BOOST_TEST(write_image(card.files, image).written == 1);
  BOOST_TEST(PhoneBook(card.files).contacts().at(0).number == "110");
  record.insert(record.begin(), 30, 'B');  // a name that is too long here
  image.files[0].records[0].content = record;
  BOOST_TEST(write_image(card.files, image).skipped == 1);
}

BOOST_AUTO_TEST_CASE(files_of_the_card_are_not_overwritten) {
  Card card = card_test::test_card(card_test::kIccid);
  const auto before = contents(card);
  Image image;
  image.files.push_back(
      {path::iccid(), Structure::transparent, std::nullopt, {{0, base::Bytes(10, 0x11)}}});
  image.files.push_back(
      {path::phone_book(fid::kPbr), Structure::linear_fixed, 64, {{1, base::Bytes(64, 0x11)}}});
  image.files.push_back({{0x3F00, 0x1234}, Structure::linear_fixed, 4, {{1, {1, 2, 3, 4}}}});
  const Restored counts = write_image(card.files, image);
  BOOST_TEST(counts.skipped == 3);
  BOOST_TEST((contents(card) == before));
}

BOOST_AUTO_TEST_CASE(unknown_objects_are_skipped_and_lies_refused) {
  const auto parse = [](std::string_view text) {
    return parse_image(base::from_hex(text).value());
  };
  BOOST_TEST(parse("425601").has_value());
  BOOST_TEST(!parse("425601A30202").has_value());
  BOOST_TEST(parse("425601A3020102").has_value());
  BOOST_TEST(!parse("425602").has_value());
  BOOST_TEST(!parse("4256").has_value());
  BOOST_TEST(!parse("425601A003810101").has_value());          // no path
  BOOST_TEST(!parse("425601A00480023F00").has_value());        // no structure
  BOOST_TEST(!parse("425601A00780023F00810102").has_value());  // no such structure
  BOOST_TEST(!parse("425601A00680013F810101").has_value());    // half a file identifier
}

BOOST_AUTO_TEST_CASE(truncated_and_noisy_images_are_survived) {
  const base::Bytes good = image_of(filled({5, 2, 1}));
  BOOST_TEST(!parse_image({good.data(), good.size() - 1}).has_value());
  card_test::torment(good, [](base::View data) {
    if (const auto parsed = parse_image(data)) {
      Card card = card_test::test_card(card_test::kIccid, {5, 2, 1});
      write_image(card.files, *parsed);
    }
  });
}

BOOST_AUTO_TEST_CASE(memos_of_any_content_fit_or_are_refused) {
  Card card = card_test::test_card(card_test::kIccid);
  File& file = *card.files.find(path::memos());
  BOOST_TEST(append_memo(file, {"", "", std::nullopt}));
  BOOST_TEST(append_memo(file, {std::string(60, 'x'), std::string(180, 'y'), std::nullopt}));
  BOOST_TEST(!append_memo(file, {std::string(100, 'x'), std::string(180, 'y'), std::nullopt}));
  BOOST_TEST(read_memos(file).size() == 2u);
  card_test::torment(file.record(1), [](base::View data) { (void)decode_memo(data); });
}

BOOST_AUTO_TEST_SUITE_END()
