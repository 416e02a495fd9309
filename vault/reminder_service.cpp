#include "vault/reminder_service.h"

#include <algorithm>

#include "base/crypto.h"

namespace vault {

namespace {

constexpr std::int64_t kPollMs = 5 * base::kSecondMs;
constexpr std::size_t kWalked = 500;  // records in one step along the dates
// Months differ in length: so much earlier than their due date records are looked at.
constexpr std::int64_t kMonthSlack = 4 * base::kDayMs;

std::int64_t walk_until(const ReminderSettings& settings, const Calendar& calendar,
                        std::int64_t run_at) {
  return calendar.add(run_at, {-settings.interval.months, -settings.interval.ms}) + kMonthSlack;
}

// Reads only; nothing if the store is away.
std::optional<JobRow> read_job(Store& store, const char* name, base::Now now) {
  JobRow job;
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    job = tx.messages().job(name);
    return false;
  });
  if (outcome == Outcome::unavailable) return std::nullopt;
  return job;
}

}  // namespace

std::vector<SettingsFault> faults_of(const ReminderSettings& settings) {
  std::vector<SettingsFault> faults;
  if (!Calendar::load(settings.time_zone)) {
    faults.push_back({"time_zone", "this machine knows no zone " + settings.time_zone});
  }
  const std::vector<std::string_view> known{kDatePlaceholder, kCardPlaceholder};
  const std::pair<const char*, const Texts*> all[] = {{"text", &settings.text},
                                                      {"shrunk_text", &settings.shrunk_text},
                                                      {"help_text", &settings.help_text}};
  for (const auto& [name, texts] : all) {
    if (texts->empty()) faults.push_back({name, "there is none"});
    for (const auto& [language, text] : *texts) {
      const std::string fault = text_fault(text, known);
      if (!fault.empty()) faults.push_back({base::cat(name, ".", language), fault});
    }
  }
  const std::string word = ambiguous_word(settings.words);
  if (!word.empty()) {
    faults.push_back({"yes", "the word " + word + " means two things in one language, or nothing"});
  }
  return faults;
}

ReminderService::ReminderService(const ReminderSettings& settings, const Policy& policy,
                                 const std::string& instance, Store& store, SmsOut& out,
                                 WakeUp* wake_up, base::Log& log, base::Counters& counters)
    : settings_(settings),
      policy_(policy),
      instance_(instance),
      owner_(instance + "#" + base::to_hex(base::random_array<4>())),
      calendar_(Calendar::load(settings.time_zone).value_or(Calendar::utc())),
      world_{settings_, policy_, calendar_, owner_, store, out, wake_up, log, counters},
      sender_(world_),
      wake_ups_(world_, sender_) {}

void ReminderService::reconfigure(const ReminderSettings& settings, const Policy& policy) {
  settings_ = settings;
  policy_ = policy;
  calendar_ = Calendar::load(settings.time_zone).value_or(Calendar::utc());
}

void ReminderService::finish(base::Now now) {
  while (sender_.settle(now)) {
  }
  sender_.release(now);
}

std::int64_t ReminderService::work(base::Now now) {
  bool more = sender_.settle(now);
  more = work_incoming(now) || more;
  more = work_outbox(now) || more;
  more = sender_.recover(now) || more;
  more = remind(now) || more;
  more = wake_ups_.send_due(now) || more;
  more = wake_ups_.refresh_identities(now) || more;
  more = sender_.submit(now) || more;
  sender_.renew(now);
  more = purge(now) || more;
  return more ? now.mono_ms : now.mono_ms + kPollMs;
}

// Who was told what, and what people have written, is kept no longer than it may be needed.
bool ReminderService::purge(base::Now now) {
  if (now.mono_ms < next_purge_) return false;
  constexpr std::size_t kPortion = 200;
  const std::int64_t before =
      now.utc_ms - std::max(settings_.keep_messages, settings_.validity + base::kDayMs);
  const auto ended = world_.store.messages().ended_before(before, kPortion);
  if (!ended) return false;
  if (!ended->empty()) {
    const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
      tx.messages().drop(*ended);
      return true;
    });
    if (outcome == Outcome::unavailable) return false;
  }
  const bool more =
      std::max({ended->sms.size(), ended->outbox.size(), ended->incoming.size()}) >= kPortion;
  if (!more) next_purge_ = now.mono_ms + base::kHourMs;
  return more;
}

