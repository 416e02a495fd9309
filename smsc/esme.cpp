#include "smsc/esme.h"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "smsc/esme_mailbox.h"
#include "smsc/esme_smsc.h"
#include "smsc/incoming.h"
#include "smsc/receipt.h"
#include "smsc/segments.h"

namespace smsc {

namespace {

// The clock may be a laboratory's, which jumps: it is looked at at least so often.
constexpr std::int64_t kLongestSleep = 200;
constexpr std::size_t kPayloadSegment = 134;  // octets, to count what the SMSC will count

std::uint32_t cost_of(const SubmitSm& message) {
  const std::size_t size = message.content().size();
  if (message.find(tag::kMessagePayload) == nullptr) return 1;
  return static_cast<std::uint32_t>((size + kPayloadSegment - 1) / kPayloadSegment);
}

base::Status bindable(const Settings& settings) {
  for (const bool receiver : {false, true}) {
    Bind bind;
    bind.system_id = receiver ? settings.receiver_system_id : settings.system_id;
    const Password& password = receiver ? settings.receiver_password : settings.password;
    if (password) bind.password = password->clone();
    bind.system_type = settings.system_type;
    bind.address_range = settings.address_range;
    base::Bytes ignored;
    if (auto built = append_bind(ignored, command::kBindTransceiver, 1, bind); !built) {
      base::wipe(ignored.data(), ignored.size());
      return base::Error{base::cat("[smsc.", settings.name, "] ", built.error())};
    }
    base::wipe(ignored.data(), ignored.size());
  }
  return {};
}

// Null: it is reached without TLS.
base::Result<std::shared_ptr<const TlsContext>> tls_of(const Settings& settings) {
  if (!settings.tls) return std::shared_ptr<const TlsContext>();
  return TlsContext::make(settings);
}

}  // namespace

base::Status Esme::check(const Settings& settings) {
  if (auto fits = bindable(settings); !fits) return fits;
  const auto tls = tls_of(settings);
  return tls ? base::Status() : base::Status(base::Error{tls.error()});
}

class Esme::Impl : public SmscOwner {
 public:
  Impl(std::vector<Settings> smscs, const CommonSettings& common, const Parts& parts);

  base::Status start();
  void drain();
  bool drained() const { return drained_; }
  void stop(std::int64_t deadline_ms);
  Taken submit(const vault::OutgoingSms& sms);
  Mailbox& box() { return *box_; }

  void outcome(std::size_t smsc, const vault::SmsOutcome& outcome) override;
  void delivered(std::size_t smsc, const std::shared_ptr<Conn>& conn, LinkEvent& event) override;
  void alerted(const Address& subscriber) override;
  void alarm(std::size_t smsc, const std::string& text) override;
  void something_changed() override;

 private:
  void pump();
  void take_turn(base::Now now);
  void look_into_box(base::Now now);
  void arm_timer(base::Now now);
  void close_all();

  std::vector<std::shared_ptr<const Settings>> settings_;
  CommonSettings common_;
  Parts parts_;
  base::EventLoop loop_;
  Names names_{loop_};
  std::shared_ptr<Mailbox> box_;
  std::vector<std::unique_ptr<Smsc>> smscs_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  Marks marks_;
  std::size_t not_durable_ = 0;  // incoming messages without answer of ours
  bool pump_due_ = false;
  bool started_ = false;
  bool draining_ = false;
  bool closed_ = false;
  std::atomic<bool> drained_{false};
  std::mutex drained_mutex_;
  std::condition_variable drained_changed_;
};

Esme::Impl::Impl(std::vector<Settings> smscs, const CommonSettings& common, const Parts& parts)
    : common_(common), parts_(parts) {
  for (Settings& one : smscs) {
    settings_.push_back(std::make_shared<const Settings>(std::move(one)));
  }
  box_ = std::make_shared<Mailbox>(settings_);
}

base::Status Esme::Impl::start() {
  if (started_) return base::Error{"smsc: already started"};
  smscs_.clear();
  draining_ = closed_ = drained_ = false;
  not_durable_ = 0;
  const Smsc::World world{loop_.context(), names_,          parts_.clock,
                          parts_.log,      parts_.counters, *this};
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    const Settings& settings = *settings_[i];
    if (auto fits = bindable(settings); !fits) return fits;
    auto tls = tls_of(settings);
    if (!tls) return base::Error{tls.error()};
    smscs_.push_back(std::make_unique<Smsc>(i, settings_[i], tls.take(), world));
  }
  timer_ = std::make_unique<boost::asio::steady_timer>(loop_.context());
  if (!names_.start() || !loop_.start("smsc-loop")) {
    names_.stop();
    return base::Error{"smsc: no threads to be had"};
  }
  started_ = true;
  box_->accept_all();
  box_->set_ring([this] { loop_.post([this] { pump(); }); });
  loop_.post([this] { pump(); });
  return {};
}

