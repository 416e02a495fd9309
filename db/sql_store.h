// vault::Store over SQL, the same for both engines. The engines add how a connection is had and
// how a change set becomes durable. update() lets no exception out, of its function neither. One
// thread at a time per object.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>

#include "base/crypto.h"
#include "db/change_set.h"
#include "db/health.h"
#include "db/key_checks.h"
#include "db/key_files.h"
#include "db/record_memory.h"
#include "db/seal.h"
#include "db/settings.h"
#include "db/sql.h"
#include "db/sql_messages.h"
#include "db/staged_total.h"
#include "vault/ports.h"

namespace db {

class SqlTx;

// What became of an update whose COMMIT was cut off.
enum class Fate { committed, not_committed, unknown };

// What keeps a database from being used: another schema, or other keys than those at hand. Empty:
// nothing.
std::string misfit(SqlConnection& use, KeyChecks& key_checks);
// Throws SqlError `misfit` when there is something, and tells `health` either way.
void must_fit(SqlConnection& fresh, KeyChecks& key_checks, Health& health);

class SqlStore : public vault::Store {
 public:
  // All referenced objects outlive the store.
  SqlStore(const Settings& settings, const FileKeyRing& keys, KeyChecks& key_checks, Health& health,
           RecordMemory& memory, StagedTotal& staged_total);

  vault::Outcome update(base::Now now, const std::function<bool(vault::RecordTx&)>& f) override;
  base::Result<base::Bytes> image(const vault::RecordId& owner,
                                  const vault::ImageInfo& image) override;
  base::Result<std::vector<vault::Record>> find_any(
      const std::vector<vault::Iccid>& spellings,
      const std::optional<vault::Msisdn>& number) override;
  base::Result<std::vector<vault::Record>> find_customer(const std::string& customer,
                                                         std::size_t limit) override;
  base::Result<std::vector<vault::HistoryEntry>> history(const vault::HistoryQuery& query) override;
  base::Status history_heads(
      const std::function<void(const vault::RecordId&, std::string_view iccid, std::uint64_t count,
                               const base::Sha256& mac)>& visit) override;
  base::Result<vault::StagedPage> staged_before(std::int64_t utc_ms,
                                                const std::array<std::uint8_t, 16>& from,
                                                std::size_t limit) override;
  base::Result<std::vector<vault::Iccid>> known(const std::vector<vault::Iccid>& iccids) override;
  base::Result<vault::ImportResult> import(base::Now now,
                                           const std::vector<vault::ImportLine>& lines,
                                           const std::string& actor) override;
  base::Status check() override;
  std::string write_fault() override { return health_.write_fault(); }
  vault::MessageScan& messages() override { return scan_; }

 protected:
  // A connection that was told to must_fit(); throws SqlError `lost` or `misfit`. Whoever holds
  // it while its fiber waits keeps it, though another update may have dropped it meanwhile.
  virtual std::shared_ptr<SqlConnection> connection() = 0;
  // Throws that one away, unless another update has done so: the one that came in its place is
  // well. Null: there was none.
  virtual void disconnect(const SqlConnection* failed) noexcept = 0;
  // Perhaps together with what other stores want to read.
  virtual std::optional<StoredRecord> find_record(SqlConnection& use, const vault::Iccid& iccid);
  // Makes the changes durable. Throws SqlError; `unknown` if its fate is open.
  virtual void write(const ChangeSet& changes) = 0;
  // After `unknown`, and again before f is called anew: waits until the fate can be seen.
  virtual Fate look_up(const RecordWrite& write, const vault::OpId& op) = 0;

  // Throws SqlError `misfit` when its schema is not the one of this build, or the keys are not
  // those of this database; all stores of the factory know.
  void must_fit(SqlConnection& fresh);
  KeyChecks& key_checks() { return key_checks_; }
  const Settings& settings() const { return settings_; }
  Health& health() { return health_; }

 private:
  class Retry;
  // Different in all stores and for ever: chosen by chance, then counted.
  class OpIds {
   public:
    vault::OpId next() {
      if (count_ == 0) start_ = base::random_array<12>();
      vault::OpId id{};
      std::copy(start_.begin(), start_.end(), id.begin());
      for (std::size_t i = 0; i < 4; ++i) id[12 + i] = static_cast<std::uint8_t>(count_ >> (8 * i));
      ++count_;
      return id;
    }

   private:
    std::array<std::uint8_t, 12> start_{};
    std::uint32_t count_ = 0;
  };

  std::optional<vault::Outcome> attempt(SqlConnection& reading, base::Now now,
                                        const std::function<bool(SqlTx&)>& f, Retry& retry);
  void keys_must_fit(SqlConnection& use);
  void remember(ChangeSet& changes);
  vault::Outcome broken(const SqlConnection* use, const char* why) noexcept;
  vault::Outcome run(base::Now now, const std::function<bool(SqlTx&)>& f);
  template <class T, class F>
  base::Result<T> reading(F&& read);

  const Settings& settings_;
  const FileKeyRing& keys_;
  KeyChecks& key_checks_;
  Health& health_;
  RecordMemory& memory_;
  StagedTotal& staged_total_;
  Sealer sealer_;
  OpIds ops_;
  SqlMessageScan scan_;
};

}  // namespace db
