// Wake-up by SMS (wire protocol section 5): a secured packet to the applet's TAR that makes it
// open a channel by itself. Only a packet that verifies does anything; the proof of receipt says
// what became of it (TS 102 225 clause 5.2).
#include "card/applet.h"
#include "card/sms_pp.h"

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

// What becomes of a packet, and the reason in it.
bip::PacketStatus Applet::judge_wake_up(const bip::CommandHead& head, base::View packet,
                                        std::uint64_t& counter, std::uint8_t& reason) {
  if (head.tar != Link::kTar) return bip::PacketStatus::tar_unknown;
  if (head.spi[0] != kProtected) return bip::PacketStatus::insufficient_security;
  const bip::CommandHead own = Link::head_for(card_.keys, Por::always);
  if (head.kic != own.kic || head.kid != own.kid) return bip::PacketStatus::security_error;
  const bip::KeyView keys{card_.keys.kic.view(), card_.keys.kid.view()};
  const auto command = bip::unwrap_command(bip::Carrier::sms, packet, keys);
  if (!command) return bip::PacketStatus::cc_failed;
  counter = command->counter;
  if (counter <= card_.memory.sms_counter) return bip::PacketStatus::counter_low;
  card_.memory.sms_counter = counter;
  commit_();
  const bool understood =
      command->data.size() == 3 && command->data[0] == kWakeUp && command->data[1] == 0x01;
  if (understood) reason = command->data[2];
  return bip::PacketStatus::por_ok;
}

void Applet::on_sms(const Envelope& event) {
  const auto tpdu = event.objects.find(tag::kSmsTpdu);
  const auto message = tpdu ? decode_deliver(*tpdu) : std::nullopt;
  if (!message || !message->has_header) return;
  const auto packet = command_packet(message->user_data);
  const auto head = packet ? bip::read_command_head(bip::Carrier::sms, *packet) : std::nullopt;
  if (!head) return;
  std::uint64_t counter = 0;
  std::uint8_t reason = 0;
  const bip::PacketStatus status = judge_wake_up(*head, *packet, counter, reason);
  tell_wake_up(status, reason);
  if (wants_proof(*head, status)) prove(*head, status, counter, message->originator);
  if (reason == kForUpdate) add_job(Job::update);
  if (reason == kForIdentity) {
    card_.memory.report_due = true;
    add_job(Job::identity);
  }
}

// A negative proof is clear: what failed to verify names nobody to cipher for.
void Applet::prove(const bip::CommandHead& head, bip::PacketStatus status, std::uint64_t counter,
                   const Number& to) {
  base::Bytes packet;
  if (status == bip::PacketStatus::por_ok) {
    const bip::KeyView keys{card_.keys.kic.view(), card_.keys.kid.view()};
    const bip::ResponsePacket response{head.tar, counter, status, {}};
    packet = bip::wrap_response(bip::Carrier::sms, head, response, keys).value_or(base::Bytes());
  } else {
    packet = bip::clear_response(bip::Carrier::sms, head.tar, counter, status);
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