// The daily job: a run is begun once a day by whoever is first inside the hours; all instances
// work on it until nothing is due that was due when it began.
bool ReminderService::remind(base::Now now) {
  if (!settings_.enabled || !calendar_.inside(settings_.hours, now.utc_ms)) return false;
  if (!begin_run(now)) return false;
  const bool walked = walk(now);
  return claim_due(now) || walked;
}

bool ReminderService::begin_run(base::Now now) {
  const auto job = read_job(world_.store, kReminderJob, now);
  if (!job) return false;
  run_at_ = job->ran_at;
  // Not a day's that lies ahead: the clock was, and nothing would begin until that date.
  const bool ahead = job->ran_at > now.utc_ms + base::kDayMs;
  const bool begun = job->ran_at != 0 && calendar_.day(job->ran_at) >= calendar_.day(now.utc_ms);
  if (begun && !ahead) return true;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    JobRow& mine = tx.messages().job(kReminderJob);
    run_at_ = mine.ran_at;
    if (mine.version != job->version) return false;  // another instance has just begun it
    mine.ran_at = run_at_ = now.utc_ms;
    mine.owner = owner_;
    mine.count = 0;
    return true;
  });
  if (outcome == Outcome::committed) {
    world_.log.info("vault.reminders_begin", "the day's reminders begin");
    world_.counters.add("vault.reminder_runs");
  }
  return outcome != Outcome::unavailable;
}

// Records whose interval has ended since the last walk get a row of their own, which says when
// they are due; the walk itself never comes back to them.
bool ReminderService::walk(base::Now now) {
  const auto job = read_job(world_.store, kReminderJob, now);
  if (!job) return false;
  const auto found = world_.store.messages().records_by(
      MessageScan::Date::updated, {job->after_record, job->after_date},
      walk_until(settings_, calendar_, run_at_), kWalked);
  if (!found || found->empty()) return false;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    JobRow& mine = tx.messages().job(kReminderJob);
    if (mine.version != job->version) return false;  // another instance has walked it
    for (const MessageScan::Dated& dated : *found) {
      Reminder& reminder = tx.messages().reminder(dated.record);
      if (reminder.opted_out_at != 0) continue;
      const std::int64_t due_at = calendar_.add(dated.date, settings_.interval);
      if (reminder.next_at == 0 || reminder.next_at > due_at) reminder.next_at = due_at;
    }
    mine.after_date = found->back().date;
    mine.after_record = found->back().record;
    return true;
  });
  return outcome != Outcome::unavailable;
}

// Not beyond what this clock calls due: the rules would leave such rows as they are, to be found
// again at once.
std::int64_t ReminderService::due_until(base::Now now) const {
  return std::min(run_at_, now.utc_ms);
}

bool ReminderService::claim_due(base::Now now) {
  const auto batch = static_cast<std::size_t>(std::max(settings_.batch, 1));
  // What is due stays in the store until what was claimed has left.
  if (sender_.waiting() >= batch || world_.out.room() == 0) return false;
  constexpr std::size_t kSpread = 8;
  const auto due = world_.store.messages().due_reminders(due_until(now), batch * kSpread);
  if (!due || due->empty()) return false;
  // Instances that look at the same moment take different ones.
  const std::size_t spare = due->size() > batch ? due->size() - batch : 0;
  const std::size_t first = base::random_below(static_cast<std::uint32_t>(spare) + 1);
  const std::size_t end = std::min(due->size(), first + batch);
  std::vector<SmsRef> claimed;
  const Outcome outcome = world_.store.update(now, [&](RecordTx& tx) {
    claimed.clear();
    for (std::size_t i = first; i < end; ++i) {
      SmsRef ref = 0;
      if (claim_one(tx, (*due)[i], now, ref)) claimed.push_back(ref);
    }
    return true;
  });
  if (outcome == Outcome::unavailable) return false;
  for (const SmsRef ref : claimed) sender_.ready(ref);
  world_.counters.add("vault.reminders", static_cast<std::int64_t>(claimed.size()));
  return true;
}

