// Proves that an answer is understood however it is typed, that near misses are not, and that what
// means two things is refused when it is configured.
#include <boost/test/unit_test.hpp>

#include <random>

#include "vault/words.h"

using namespace vault;

BOOST_AUTO_TEST_SUITE(words)

BOOST_AUTO_TEST_CASE(defaults_in_every_dress) {
  const WordLists lists;
  const struct {
    const char* text;
    Word word;
  } rows[] = {
      {"Y", Word::yes},           {"y", Word::yes},        {" yes ", Word::yes},
      {"Yes.", Word::yes},        {"\"YES!\"", Word::yes}, {"Ｙ", Word::yes},
      {"ｙｅｓ！", Word::yes},    {"１", Word::yes},       {"1", Word::yes},
      {"是", Word::yes},          {"是。", Word::yes},     {"（是）", Word::yes},
      {"\r\nYES\r\n", Word::yes}, {"　是　", Word::yes},   {"N", Word::no},
      {"no...", Word::no},        {"０", Word::no},        {"2", Word::no},
      {"否！", Word::no},         {"stop", Word::stop},    {"ＳＴＯＰ", Word::stop},
      {"*Stop*", Word::stop},     {"Start", Word::start},  {"help", Word::help},
      {"?", Word::help},          {" ? ", Word::help},     {"？", Word::help},
      {"yes please", Word::none}, {"", Word::none},        {" ", Word::none},
      {"12", Word::none},         {"3", Word::none},       {"不是", Word::none},
      {"yy", Word::none},         {"!", Word::none},       {"ok", Word::none},
  };
  for (const auto& row : rows) {
    BOOST_TEST((meaning_of(row.text, "", lists) == row.word), row.text);
    BOOST_TEST((meaning_of(row.text, "xx", lists) == row.word), row.text);
  }
}

// Cyrillic, umlauts composed and decomposed, the German sharp s, Greek final sigma, Turkish in its
// plain form.
BOOST_AUTO_TEST_CASE(languages_of_their_own) {
  WordLists lists;
  lists.yes["ru"] = {"Да"};
  lists.no["ru"] = {"Нет"};
  lists.yes["cs"] = {"Ano"};
  lists.no["cs"] = {"Ne"};
  lists.yes["el"] = {"Ναι", "Ne"};
  lists.stop["de"] = {"Schluß", "Möchte nicht"};
  BOOST_TEST((meaning_of("дА!", "ru", lists) == Word::yes));
  BOOST_TEST((meaning_of("НЕТ", "ru-RU", lists) == Word::no));
  BOOST_TEST((meaning_of("НЕТ", "RU_ru", lists) == Word::no));
  BOOST_TEST((meaning_of("да", "de", lists) == Word::none), "another language's word");
  BOOST_TEST((meaning_of("ne", "cs", lists) == Word::no));
  BOOST_TEST((meaning_of("NE", "el", lists) == Word::yes));
  BOOST_TEST((meaning_of("ΝΑΙ", "el", lists) == Word::yes));
  BOOST_TEST((meaning_of("schluss", "de", lists) == Word::stop));
  BOOST_TEST((meaning_of("mo\xCC\x88"
                         "chte nicht",
                         "de", lists) == Word::stop));
  BOOST_TEST((meaning_of("m\xF6"
                         "chte nicht",
                         "de", lists) == Word::stop),
             "Latin-1");
  BOOST_TEST((meaning_of("Y", "ru", lists) == Word::yes), "those of all languages stay");
  BOOST_TEST(ambiguous_word(lists).empty());
}

BOOST_AUTO_TEST_CASE(two_meanings_are_found) {
  WordLists lists;
  BOOST_TEST(ambiguous_word(lists).empty());
  lists.no["de"] = {"Ja"};
  lists.yes["de"] = {"ｊａ"};
  BOOST_TEST(!ambiguous_word(lists).empty());
  WordLists empty;
  empty.yes["de"] = {" "};
  BOOST_TEST(ambiguous_word(empty) == " ");
}

// Any octets: bounded, and folding twice changes nothing.
BOOST_AUTO_TEST_CASE(any_octets) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 40, '\0');
    for (char& c : text) c = static_cast<char>(random());
    const std::string once = fold_word(text);
    BOOST_REQUIRE_EQUAL(fold_word(once), once);
    (void)meaning_of(text, "zh", WordLists{});
  }
  BOOST_TEST(fold_word(std::string(kLongestAnswer + 1, 'y')).empty());
  BOOST_TEST((meaning_of(std::string(10'000, ' ') + "y", "", WordLists{}) == Word::none));
}

BOOST_AUTO_TEST_SUITE_END()
