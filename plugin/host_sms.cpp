#include "plugin/host_sms.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/text.h"

namespace plugin {

namespace {

constexpr std::size_t kLongestText = 2'000;
constexpr std::size_t kLongestUserData = 140;
constexpr std::size_t kLongestId = 80;
constexpr std::uint32_t kMostParts = 255;

bv_bytes bytes_of(base::View octets) { return {octets.data(), octets.size()}; }
bv_bytes bytes_of(std::string_view text) { return bytes_of(base::as_bytes(text)); }

// Nothing is read from a null pointer.
base::View view_of(bv_bytes octets) {
  return octets.data == nullptr ? base::View() : base::View(octets.data, octets.size);
}
std::string text_of(bv_bytes octets) { return std::string(base::as_text(view_of(octets))); }

std::optional<vault::Msisdn> number_of(std::string_view digits) {
  return vault::Msisdn::from_text("+" + std::string(digits));
}

// Tells the host what became of what it has handed over, also when nobody does so any more.
class Acknowledgement {
 public:
  Acknowledgement(const Host& host, std::uint64_t id) : host_(host), id_(id) {}
  Acknowledgement(const Acknowledgement&) = delete;
  Acknowledgement& operator=(const Acknowledgement&) = delete;
  ~Acknowledgement() {
    if (!told_) host_.sms_kept(id_, BV_E_BUSY);
  }
  void tell(bool kept) {
    told_ = true;
    host_.sms_kept(id_, kept ? BV_OK : BV_E_BUSY);
  }
  void cancel() { told_ = true; }

 private:
  const Host& host_;
  const std::uint64_t id_;
  bool told_ = false;
};

void put(base::Writer& out, base::View value) {
  out.u32(static_cast<std::uint32_t>(value.size())).bytes(value);
}

base::Sha256 mark_of(const bv_sms_incoming& message) {
  base::Writer out;
  out.text(HostSms::kName).u64(message.id).u64(static_cast<std::uint64_t>(message.sent_at_ms));
  out.u32(message.reference).u32(message.parts).u32(message.part);
  for (const bv_bytes& field : {message.from, message.to, message.text, message.user_data}) {
    put(out, view_of(field));
  }
  return base::sha256(out.view());
}

bool sensible(const bv_sms_incoming& message) {
  const bool text = message.text.size > 0;
  if (text && !base::valid_utf8(text_of(message.text))) return false;
  const bool parts = message.parts >= 1 && message.parts <= kMostParts && message.part >= 1 &&
                     message.part <= message.parts && message.reference <= 0xFFFF;
  return parts && text != (message.user_data.size > 0) && message.text.size <= kLongestText &&
         message.user_data.size <= kLongestUserData;
}

}  // namespace

base::Status HostSms::start() {
  const std::lock_guard lock(mutex_);
  under_way_.clear();
  open_ = listening_ = true;
  return {};
}

void HostSms::drain() {
  const std::lock_guard lock(mutex_);
  open_ = false;
}

void HostSms::stop(std::int64_t deadline_ms) {
  std::unique_lock lock(mutex_);
  open_ = false;
  changed_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(deadline_ms, 0)),
                    [this] { return under_way_.empty(); });
  listening_ = false;
  for (const auto& [ref, message] : under_way_) {
    vault::SmsOutcome outcome;
    outcome.ref = ref;
    outcome.smsc = kName;
    outcome.kind = vault::SmsOutcome::Kind::uncertain;
    const int known =
        message.segments != 0 ? static_cast<int>(message.segments) : message.accepted_of;
    outcome.segments = std::max(known, 1);
    for (int segment = 1; segment <= outcome.segments; ++segment) {
      if ((message.told >> (segment - 1) & 1) != 0) continue;
      outcome.segment = segment;
      inbox_.outcome(outcome);
    }
  }
  under_way_.clear();
}

bool HostSms::all_told(const UnderWay& message) const {
  const std::uint64_t all =
      message.segments >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << message.segments) - 1;
  return message.segments > 0 && (message.told & all) == all;
}

vault::SmsOut::Taken HostSms::submit(const vault::OutgoingSms& sms) {
  if (!sms.smsc.empty() && sms.smsc != kName) return Taken::impossible;
  {
    // Results may come before the host's call has returned.
    const std::lock_guard lock(mutex_);
    if (!open_) return Taken::busy;
    under_way_[sms.ref] = {sms.accepted_segments, 0, sms.accepted_of};
  }
  const bv_sms_message message{
      sms.ref,
      bytes_of(std::string_view(sms.to.digits())),
      bytes_of(std::string_view(sms.text)),
      bytes_of(base::View(sms.packet)),
      sms.accepted_segments,
      static_cast<std::uint64_t>(std::max<std::int64_t>(sms.validity_ms, 0))};
  const bv_status status = host_.sms_submit(message);
  if (status == BV_OK) return Taken::yes;
  {
    const std::lock_guard lock(mutex_);
    under_way_.erase(sms.ref);
    changed_.notify_all();
  }
  if (status != BV_E_BUSY && status != BV_E_INVALID) {
    log_.error("plugin.sms_service", base::cat("bv.sms/1 submit answered ", status));
  }
  return status == BV_E_INVALID ? Taken::impossible : Taken::busy;
}