void Esme::Impl::something_changed() {
  if (pump_due_) return;
  pump_due_ = true;
  loop_.post([this] {
    pump_due_ = false;
    pump();
  });
}

void Esme::Impl::look_into_box(base::Now now) {
  Mailbox::Contents contents = box_->empty();
  not_durable_ -= std::min(not_durable_, box_->lost_answers());
  for (auto& [smsc, segment] : contents.segments) smscs_[smsc]->push(std::move(segment));
  for (const Mailbox::Answer& answer : contents.answers) {
    if (not_durable_ > 0) --not_durable_;
    const auto conn = answer.conn.lock();
    if (conn == nullptr || conn->link() == nullptr) continue;
    conn->link()->deliver_result(answer.sequence,
                                 answer.kept ? status::kOk : status::kTemporaryError, now);
  }
}

// Out of memory: this turn is lost, the next one comes.
void Esme::Impl::pump() {
  if (closed_) return;
  const base::Now now = parts_.clock.now();
  try {
    take_turn(now);
  } catch (...) {
    parts_.counters.add("smsc.lost_turns");
  }
  arm_timer(now);
}

void Esme::Impl::take_turn(base::Now now) {
  look_into_box(now);
  bool all_drained = draining_;
  const bool elsewhere =
      std::any_of(smscs_.begin(), smscs_.end(), [](const auto& smsc) { return smsc->usable(); });
  for (std::size_t i = 0; i < smscs_.size(); ++i) {
    Smsc& smsc = *smscs_[i];
    if (draining_) smsc.drain(now);
    smsc.pump(now);
    smsc.fail_over(now, elsewhere);
    box_->update(i, smsc.usable() && !draining_, smsc.limit(), smsc.state());
    all_drained = all_drained && smsc.drained();
  }
  if (all_drained && !drained_) {
    std::lock_guard lock(drained_mutex_);
    drained_ = true;
    drained_changed_.notify_all();
  }
  if (box_->room_is_back()) parts_.sink.room();
}

void Esme::Impl::arm_timer(base::Now now) {
  std::int64_t wait = kLongestSleep;
  for (const auto& smsc : smscs_) wait = std::min(wait, smsc->deadline(now) - now.mono_ms);
  timer_->expires_after(std::chrono::milliseconds(std::max<std::int64_t>(wait, 1)));
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) pump();
  });
}

void Esme::Impl::outcome(std::size_t smsc, const vault::SmsOutcome& outcome) {
  box_->outcome_given(smsc);
  parts_.sink.outcome(outcome);
}

void Esme::Impl::delivered(std::size_t smsc, const std::shared_ptr<Conn>& conn, LinkEvent& event) {
  const base::Now now = parts_.clock.now();
  const Settings& settings = *settings_[smsc];
  if (not_durable_ >= common_.mo_queue || draining_) {
    parts_.counters.add("smsc.mo_throttled");
    return conn->link()->deliver_result(event.sequence, status::kThrottled, now);
  }
  ++not_durable_;
  vault::Kept kept = box_->answer_later(conn, event.sequence);
  if (is_receipt(event.message)) {
    parts_.counters.add("smsc.receipts");
    return parts_.sink.receipt(read_receipt(event.message, settings), std::move(kept));
  }
  parts_.counters.add("smsc.incoming");
  vault::IncomingSms sms = read_incoming(event.message, settings, now);
  sms.mark = marks_.mark(event.message, sms.parts > 1, settings.duplicate_window, now);
  parts_.sink.incoming(std::move(sms), std::move(kept));
}

