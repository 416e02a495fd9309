// Phone book files and messages have the layouts that public captures show; long numbers run over
// EF_EXT1; filling is the same for the same seed.
#include <boost/test/unit_test.hpp>

#include "card/fill.h"
#include "card/image.h"
#include "card/phone_book.h"
#include "card/short_message.h"
#include "tests/support/card_world.h"
#include "tests/support/torment.h"

using namespace card;

namespace {

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

std::string record_hex(const Card& card, const Path& path, std::size_t number) {
  return base::to_hex(card.files.find(path)->record(number));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(files)

BOOST_AUTO_TEST_CASE(pbr_records_of_real_cards) {
  const auto sysmocom = parse_pbr(hex("A80AC0034F3A01C5034F6904AA0AC2034F4A08CB034F3D09FFFF"));
  BOOST_REQUIRE(sysmocom);
  BOOST_TEST(sysmocom->adn == 0x4F3A);
  BOOST_TEST(sysmocom->ext1.value() == 0x4F4A);
  BOOST_TEST(!sysmocom->anr.has_value());
  const auto ts48 = parse_pbr(
      hex("A823C0034F3A0AC1034F1505C5034F0901C6034F4C0BCA034F5109C3034F1904C9034F1606A90FC4034F11"
          "02C4034F1307CA034F1408AA12C2034F1203CB034F3D0CC7024F4BC8024F4DFF"));
  BOOST_REQUIRE(ts48);
  BOOST_TEST(ts48->email.value() == 0x4F51);
  BOOST_TEST(!ts48->anr.has_value());  // of type 2 there
  BOOST_TEST(ts48->ext1.value() == 0x4F12);
  BOOST_TEST(parse_pbr(hex("A805C0034F3A01")).has_value());
  BOOST_TEST(!parse_pbr(base::Bytes(64, 0xFF)).has_value());
  card_test::torment(hex("A805C0034F3A01"), [](base::View data) { (void)parse_pbr(data); });
}

BOOST_AUTO_TEST_CASE(an_entry_has_the_layout_of_the_standard) {
  Card card = card_test::test_card(card_test::kIccid);
  PhoneBook book(card.files);
  BOOST_TEST(book.add({"Anna", "+491721234567", "0123456", "email@mozilla.com"}));
  BOOST_TEST(record_hex(card, path::phone_book(fid::kAdn), 1) ==
             "416E6E61" + std::string(48, 'F') + "0791947112325476FFFFFFFFFFFF");
  BOOST_TEST(record_hex(card, path::phone_book(fid::kAnr), 1) == "000581103254F6FFFFFFFFFFFFFFFF");
  BOOST_TEST(record_hex(card, path::phone_book(fid::kEmail), 1).substr(0, 34) ==
             "656D61696C006D6F7A696C6C612E636F6D");
}

BOOST_AUTO_TEST_CASE(long_numbers_go_on_in_ext1) {
  Card card = card_test::test_card(card_test::kIccid);
  PhoneBook book(card.files);
  const Contact contact{"Long", "+1234567890123456789012345", "", ""};
  BOOST_TEST(book.add(contact));
  BOOST_TEST(record_hex(card, path::phone_book(fid::kAdn), 1).substr(56) ==
             "0B9121436587092143658709FF01");
  BOOST_TEST(record_hex(card, path::phone_book(fid::kPbExt1), 1) == "02032143F5FFFFFFFFFFFFFFFF");
  BOOST_TEST(book.contacts().at(0).number == contact.number);
}

BOOST_AUTO_TEST_CASE(an_ext1_chain_in_a_circle_ends) {
  Card card = card_test::test_card(card_test::kIccid);
  PhoneBook book(card.files);
  BOOST_TEST(book.add({"Long", "+1234567890123456789012345", "", ""}));
  base::Bytes record = hex("02032143F5FFFFFFFFFFFFFF01");  // next: itself
  BOOST_TEST(card.files.find(path::phone_book(fid::kPbExt1))->update(1, record));
  BOOST_TEST(book.contacts().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_book_takes_no_more_and_changes_nothing) {
  Card card = card_test::test_card(card_test::kIccid, {3, 2, 1});
  PhoneBook book(card.files);
  for (int i = 0; i < 3; ++i) BOOST_TEST(book.add({"A", "1", "", ""}));
  const base::Bytes before = encode_image(take_image(card.files));
  BOOST_TEST(!book.add({"B", "2", "", ""}));
  BOOST_TEST(encode_image(take_image(card.files)) == before);
}

// A phone that deletes may leave the content and change the status or type alone: such a record is
// no part of a backup, and can be written again.
BOOST_AUTO_TEST_CASE(the_first_octet_says_that_a_record_is_free) {
  Card card = card_test::test_card(card_test::kIccid, {3, 2, 1});
  File& messages = *card.files.find(path::usim(fid::kSms));
  File& extensions = *card.files.find(path::phone_book(fid::kPbExt1));
  BOOST_TEST(messages.update(1, sms_record({true, true, "1", "gone", 0}).value()));
  BOOST_TEST(extensions.update(1, hex("02032143F5FFFFFFFFFFFFFFFF")));
  BOOST_TEST(count_used(messages) == 1u);
  BOOST_TEST(count_used(extensions) == 1u);
  for (File* file : {&messages, &extensions}) {
    base::Bytes record(file->record(1).begin(), file->record(1).end());
    record[0] = 0x00;
    BOOST_TEST(file->update(1, record));
    BOOST_TEST(count_used(*file) == 0u);
  }
  for (const ImageFile& file : take_image(card.files).files) BOOST_TEST(file.records.empty());
  BOOST_TEST(fill_card(card, {0, 2, 0}, 1).messages == 2u);
}

BOOST_AUTO_TEST_CASE(many_contacts_fill_several_sets) {
  Card card = card_test::test_card(card_test::kIccid, {600, 10, 2});
  const FillCounts done = fill_card(card, {600, 10, 2}, 3);
  BOOST_TEST(done.contacts == 600u);
  BOOST_TEST(done.messages == 10u);
  BOOST_TEST(done.memos == 2u);
  BOOST_TEST(count_contacts(card.files) == 600u);
  BOOST_TEST(PhoneBook(card.files).contacts().size() == 600u);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_card) {
  Card a = card_test::test_card(card_test::kIccid), b = card_test::test_card(card_test::kIccid),
       c = card_test::test_card(card_test::kIccid);
  fill_card(a, {40, 6, 2}, 11);
  fill_card(b, {40, 6, 2}, 11);
  fill_card(c, {40, 6, 2}, 12);
  BOOST_TEST(encode_image(take_image(a.files)) == encode_image(take_image(b.files)));
  BOOST_TEST(encode_image(take_image(a.files)) != encode_image(take_image(c.files)));
}

BOOST_AUTO_TEST_CASE(messages_have_their_tpdus) {
  const auto record = sms_record({true, false, "+491701234567", "hellohello", 1'760'000'000'000});
  BOOST_REQUIRE(record);
  BOOST_TEST(record->size() == 176u);
  // Unread, service centre, SMS-DELIVER, originator, PID, DCS, time, 10 septets.
  BOOST_TEST(base::to_hex({record->data(), 37}) ==
             "03"
             "07919471012345F6"
             "04"
             "0C91947110325476"
             "00"
             "00"
             "52019080350200"
             "0A"
             "E8329BFD4697D9EC37");
  const auto sent = sms_record({false, true, "110", "明天见", 0});
  BOOST_REQUIRE(sent);
  BOOST_TEST(base::to_hex({sent->data(), 24}) ==
             "05"
             "07919471012345F6"
             "0100"
             "038111F0"
             "0008"
             "06"
             "660E5929"
             "89C1");
  BOOST_TEST(!sms_record({true, true, "1", std::string(161, 'a'), 0}).has_value());
}

BOOST_AUTO_TEST_CASE(the_own_number_is_read_from_its_file) {
  const Card card = card_test::test_card(card_test::kIccid);
  BOOST_TEST(base::to_hex(own_number(card.files)) == "91947110325476");
  const Card without = make_card(*iccid_octets(card_test::kIccid), {}, "");
  BOOST_TEST(own_number(without.files).empty());
}

BOOST_AUTO_TEST_SUITE_END()
