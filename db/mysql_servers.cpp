#include "db/mysql_servers.h"

namespace db {

MySqlServers::MySqlServers(const Settings& settings) {
  for (const ServerName& name : parse_servers(settings).value_or(std::vector<ServerName>{})) {
    servers_.push_back(settings);
    servers_.back().host = name.host;
    servers_.back().port = name.port;
  }
  if (servers_.empty()) servers_.push_back(settings);
}

}  // namespace db
