// Proves the choice of language, the filling in of placeholders, and that a bad text is named when
// it is configured.
#include <boost/test/unit_test.hpp>

#include "vault/texts.h"

using namespace vault;

namespace {

const Texts kTexts{{"de", "deutsch"}, {"en", "english"}, {"pt", "portugues"}, {"pt-BR", "brasil"}};

std::string chosen(const std::string& language, const std::string& fallback = "en") {
  const std::string* const text = text_in(kTexts, language, fallback);
  return text == nullptr ? "none" : *text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(texts)

BOOST_AUTO_TEST_CASE(language) {
  BOOST_TEST(chosen("de") == "deutsch");
  BOOST_TEST(chosen("pt-BR") == "brasil");
  BOOST_TEST(chosen("pt-PT") == "portugues");
  BOOST_TEST(chosen("zh") == "english");
  BOOST_TEST(chosen("") == "english");
  BOOST_TEST(chosen("zh", "xx") == "deutsch");
  BOOST_TEST((text_in({}, "de", "en") == nullptr));
}

BOOST_AUTO_TEST_CASE(one_spelling_of_a_language) {
  for (const char* typed : {"pt-BR", "PT-BR", "pt_br", "Pt-bR"}) {
    BOOST_TEST(language_code(typed) == "pt-BR");
    BOOST_TEST(chosen(typed) == "brasil");
  }
  BOOST_TEST(language_code("EN") == "en");
  BOOST_TEST(chosen("DE", "pt") == "deutsch");
  BOOST_TEST(language_code("zh_hans_cn") == "zh-Hans-CN");
  BOOST_TEST(language_code("es-419") == "es-419");
  BOOST_TEST(language_code("FIL") == "fil");
  for (const char* none : {"", "e", "english", "e1", "en-", "-en", "en--GB", "en-GBR", "en-G",
                           "en GB", "pt-BR-", "zh-Hans-CN-x", "\xC3\xA9n"}) {
    BOOST_TEST(language_code(none).empty(), none);
    BOOST_TEST(chosen(none) == "english", none);
  }
}

BOOST_AUTO_TEST_CASE(placeholders) {
  const Values values{{"date", "2026-11-24"}, {"card", "1231"}};
  BOOST_TEST(fill_in("{date}: {card}", values) == "2026-11-24: 1231");
  BOOST_TEST(fill_in("{{date}} {nothing} {", values) == "{date} {nothing} {");
  BOOST_TEST(fill_in("", values).empty());
  BOOST_TEST(fill_in("}}{{", values) == "}{");
  const Values nested{{"date", "{card}"}, {"card", "x"}};
  BOOST_TEST(fill_in("{date}", nested) == "{card}", "a value is not filled in again");
}

BOOST_AUTO_TEST_CASE(faults) {
  const std::vector<std::string_view> known{kDatePlaceholder, kCardPlaceholder};
  BOOST_TEST(text_fault("Reply Y. Last back-up {date}, card {card}", known).empty());
  BOOST_TEST(text_fault("备份于{date}", known).empty());
  BOOST_TEST(text_fault("{name}", known).find("{name}") != std::string::npos);
  BOOST_TEST(!text_fault("{date", known).empty());
  BOOST_TEST(!text_fault("date}", known).empty());
  BOOST_TEST(!text_fault(" ", known).empty());
  BOOST_TEST(!text_fault("\xFF", known).empty());
  BOOST_TEST(!text_fault(std::string(kLongestText + 1, 'x'), known).empty());
  BOOST_TEST(text_fault(std::string(kLongestText, 'x'), known).empty());
}

BOOST_AUTO_TEST_SUITE_END()
