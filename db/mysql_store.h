// The store on a MariaDB or MySQL server, one connection per store. Any number of instances may
// share the database: what guards a record is its version, not a lock.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "db/health.h"
#include "db/mysql_connection.h"
#include "db/mysql_group.h"
#include "db/mysql_servers.h"
#include "db/sql_store.h"

namespace db {

class MySqlStore : public SqlStore {
 public:
  // All but the settings are shared by the factory's stores.
  MySqlStore(const Settings& settings, MySqlServers& servers, const base::Secret& password,
             const FileKeyRing& keys, KeyChecks& key_checks, Health& health, RecordMemory& memory,
             StagedTotal& staged_total, MySqlGroup& group)
      : SqlStore(settings, keys, key_checks, health, memory, staged_total),
        servers_(servers),
        password_(password),
        group_(group) {}

 protected:
  std::shared_ptr<SqlConnection> connection() override;
  void disconnect(const SqlConnection* failed) noexcept override;
  void write(const ChangeSet& changes) override;
  Fate look_up(const RecordWrite& write, const vault::OpId& op) override;
  std::optional<StoredRecord> find_record(SqlConnection& use, const vault::Iccid& iccid) override;

 private:
  using Clock = std::chrono::steady_clock;

  bool closed_for_idleness();
  void connect();
  void record_keys();
  void write_statements(const ChangeSet& changes);
  Fate look_up_once(const RecordWrite& write, const vault::OpId& op);

  MySqlServers& servers_;
  const base::Secret& password_;
  MySqlGroup& group_;
  std::shared_ptr<MySqlConnection> connection_;
  std::size_t server_ = 0;  // that it leads to
  bool connected_before_ = false;
  Clock::time_point not_before_{};   // after a failure to connect: fail at once until then
  std::optional<SqlError> failure_;  // of that attempt
};

class MySqlStoreFactory : public vault::StoreFactory {
 public:
  MySqlStoreFactory(const Settings& settings, base::Secret password, const FileKeyRing& keys,
                    base::Log& log, base::Counters& counters)
      : settings_(settings),
        password_(std::move(password)),
        keys_(keys),
        key_checks_(keys),
        health_(log, counters, settings.settled_after_ms, clock_) {}

  std::unique_ptr<vault::Store> open() override {
    return std::make_unique<MySqlStore>(settings_, servers_, password_, keys_, key_checks_, health_,
                                        memory_, staged_total_, group_);
  }

 private:
  const Settings settings_;
  MySqlServers servers_{settings_};
  const base::Secret password_;
  const FileKeyRing& keys_;
  KeyChecks key_checks_;
  const base::SystemClock clock_;
  Health health_;
  RecordMemory memory_;
  StagedTotal staged_total_;
  MySqlGroup group_{servers_, password_,
                    [this](SqlConnection& fresh) { must_fit(fresh, key_checks_, health_); }};
};

}  // namespace db
