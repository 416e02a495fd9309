#include "vault/wake_up_service.h"

#include <algorithm>

namespace vault {

namespace {

constexpr std::size_t kCards = 50;  // looked at in one go
constexpr char kIdentityJob[] = "identity";
constexpr char kNobodys[] = "nobody's";
// A proof whose keys are away is read again so often, and so long.
constexpr std::int64_t kKeysAgain = 10 * base::kMinuteMs;
constexpr std::int64_t kKeysWait = 4 * base::kHourMs;

void put_off_incoming(MessageTx& messages, const std::vector<std::uint64_t>& rows,
                      std::int64_t until) {
  for (const std::uint64_t id : rows) {
    IncomingSms* const row = messages.incoming(id);
    if (row != nullptr && row->next_at != 0) row->next_at = until;
  }
}

// What a leap or a platform's own counting leaves of the counter: one more than the highest.
bool raise(Counter& highest, Counter by) {
  if (highest + by >= kCounterMax) return false;
  highest += by;
  return true;
}

// The walk has come to its end: once more from the beginning, for those who have not reported, but
// not before identity_again is over (kept in lease_until). False: nothing to write.
bool begin_again(JobRow& job, const WakeUpSettings& settings, base::Now now) {
  if (job.after_date == 0) return false;
  if (job.lease_until == 0) {
    job.lease_until = now.utc_ms + settings.identity_again;
    return true;
  }
  if (now.utc_ms < job.lease_until) return false;
  job.lease_until = 0;
  job.after_date = 0;
  job.after_record = {};
  return true;
}

}  // namespace

std::string ask_for_wake_up(RecordTx& tx, const Record& record, WakeReason reason,
                            const std::string& asked_by, const WakeUpSettings& settings,
                            base::Now now) {
  return want_wake_up(tx.messages().wake_up(record.iccid), record, reason, asked_by, settings, now);
}

bool WakeUpService::send_due(base::Now now) {
  if (world_.wake_up == nullptr || world_.out.room() == 0) return false;
  const auto due = world_.store.messages().due_wake_ups(now.utc_ms, kCards);
  if (!due) return false;
  for (const Iccid& card : *due) {
    if (world_.out.room() == 0) return false;
    if (const auto claimed = claim(card, now)) send(*claimed, now);
  }
  return due->size() == kCards;
}

// Counter, packet under way and message are committed before anything is built or sent: whatever
// happens then, the counter is never used again.
std::optional<WakeUpService::Claimed> WakeUpService::claim(const Iccid& card, base::Now now) {
  const ReminderSettings& settings = world_.settings;
  std::optional<Claimed> claimed;
  bool exhausted = false;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    claimed.reset();
    exhausted = false;
    WakeUpRow& row = tx.messages().wake_up(card);
    if (row.state == WakeUpRow::State::idle || row.next_at > now.utc_ms) return true;
    Record* const record = tx.find(card);
    if (record == nullptr) {  // moved on, or gone
      row.state = WakeUpRow::State::idle;
      row.next_at = 0;
      return true;
    }
    const std::optional<Msisdn> to = number_of(*record, settings);
    const WakeDecision decision =
        decide_wake_up(*record, row, to.has_value(), settings.wake_up, world_.policy, now);
    row = decision.after;
    if (decision.kind == WakeDecision::Kind::end) {
      tx.note(*record, {"wake_up_ended", "vault", decision.why});
    }
    if (decision.kind != WakeDecision::Kind::send) return true;
    const std::uint8_t key_set = world_.wake_up->key_set();
    Counter& counter = tx.messages().downlink(card, key_set);
    if (!world_.wake_up->platform_counts() && !raise(counter, 1)) {
      exhausted = true;
      row.state = WakeUpRow::State::idle;
      row.next_at = 0;
      tx.note(*record, {"wake_up_ended", "vault", "the downlink counter is used up"});
      return true;
    }
    Sms& sms = claim_sms(tx, world_, SmsKind::wake_up, *to, settings.wake_up.validity, now);
    sms.record = record->id;
    sms.step = SmsStep::submitting;
    sms.submitted_at = now.utc_ms;
    sms.tries = 1;
    row.ref = sms.ref;
    row.counter = counter;
    row.key_set = key_set;
    tx.note(*record, {"wake_up", row.asked_by,
                      base::cat("to ", tail_of(*to), ", try ", row.tries,
                                row.reason == WakeReason::update ? ", to store" : ", to report")});
    claimed = Claimed{sms.ref, card, *to, row.reason, key_set, counter};
    return true;
  });
  if (outcome != Outcome::committed) return std::nullopt;
  if (exhausted) {
    world_.counters.add("vault.downlinks_exhausted");
    world_.log.error("vault.downlink_exhausted",
                     base::cat("ALARM: the downlink counter of card ", card.digits(),
                               " is used up: it cannot be woken"));
  }
  return claimed;
}

