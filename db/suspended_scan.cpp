#include "db/suspended_scan.h"

#include "db/connect.h"
#include "db/sql_tx_entry.h"

namespace db {

namespace {

constexpr std::size_t kPage = 2000;

}  // namespace

SuspendedScan::SuspendedScan(const Settings& settings) : settings_(settings) {}
SuspendedScan::~SuspendedScan() = default;

base::Result<std::unique_ptr<SuspendedScan>> SuspendedScan::open(const Settings& settings) {
  std::unique_ptr<SuspendedScan> scan(new SuspendedScan(settings));
  try {
    scan->connection_ = open_current(scan->settings_, SqliteMode::read);
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
  return scan;
}

base::Result<SuspendedScan::Page> SuspendedScan::page(const base::Bytes& after,
                                                      std::int64_t before_utc_ms) {
  Page page;
  page.after = after;
  try {
    if (!connection_) connection_ = open_current(settings_, SqliteMode::read);
    connection_->query("SELECT id, suspended_at FROM records WHERE id > ? ORDER BY id LIMIT ?",
                       {base::View(after), number(kPage)}, [&](const Row& row) {
                         ++page.seen;
                         page.after = row.blob(0);
                         vault::RecordId id{};
                         const bool over = !row.null(1) && row.number(1) <= before_utc_ms;
                         if (over && take_octets(id, page.after)) page.records.push_back(id);
                       });
  } catch (const SqlError& error) {
    connection_.reset();
    return base::Error{error.text()};
  }
  page.done = page.seen < kPage;
  return page;
}

}  // namespace db
