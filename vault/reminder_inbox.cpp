// What comes in: answers, receipts, proofs of receipt, and what tools have asked for.
#include <algorithm>

#include "vault/reminder_service.h"

namespace vault {

namespace {

constexpr std::size_t kPortion = 50;
constexpr std::int64_t kPartsWait = base::kHourMs;      // for the other parts of a message
constexpr std::int64_t kReceiptsOf = 8 * base::kDayMs;  // messages that a receipt may mean
constexpr std::int64_t kNoticeLife = 3 * base::kDayMs;

// In the order of their numbers; false: one is missing.
bool whole(std::vector<IncomingSms>& parts, int count) {
  std::sort(parts.begin(), parts.end(),
            [](const IncomingSms& a, const IncomingSms& b) { return a.part < b.part; });
  parts.erase(std::unique(parts.begin(), parts.end(),
                          [](const auto& a, const auto& b) { return a.part == b.part; }),
              parts.end());
  return parts.size() == static_cast<std::size_t>(count) && parts.front().part == 1;
}

const char* name_of(Word word) {
  switch (word) {
    case Word::yes:
      return "yes";
    case Word::no:
      return "no";
    case Word::stop:
      return "stop";
    case Word::start:
      return "start";
    case Word::help:
      return "help";
    case Word::none:
      break;
  }
  return "not understood";
}

}  // namespace

bool ReminderService::keep(std::vector<Arrival> arrivals, base::Now now) {
  std::vector<SmsReceipt> receipts;
  std::vector<std::vector<std::pair<SmsRef, int>>> meant;
  std::vector<IncomingSms> incoming;
  for (Arrival& arrival : arrivals) {
    if (auto* const sms = std::get_if<IncomingSms>(&arrival)) {
      if (sms->at == 0) sms->at = now.utc_ms;
      sms->next_at = now.utc_ms;
      incoming.push_back(std::move(*sms));
      continue;
    }
    SmsReceipt& receipt = std::get<SmsReceipt>(arrival);
    if (receipt.kind == SmsReceipt::Kind::interim) continue;
    auto found = world_.store.messages().segments_of(receipt, now.utc_ms - kReceiptsOf);
    if (!found) return false;
    receipts.push_back(std::move(receipt));
    meant.push_back(found.take());
  }
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    for (const IncomingSms& sms : incoming) tx.messages().add_incoming(sms);
    sender_.receipts(receipts, tx, meant, now);
    return true;
  });
  if (outcome == Outcome::unavailable) return false;
  world_.counters.add("vault.sms_in", static_cast<std::int64_t>(incoming.size()));
  world_.counters.add("vault.receipts", static_cast<std::int64_t>(receipts.size()));
  return true;
}

bool ReminderService::work_incoming(base::Now now) {
  const auto open = world_.store.messages().open_incoming(now.utc_ms, kPortion);
  if (!open) return false;
  for (const IncomingSms& sms : *open) {
    if (!take_incoming(sms, now)) return false;
  }
  return open->size() == kPortion;
}

// False: the store is away.
bool ReminderService::take_incoming(const IncomingSms& sms, base::Now now) {
  std::vector<IncomingSms> parts{sms};
  if (sms.parts > 1) {
    auto found = world_.store.messages().parts_of(sms);
    if (!found) return false;
    parts = found.take();
  }
  std::vector<std::uint64_t> rows;
  std::string text;
  base::Bytes user_data;
  const bool complete = whole(parts, sms.parts);
  for (const IncomingSms& part : parts) {
    rows.push_back(part.id);
    text += part.text;
    const base::View content = part.user_data;
    // The first part's header stands for the whole.
    const std::size_t header = user_data.empty() || content.empty() ? 0 : 1 + content[0];
    user_data.insert(
        user_data.end(),
        content.begin() + static_cast<std::ptrdiff_t>(std::min(header, content.size())),
        content.end());
  }
  if (!complete) {
    if (now.utc_ms >= sms.at + kPartsWait) return end_incoming({sms.id}, "incomplete", now);
    return world_.store.update(now, [&](RecordTx& tx) {
      IncomingSms* const row = tx.messages().incoming(sms.id);
      if (row != nullptr && row->next_at != 0) row->next_at = sms.at + kPartsWait;
      return true;
    }) != Outcome::unavailable;
  }
  if (sms.binary) return wake_ups_.take_answer(sms, user_data, rows, now);
  if (!sms.from) return end_incoming(rows, "nobody's", now);
  return take_text(sms, text, rows, now);
}

