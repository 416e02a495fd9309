// What comes by SMS (wire protocol section 5): a secured packet to the applet's TAR that makes it
// open a channel by itself, or a PUSH, which goes to the application of its TAR. Only a packet that
// verifies does anything; the proof of receipt says what became of it (TS 102 225 clause 5.2).
#include "card/applet.h"

namespace card {
namespace {

constexpr std::uint8_t kWakeUp = 0x57, kForUpdate = 0x01, kForIdentity = 0x02;
constexpr std::uint8_t kProtected = 0x16;  // CC, ciphered, counter higher
constexpr std::uint8_t kPorAlways = 0x01, kPorOnError = 0x02, kPorBySubmit = 0x20;

bool wants_proof(const bip::CommandHead& head, bip::PacketStatus status) {
  const std::uint8_t wanted = head.spi[1] & 0x03;
  return wanted == kPorAlways || (wanted == kPorOnError && status != bip::PacketStatus::por_ok);
}

}  // namespace

// The card's own checks, the same for all of its applications and with one counter for the keys.
Applet::Judged Applet::judge(const bip::CommandHead& head, base::View packet) {
  using Status = bip::PacketStatus;
  const bool known = head.tar == Link::kTar || head.tar == RemoteManagement::kTar;
  if (!known) return {Status::tar_unknown, 0, {}};
  if (head.spi[0] != kProtected) return {Status::insufficient_security, 0, {}};
  const bip::CommandHead own = Link::head_for(card_.keys, Por::always);
  if (head.kic != own.kic || head.kid != own.kid) return {Status::security_error, 0, {}};
  const bip::KeyView keys{card_.keys.kic.view(), card_.keys.kid.view()};
  auto command = bip::unwrap_command(bip::Carrier::sms, packet, keys);
  if (!command) return {Status::cc_failed, 0, {}};
  Judged judged{Status::por_ok, command->counter, std::move(command->data)};
  if (judged.counter <= card_.memory.sms_counter) {
    judged.status = Status::counter_low;
    return judged;
  }
  card_.memory.sms_counter = judged.counter;
  commit_();
  return judged;
}

void Applet::on_sms(const Envelope& event) {
  const auto tpdu = event.objects.find(tag::kSmsTpdu);
  const auto message = tpdu ? decode_deliver(*tpdu) : std::nullopt;
  if (!message || !message->has_header) return;
  const auto part = read_part(message->user_data);
  if (!part || (part->number == 1) != part->command) return;
  const auto packet = parts_.add(to_string(message->originator), *part, part->rest);
  const auto head = packet ? bip::read_command_head(bip::Carrier::sms, *packet) : std::nullopt;
  if (!head) return;
  const Judged judged = judge(*head, *packet);
  const bool script = head->tar == RemoteManagement::kTar || is_push_script(judged.data);
  if (judged.status == bip::PacketStatus::por_ok && script) {
    take_script(*head, judged, message->originator);
  } else {
    wake_up(*head, judged, message->originator);
  }
}

void Applet::wake_up(const bip::CommandHead& head, const Judged& judged, const Number& from) {
  const base::Bytes& data = judged.data;
  std::uint8_t reason = 0;
  if (judged.status == bip::PacketStatus::por_ok && data.size() == 3 && data[0] == kWakeUp &&
      data[1] == 0x01) {
    reason = data[2];
  }
  tell_wake_up(judged.status, reason);
  prove(head, judged, from);
  if (reason == kForUpdate) add_job(Job::update);
  if (reason == kForIdentity) {
    card_.memory.report_due = true;
    add_job(Job::identity);
  }
}

// A PUSH is answered when the channel is open, unless the answer has to be in the delivery report:
// then nothing can be waited for.
void Applet::take_script(const bip::CommandHead& head, const Judged& judged, const Number& from) {
  PushScript script = read_push_script(judged.data);
  if (!script.push || !(head.spi[1] & kPorBySubmit)) {
    const base::Bytes response = compact_response(script.commands, script.status);
    tell_script(head, response);
    prove(head, judged, from, response);
  }
  if (!script.push) return;
  pushes_.push_back({std::move(*script.push), head, judged.counter, from});
  add_job(Job::push);
}

Task<> Applet::obey_pushes() {
  while (!pushes_.empty()) {
    const Pushed pushed = std::move(pushes_.front());
    pushes_.pop_front();
    const bool to_applet = pushed.head.tar == Link::kTar;
    Response opened;
    if (to_applet) {
      opened = co_await link_.open_pushed(pushed.push);
    } else {
      opened = co_await remote_.open(pushed.push);
    }
    answer_push(pushed, opened);
    co_await send_proofs();
    if (!opened.ok()) continue;
    if (to_applet) {
      co_await back_up(Origin::wake_up);
    } else {
      co_await remote_.hold();
    }
  }
}

void Applet::answer_push(const Pushed& pushed, const Response& opened) {
  if (!(pushed.head.spi[1] & kPorBySubmit)) return;  // it was at once
  const base::Bytes response = push_response(pushed.push, opened);
  tell_script(pushed.head, response);
  prove(pushed.head, {bip::PacketStatus::por_ok, pushed.counter, {}}, pushed.to, response);
}

// A negative proof is clear: what failed to verify names nobody to cipher for.
void Applet::prove(const bip::CommandHead& head, const Judged& judged, const Number& to,
                   base::Bytes data) {
  if (!wants_proof(head, judged.status)) return;
  base::Bytes packet;
  if (judged.status == bip::PacketStatus::por_ok) {
    const bip::KeyView keys{card_.keys.kic.view(), card_.keys.kid.view()};
    const bip::ResponsePacket response{head.tar, judged.counter, judged.status, std::move(data)};
    packet = bip::wrap_response(bip::Carrier::sms, head, response, keys).value_or(base::Bytes());
  } else {
    packet = bip::clear_response(bip::Carrier::sms, head.tar, judged.counter, judged.status);
  }
  if (packet.empty()) return;
  const base::Bytes user_data = response_user_data(packet);
  if (!(head.spi[1] & kPorBySubmit)) {
    envelope_response_ = user_data;
  } else if (auto tpdu = encode_submit(to, user_data)) {
    proofs_.push_back(std::move(*tpdu));
    add_job(Job::proof);
  }
}

Task<> Applet::send_proofs() {
  while (!proofs_.empty()) {
    const Command command = commands::send_short_message(proofs_.front());
    proofs_.pop_front();
    co_await proactive_.issue(command);
  }
}

}  // namespace card
