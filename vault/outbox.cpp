#include "vault/outbox.h"

#include "vault/reminder_service.h"

namespace vault {

namespace {

base::Error away() { return {"the store cannot be reached; repeating is safe"}; }

}  // namespace

base::Result<std::vector<Running>> running_instances(Store& store, base::Now now) {
  auto rows = store.messages().instances();
  if (!rows) return base::Error{rows.error()};
  std::vector<Running> found;
  for (InstanceRow& row : *rows) {
    const bool alive = now.utc_ms - row.seen_at < kInstanceSilent;
    found.push_back({std::move(row), alive});
  }
  return found;
}

bool beat(Store& store, const InstanceRow& row, base::Now now) {
  return store.update(now, [&](RecordTx& tx) {
    InstanceRow& kept = tx.messages().instance(row.name);
    kept.product = row.product;
    kept.started_at = row.started_at;
    kept.seen_at = now.utc_ms;
    kept.health = row.health;
    return true;
  }) != Outcome::unavailable;
}

std::uint64_t ask(MessageTx& messages, OutboxItem item, std::int64_t life_ms, base::Now now) {
  OutboxItem& row = messages.add_outbox();
  item.id = row.id;
  item.version = row.version;
  item.state = OutboxItem::State::open;
  item.created_at = item.next_at = now.utc_ms;
  item.expires_at = now.utc_ms + life_ms;
  row = std::move(item);
  return row.id;
}

base::Result<std::uint64_t> ask(Store& store, OutboxItem item, base::Now now) {
  std::uint64_t id = 0;
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    id = ask(tx.messages(), item, kRequestLife, now);
    return true;
  });
  if (outcome == Outcome::unavailable) return away();
  return id;
}

base::Result<std::optional<OutboxItem>> asked(Store& store, std::uint64_t id, base::Now now) {
  std::optional<OutboxItem> found;
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    const OutboxItem* const row = tx.messages().outbox(id);
    found = row == nullptr ? std::nullopt : std::optional(*row);
    return false;
  });
  if (outcome == Outcome::unavailable) return away();
  return found;
}

base::Result<JobRow> reminder_job(Store& store, base::Now now) {
  JobRow job;
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    job = tx.messages().job(ReminderService::kReminderJob);
    return false;
  });
  if (outcome == Outcome::unavailable) return away();
  return job;
}

}  // namespace vault