bool ReminderService::end_incoming(const std::vector<std::uint64_t>& rows,
                                   const std::string& result, base::Now now) {
  return world_.store.update(now, [&](RecordTx& tx) {
    vault::end_incoming(tx.messages(), rows, result);
    return true;
  }) != Outcome::unavailable;
}

bool ReminderService::take_text(const IncomingSms& sms, const std::string& text,
                                const std::vector<std::uint64_t>& rows, base::Now now) {
  const auto ids = world_.store.messages().records_of_number(*sms.from);
  if (!ids) return false;
  std::string result;
  SmsRef claimed = 0;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    claimed = 0;
    const IncomingSms* const first = tx.messages().incoming(sms.id);
    if (first == nullptr || first->next_at == 0) return false;  // another instance was faster
    result = answer(tx, *ids, *sms.from, text, now, claimed);
    for (const std::uint64_t id : rows) {
      IncomingSms* const row = tx.messages().incoming(id);
      if (row == nullptr) continue;
      row->next_at = 0;
      row->result = result;
    }
    return true;
  });
  if (outcome == Outcome::unavailable) return false;
  if (outcome != Outcome::committed) return true;
  if (claimed != 0) sender_.ready(claimed);
  world_.counters.add(result == "nobody's" ? "vault.answers_of_nobody" : "vault.answers");
  return true;
}

// Steps 505-507, inside an update. An answer counts only from the record's number.
std::string ReminderService::answer(RecordTx& tx, const std::vector<RecordId>& ids,
                                    const Msisdn& from, const std::string& text, base::Now now,
                                    SmsRef& claimed) {
  std::vector<Record*> own;
  Record* awaited = nullptr;
  for (const RecordId& id : ids) {
    Record* const record = tx.find(id);
    if (record == nullptr || number_of(*record, settings_) != from) continue;
    own.push_back(record);
    Reminder& reminder = tx.messages().reminder(id);
    if (reminder.unreachable == from) reminder.unreachable.reset();
    const bool newer = awaited == nullptr ||
                       reminder.last_sent_at > tx.messages().reminder(awaited->id).last_sent_at;
    if (answer_awaited(*record, reminder) && newer) awaited = record;
  }
  if (own.empty()) return "nobody's";
  const Record& speaker = awaited != nullptr ? *awaited : *own.front();
  const Word word = meaning_of(text, speaker.language, settings_.words);
  bool help = false;
  for (Record* const record : own) {
    const bool waits = record == awaited;
    if (!waits && word != Word::stop && word != Word::start) continue;
    const AnswerDecision decision = decide_answer(*record, tx.messages().reminder(record->id), word,
                                                  waits, world_.context(), now);
    apply_answer(tx, *record, decision, now);
    help = help || decision.help;
  }
  const std::string* const told =
      help ? text_in(settings_.help_text, speaker.language, settings_.default_language) : nullptr;
  if (told != nullptr) {
    Sms& sms = claim_sms(tx, world_, SmsKind::help, from, settings_.validity, now);
    sms.record = speaker.id;
    sms.text = fill_in(*told, values_of(speaker));
    claimed = sms.ref;
  }
  const bool late = awaited == nullptr && word != Word::stop && word != Word::start;
  return base::cat(name_of(word), late ? ", but no answer is awaited" : "");
}

