// Months go by: people are reminded, and answer.
#include "base/crypto.h"
#include "tests/sim/world_impl.h"

namespace sim {

namespace {

constexpr int kLooksADay = 3;
constexpr std::int64_t kBetweenLooks = 20 * base::kMinuteMs;
constexpr int kMostAtOnce = 100;

}  // namespace

void World::start_calendar(Instance& instance) {
  vault::ReminderSettings settings;
  settings.enabled = true;
  if (defect_ == Defect::doubled_reminder) settings.on_timeout = vault::OnTimeout::resend;
  instance.calendar_store =
      std::make_unique<FaultyStore>(instance.stores->open(), chance_, troubles_);
  instance.smsc = std::make_unique<Smsc>(
      chance_, troubles_.on,
      [this, &instance](const Smsc::Taken& taken) { handed(instance, taken); });
  const std::string name = std::to_string(&instance - instances_.data());
  instance.reminders = std::make_unique<vault::ReminderService>(
      settings, policy_, name, *instance.calendar_store, *instance.smsc, nullptr, vault_.log,
      vault_.counters);
}

void World::calendar(int days) {
  const std::int64_t today = now().utc_ms % base::kDayMs;
  const std::int64_t ten = base::kDayMs - today + 10 * base::kHourMs;
  for (int day = 0; day < days; ++day) {
    for (int look = 0; look < kLooksADay; ++look) {
      const std::int64_t at = ten + day * base::kDayMs + look * kBetweenLooks;
      for (Instance& instance : instances_) {
        after(at, [this, &instance] { look_at_calendar(instance); });
      }
    }
  }
  until_quiet();
}

void World::look_at_calendar(Instance& instance) {
  if (instance.down_until > now().mono_ms) return;
  if (!calm_ && chance_.one_in(100)) set_the_clock();
  if (ages_) keep_house(instance);
  looking_ = &instance;
  try {
    for (int i = 0; i < kMostAtOnce; ++i) {
      if (instance.reminders->work(now()) > now().mono_ms) return;
    }
  } catch (const Killed&) {
    return kill(instance);
  }
  if (calm_) throw Breach("the calendar does not come to an end");
}

// What the SMSC has taken: it tells the instance later, if that still lives.
void World::handed(Instance& instance, const Smsc::Taken& taken) {
  static constexpr const char* kTold[] = {"accepts", "refuses", "leaves open", "never sends"};
  const std::string number = taken.sms.to.digits();
  tell(base::cat("the SMSC ", kTold[static_cast<std::size_t>(taken.told)], " message ",
                 taken.sms.ref % 100'000, " of instance ", &instance - instances_.data(), " to +",
                 number));
  if (taken.arrives && taken.sms.kind == vault::SmsKind::reminder) {
    ++figures_.reminded;
    tell(base::cat("+", number, " is reminded by instance ", &instance - instances_.data()));
    oracle_.reminded(number);
    if (chance_.one_in(4)) subscriber_answers(taken.sms.to);
  }
  const vault::SmsOutcome outcome{
      taken.sms.ref, 1, 1, taken.told, "smsc", base::cat("id", ++messages_), 0, false};
  after(chance_.between(1, 60'000), [this, &instance, life = instance.life, outcome] {
    if (instance.life != life) return;
    tell(base::cat("instance ", &instance - instances_.data(), " hears of message ",
                   outcome.ref % 100'000));
    instance.reminders->outcome(outcome);
    look_at_calendar(instance);
  });
}

void World::subscriber_answers(const vault::Msisdn& number) {
  static constexpr const char* kAnswers[] = {"N", "Y", "what is this?", "STOP"};
  const std::string text = kAnswers[chance_.below(troubles_.on ? 4 : 3)];
  vault::IncomingSms sms;
  sms.mark = base::sha256(base::as_bytes(base::cat("answer ", ++messages_)));
  sms.smsc = "smsc";
  sms.from = number;
  sms.text = text;
  after(chance_.between(60'000, 5 * base::kHourMs), [this, sms] { deliver(sms); });
}

// Until an instance has it for sure.
void World::deliver(const vault::IncomingSms& sms) {
  Instance& instance = chance_.one_of(instances_);
  bool kept = false;
  if (instance.down_until <= now().mono_ms) {
    looking_ = &instance;
    try {
      kept = instance.reminders->keep({sms}, now());
    } catch (const Killed&) {
      kill(instance);
    }
  }
  if (!kept) return after(base::kMinuteMs, [this, sms] { deliver(sms); });
  tell(base::cat("+", sms.from->digits(), " has answered ", sms.text));
  if (sms.text == "STOP") oracle_.stopped(sms.from->digits());
}

}  // namespace sim