void WakeUpService::send(const Claimed& claimed, base::Now now) {
  const WakeBuilt built =
      world_.wake_up->build(claimed.iccid, claimed.reason, claimed.key_set, claimed.counter);
  if (built.kind != WakeBuilt::Kind::done) return undo(claimed, built.kind, now);
  // What a PoR will name; where the platform counts, only now known.
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    WakeUpRow& row = tx.messages().wake_up(claimed.iccid);
    if (row.ref != claimed.ref) return false;
    row.tar = built.packet.tar;
    row.counter = built.packet.counter;
    row.key_set = built.packet.key_set;
    return true;
  });
  if (outcome != Outcome::committed && outcome != Outcome::unchanged) return;
  const OutgoingSms sms{claimed.ref,
                        SmsKind::wake_up,
                        claimed.to,
                        {},
                        built.packet.packet,
                        world_.settings.wake_up.validity,
                        0,
                        {}};
  switch (sender_.submit_now(sms, now)) {
    case SmsOut::Taken::yes:
      world_.counters.add("vault.wake_ups");
      return;
    case SmsOut::Taken::busy:
      return sender_.outcome({claimed.ref, 1, 1, SmsOutcome::Kind::not_sent, "", "", 0, false});
    case SmsOut::Taken::impossible:
      return sender_.outcome({claimed.ref, 1, 1, SmsOutcome::Kind::refused, "", "", 0, false});
  }
}

void WakeUpService::undo(const Claimed& claimed, WakeBuilt::Kind why, base::Now now) {
  const bool no_keys = why == WakeBuilt::Kind::no_keys;
  world_.counters.add(no_keys ? "vault.wake_ups_no_keys" : "vault.wake_ups_put_off");
  world_.store.update(now, [&](RecordTx& tx) {
    if (Sms* const sms = tx.messages().sms(claimed.ref)) sms->step = SmsStep::given_up;
    WakeUpRow& row = tx.messages().wake_up(claimed.iccid);
    if (row.ref != claimed.ref) return true;
    wake_up_failed(row, false, world_.settings.wake_up, now);
    if (!no_keys) return true;
    row.state = WakeUpRow::State::idle;
    row.next_at = 0;
    if (Record* const record = tx.find(claimed.iccid)) {
      tx.note(*record, {"wake_up_ended", "vault", "there are no keys for this card"});
    }
    return true;
  });
}

bool WakeUpService::refresh_identities(base::Now now) {
  const WakeUpSettings& settings = world_.settings.wake_up;
  if (world_.wake_up == nullptr || settings.identity_max_age == 0 || settings.identity_rate <= 0) {
    return false;
  }
  JobRow job;
  const Outcome read = world_.store.update(now, [&](RecordTx& tx) {
    job = tx.messages().job(kIdentityJob);
    return false;
  });
  if (read == Outcome::unavailable) return false;
  // What the rate allows since the last time, at most a minute's worth.
  const std::int64_t passed = std::min(now.utc_ms - job.ran_at, base::kMinuteMs);
  const std::int64_t allowed = passed * settings.identity_rate / base::kHourMs;
  if (allowed <= 0) return false;
  const MessageScan::Dated after{job.after_record, job.after_date};
  const auto found = world_.store.messages().records_by(
      MessageScan::Date::identity, after, now.utc_ms - settings.identity_max_age,
      static_cast<std::size_t>(std::min<std::int64_t>(allowed, 100)));
  if (!found) return false;
  std::int64_t asked = 0;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    asked = 0;
    JobRow& mine = tx.messages().job(kIdentityJob);
    if (mine.version != job.version) return false;  // another instance goes on with it
    if (found->empty()) return begin_again(mine, settings, now);
    mine.ran_at = now.utc_ms;
    mine.owner = world_.owner;
    for (const MessageScan::Dated& dated : *found) {
      const Record* const record = tx.find(dated.record);
      if (record == nullptr || !number_of(*record, world_.settings) || record->ended) continue;
      if (record->identity_at != dated.date) continue;
      if (ask_for_wake_up(tx, *record, WakeReason::identity, "vault", settings, now).empty()) {
        ++asked;
      }
    }
    mine.after_date = found->back().date;
    mine.after_record = found->back().record;
    mine.count += asked;
    return true;
  });
  if (outcome == Outcome::committed) world_.counters.add("vault.identity_refreshes", asked);
  return false;
}

