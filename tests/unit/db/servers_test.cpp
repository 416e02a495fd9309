// What [store] host may name.
#include <boost/test/unit_test.hpp>

#include "db/settings.h"

#ifdef BIPVAULT_MYSQL
#include "db/mysql_servers.h"
#endif

namespace {

// "a:1 b:2"; "-" when it is refused.
std::string read(const std::string& host) {
  db::Settings settings;
  settings.host = host;
  const auto servers = db::parse_servers(settings);
  if (!servers) return "-";
  std::string text;
  for (const db::ServerName& server : *servers) {
    text += (text.empty() ? "" : " ") + server.host + ":" + std::to_string(server.port);
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(servers)

BOOST_AUTO_TEST_CASE(names) {
  BOOST_TEST(read("") == "");
  BOOST_TEST(read("db") == "db:3306");
  BOOST_TEST(read("db1, db2:3307  10.0.0.3:65535") == "db1:3306 db2:3307 10.0.0.3:65535");
  BOOST_TEST(read("::1 2001:db8::7") == "::1:3306 2001:db8::7:3306");
  BOOST_TEST(read("[::1] [2001:db8::7]:3307") == "::1:3306 2001:db8::7:3307");
  for (const char* wrong : {"db:", "db:0", "db:65536", "db:x", ":3306", "[::1", "[::1]:", "[]:1",
                            "[]", "[", "good [::1]x"}) {
    BOOST_TEST(read(wrong) == "-", wrong);
  }
}

#ifdef BIPVAULT_MYSQL
// Whoever finds a server lost sends all to the next one, once.
BOOST_AUTO_TEST_CASE(lost) {
  db::Settings settings;
  settings.host = "a b:1 c";
  db::MySqlServers servers(settings);
  BOOST_TEST(servers.count() == 3u);
  BOOST_TEST(servers.at(1).host == "b");
  BOOST_TEST(servers.at(1).port == 1);
  servers.lost(0);
  servers.lost(0);
  BOOST_TEST(servers.current() == 1u);
  servers.lost(1);
  servers.lost(2);
  BOOST_TEST(servers.current() == 0u);
  settings.host = "a";
  db::MySqlServers alone(settings);
  alone.lost(0);
  BOOST_TEST(alone.current() == 0u);
}
#endif

BOOST_AUTO_TEST_SUITE_END()
