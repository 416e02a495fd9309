#include "host/messenger.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "base/counters.h"
#include "base/files.h"
#include "base/guarded.h"
#include "base/secret.h"
#include "base/text.h"
#include "smsc/esme.h"

namespace host {

namespace {

constexpr std::int64_t kUnbindMs = 5'000;
constexpr std::size_t kLongestPassword = 4096;
constexpr std::uint64_t kReceipt = std::uint64_t{1} << 63;  // ids of receipts have it

bv_bytes bytes_of(base::View octets) { return {octets.data(), octets.size()}; }
bv_bytes bytes_of(std::string_view text) { return bytes_of(base::as_bytes(text)); }
base::View view_of(bv_bytes octets) {
  return octets.data == nullptr ? base::View() : base::View(octets.data, octets.size);
}
std::string text_of(bv_bytes octets) { return std::string(base::as_text(view_of(octets))); }

base::Result<smsc::Password> read_password(const std::string& path) {
  if (path.empty()) return smsc::Password();
  const base::SecretFileState state = base::check_secret_file(path);
  if (state.state != base::SecretFile::good) return base::Error{state.text};
  auto text = base::read_text_file(path, kLongestPassword);
  if (!text) return base::Error{path + ": " + text.error()};
  std::string whole = text.take();
  const std::size_t end = whole.find_last_not_of("\r\n") + 1;
  auto password =
      std::make_shared<const base::Secret>(base::as_bytes(std::string_view(whole).substr(0, end)));
  base::wipe(whole.data(), whole.size());
  return smsc::Password(std::move(password));
}

// The first octets of the message's mark: offered again it has the same id.
std::uint64_t id_of(const vault::IncomingSms& sms) {
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < sizeof id; ++i) id = id << 8 | sms.mark[i];
  return id & ~kReceipt;
}

}  // namespace

class Messenger::Impl : public vault::SmsSink {
 public:
  Impl(base::Log& log, const base::Clock& clock) : log_(log), clock_(clock) {}

  base::Status open(const SmscSettings& settings);
  base::Status start(bv_plugin* plugin, const bv_sms_sink_1* sink);
  void stop();
  bv_status submit(const bv_sms_message& message);
  std::uint32_t free_segments() const;
  void kept(std::uint64_t id, bv_status status);

  // On the ESME's thread.
  void outcome(const vault::SmsOutcome& outcome) override;
  void receipt(vault::SmsReceipt receipt, vault::Kept kept) override;
  void incoming(vault::IncomingSms sms, vault::Kept kept) override;
  void subscriber_back(const vault::Msisdn& number) override;
  void room() override { sink_->on_room(plugin_); }

 private:
  using Waiting = std::multimap<std::uint64_t, vault::Kept>;
  // Tells the plugin; what it does not take stays with the SMSC.
  template <class Tell>
  void hand_over(std::uint64_t id, vault::Kept kept, Tell tell);

  base::Log& log_;
  const base::Clock& clock_;
  base::Counters counters_;
  smsc::Settings settings_;
  bv_plugin* plugin_ = nullptr;
  const bv_sms_sink_1* sink_ = nullptr;
  base::Guarded<Waiting> waiting_;
  std::uint64_t receipts_ = 0;
  std::unique_ptr<smsc::Esme> owned_;
  std::atomic<smsc::Esme*> esme_{nullptr};  // set while the plugin may use it
};

base::Status Messenger::Impl::open(const SmscSettings& settings) {
  const auto place = base::parse_host_port(settings.address);
  if (!place) return base::Error{"not an address and port: " + settings.address};
  auto password = read_password(settings.password_file);
  if (!password) return base::Error{password.error()};
  settings_.name = "host";
  settings_.host = place->host;
  settings_.port = place->port;
  settings_.system_id = settings.system_id;
  settings_.password = password.take();
  settings_.source = settings.source;
  return {};
}

base::Status Messenger::Impl::start(bv_plugin* plugin, const bv_sms_sink_1* sink) {
  if (sink->on_room(plugin) != BV_OK) {
    return base::Error{"the plugin has no use for messages that the host carries (by_host)"};
  }
  plugin_ = plugin;
  sink_ = sink;
  const auto alarm = [this](const std::string&, const std::string& text) {
    if (text.empty()) {
      log_.info("alarm.over", "smsc.host is over");
    } else {
      log_.error("alarm.raised", "smsc.host: " + text);
    }
  };
  owned_ =
      std::make_unique<smsc::Esme>(std::vector<smsc::Settings>{settings_}, smsc::CommonSettings{},
                                   smsc::Esme::Parts{*this, clock_, log_, counters_, alarm});
  const base::Status started = owned_->start();
  if (started) esme_ = owned_.get();
  return started;
}

void Messenger::Impl::stop() {
  esme_ = nullptr;
  if (owned_) owned_->stop(kUnbindMs);
  waiting_.with([](Waiting& waiting) { waiting.clear(); });
}