void WakeUpService::subscriber_back(const Msisdn& number, base::Now now) {
  if (world_.wake_up == nullptr) return;
  const auto records = world_.store.messages().records_of_number(number);
  if (!records || records->empty()) return;
  bool changed = false;
  world_.store.update(now, [&](RecordTx& tx) {
    changed = false;
    for (const RecordId& id : *records) {
      const Record* const record = tx.find(id);
      if (record == nullptr || number_of(*record, world_.settings) != number) continue;
      WakeUpRow& row = tx.messages().wake_up(record->iccid);
      changed = phone_is_back(row, world_.settings.wake_up, now) || changed;
    }
    return true;
  });
  if (changed) world_.counters.add("vault.phones_back");
}

// What the answer says under the keys of each card that it may come from. Keys may be far away, so
// this is not done inside an update.
base::Result<WakeUpService::Readings> WakeUpService::readings(const Msisdn& from,
                                                              const base::Bytes& user_data,
                                                              base::Now now) {
  Readings read;
  if (world_.wake_up == nullptr) return read;
  const auto records = world_.store.messages().records_of_number(from);
  if (!records) return base::Error{records.error()};
  std::vector<std::pair<Iccid, std::uint8_t>> cards;  // with the key set of what is under way
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    cards.clear();
    for (const RecordId& id : *records) {
      const Record* const record = tx.find(id);
      if (record == nullptr || number_of(*record, world_.settings) != from) continue;
      const WakeUpRow& row = tx.messages().wake_up(record->iccid);
      if (row.state != WakeUpRow::State::waiting) continue;
      cards.emplace_back(record->iccid, row.key_set);
    }
    return false;
  });
  if (outcome == Outcome::unavailable) return base::Error{"the store cannot be reached"};
  for (const auto& [card, key_set] : cards) {
    const auto por = world_.wake_up->read_por(card, key_set, user_data);
    read.keys_away = read.keys_away || !por;
    if (por && *por) read.found.emplace_back(card, **por);
  }
  return read;
}

bool WakeUpService::take_answer(const IncomingSms& sms, const base::Bytes& user_data,
                                const std::vector<std::uint64_t>& rows, base::Now now) {
  base::Result<Readings> read = Readings{};
  if (sms.from) read = readings(*sms.from, user_data, now);
  if (!read) return false;
  const bool may_wait = read->keys_away && now.utc_ms < sms.at + kKeysWait;
  bool put_off = false;
  std::string result;
  std::string alarm;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    result = kNobodys;
    alarm.clear();
    for (const auto& [card, por] : read->found) {
      WakeUpRow& row = tx.messages().wake_up(card);
      const PorDecision decision = react_to_por(row, por, world_.settings.wake_up, now);
      if (!decision.counted) continue;
      row = decision.after;
      const std::uint8_t octet[] = {por.status};
      result = "por " + base::to_hex(octet);
      if (decision.leap) raise(tx.messages().downlink(card, row.key_set), kCounterLeap - 1);
      if (decision.alarm) alarm = base::cat(card.digits(), ": ", decision.note);
      Record* const record = tx.find(card);
      if (record != nullptr && !decision.note.empty()) {
        tx.note(*record, {"wake_up_answered", "card", decision.note});
      }
      break;
    }
    put_off = may_wait && result == kNobodys;
    if (put_off) {
      put_off_incoming(tx.messages(), rows, now.utc_ms + kKeysAgain);
    } else {
      end_incoming(tx.messages(), rows, result);
    }
    return true;
  });
  if (outcome == Outcome::unavailable) return false;
  if (put_off) return true;
  world_.counters.add(result == kNobodys ? "vault.answers_of_nobody" : "vault.pors");
  if (!alarm.empty()) {
    world_.log.warning("vault.wake_up_refused",
                       "a card does not accept its wake-up, keys or level: " + alarm);
  }
  return true;
}

}  // namespace vault
