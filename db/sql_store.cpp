#include "db/sql_store.h"

#include <algorithm>
#include <map>
#include <new>
#include <thread>

#include "base/crypto.h"
#include "base/log.h"
#include "db/history_row.h"
#include "db/record_find.h"
#include "db/record_row.h"
#include "db/schema.h"
#include "db/sql_tx_entry.h"

namespace db {

using vault::Outcome;
using Kind = SqlError::Kind;

namespace {

// Ends the stable view however the reading ends.
class ReadScope {
 public:
  explicit ReadScope(SqlConnection& connection) : connection_(connection) {
    connection_.begin_read();
  }
  ~ReadScope() { connection_.end_read(); }
  ReadScope(const ReadScope&) = delete;

 private:
  SqlConnection& connection_;
};

// A record with a history entry shows for ever whether the commit happened.
const RecordWrite& best_witness(const std::vector<RecordWrite>& writes) {
  const auto noted = std::find_if(writes.begin(), writes.end(),
                                  [](const RecordWrite& w) { return w.last_seq > 0; });
  return noted == writes.end() ? writes.front() : *noted;
}

std::int64_t staged_difference(const ChangeSet& changes) {
  std::int64_t difference = 0;
  for (const PartAdd& add : changes.part_adds) difference += add.bytes;
  for (const PartDrop& drop : changes.part_drops) difference -= drop.bytes;
  return difference;
}

}  // namespace

// How long and how often one update goes on trying, and what it knows of an open commit.
class SqlStore::Retry {
 public:
  Retry(const vault::OpId& id, std::int64_t patience_ms)
      : op(id),
        deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms)) {}

  // The same in all tries: a commit that was cut off is recognised by it, whenever it surfaces.
  const vault::OpId op;
  std::optional<RecordWrite> suspect;  // of a commit whose fate was open
  bool trust_memory = true;            // once it was wrong, rows are read

  bool may_reconnect() { return !std::exchange(reconnected_, true); }
  // Waits a moment of random length, growing with the tries. False when the time is up.
  bool wait() {
    if (std::chrono::steady_clock::now() >= deadline_) return false;
    const std::uint32_t most_us = std::min(1u << std::min(tries_++ + 8, 14u), 15'000u);
    std::this_thread::sleep_for(std::chrono::microseconds(base::random_below(most_us)));
    return true;
  }

 private:
  std::chrono::steady_clock::time_point deadline_;
  unsigned tries_ = 0;
  bool reconnected_ = false;
};

std::string misfit(SqlConnection& use, KeyChecks& key_checks) {
  const std::string fault = schema_fault(read_schema(use));
  return fault.empty() ? key_checks.fault(use) : fault;
}

void must_fit(SqlConnection& fresh, KeyChecks& key_checks, Health& health) {
  const std::string fault = misfit(fresh, key_checks);
  health.misfit_seen(fault);
  if (!fault.empty()) throw SqlError(Kind::misfit, 0, fault);
}

SqlStore::SqlStore(const Settings& settings, const FileKeyRing& keys, KeyChecks& key_checks,
                   Health& health, RecordMemory& memory, StagedTotal& staged_total)
    : settings_(settings),
      keys_(keys),
      key_checks_(key_checks),
      health_(health),
      memory_(memory),
      staged_total_(staged_total),
      sealer_(keys.master_keys()),
      scan_([this](const auto& read) {
        const auto done = reading<bool>([&](SqlConnection& use) { return read(use), true; });
        return done ? base::Status() : base::Status(base::Error{done.error()});
      }) {}

Outcome SqlStore::update(base::Now now, const std::function<bool(vault::RecordTx&)>& f) {
  return run(now, [&](SqlTx& tx) { return f(tx); });
}

Outcome SqlStore::run(base::Now now, const std::function<bool(SqlTx&)>& f) {
  Retry retry(ops_.next(), settings_.query_timeout_ms);
  std::shared_ptr<SqlConnection> use;
  for (;;) {
    try {
      use = connection();
      if (const auto outcome = attempt(*use, now, f, retry)) return *outcome;
    } catch (const SqlError& error) {
      if (error.kind() == Kind::conflict) {
        health_.count("db.conflicts");
        if (retry.wait()) continue;
      }
      if (error.kind() == Kind::lost) {
        disconnect(use.get());
        if (retry.may_reconnect()) continue;
      }
      health_.failed(error);
      health_.count(error.kind() == Kind::keys ? "db.hsm_failures" : "db.unavailable");
      return Outcome::unavailable;
    } catch (const std::bad_alloc&) {
      return broken(use.get(), "out of memory");
    } catch (...) {
      return broken(use.get(), "an unexpected exception");
    }
  }
}

// Whatever is half done ends with the connection.
Outcome SqlStore::broken(const SqlConnection* use, const char* why) noexcept {
  disconnect(use);
  try {
    health_.failed(SqlError(Kind::other, 0, base::cat("update given up: ", why)));
    health_.count("db.unavailable");
  } catch (const std::exception&) {
    // No memory even to say so.
  }
  return Outcome::unavailable;
}

