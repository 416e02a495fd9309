// The servers that [store] host names: the nodes of a cluster, in order of preference. All
// connections of a process go to the same one, so that each sees at once what another has
// committed, and so that no two of them are in each other's way; when it is lost, all go on to the
// next one of the list.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/secret.h"
#include "db/mysql_connection.h"
#include "db/settings.h"

namespace db {

// Any thread.
class MySqlServers {
 public:
  // A list that cannot be read (config has refused it before) counts as one server of that name.
  explicit MySqlServers(const Settings& settings);

  std::size_t count() const { return servers_.size(); }
  std::size_t current() const { return current_; }
  // The settings with host and port of one server.
  const Settings& at(std::size_t server) const { return servers_[server]; }
  // All go to the next one, unless they have left it already.
  void lost(std::size_t server) {
    current_.compare_exchange_strong(server, (server + 1) % servers_.size());
  }

  struct Connected {
    std::unique_ptr<MySqlConnection> connection;
    std::size_t server = 0;
  };
  // The first that can be had and for which `good` does not throw; each is tried once. On a
  // cluster the connection sees what was committed anywhere before this call. Throws SqlError.
  template <class F>
  Connected connect(const base::Secret& password, F&& good) {
    for (std::size_t tried = 1;; ++tried) {
      const std::size_t server = current();
      try {
        Connected made{std::make_unique<MySqlConnection>(at(server), password), server};
        if (count() > 1) made.connection->catch_up();
        good(*made.connection);
        return made;
      } catch (const SqlError&) {
        lost(server);
        if (tried >= count()) throw;
      }
    }
  }

 private:
  std::vector<Settings> servers_;
  std::atomic<std::size_t> current_{0};
};

}  // namespace db
