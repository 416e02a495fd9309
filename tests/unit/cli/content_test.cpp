// What an export holds: entries read from images written octet by octet, what is damaged left out
// alone.
#include "cli/content.h"

#include <boost/test/unit_test.hpp>

#include "base/gsm_text.h"
#include "base/text.h"
#include "cli/content_text.h"
#include "tests/support/torment.h"

namespace {

using base::Bytes;

Bytes hex(const std::string& text) { return *base::from_hex(text); }

Bytes record(unsigned number, const Bytes& content) {
  const Bytes octet{static_cast<std::uint8_t>(number)};
  return base::Writer().tlv(0x80, octet).tlv(0x81, content).take();
}

Bytes file(const std::string& path, const std::vector<Bytes>& records) {
  base::Writer body;
  body.tlv(0x80, hex(path)).tlv(0x81, hex("01"));
  for (const Bytes& entry : records) body.tlv(0xA1, entry);
  return base::Writer().tlv(0xA0, body.view()).take();
}

Bytes memo(const std::string& title, const std::string& text) {
  base::Writer body;
  body.tlv(0x80, base::as_bytes(title)).tlv(0x81, base::as_bytes(text));
  body.tlv(0x82, hex("20261124090500"));
  return base::Writer().tlv(0xA2, body.view()).take();
}

Bytes image(const std::vector<Bytes>& objects) {
  base::Writer out;
  out.text("BV").u8(1);
  for (const Bytes& object : objects) out.bytes(object);
  return out.take();
}

// Name in 20 octets; number part as given or of a number that everybody knows.
Bytes adn(const std::string& name, const std::string& part = "0691947121436587FFFFFFFFFFFF") {
  Bytes out = *base::encode_alpha(name, 20);
  Bytes number = hex(part);
  number.resize(14, 0xFF);
  out.insert(out.end(), number.begin(), number.end());
  return out;
}

constexpr char kBook[] = "7FFF5F3A4F3A", kAnr[] = "7FFF5F3A4F11", kEmail[] = "7FFF5F3A4F50",
               kExt[] = "7FFF5F3A4F4A", kTelecom[] = "3F007F106F3A", kSms[] = "7FFF6F3C";

Bytes sms(const std::string& rest) {
  Bytes out =
      hex("01"
          "07919471012345F6" +
          rest);
  out.resize(176, 0xFF);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(content)

BOOST_AUTO_TEST_CASE(a_contact_with_everything) {
  const cli::Content read = cli::read_content(
      image({file(kBook, {record(3, adn("Müller", "0B9194712143658709214365FF01"))}),
             file(kExt, {record(1, hex("02022143FFFFFFFFFFFFFFFFFF"))}),
             file(kAnr, {record(3, hex("000481103254FFFFFFFFFFFFFFFFFF"))}),
             file(kEmail, {record(3, *base::encode_alpha("m@example.com", 30))})}));
  BOOST_REQUIRE_EQUAL(read.contacts.size(), 1u);
  BOOST_TEST(read.damage.empty());
  const cli::Contact& contact = read.contacts[0];
  BOOST_TEST(contact.place == "7FFF/5F3A/4F3A record 3");
  BOOST_TEST(contact.name == "Müller");
  BOOST_REQUIRE_EQUAL(contact.numbers.size(), 2u);
  BOOST_TEST(contact.numbers[0] == "+491712345678901234561234");
  BOOST_TEST(contact.numbers[1] == "012345");
  BOOST_REQUIRE_EQUAL(contact.emails.size(), 1u);
  BOOST_TEST(contact.emails[0] == "m@example.com");
}

Bytes email(const std::string& text, const std::string& link) {
  Bytes out = *base::encode_alpha(text, 20);
  const Bytes tail = hex(link);
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

std::string owners(const cli::Content& read) {
  std::string all;
  for (const cli::Contact& contact : read.contacts) {
    all += contact.name + ":";
    for (const std::string& number : contact.numbers) all += " " + number;
    for (const std::string& address : contact.emails) all += " " + address;
    all += "\n";
  }
  for (const cli::Damage& item : read.damage) all += item.place + ": " + item.what + "\n";
  return all;
}

constexpr char kNoNumber[] = "FFFFFFFFFFFFFFFFFFFFFFFFFFFF";

// Proves that what a type 2 file holds comes to the contact that it names at its end, wherever it
// stands, and that what names nobody comes to nobody.
BOOST_AUTO_TEST_CASE(files_of_type_2_name_their_contact) {
  const cli::Content read = cli::read_content(
      image({file(kBook, {record(1, adn("Anna", kNoNumber)), record(2, adn("Bo", kNoNumber)),
                          record(3, adn("Cleo", kNoNumber))}),
             file(kAnr, {record(1, hex("000481103254FFFFFFFFFFFFFFFFFF0102")),
                         record(2, hex("000481103264FFFFFFFFFFFFFFFFFFFFFF"))}),
             file(kEmail,
                  {record(1, email("c@d.example", "0103")), record(2, email("b@d.example", "0102")),
                   record(3, email("n@d.example", "FFFF")),
                   record(4, email("twentyoctets@d.examp", "0101"))})}));
  BOOST_TEST(owners(read) ==
             "Anna: twentyoctets@d.examp\nBo: 012345 b@d.example\nCleo: c@d.example\n"
             "7FFF/5F3A/4F11 record 2: belongs to no contact that can be read\n"
             "7FFF/5F3A/4F50 record 3: belongs to no contact that can be read\n");
}

// Proves that a full address of type 1 is not taken for one of type 2, in any coding.
BOOST_AUTO_TEST_CASE(full_addresses_of_type_1) {
  const cli::Content read = cli::read_content(
      image({file(kBook, {record(1, adn("Anna", kNoNumber)), record(2, adn("Bo", kNoNumber))}),
             file(kEmail, {record(1, *base::encode_alpha("twentyoctets@d.examp", 20)),
                           record(2, *base::encode_alpha("б@d.exampleexamèЖ", 20))})}));
  BOOST_TEST(owners(read) == "Anna: twentyoctets@d.examp\nBo: б@d.exampleexamèЖ\n");
}

// A card with several EF_ADN may have one type 2 file for all, and where it stands is then not told
// by anything that the image has.
BOOST_AUTO_TEST_CASE(several_sets) {
  const Bytes first = file(kBook, {record(1, adn("Anna", kNoNumber))});
  const Bytes second = file("7FFF5F3A4F3B", {record(1, adn("Bo", kNoNumber))});
  const Bytes a = record(1, email("a@d.example", "0101")),
              b = record(2, email("b@d.example", "0201"));
  BOOST_TEST(owners(cli::read_content(image({first, second, file(kEmail, {a, b})}))) ==
             "Anna:\nBo:\n"
             "7FFF/5F3A/4F50 record 1: of which contact it is cannot be told\n"
             "7FFF/5F3A/4F50 record 2: of which contact it is cannot be told\n");
  BOOST_TEST(owners(cli::read_content(image({first, second, file(kEmail, {b})}))) ==
             "Anna:\nBo:\n"
             "7FFF/5F3A/4F50 record 2: of which contact it is cannot be told\n");
  BOOST_TEST(owners(cli::read_content(
                 image({first, second, file(kEmail, {a}), file("7FFF5F3A4F51", {b})}))) ==
             "Anna: a@d.example\nBo: b@d.example\n");
}

// The test cards of TS.48 have EF_EXT1 where others have an EF_ANR, and the only EF_EMAIL of type 1
// at another place.
BOOST_AUTO_TEST_CASE(files_at_other_identifiers) {
  const cli::Content read = cli::read_content(
      image({file(kBook, {record(1, adn("Anna", "0B9194712143658709214365FF01"))}),
             file("7FFF5F3A4F12", {record(1, hex("02022143FFFFFFFFFFFFFFFFFF"))}),
             file("7FFF5F3A4F51", {record(1, *base::encode_alpha("a@d.example", 30))}),
             file("7FFF5F3A4F14", {record(1, email("b@d.example", "0A01"))})}));
  BOOST_TEST(owners(read) ==
             "Anna: +491712345678901234561234 a@d.example\n"
             "7FFF/5F3A/4F14: 1 records of a kind that is not known here\n");
}

// Proves that a number without its rest is not given as if it were whole.
BOOST_AUTO_TEST_CASE(continuation_that_is_not_there) {
  const std::string full = "0B91947121436587092143650201";
  const cli::Content read = cli::read_content(
      image({file(kBook, {record(1, adn("Anna", full)),
                          record(2, adn("Bo", "0691947121436587FFFFFFFFFF01")),
                          record(3, adn("Cleo", "0B9194712143658709214365FF02"))}),
             file(kExt, {record(2, hex("010A00112233445566778899FF"))})}));
  BOOST_TEST(owners(read) ==
             "Anna: +49171234567890123456\nBo: +4917123456\nCleo: +49171234567890123456\n"
             "7FFF/5F3A/4F3A record 1: the rest of its number\n");
}

// A file in two pieces is one.
BOOST_AUTO_TEST_CASE(a_file_in_pieces) {
  const cli::Content read =
      cli::read_content(image({file(kBook, {record(1, adn("Anna", kNoNumber))}),
                               file(kBook, {record(2, adn("Bo", kNoNumber))})}));
  BOOST_TEST(owners(read) == "Anna:\nBo:\n");
}

// Proves that names come out in each of the codings that cards use.
BOOST_AUTO_TEST_CASE(codings) {
  for (const char* name : {"Anna", "王小明", "Ольга", "Ωmega [1]", "😀"}) {
    const cli::Content read = cli::read_content(image({file(kTelecom, {record(1, adn(name))})}));
    BOOST_REQUIRE_EQUAL(read.contacts.size(), 1u);
    BOOST_TEST(read.contacts[0].name == name);
  }
}

// Proves that each damaged entry is left out and named, and that the others come.
BOOST_AUTO_TEST_CASE(damage_is_left_out_alone) {
  Bytes long_name = adn("x");
  long_name[0] = 0x81;
  long_name[1] = 200;
  const cli::Content read = cli::read_content(image(
      {file(kBook, {record(1, adn("Anna")), record(2, adn("Bad", "2091")), record(3, hex("0102")),
                    record(4, long_name), record(5, adn("Loop", "0691947121436587FFFFFFFFFF01")),
                    record(6, adn("Zoe")), base::Writer().tlv(0x80, hex("07")).take()}),
       file(kExt, {record(1, hex("0099FFFFFFFFFFFFFFFFFFFFFF"))}),
       file(kAnr, {record(9, hex("000481103254FFFFFFFFFFFFFFFFFF")), record(1, hex("00"))}),
       file("7FFF5F3A4F99", {record(1, hex("00"))}), memo("T", "B"),
       base::Writer().tlv(0xA2, hex("800154")).take()}));
  BOOST_REQUIRE_EQUAL(read.contacts.size(), 2u);
  BOOST_TEST(read.contacts[0].name == "Anna");
  BOOST_TEST(read.contacts[1].name == "Zoe");
  BOOST_TEST(read.memos.size() == 1u);
  std::string all;
  for (const cli::Damage& item : read.damage) all += item.place + ": " + item.what + "\n";
  for (const char* part :
       {"file 1 7FFF/5F3A/4F3A, record 7 of the back-up: without", "4F3A record 2: the number",
        "4F3A record 3: too short", "4F3A record 4: the name", "4F3A record 5: the number",
        "4F11 record 9: belongs to no", "4F11 record 1: the additional", "memo 2: without",
        "4F99: 1 records of a kind"}) {
    BOOST_TEST(all.find(part) != std::string::npos, part << " in\n" << all);
  }
  BOOST_TEST(read.damage.size() == 9u, all);
}

// A chain of extensions that runs in a circle ends.
BOOST_AUTO_TEST_CASE(extension_in_a_circle) {
  const cli::Content read = cli::read_content(
      image({file(kBook, {record(1, adn("Loop", "0B9194712143658709214365FF01"))}),
             file(kExt, {record(1, hex("02022143FFFFFFFFFFFFFFFF01"))})}));
  BOOST_TEST(read.contacts.size() == 1u);
}

// The same book at two places of a card comes once.
BOOST_AUTO_TEST_CASE(a_book_seen_twice) {
  const cli::Content read =
      cli::read_content(image({file(kTelecom, {record(1, adn("Anna")), record(2, adn("Bo"))}),
                               file(kBook, {record(1, adn("Anna"))})}));
  BOOST_TEST(read.contacts.size() == 2u);
}

BOOST_AUTO_TEST_CASE(messages) {
  const cli::Content read = cli::read_content(
      image({file(kSms,
                  {// "hello" from +49171..., 24 November 2026, 9:05 in a zone 8 hours ahead
                   record(1, sms("040B919471214365F7000062114290500023"
                                 "05E8329BFD06")),
                   // UCS2, second part of two, from a name, five hours behind
                   record(2, sms("440DD0"
                                 "D432BB3C7EB7"
                                 "01"
                                 "0008"
                                 "6211429050000A"
                                 "0A"
                                 "050003070202"
                                 "738B5C0F")),
                   // sent, with a relative validity
                   record(3,
                          [] {
                            Bytes out =
                                sms("1100"
                                    "0481"
                                    "2143"
                                    "0000"
                                    "A7"
                                    "05E8329BFD06");
                            out[0] = 0x05;
                            return out;
                          }()),
                   // free, whatever stands in it
                   record(4,
                          [] {
                            Bytes out = sms("04");
                            out[0] = 0x00;
                            return out;
                          }()),
                   record(5, sms("02")), record(6, sms("040B919471214365F70000621142905000FFFF")),
                   record(7, hex("010791"))})}));
  BOOST_REQUIRE_EQUAL(read.messages.size(), 3u);
  const cli::Message& came = read.messages[0];
  BOOST_TEST((came.received && came.read && came.parts == 1));
  BOOST_TEST(came.text == "hello");
  BOOST_TEST(came.number == "+49171234567");
  BOOST_TEST(came.date == "2026-11-24T09:05:00+08:00");
  const cli::Message& part = read.messages[1];
  BOOST_TEST(part.text == "王小");
  BOOST_TEST(part.number == "Telecom");
  BOOST_TEST(part.date == "2026-11-24T09:05:00-05:00");
  BOOST_TEST((part.part == 2 && part.parts == 2));
  const cli::Message& sent = read.messages[2];
  BOOST_TEST((!sent.received && sent.read && sent.date.empty()));
  BOOST_TEST(sent.text == "hello");
  BOOST_TEST(sent.number == "1234");
  BOOST_TEST(read.damage.size() == 3u);
}

// An SMS-DELIVER with a header; `septets` behind it in GSM 7 bit.
Bytes with_header(const std::string& header, const std::string& septets) {
  const Bytes head = hex(header);
  const std::size_t skipped = (head.size() * 8 + 6) / 7;
  Bytes all(skipped, 0);
  const Bytes text = hex(septets);
  all.insert(all.end(), text.begin(), text.end());
  Bytes packed = base::pack_septets(all);
  std::copy(head.begin(), head.end(), packed.begin());
  const Bytes length{static_cast<std::uint8_t>(all.size())};
  return sms("440B919471214365F7000062114290500000" + base::to_hex(length) + base::to_hex(packed));
}

// Proves that no letters are made up where a text is coded by a language's own table, or is
// compressed; what needs no such table is read.
BOOST_AUTO_TEST_CASE(codings_that_are_not_read) {
  Bytes compressed = sms("040B919471214365F700206211429050000003A1B2C3");
  const cli::Content read = cli::read_content(
      image({file(kSms, {record(1, with_header("03240101", "53696D1B69746C61")),
                         record(2, with_header("03240101", "48656C6C6F")),
                         record(3, with_header("03250103", "4F6C04")),
                         record(4, with_header("050003C80201", "1B65")),
                         record(5, with_header("0625010E240103", "41")), record(6, compressed)})}));
  std::string all;
  for (const cli::Message& message : read.messages) all += message.text + "\n";
  BOOST_TEST(all ==
             "(septets in the table of Turkish, not read here) 53696D1B69746C61\n"
             "Hello\n"
             "(septets in the table of Portuguese, not read here) 4F6C04\n"
             "€\n"
             "(septets in the table of language 14, not read here) 41\n"
             "(compressed, not read here) A1B2C3\n");
}

BOOST_AUTO_TEST_CASE(memos) {
  const cli::Content read = cli::read_content(image({memo("Title", "Käse\xFF")}));
  BOOST_REQUIRE_EQUAL(read.memos.size(), 1u);
  BOOST_TEST(read.memos[0].date == "2026-11-24T09:05:00Z");
  BOOST_TEST(read.memos[0].body == "Käse\xEF\xBF\xBD");
}

// Proves that nothing of an image can break the reader: cut at each length, any octet changed.
BOOST_AUTO_TEST_CASE(torment) {
  const Bytes whole = image({file(kBook, {record(1, adn("Anna")), record(2, adn("王小明"))}),
                             file(kSms, {record(1, sms("040B919471214365F70000621142905000230"
                                                       "5E8329BFD06"))}),
                             memo("T", "B")});
  BOOST_TEST(cli::read_content(whole).damage.empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const cli::Content read = cli::read_content(base::View(whole).first(size));
    BOOST_TEST(read.contacts.size() + read.messages.size() + read.memos.size() <= 4u);
    const bool between = size == 3 || read.contacts.size() == 2;
    BOOST_TEST((between || !read.damage.empty()), size);
  }
  card_test::torment(whole, [](base::View octets) {
    const cli::Content read = cli::read_content(octets);
    BOOST_REQUIRE(base::valid_utf8(cli::to_text(read)));
    BOOST_REQUIRE(base::valid_utf8(cli::to_csv(read)));
    BOOST_REQUIRE(base::valid_utf8(cli::to_vcards(read, cli::VCard::v4, "1")));
  });
}

BOOST_AUTO_TEST_SUITE_END()