// Nothing: to be tried again.
std::optional<Outcome> SqlStore::attempt(SqlConnection& reading, base::Now now,
                                         const std::function<bool(SqlTx&)>& f, Retry& retry) {
  ChangeSet changes;
  if (retry.suspect) {
    // Between the look-up and now the cut-off commit may still have come through.
    const Fate fate = look_up(*retry.suspect, retry.op);
    if (fate == Fate::committed) {
      staged_total_.forget();
      return Outcome::committed;
    }
    if (fate == Fate::unknown) throw SqlError(Kind::lost, 0, "the fate of a commit is unknown");
  }
  bool from_memory = false;
  {
    const FindRecord find = [&](const vault::Iccid& iccid) { return find_record(reading, iccid); };
    SqlTx tx(reading, find, sealer_, keys_, now, retry.op, retry.trust_memory ? &memory_ : nullptr,
             staged_total_);
    const ReadScope scope(reading);
    const bool wanted = f(tx);
    tx.rethrow();
    if (wanted) changes = tx.take_changes();
    tx.rethrow();
    from_memory = tx.from_memory();
    retry.trust_memory = false;
    // No commit will prove what was remembered: an answer must not rest on it.
    if (changes.empty() && from_memory) return std::nullopt;
    if (!wanted) return Outcome::refused;
  }
  health_.reachable();
  if (changes.empty()) return Outcome::unchanged;
  if (changes.has_content()) keys_must_fit(reading);
  if (const std::string fault = health_.misfit(); !fault.empty()) {
    throw SqlError(Kind::misfit, 0, fault);
  }
  const auto began = std::chrono::steady_clock::now();
  try {
    write(changes);
  } catch (const SqlError& error) {
    if (error.kind() == Kind::conflict && from_memory) return std::nullopt;
    if (error.kind() == Kind::misfit) health_.misfit_seen(error.text());
    if (error.kind() != Kind::conflict) staged_total_.forget();  // it may have happened
    if (error.kind() != Kind::unknown) throw;
    health_.count("db.unknown_commits");
    if (changes.records.empty()) throw;  // only a counter: nothing that bears our mark
    retry.suspect = best_witness(changes.records);
    const Fate fate = look_up(*retry.suspect, retry.op);
    if (fate == Fate::unknown) throw;
    // A COMMIT that fails again and again is no reason to try for ever.
    if (fate == Fate::not_committed && !retry.wait()) throw;
    if (fate == Fate::not_committed) return std::nullopt;
  }
  health_.writable();
  health_.took("db.commit", std::chrono::steady_clock::now() - began);
  staged_total_.changed(staged_difference(changes));
  remember(changes);
  return Outcome::committed;
}

std::optional<StoredRecord> SqlStore::find_record(SqlConnection& use, const vault::Iccid& iccid) {
  return select_record(use, " WHERE iccid = ?", std::string_view(iccid.digits()));
}

void SqlStore::remember(ChangeSet& changes) {
  if (changes.records.size() != 1 || !changes.records.front().record.upload) return;
  RecordWrite& write = changes.records.front();
  if (write.kind != RecordWrite::Kind::update) return;
  write.record.version = write.loaded.number + 1;
  memory_.keep({std::move(write.record), changes.op, std::move(write.images), write.counter});
}

// One reconnect, then the reason.
template <class T, class F>
base::Result<T> SqlStore::reading(F&& read) {
  std::shared_ptr<SqlConnection> use;
  for (bool again = true;; again = false) {
    try {
      use = connection();
      const ReadScope scope(*use);
      T value = read(*use);
      health_.reachable();
      return value;
    } catch (const SqlError& error) {
      if (error.kind() == Kind::lost) {
        disconnect(use.get());
        if (again) continue;
      }
      health_.failed(error);
      return base::Error{error.text()};
    } catch (const std::bad_alloc&) {
      disconnect(use.get());
      return base::Error{"out of memory"};
    }
  }
}

base::Result<base::Bytes> SqlStore::image(const vault::RecordId& owner,
                                          const vault::ImageInfo& image) {
  std::optional<Sealed> sealed;
  auto read = reading<bool>([&](SqlConnection& use) {
    use.query(
        "SELECT i.sealed, k.master, k.wrapped FROM images i, data_keys k WHERE i.record_id = ? "
        "AND i.id = ? AND k.record_id = i.record_id AND k.place = i.place",
        {base::View(owner), base::View(image.id)}, [&](const Row& row) {
          sealed.emplace();
          sealed->id = image.id;
          sealed->data = row.blob(0);
          sealed->master = static_cast<std::uint32_t>(row.number(1));
          sealed->wrapped = row.blob(2);
        });
    if (sealed) keys_must_fit(use);
    return true;
  });
  if (!read) return base::Error{read.error()};
  if (!sealed) return base::Error{"there is no such image"};
  try {
    auto plain = sealer_.open(*sealed, Sealer::image_binding(image), image.bytes);
    if (plain && base::sha256(*plain) == image.digest) return std::move(*plain);
    return base::Error{"an image is not authentic, or its master key is missing"};
  } catch (const SqlError& error) {
    health_.count("db.hsm_failures");
    return base::Error{error.text()};
  }
}

