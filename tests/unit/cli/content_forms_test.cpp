// The forms of an export, which other programs and people read.
#include <boost/test/unit_test.hpp>

#include "base/text.h"
#include "cli/content_text.h"

BOOST_AUTO_TEST_SUITE(content_forms)

// RFC 6350 clauses 3.2 and 3.4.
BOOST_AUTO_TEST_CASE(vcard_escapes_and_folds) {
  cli::Content content;
  cli::Contact contact;
  contact.place = "a";
  contact.name = "A;B,C\\D\nE\x07";
  contact.numbers = {"+49171", "*100#"};
  contact.emails = {"a@b.c"};
  content.contacts.push_back(contact);
  contact.name.clear();
  for (int i = 0; i < 60; ++i) contact.name += "王";
  content.contacts.push_back(contact);
  contact.name.clear();
  content.contacts.push_back(contact);
  const std::string v4 = cli::to_vcards(content, cli::VCard::v4, "card");
  BOOST_TEST(v4.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n"));
  BOOST_TEST(v4.find("\r\nFN:A\\;B\\,C\\\\D\\nE\r\nN:A\\;B\\,C\\\\D\\nE;;;;\r\n") !=
             std::string::npos);
  BOOST_TEST(v4.find("\r\nTEL:*100#\r\nEMAIL:a@b.c\r\nEND:VCARD\r\n") != std::string::npos);
  BOOST_TEST(v4.find("\r\nFN:+49171\r\n") != std::string::npos);
  std::string unfolded = v4;
  for (std::size_t at = 0; (at = unfolded.find("\r\n ", at)) != std::string::npos;) {
    unfolded.erase(at, 3);
  }
  BOOST_TEST(unfolded.find("FN:" + content.contacts[1].name + "\r\n") != std::string::npos);
  for (std::size_t at = 0; at < v4.size();) {
    const std::size_t end = v4.find("\r\n", at);
    BOOST_TEST(end - at <= 75u);
    BOOST_TEST(base::valid_utf8(v4.substr(at, end - at)));
    at = end + 2;
  }
  BOOST_TEST(cli::to_vcards(content, cli::VCard::v3, "card").find("\r\nVERSION:3.0\r\n") !=
             std::string::npos);
  BOOST_TEST(cli::to_vcards(content, cli::VCard::v4, "card") == v4, "the same at every export");
  BOOST_TEST(cli::to_vcards(content, cli::VCard::v4, "other") != v4);
}

BOOST_AUTO_TEST_CASE(csv_and_text) {
  cli::Content content;
  content.contacts.push_back({"p", "Say \"hi\", Bo", {"1", "2"}, {}});
  content.messages.push_back({"q", true, false, "+49", "two\nlines", "2026", 1, 2});
  content.memos.push_back({"r", "T", "B", ""});
  BOOST_TEST(cli::to_csv(content) ==
             "kind,place,name,numbers,emails,date,direction,text\r\n"
             "contact,p,\"Say \"\"hi\"\", Bo\",1; 2,,,,\r\n"
             "message,q,,+49,,2026,\"received, not read, part 1 of 2\",\"two\nlines\"\r\n"
             "memo,r,T,,,,,B\r\n");
  BOOST_TEST(cli::to_text(content) ==
             "Contacts: 1\n  Say \"hi\", Bo\n    1\n    2\n\nMessages: 1\n"
             "  +49, received, not read, 2026, part 1 of 2\n    two\n    lines\n\nMemos: 1\n"
             "  T\n    B\n");
}

// Proves that nothing of a card is obeyed by the terminal on which a text is read.
BOOST_AUTO_TEST_CASE(text_without_what_a_terminal_obeys) {
  cli::Content content;
  content.contacts.push_back({"p", "A\u009B2J\u202Ebc\x1B[1m\td", {"1"}, {"\u2066x"}});
  content.messages.push_back({"q", true, true, "N\u200F", "a\nb\u0085", "", 1, 1});
  content.memos.push_back({"r", "T\u061C", "\x7F", ""});
  BOOST_TEST(cli::to_text(content) ==
             "Contacts: 1\n  A<U+009B>2J<U+202E>bc<U+001B>[1m d\n    1\n    <U+2066>x\n\n"
             "Messages: 1\n  N<U+200F>, received\n    a\n    b<U+0085>\n\n"
             "Memos: 1\n  T<U+061C>\n    <U+007F>\n");
}

BOOST_AUTO_TEST_SUITE_END()
