// The embedded schema's text in both dialects.
#include <boost/test/unit_test.hpp>

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

// What a schema's state tells the operator to run.
BOOST_AUTO_TEST_CASE(faults) {
  BOOST_TEST(db::schema_fault({3, 3}).empty());
  BOOST_TEST(db::schema_fault({3, 0}).find("db init") != std::string::npos);
  BOOST_TEST(db::schema_fault({3, 2}).find("db upgrade") != std::string::npos);
  BOOST_TEST(db::schema_fault({3, 4}).find("newer") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