base::Result<std::vector<vault::Record>> SqlStore::find_any(
    const std::vector<vault::Iccid>& spellings, const std::optional<vault::Msisdn>& number) {
  return reading<std::vector<vault::Record>>(
      [&](SqlConnection& use) { return records_by_card(use, spellings, number); });
}

base::Result<std::vector<vault::Iccid>> SqlStore::known(const std::vector<vault::Iccid>& iccids) {
  return reading<std::vector<vault::Iccid>>(
      [&](SqlConnection& use) { return known_iccids(use, iccids); });
}

base::Result<std::vector<vault::Record>> SqlStore::find_customer(const std::string& customer,
                                                                 std::size_t limit) {
  return reading<std::vector<vault::Record>>(
      [&](SqlConnection& use) { return records_by_customer(use, customer, limit); });
}

base::Result<std::vector<vault::HistoryEntry>> SqlStore::history(const vault::HistoryQuery& query) {
  return reading<std::vector<vault::HistoryEntry>>(
      [&](SqlConnection& use) { return history_entries(use, query); });
}

base::Status SqlStore::history_heads(
    const std::function<void(const vault::RecordId&, std::string_view iccid, std::uint64_t count,
                             const base::Sha256& mac)>& visit) {
  constexpr std::size_t kPage = 1000;
  struct Head {
    vault::RecordId id{};
    std::string iccid;
    std::uint64_t count = 0;
    base::Sha256 mac{};
  };
  base::Bytes after;
  for (std::vector<Head> page(kPage); page.size() == kPage;) {
    const auto read = reading<bool>([&](SqlConnection& use) {
      page.clear();
      use.query(
          "SELECT id, iccid, history_count, history_mac FROM records WHERE id > ? "
          "ORDER BY id LIMIT 1000",
          {base::View(after)}, [&](const Row& row) {
            Head& head = page.emplace_back();
            (void)take_octets(head.id, row.blob(0));
            head.iccid = row.text(1);
            head.count = static_cast<std::uint64_t>(row.number(2));
            (void)take_octets(head.mac, row.blob(3));
          });
      return true;
    });
    if (!read) return base::Error{read.error()};
    for (const Head& head : page) visit(head.id, head.iccid, head.count, head.mac);
    if (!page.empty()) after.assign(page.back().id.begin(), page.back().id.end());
  }
  Head own{vault::kOwnHistory, "", 0, {}};
  const auto read = reading<bool>([&](SqlConnection& use) {
    use.query("SELECT history_count, history_mac FROM own_history WHERE id = 1", {},
              [&](const Row& row) {
                own.count = static_cast<std::uint64_t>(row.number(0));
                (void)take_octets(own.mac, row.blob(1));
              });
    return true;
  });
  if (!read) return base::Error{read.error()};
  visit(own.id, own.iccid, own.count, own.mac);
  return {};
}

base::Result<vault::StagedPage> SqlStore::staged_before(std::int64_t utc_ms,
                                                        const std::array<std::uint8_t, 16>& from,
                                                        std::size_t limit) {
  const BlobId until = vault::first_dated_id(utc_ms);
  return reading<vault::StagedPage>([&](SqlConnection& use) {
    vault::StagedPage page;
    BlobId last = from;
    use.query(
        "SELECT part_id, record_id FROM staged WHERE part_id > ? AND part_id < ? "
        "ORDER BY part_id LIMIT ?",
        {base::View(from), base::View(until), number(limit)}, [&](const Row& row) {
          vault::RecordId record{};
          if (take_octets(last, row.blob(0)) && take_octets(record, row.blob(1))) {
            page.records.push_back(record);
          }
        });
    if (page.records.size() >= limit) page.next = last;
    return page;
  });
}

base::Status SqlStore::check() {
  const auto fault =
      reading<std::string>([&](SqlConnection& use) { return misfit(use, key_checks_); });
  if (!fault) return base::Error{fault.error()};
  health_.misfit_seen(*fault);
  if (!fault->empty()) return base::Error{*fault};
  return {};
}

// A connection is not used before its schema has been looked at, and the keys have been compared
// with what this database knows of them.
void SqlStore::must_fit(SqlConnection& fresh) { db::must_fit(fresh, key_checks_, health_); }

// Where the HSM was away when its keys were compared, or has been since, that is made up for. Only
// for what needs content, which waits for the HSM anyway.
void SqlStore::keys_must_fit(SqlConnection& use) {
  if (!key_checks_.recorded()) must_fit(use);
}

}  // namespace db