bool ReminderService::claim_one(RecordTx& tx, const RecordId& id, base::Now now, SmsRef& claimed) {
  Reminder& reminder = tx.messages().reminder(id);
  if (reminder.next_at == 0 || reminder.next_at > due_until(now)) return false;  // not first
  Record* const record = tx.find(id);
  if (record == nullptr) {
    reminder.next_at = 0;
    reminder.open = false;
    return false;
  }
  const ReminderDecision decision = decide_reminder(*record, reminder, world_.context(), now);
  reminder = decision.after;
  if (!decision.to) return false;
  Sms& sms = claim_sms(tx, world_, SmsKind::reminder, *decision.to, settings_.validity, now);
  sms.record = id;
  sms.due_at = reminder.due_at;
  sms.attempt = reminder.sent;
  sms.text = reminder_text(tx, *record, now);
  reminder.last_ref = claimed = sms.ref;
  tx.note(*record, {"reminder", "vault",
                    base::cat("to ", tail_of(*decision.to), ", due ",
                              calendar_.date(reminder.due_at), ", attempt ", reminder.sent)});
  return true;
}

std::string ReminderService::reminder_text(RecordTx& tx, const Record& record,
                                           base::Now now) const {
  const Values values = values_of(record);
  const std::string* const text =
      text_in(settings_.text, record.language, settings_.default_language);
  std::string filled = text == nullptr ? std::string() : fill_in(*text, values);
  const auto images = tx.images(record);
  const bool shrunk = std::any_of(images.begin(), images.end(), [&](const ImageInfo& image) {
    return image.pinned_until > now.utc_ms && !(record.image && image.id == record.image->id);
  });
  const std::string* const more =
      shrunk ? text_in(settings_.shrunk_text, record.language, settings_.default_language)
             : nullptr;
  if (more != nullptr) {
    // No blank behind a full stop of a script that has none.
    if (!filled.empty() && static_cast<unsigned char>(filled.back()) < 0x80) filled += ' ';
    filled += fill_in(*more, values);
  }
  return filled;
}

Values ReminderService::values_of(const Record& record) const {
  constexpr std::size_t kShown = 4;
  const std::string& digits = record.iccid.digits();
  return {{kDatePlaceholder, calendar_.date(record.updated_at)},
          {kCardPlaceholder, digits.substr(digits.size() - kShown)}};
}

void ReminderService::subscriber_back(const Msisdn& number, base::Now now) {
  wake_ups_.subscriber_back(number, now);
}

base::Result<ReminderService::Preview> ReminderService::preview(const ReminderSettings& settings,
                                                                const Policy& policy, Store& store,
                                                                std::size_t limit, base::Now now) {
  const auto calendar = Calendar::load(settings.time_zone);
  if (!calendar) return base::Error{"there is no time zone " + settings.time_zone};
  Preview preview;
  preview.inside_hours = calendar->inside(settings.hours, now.utc_ms);
  preview.opens_at = calendar->next_inside(settings.hours, now.utc_ms);
  const auto job = read_job(store, kReminderJob, now);
  if (!job) return base::Error{"the store cannot be reached"};
  auto& scan = store.messages();
  const auto walked =
      scan.records_by(MessageScan::Date::updated, {job->after_record, job->after_date},
                      walk_until(settings, *calendar, now.utc_ms), limit);
  const auto due = scan.due_reminders(now.utc_ms, limit);
  if (!walked) return base::Error{walked.error()};
  if (!due) return base::Error{due.error()};
  std::vector<RecordId> ids = *due;
  for (const MessageScan::Dated& dated : *walked) {
    if (calendar->add(dated.date, settings.interval) <= now.utc_ms) ids.push_back(dated.record);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  preview.more = due->size() >= limit || walked->size() >= limit || ids.size() > limit;
  if (ids.size() > limit) ids.resize(limit);
  preview.due = ids.size();
  const ReminderContext context{settings, policy, *calendar};
  const Outcome outcome = store.update(now, [&](RecordTx& tx) {
    preview.to_write = 0;
    for (const RecordId& id : ids) {
      const Record* const record = tx.find(id);
      if (record == nullptr) continue;
      const Reminder& reminder = tx.messages().reminder(id);
      if (decide_reminder(*record, reminder, context, now).to) ++preview.to_write;
    }
    return false;
  });
  if (outcome == Outcome::unavailable) return base::Error{"the store cannot be reached"};
  return preview;
}

}  // namespace vault