void ReminderService::apply_answer(RecordTx& tx, Record& record, const AnswerDecision& decision,
                                   base::Now now) {
  tx.messages().reminder(record.id) = decision.after;
  if (decision.updated_at != 0) record.updated_at = decision.updated_at;
  if (decision.note) tx.note(record, *decision.note);
  if (!decision.wake) return;
  const std::string why =
      ask_for_wake_up(tx, record, WakeReason::update, "subscriber", settings_.wake_up, now);
  if (!why.empty()) tx.note(record, {"wake_up_ended", "vault", why});
}

bool ReminderService::work_outbox(base::Now now) {
  const auto open = world_.store.messages().open_outbox(now.utc_ms, kPortion);
  if (!open) return false;
  for (const OutboxItem& item : *open) {
    if (!do_item(item, now)) return false;
  }
  return open->size() == kPortion;
}

// False: the store is away.
bool ReminderService::do_item(const OutboxItem& item, base::Now now) {
  SmsRef claimed = 0;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    claimed = 0;
    OutboxItem* const mine = tx.messages().outbox(item.id);
    if (mine == nullptr || mine->version != item.version) return false;  // another was faster
    const std::string why = start_item(tx, *mine, now, claimed);
    if (!why.empty()) {
      mine->state =
          now.utc_ms >= mine->expires_at ? OutboxItem::State::expired : OutboxItem::State::failed;
      mine->result = why;
    }
    if (mine->state != OutboxItem::State::open) mine->done_at = now.utc_ms;
    return true;
  });
  if (outcome == Outcome::committed && claimed != 0) sender_.ready(claimed);
  return outcome != Outcome::unavailable;
}

// Empty: begun or done. Else why it cannot be.
std::string ReminderService::start_item(RecordTx& tx, OutboxItem& item, base::Now now,
                                        SmsRef& claimed) {
  if (now.utc_ms >= item.expires_at) return "nobody has done it in time";
  if (item.kind == OutboxItem::Kind::notice || item.kind == OutboxItem::Kind::test_sms) {
    if (!item.number) return "no number";
    const bool notice = item.kind == OutboxItem::Kind::notice;
    Sms& sms = claim_sms(tx, world_, notice ? SmsKind::notice : SmsKind::test, *item.number,
                         std::min(item.expires_at - now.utc_ms, kNoticeLife), now);
    sms.record = item.record;
    sms.text = item.text;
    sms.outbox = item.id;
    if (!notice) sms.smsc = item.detail;
    claimed = sms.ref;
    item.next_at = item.expires_at;  // done when the message is
    return {};
  }
  if (item.kind == OutboxItem::Kind::wake) {
    Record* const record = tx.find(item.record);
    if (record == nullptr) return "the record is gone";
    if (world_.wake_up == nullptr) return "this instance wakes no cards";
    if (!number_of(*record, settings_)) return "no number that may be written to";
    const WakeReason reason = item.detail == "identity" ? WakeReason::identity : WakeReason::update;
    const std::string why =
        ask_for_wake_up(tx, *record, reason, item.asked_by, settings_.wake_up, now);
    if (!why.empty()) return why;
    tx.note(*record, {"wake_up_asked", item.asked_by, item.text});
    item.state = OutboxItem::State::done;
    item.result = "the card will be woken";
    return {};
  }
  // Of a later version, perhaps.
  if (item.kind != OutboxItem::Kind::run_reminders) return "this instance knows no such work";
  if (!settings_.enabled) return "reminders are off ([reminder] enabled)";
  if (!calendar_.inside(settings_.hours, now.utc_ms)) {
    return "outside the allowed hours, which begin at " +
           base::iso_date(calendar_.next_inside(settings_.hours, now.utc_ms));
  }
  tx.messages().job(kReminderJob).ran_at = now.utc_ms;
  item.state = OutboxItem::State::done;
  item.result = "begun";
  return {};
}

}  // namespace vault
