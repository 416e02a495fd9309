#include "db/sql_messages.h"

#include <algorithm>
#include <iterator>

#include "base/crypto.h"
#include "db/sql_tx_entry.h"

namespace db {

using vault::CareRequest;
using vault::Iccid;
using vault::IncomingSms;
using vault::InstanceRow;
using vault::JobRow;
using vault::OutboxItem;
using vault::RecordId;
using vault::Reminder;
using vault::Sms;
using vault::SmsRef;
using vault::WakeUpRow;

namespace {

constexpr std::size_t kCandidates = 10;  // of a receipt, of a number

void set_key(Sms& row, std::uint64_t id) { row.ref = id; }
void set_key(OutboxItem& row, std::uint64_t id) { row.id = id; }
void set_key(IncomingSms& row, std::uint64_t id) { row.id = id; }
void set_key(CareRequest& row, std::uint64_t id) { row.id = id; }

// People read it out to each other.
std::uint64_t eight_digits() {
  constexpr std::uint32_t kFirst = 10'000'000;
  return kFirst + base::random_below(9 * kFirst);
}

template <class T>
std::string select_where(const char* column) {
  return select_message<T>() + " WHERE " + column + " = ?";
}

// The sender's own reference, where it has come back; nothing rests on it.
base::Result<std::vector<std::pair<SmsRef, int>>> told_apart(
    base::Result<std::vector<std::pair<SmsRef, int>>> found, std::uint16_t reference) {
  if (!found || reference == 0) return found;
  std::vector<std::pair<SmsRef, int>> same;
  std::copy_if(found->begin(), found->end(), std::back_inserter(same),
               [&](const auto& one) { return static_cast<std::uint16_t>(one.first) == reference; });
  if (!same.empty()) return same;
  return found;
}

}  // namespace

// The row of the key, or a blank one.
template <class T, class Key>
T& SqlMessageTx::always(Cache<Key, T>& cache, const Key& key, T&& blank, const char* column,
                        Param value) {
  const auto known = cache.find(key);
  if (known != cache.end()) return known->second.row;
  Known<T> made{std::move(blank), std::nullopt, false};
  fault_.guarded([&] {
    connection_.query(select_where<T>(column), {value}, [&](const Row& row) {
      made.row = read_message<T>(row);
      made.stored = true;
    });
  });
  made.before = made.row;
  return cache.emplace(key, std::move(made)).first->second.row;
}

template <class T>
T* SqlMessageTx::perhaps(Cache<std::uint64_t, T>& cache, std::uint64_t id, const char* column) {
  const auto known = cache.find(id);
  if (known != cache.end()) return &known->second.row;
  std::optional<T> found;
  fault_.guarded([&] {
    connection_.query(select_where<T>(column), {number(id)},
                      [&](const Row& row) { found = read_message<T>(row); });
    if constexpr (std::is_same_v<T, Sms>) {
      if (found) found->segments = segments_of(id);
    }
  });
  if (!found) return nullptr;
  return &cache.emplace(id, Known<T>{*found, found, true}).first->second.row;
}

template <class T>
T& SqlMessageTx::add(Cache<std::uint64_t, T>& cache, std::uint64_t id) {
  Known<T> made{};
  set_key(made.row, id);
  return cache.emplace(id, std::move(made)).first->second.row;
}

std::vector<vault::SmsSegment> SqlMessageTx::segments_of(SmsRef ref) {
  std::vector<vault::SmsSegment> segments;
  connection_.query(
      "SELECT segment, step, smsc, message_id FROM sms_segments WHERE ref = ? ORDER BY segment",
      {number(ref)}, [&](const Row& row) {
        segments.push_back({static_cast<int>(row.number(0)),
                            static_cast<vault::SmsStep>(row.number(1)), row.text(2), row.text(3)});
      });
  return segments;
}

Reminder& SqlMessageTx::reminder(const RecordId& record) {
  Reminder blank;
  blank.record = record;
  return always(reminders_, record, std::move(blank), "record_id", base::View(record));
}

WakeUpRow& SqlMessageTx::wake_up(const Iccid& card) {
  return always(wake_ups_, card, WakeUpRow(card), "iccid", std::string_view(card.digits()));
}

JobRow& SqlMessageTx::job(const std::string& name) {
  JobRow blank;
  blank.name = name;
  return always(jobs_, name, std::move(blank), "name", std::string_view(name));
}

InstanceRow& SqlMessageTx::instance(const std::string& name) {
  InstanceRow blank;
  blank.name = name;
  return always(instances_, name, std::move(blank), "name", std::string_view(name));
}

vault::Counter& SqlMessageTx::downlink(const Iccid& card, std::uint8_t key_set) {
  const auto [place, is_new] = downlink_.try_emplace({card, key_set});
  Downlink& known = place->second;
  if (is_new) {
    fault_.guarded([&] {
      connection_.query("SELECT value FROM downlink_counters WHERE iccid = ? AND key_set = ?",
                        {std::string_view(card.digits()), number(key_set)}, [&](const Row& row) {
                          known.seen = static_cast<vault::Counter>(row.number(0));
                        });
    });
    known.value = known.seen;
  }
  return known.value;
}

Sms* SqlMessageTx::sms(SmsRef ref) { return perhaps(sms_, ref, "ref"); }
OutboxItem* SqlMessageTx::outbox(std::uint64_t id) { return perhaps(outbox_, id, "id"); }
IncomingSms* SqlMessageTx::incoming(std::uint64_t id) { return perhaps(incoming_, id, "id"); }

CareRequest* SqlMessageTx::care_request(std::uint64_t id) {
  return perhaps(care_requests_, id, "id");
}

Sms& SqlMessageTx::add_sms() { return add(sms_, random_id()); }
OutboxItem& SqlMessageTx::add_outbox() { return add(outbox_, random_id()); }

CareRequest& SqlMessageTx::add_care_request() {
  std::uint64_t id = eight_digits();
  while (care_request(id) != nullptr) id = eight_digits();
  return add(care_requests_, id);
}

bool SqlMessageTx::add_incoming(const IncomingSms& sms) {
  bool there = std::any_of(incoming_.begin(), incoming_.end(),
                           [&](const auto& known) { return known.second.row.mark == sms.mark; });
  fault_.guarded([&] {
    if (there) return;
    connection_.query("SELECT id FROM sms_in WHERE mark = ?", {base::View(sms.mark)},
                      [&](const Row&) { there = true; });
  });
  if (there) return false;
  IncomingSms& row = add(incoming_, random_id());
  const std::uint64_t id = row.id;
  row = sms;
  row.id = id;
  return true;
}

template <class T, class Key>
void SqlMessageTx::collect(Cache<Key, T>& cache, std::vector<MessageWrite<T>>& out) {
  for (auto& [key, known] : cache) {
    if (known.before && known.row == *known.before) continue;
    out.push_back({std::move(known.row), !known.stored});
  }
}

MessageWrites SqlMessageTx::take_changes() {
  MessageWrites out;
  collect(reminders_, out.reminders);
  collect(wake_ups_, out.wake_ups);
  collect(jobs_, out.jobs);
  collect(instances_, out.instances);
  collect(outbox_, out.outbox);
  collect(incoming_, out.incoming);
  collect(care_requests_, out.care_requests);
  for (auto& [ref, known] : sms_) {
    if (known.before && known.row == *known.before) continue;
    std::vector<vault::SmsSegment> before;
    if (known.before) before = known.before->segments;
    out.sms.push_back({std::move(known.row), !known.stored, std::move(before)});
  }
  for (const auto& [key, known] : downlink_) {
    if (known.value > known.seen) {
      out.downlink.push_back({key.first, key.second, known.seen, known.value});
    }
  }
  out.drops = std::move(drops_);
  fit(out);
  return out;
}

template <class T, class F>
base::Result<std::vector<T>> SqlMessageScan::collect(const std::string& sql,
                                                     const std::vector<Param>& params, F&& take) {
  std::vector<T> found;
  const base::Status read = read_([&](SqlConnection& use) {
    found.clear();
    use.query(sql, params, [&](const Row& row) { found.push_back(take(row)); });
  });
  if (!read) return base::Error{read.error()};
  return found;
}

// Two ranges instead of a comparison of pairs: both engines walk the index for them.
base::Result<std::vector<vault::MessageScan::Dated>> SqlMessageScan::records_by(Date what,
                                                                                const Dated& after,
                                                                                std::int64_t until,
                                                                                std::size_t limit) {
  const std::string column = what == Date::updated    ? "updated_at"
                             : what == Date::identity ? "identity_at"
                                                      : "suspended_at";
  const auto take = [](const Row& row) { return Dated{octets<16>(row, 0), row.number(1)}; };
  const std::string select = "SELECT id, " + column + " FROM records WHERE " + column;
  auto same = collect<Dated>(select + " = ? AND id > ? ORDER BY id LIMIT ?",
                             {number(after.date), base::View(after.record), number(limit)}, take);
  if (!same || same->size() >= limit) return same;
  auto later =
      collect<Dated>(select + " > ? AND " + column + " <= ? ORDER BY " + column + ", id LIMIT ?",
                     {number(after.date), number(until), number(limit - same->size())}, take);
  if (!later) return later;
  std::vector<Dated> all = same.take();
  if (after.date > until) all.clear();
  all.insert(all.end(), later->begin(), later->end());
  return all;
}

base::Result<std::vector<RecordId>> SqlMessageScan::due_reminders(std::int64_t now,
                                                                  std::size_t limit) {
  return collect<RecordId>(
      "SELECT record_id FROM reminders WHERE next_at <= ? ORDER BY next_at LIMIT ?",
      {number(now), number(limit)}, [](const Row& row) { return octets<16>(row, 0); });
}

base::Result<std::vector<Iccid>> SqlMessageScan::due_wake_ups(std::int64_t now, std::size_t limit) {
  return collect<Iccid>("SELECT iccid FROM wake_ups WHERE next_at <= ? ORDER BY next_at LIMIT ?",
                        {number(now), number(limit)}, [](const Row& row) {
                          const auto iccid = Iccid::from_digits(row.text(0));
                          if (iccid) return *iccid;
                          throw SqlError(SqlError::Kind::other, 0, "wake_ups: bad iccid");
                        });
}

base::Result<std::vector<SmsRef>> SqlMessageScan::left_behind(vault::SmsStep step, std::int64_t now,
                                                              std::size_t limit) {
  return collect<SmsRef>(
      "SELECT ref FROM sms_out WHERE step = ? AND lease_until <= ? ORDER BY lease_until LIMIT ?",
      {number(step), number(now), number(limit)},
      [](const Row& row) { return static_cast<SmsRef>(row.number(0)); });
}

base::Result<std::vector<OutboxItem>> SqlMessageScan::open_outbox(std::int64_t now,
                                                                  std::size_t limit) {
  return collect<OutboxItem>(
      select_message<OutboxItem>() + " WHERE state = 0 AND next_at <= ? ORDER BY next_at LIMIT ?",
      {number(now), number(limit)}, read_message<OutboxItem>);
}

base::Result<std::vector<IncomingSms>> SqlMessageScan::open_incoming(std::int64_t now,
                                                                     std::size_t limit) {
  return collect<IncomingSms>(
      select_message<IncomingSms>() + " WHERE next_at <= ? ORDER BY next_at LIMIT ?",
      {number(now), number(limit)}, read_message<IncomingSms>);
}

base::Result<std::vector<IncomingSms>> SqlMessageScan::parts_of(const IncomingSms& part) {
  constexpr std::int64_t kMost = 255;
  if (!part.from) return std::vector<IncomingSms>{part};
  return collect<IncomingSms>(select_message<IncomingSms>() +
                                  " WHERE msisdn = ? AND reference = ? AND next_at IS NOT NULL "
                                  "AND parts = ? AND recipient = ? ORDER BY at LIMIT ?",
                              {std::string_view(part.from->digits()), number(part.reference),
                               number(part.parts), std::string_view(part.to), number(kMost)},
                              read_message<IncomingSms>);
}

base::Result<std::vector<RecordId>> SqlMessageScan::records_of_number(const vault::Msisdn& of) {
  const std::string_view digits = of.digits();
  const auto take = [](const Row& row) { return octets<16>(row, 0); };
  auto reminded = collect<RecordId>(
      "SELECT record_id FROM reminders WHERE msisdn = ? ORDER BY last_sent_at DESC LIMIT ?",
      {digits, number(kCandidates)}, take);
  if (!reminded) return reminded;
  const auto told = collect<RecordId>("SELECT id FROM records WHERE msisdn_provisioned = ? LIMIT ?",
                                      {digits, number(kCandidates)}, take);
  if (!told) return told;
  std::vector<RecordId> all = reminded.take();
  for (const RecordId& id : *told) {
    if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
  }
  return all;
}

base::Result<std::vector<std::pair<SmsRef, int>>> SqlMessageScan::segments_of(
    const vault::SmsReceipt& receipt, std::int64_t since) {
  using Found = std::pair<SmsRef, int>;
  const auto take = [](const Row& row) {
    return Found{static_cast<SmsRef>(row.number(0)), static_cast<int>(row.number(1))};
  };
  const std::string_view digits =
      receipt.number ? std::string_view(receipt.number->digits()) : std::string_view();
  const std::string id = fit_message_id(receipt.message_id);
  // An id may be the same for all messages: then only the number tells them apart.
  const auto by_id = [&](bool and_number) {
    std::string sql =
        "SELECT s.ref, s.segment FROM sms_segments s, sms_out m WHERE s.message_id = ? AND "
        "s.at >= ? AND s.smsc = ? AND m.ref = s.ref";
    std::vector<Param> params{std::string_view(id), number(since), std::string_view(receipt.smsc)};
    if (and_number) {
      sql += " AND m.msisdn = ?";
      params.emplace_back(digits);
    }
    params.emplace_back(number(kCandidates));
    return collect<Found>(sql + " ORDER BY s.at DESC, s.ref LIMIT ?", params, take);
  };
  if (!id.empty()) {
    auto found = by_id(receipt.number.has_value());
    if (!found || !found->empty()) return told_apart(std::move(found), receipt.reference);
  }
  if (!receipt.number) return std::vector<Found>{};
  auto found = collect<Found>(
      "SELECT ref, 0 FROM sms_out WHERE msisdn = ? AND submitted_at >= ? "
      "ORDER BY submitted_at DESC LIMIT ?",
      {digits, number(since), number(kCandidates)}, take);
  if (!found || !found->empty() || id.empty() || !receipt.marked) {
    return told_apart(std::move(found), receipt.reference);
  }
  // Nobody's number: in another form than ours, perhaps.
  found = told_apart(by_id(false), receipt.reference);
  if (found && found->size() > 1) return std::vector<Found>{};
  return found;
}

base::Result<vault::EndedMessages> SqlMessageScan::ended_before(std::int64_t utc_ms,
                                                                std::size_t limit) {
  const auto keys = [&](const char* where) {
    return collect<std::uint64_t>(
        std::string("SELECT ") + where + " LIMIT ?", {number(utc_ms), number(limit)},
        [](const Row& row) { return static_cast<std::uint64_t>(row.number(0)); });
  };
  auto sms = keys("ref FROM sms_out WHERE created_at < ? AND step >= 3 ORDER BY created_at");
  if (!sms) return base::Error{sms.error()};
  auto outbox = keys("id FROM outbox WHERE created_at < ? AND state <> 0 ORDER BY created_at");
  if (!outbox) return base::Error{outbox.error()};
  auto incoming = keys("id FROM sms_in WHERE at < ? AND next_at IS NULL ORDER BY at");
  if (!incoming) return base::Error{incoming.error()};
  return vault::EndedMessages{sms.take(), outbox.take(), incoming.take(), {}};
}

base::Result<std::vector<CareRequest>> SqlMessageScan::care_requests(const RecordId* record,
                                                                     std::int64_t now,
                                                                     std::size_t limit) {
  std::string sql = select_message<CareRequest>() + " WHERE expires_at > ? AND state <= 1";
  std::vector<Param> params{number(now)};
  if (record != nullptr) {
    sql += " AND record_id = ?";
    params.emplace_back(base::View(*record));
  }
  params.emplace_back(number(limit));
  return collect<CareRequest>(sql + " ORDER BY asked_at, id LIMIT ?", params,
                              read_message<CareRequest>);
}

base::Result<std::vector<std::uint64_t>> SqlMessageScan::care_requests_over(std::int64_t before,
                                                                            std::size_t limit) {
  return collect<std::uint64_t>(
      "SELECT id FROM care_requests WHERE expires_at < ? ORDER BY expires_at LIMIT ?",
      {number(before), number(limit)},
      [](const Row& row) { return static_cast<std::uint64_t>(row.number(0)); });
}

base::Result<std::vector<InstanceRow>> SqlMessageScan::instances() {
  return collect<InstanceRow>(select_message<InstanceRow>() + " ORDER BY name LIMIT 1000", {},
                              read_message<InstanceRow>);
}

}  // namespace db