std::size_t HostSms::room() const {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return 0;
  }
  return host_.sms_room();
}

std::vector<vault::SmscState> HostSms::state() const {
  vault::SmscState state;
  state.name = kName;
  const std::lock_guard lock(mutex_);
  state.bound = open_;
  state.in_flight = static_cast<std::uint32_t>(under_way_.size());
  return {state};
}

bv_status HostSms::on_result(const bv_sms_result* result) {
  if (result == nullptr || result->outcome < BV_SMS_ACCEPTED || result->outcome > BV_SMS_NOT_SENT ||
      result->segments == 0 || result->segments > BV_SMS_SEGMENTS || result->segment == 0 ||
      result->segment > result->segments || result->message_id.size > kLongestId) {
    return BV_E_INVALID;
  }
  using Kind = vault::SmsOutcome::Kind;
  constexpr Kind kKinds[] = {Kind::accepted, Kind::refused, Kind::uncertain, Kind::not_sent};
  vault::SmsOutcome outcome;
  outcome.ref = result->ref;
  outcome.segment = static_cast<int>(result->segment);
  outcome.segments = static_cast<int>(result->segments);
  outcome.kind = kKinds[result->outcome - 1];
  outcome.smsc = kName;
  outcome.message_id = text_of(result->message_id);
  outcome.status = result->status;
  outcome.bad_number = (result->flags & BV_SMS_BAD_NUMBER) != 0;
  const std::lock_guard lock(mutex_);
  if (!listening_) return BV_E_STATE;
  const auto found = under_way_.find(result->ref);
  if (found == under_way_.end()) return BV_E_NOT_FOUND;
  UnderWay& message = found->second;
  const std::uint64_t bit = std::uint64_t{1} << (result->segment - 1);
  const bool other_count = message.segments != 0 && message.segments != result->segments;
  if ((message.told & bit) != 0 || other_count) return BV_E_INVALID;
  message.segments = result->segments;
  message.told |= bit;
  inbox_.outcome(outcome);
  if (all_told(message)) under_way_.erase(found);
  changed_.notify_all();
  return BV_OK;
}

bv_status HostSms::on_receipt(const bv_sms_receipt* receipt) {
  if (receipt == nullptr || receipt->outcome < BV_SMS_DELIVERED ||
      receipt->outcome > BV_SMS_BUFFERED || receipt->message_id.size > kLongestId) {
    return BV_E_INVALID;
  }
  using Kind = vault::SmsReceipt::Kind;
  constexpr Kind kKinds[] = {Kind::delivered, Kind::failed, Kind::interim};
  vault::SmsReceipt read;
  read.smsc = kName;
  read.message_id = text_of(receipt->message_id);
  if (receipt->number.size > 0) read.number = number_of(text_of(receipt->number));
  read.kind = kKinds[receipt->outcome - 1];
  read.error = text_of(receipt->error).substr(0, kLongestId);
  return hand_over(std::move(read), receipt->id);
}

bv_status HostSms::on_message(const bv_sms_incoming* message) {
  if (message == nullptr || !sensible(*message)) return BV_E_INVALID;
  vault::IncomingSms sms;
  sms.mark = mark_of(*message);
  sms.smsc = kName;
  sms.from = number_of(text_of(message->from));
  sms.to = text_of(message->to).substr(0, kLongestId);
  sms.binary = message->user_data.size > 0;
  sms.text = text_of(message->text);
  const base::View user_data = view_of(message->user_data);
  sms.user_data.assign(user_data.begin(), user_data.end());
  sms.reference = static_cast<std::uint16_t>(message->reference);
  sms.parts = static_cast<int>(message->parts);
  sms.part = static_cast<int>(message->part);
  return hand_over(std::move(sms), message->id);
}

bv_status HostSms::hand_over(vault::Arrival arrival, std::uint64_t id) {
  const auto answer = std::make_shared<Acknowledgement>(host_, id);
  const std::lock_guard lock(mutex_);
  const bool taken =
      listening_ && inbox_.offer(std::move(arrival), [answer](bool kept) { answer->tell(kept); });
  if (taken) return BV_OK;
  answer->cancel();
  return listening_ ? BV_E_BUSY : BV_E_STATE;
}

bv_status HostSms::on_room() {
  const std::lock_guard lock(mutex_);
  if (!listening_) return BV_E_STATE;
  inbox_.wake();
  return BV_OK;
}

bv_status HostSms::on_reachable(std::string_view number) {
  const auto known = number_of(number);
  if (!known) return BV_E_INVALID;
  const std::lock_guard lock(mutex_);
  if (!listening_) return BV_E_STATE;
  inbox_.subscriber_back(*known);
  return BV_OK;
}

}  // namespace plugin