bv_status Messenger::Impl::submit(const bv_sms_message& message) {
  auto number = vault::Msisdn::from_text("+" + text_of(message.number));
  if (!number || (message.text.size > 0) == (message.packet.size > 0)) return BV_E_INVALID;
  smsc::Esme* const esme = esme_;
  if (esme == nullptr) return BV_E_BUSY;
  const base::View packet = view_of(message.packet);
  const auto validity = std::min<std::uint64_t>(message.validity_ms, INT64_MAX);
  const vault::OutgoingSms sms{message.ref,
                               vault::SmsKind::notice,
                               std::move(*number),
                               text_of(message.text),
                               base::Bytes(packet.begin(), packet.end()),
                               static_cast<std::int64_t>(validity),
                               message.accepted,
                               {}};
  switch (esme->submit(sms)) {
    case vault::SmsOut::Taken::yes:
      return BV_OK;
    case vault::SmsOut::Taken::busy:
      return BV_E_BUSY;
    case vault::SmsOut::Taken::impossible:
      break;
  }
  return BV_E_INVALID;
}

std::uint32_t Messenger::Impl::free_segments() const {
  const smsc::Esme* const esme = esme_;
  return esme == nullptr
             ? 0
             : static_cast<std::uint32_t>(std::min<std::size_t>(esme->room(), UINT32_MAX));
}

void Messenger::Impl::kept(std::uint64_t id, bv_status status) {
  vault::Kept kept;
  waiting_.with([&](Waiting& waiting) {
    const auto found = waiting.find(id);
    if (found == waiting.end()) return;
    kept = std::move(found->second);
    waiting.erase(found);
  });
  if (kept) kept(status == BV_OK);
}

void Messenger::Impl::outcome(const vault::SmsOutcome& outcome) {
  constexpr std::uint32_t kOutcomes[] = {BV_SMS_ACCEPTED, BV_SMS_REFUSED, BV_SMS_UNCERTAIN,
                                         BV_SMS_NOT_SENT};
  bv_sms_result result{};
  result.ref = outcome.ref;
  result.segment = static_cast<std::uint32_t>(outcome.segment);
  result.segments = static_cast<std::uint32_t>(outcome.segments);
  result.outcome = kOutcomes[static_cast<std::size_t>(outcome.kind)];
  result.status = outcome.status;
  result.flags = outcome.bad_number ? BV_SMS_BAD_NUMBER : 0;
  result.message_id = bytes_of(std::string_view(outcome.message_id));
  const bv_status status = sink_->on_result(plugin_, &result);
  if (status != BV_OK) {
    log_.warning("sms.result_refused", base::cat("the plugin answered a result with ", status));
  }
}

template <class Tell>
void Messenger::Impl::hand_over(std::uint64_t id, vault::Kept kept, Tell tell) {
  // The plugin may say that it is kept before its function has returned.
  waiting_.with([&](Waiting& waiting) { waiting.emplace(id, std::move(kept)); });
  const bv_status status = tell();
  if (status == BV_OK) return;
  if (status == BV_E_INVALID)
    log_.warning("sms.not_understood", "the plugin makes no sense of a message");
  // What can never be taken must not come for ever.
  this->kept(id, status == BV_E_INVALID ? BV_OK : BV_E_BUSY);
}

void Messenger::Impl::receipt(vault::SmsReceipt receipt, vault::Kept kept) {
  constexpr std::uint32_t kOutcomes[] = {BV_SMS_DELIVERED, BV_SMS_FAILED, BV_SMS_BUFFERED};
  bv_sms_receipt told{};
  told.id = kReceipt | ++receipts_;
  told.message_id = bytes_of(std::string_view(receipt.message_id));
  if (receipt.number) told.number = bytes_of(std::string_view(receipt.number->digits()));
  told.error = bytes_of(std::string_view(receipt.error));
  told.outcome = kOutcomes[static_cast<std::size_t>(receipt.kind)];
  hand_over(told.id, std::move(kept), [&] { return sink_->on_receipt(plugin_, &told); });
}

void Messenger::Impl::incoming(vault::IncomingSms sms, vault::Kept kept) {
  bv_sms_incoming told{};
  told.id = id_of(sms);
  if (sms.from) told.from = bytes_of(std::string_view(sms.from->digits()));
  told.to = bytes_of(std::string_view(sms.to));
  told.text = bytes_of(std::string_view(sms.text));
  told.user_data = bytes_of(base::View(sms.user_data));
  told.reference = sms.reference;
  told.parts = static_cast<std::uint32_t>(sms.parts);
  told.part = static_cast<std::uint32_t>(sms.part);
  hand_over(told.id, std::move(kept), [&] { return sink_->on_message(plugin_, &told); });
}

void Messenger::Impl::subscriber_back(const vault::Msisdn& number) {
  sink_->on_reachable(plugin_, bytes_of(std::string_view(number.digits())));
}

Messenger::Messenger(base::Log& log, const base::Clock& clock)
    : impl_(std::make_unique<Impl>(log, clock)) {}
Messenger::~Messenger() = default;
base::Status Messenger::open(const SmscSettings& settings) { return impl_->open(settings); }
base::Status Messenger::start(bv_plugin* plugin, const bv_sms_sink_1* sink) {
  return impl_->start(plugin, sink);
}
void Messenger::stop() { impl_->stop(); }
bv_status Messenger::submit(const bv_sms_message& message) { return impl_->submit(message); }
std::uint32_t Messenger::room() const { return impl_->free_segments(); }
void Messenger::kept(std::uint64_t id, bv_status status) { impl_->kept(id, status); }

}  // namespace host