void Esme::Impl::alerted(const Address& subscriber) {
  parts_.counters.add("smsc.alerts");
  if (const auto number = subscriber_number(subscriber)) parts_.sink.subscriber_back(*number);
}

void Esme::Impl::alarm(std::size_t smsc, const std::string& text) {
  if (parts_.alarm) parts_.alarm(settings_[smsc]->name, text);
}

vault::SmsOut::Taken Esme::Impl::submit(const vault::OutgoingSms& sms) {
  const Mailbox::Choice choice = box_->choose(sms.smsc);
  if (choice.unknown) return Taken::impossible;
  if (choice.settings == nullptr) return Taken::busy;
  auto messages = cut(sms, *choice.settings);
  if (!messages) return Taken::impossible;
  const std::int64_t waits = choice.settings->queue_timeout;
  const std::int64_t validity = sms.validity_ms > 0 ? sms.validity_ms : waits;
  const std::int64_t give_up_at = parts_.clock.now().mono_ms + std::min(waits, validity);
  std::vector<Segment> segments;
  const int total = static_cast<int>(messages->size());
  // The settings have changed since: what is left of one cut makes no message of the other.
  const bool beyond = total < 64 && sms.accepted_segments >> total != 0;
  const bool other_cut = sms.accepted_of != 0 && sms.accepted_of != total;
  if (beyond || (sms.accepted_segments != 0 && other_cut)) return Taken::impossible;
  for (int number = 1; number <= total; ++number) {
    if (sms.is_accepted(number)) continue;
    Segment segment;
    segment.ref = sms.ref;
    segment.number = number;
    segment.total = total;
    segment.pinned = !sms.smsc.empty();
    segment.give_up_at = give_up_at;
    segment.message = std::move((*messages)[static_cast<std::size_t>(number - 1)]);
    segment.cost = cost_of(segment.message);
    segments.push_back(std::move(segment));
  }
  if (segments.empty()) return Taken::impossible;  // nothing would tell what became of it
  return box_->put(choice.smsc, segments) ? Taken::yes : Taken::busy;
}

void Esme::Impl::drain() {
  if (!started_) return;
  box_->refuse_all();
  loop_.post([this] {
    draining_ = true;
    pump();
  });
}

void Esme::Impl::close_all() {
  const base::Now now = parts_.clock.now();
  look_into_box(now);
  for (const auto& smsc : smscs_) smsc->close_all(now);
  closed_ = true;
  boost::system::error_code ignored;
  timer_->cancel(ignored);
}

void Esme::Impl::stop(std::int64_t deadline_ms) {
  if (!started_) return;
  drain();
  {
    std::unique_lock lock(drained_mutex_);
    // Wall time, not the clock port: a laboratory's clock may stand still.
    drained_changed_.wait_for(lock,
                              std::chrono::milliseconds(std::max<std::int64_t>(deadline_ms, 0)),
                              [this] { return drained_.load(); });
  }
  loop_.run_and_wait([this] { close_all(); });
  box_->set_ring(nullptr);
  names_.stop();
  // Handlers of closed sockets are queued by now: they end before the loop does.
  loop_.run_and_wait([] {});
  loop_.stop();
  timer_.reset();
  smscs_.clear();
  started_ = false;
  parts_.log.info("smsc.stopped", "stopped");
}

Esme::Esme(std::vector<Settings> smscs, const CommonSettings& common, const Parts& parts)
    : impl_(std::make_unique<Impl>(std::move(smscs), common, parts)) {}

Esme::~Esme() { impl_->stop(0); }

base::Status Esme::start() { return impl_->start(); }
void Esme::drain() { impl_->drain(); }
bool Esme::drained() const { return impl_->drained(); }
void Esme::stop(std::int64_t deadline_ms) { impl_->stop(deadline_ms); }
vault::SmsOut::Taken Esme::submit(const vault::OutgoingSms& sms) { return impl_->submit(sms); }
std::size_t Esme::room() const { return impl_->box().room(); }
std::vector<vault::SmscState> Esme::state() const { return impl_->box().state(); }

}  // namespace smsc
