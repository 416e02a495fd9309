// The embedded schema's text in both dialects, and texts cut to their columns.
#include <boost/test/unit_test.hpp>

#include "db/record_row.h"
#include "db/schema.h"

BOOST_AUTO_TEST_SUITE(schema_text)

// Every placeholder is replaced, comments (even with a semicolon) are no statements, and the
// steps are numbered from 1 without a gap.
BOOST_AUTO_TEST_CASE(both_dialects) {
  for (const db::Dialect dialect : {db::Dialect::sqlite, db::Dialect::mysql}) {
    for (int i = 0; i < db::kSchemaStepCount; ++i) {
      BOOST_TEST(db::kSchemaSteps[i].number == i + 1);
      const auto statements = db::schema_statements(db::kSchemaSteps[i].text, dialect);
      BOOST_TEST(!statements.empty());
      for (const std::string& statement : statements) {
        BOOST_TEST(statement.find('{') == std::string::npos, statement);
        BOOST_TEST(statement.find("--") == std::string::npos, statement);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(statements_are_split) {
  const auto statements =
      db::schema_statements("-- a; b\nCREATE x {ASCII};\n-- c\nDROP y;\n", db::Dialect::mysql);
  BOOST_REQUIRE(statements.size() == 2u);
  BOOST_TEST(statements[0] == "CREATE x CHARACTER SET ascii COLLATE ascii_bin");
  BOOST_TEST(db::schema_statements("-- nothing", db::Dialect::mysql).empty());
  BOOST_TEST(db::schema_statements("", db::Dialect::mysql).empty());
}

// A text is cut in front of a character that does not fit, never inside it.
BOOST_AUTO_TEST_CASE(cut_between_characters) {
  const std::string text = "a\xC3\xBC\xF0\x9F\x98\x80z";
  const std::size_t wanted[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};
  for (std::size_t limit = 0; limit < std::size(wanted); ++limit) {
    BOOST_TEST(db::cut_text(text, limit) == text.substr(0, wanted[limit]), limit);
  }
}

// What a schema's state tells the operator to run.
BOOST_AUTO_TEST_CASE(faults) {
  BOOST_TEST(db::schema_fault({3, 3}).empty());
  BOOST_TEST(db::schema_fault({3, 0}).find("db init") != std::string::npos);
  BOOST_TEST(db::schema_fault({3, 2}).find("db upgrade") != std::string::npos);
  BOOST_TEST(db::schema_fault({3, 4}).find("newer") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
