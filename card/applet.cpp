#include "card/applet.h"

#include <algorithm>

namespace card {
namespace {

constexpr int kTicksPerCommit = 4;

}  // namespace

Applet::Applet(Card& card, std::function<void()> commit, Report report, AppletSettings settings)
    : card_(card),
      commit_(std::move(commit)),
      report_(std::move(report)),
      settings_(settings),
      link_(card_, proactive_, commit_, report_),
      remote_(card_, proactive_, report_) {
  main_.emplace(run());
  main_->start();
}

Task<> Applet::run() {
  for (;;) {
    while (jobs_.empty()) co_await proactive_.event();
    const Job job = jobs_.front();
    jobs_.pop_front();
    working_ = true;
    co_await perform(job);
    working_ = false;
  }
}

Task<> Applet::perform(Job job) {
  switch (job) {
    case Job::set_up:
      co_await set_up();
      break;
    case Job::tick:
      co_await tick();
      break;
    case Job::back_up:
      co_await back_up(Origin::menu);
      break;
    case Job::resume:
      co_await back_up(Origin::timer);
      break;
    case Job::update:
      co_await back_up(Origin::wake_up);
      break;
    case Job::proof:
      co_await send_proofs();
      break;
    case Job::push:
      co_await obey_pushes();
      break;
    case Job::restore:
      co_await restore(0);
      break;
    case Job::restore_older:
      co_await restore_older();
      break;
    case Job::memo:
      co_await write_memo();
      break;
    case Job::status:
      co_await show_status();
      break;
    case Job::erase:
      co_await erase_backup();
      break;
    case Job::identity:
      co_await report_identity(Origin::wake_up);
      break;
  }
}

// What is queued already is not queued twice: an impatient user gets one backup.
void Applet::add_job(Job job) {
  if (std::find(jobs_.begin(), jobs_.end(), job) == jobs_.end()) jobs_.push_back(job);
  proactive_.signal();
}

void Applet::terminal_profile(base::View profile) {
  profile_.assign(profile.begin(), profile.end());
  if (!started_) add_job(Job::set_up);
  started_ = true;
}

Task<> Applet::set_up() {
  const std::vector<MenuItem> items{
      {kBackUp, "Back up"},  {kRestore, "Restore"}, {kRestoreOlder, "Restore older"},
      {kMemo, "Write memo"}, {kStatus, "Status"},   {kErase, "Erase backup"}};
  const Command menu = commands::set_up_menu("Phone backup", items);
  co_await proactive_.issue(menu);
  const Command events =
      commands::set_up_event_list({event::kDataAvailable, event::kChannelStatus});
  co_await proactive_.issue(events);
  const Command poll = commands::poll_interval(settings_.poll_seconds);
  co_await proactive_.issue(poll);
  const File* last = card_.files.find(path::last_iccid());
  Memory& memory = card_.memory;
  if (!std::equal(memory.watched.begin(), memory.watched.end(), last->content().begin())) {
    // Another terminal, or one that forgot: its hours are counted anew.
    std::copy(last->content().begin(), last->content().end(), memory.watched.begin());
    memory.use_ms = 0;
    memory.key_asked = false;
  }
  memory.identity_known = memory.watched == card_.iccid;
  commit_();
  const Command timer = commands::start_timer(kTickTimer, settings_.tick_seconds);
  co_await proactive_.issue(timer);
  if (memory.upload && memory.upload->retries < settings_.max_retries) {
    const Command retry = commands::start_timer(kRetryTimer, settings_.retry_seconds);
    co_await proactive_.issue(retry);
  }
}

// The time was added when the timer expired; here the timer is started again and what has become
// due is done.
Task<> Applet::tick() {
  const Command timer = commands::start_timer(kTickTimer, settings_.tick_seconds);
  co_await proactive_.issue(timer);
  Memory& memory = card_.memory;
  const bool first = !memory.identity_known && memory.use_ms >= settings_.first_report_ms;
  if (memory.since_report_ms >= settings_.report_ms) memory.report_due = true;
  if (first || memory.report_due) co_await report_identity(Origin::timer);
  if (++ticks_ % kTicksPerCommit == 0) commit_();
}

bool Applet::envelope(base::View data) {
  const auto event = decode_envelope(data);
  if (!event) return false;
  switch (event->outer) {
    case envelope::kMenuSelection:
      on_menu(*event);
      return true;
    case envelope::kTimerExpiration:
      on_timer(*event);
      return true;
    case envelope::kSmsDownload:
      on_sms(*event);
      return true;
    case envelope::kEventDownload:
      link_.on_event(*event);
      remote_.on_event(*event);
      proactive_.signal();
      return true;
    default:
      return false;
  }
}

void Applet::on_menu(const Envelope& event) {
  const auto item = event.objects.find(tag::kItemId);
  if (!item || item->size() != 1) return;
  switch ((*item)[0]) {
    case kBackUp:
      add_job(Job::back_up);
      break;
    case kRestore:
      add_job(Job::restore);
      break;
    case kRestoreOlder:
      add_job(Job::restore_older);
      break;
    case kMemo:
      add_job(Job::memo);
      break;
    case kStatus:
      add_job(Job::status);
      break;
    case kErase:
      add_job(Job::erase);
      break;
    default:
      break;
  }
}

void Applet::on_timer(const Envelope& event) {
  const auto id = event.objects.find(tag::kTimerId);
  if (!id || id->size() != 1) return;
  if ((*id)[0] == Link::kGuardTimer) {
    link_.on_guard_timer();
    proactive_.signal();
  } else if ((*id)[0] == Link::kCatTpTimer) {
    link_.on_cat_tp_timer();
    proactive_.signal();
  } else if ((*id)[0] == RemoteManagement::kGuardTimer) {
    remote_.on_guard_timer();
    proactive_.signal();
  } else if ((*id)[0] == kRetryTimer) {
    if (card_.memory.upload) add_job(Job::resume);
  } else if ((*id)[0] == kTickTimer) {
    const std::int64_t elapsed = settings_.tick_seconds * std::int64_t{1000};
    card_.memory.use_ms += elapsed;
    card_.memory.since_report_ms += elapsed;
    add_job(Job::tick);
  }
}

}  // namespace card
