// Change of card (record-lifecycle, steps 201-208): after twelve hours of use in a terminal that
// stored no ICCID or another one, and every report_days again, the card reports itself.
#include <algorithm>

#include "card/applet.h"
#include "card/results.h"

namespace card {

// The card before this one in this terminal, unless its record has been moved already.
std::optional<IccidOctets> Applet::other_card() const {
  if (card_.memory.previous) return card_.memory.previous;
  const IccidOctets& last = card_.memory.watched;
  if (last == kNoIccid || last == card_.iccid || last == card_.memory.moved) return std::nullopt;
  return last;
}

Task<> Applet::report_identity(Origin origin) {
  Memory& memory = card_.memory;
  if (!memory.identity_known && memory.use_ms >= settings_.first_report_ms) {
    co_await take_over_terminal();
  }
  if (memory.previous && !memory.key_asked) {
    memory.key_asked = true;
    commit_();
    other_key_ = co_await ask_key(
        "You changed your card. Key of your backup, to keep it with the new card:");
  }
  std::string text;
  const bool opened = co_await open_link();
  if (opened) {
    const bool delivered = co_await send_report(origin, text);
    if (delivered) {
      memory.report_due = false;
      memory.since_report_ms = 0;
      other_key_.reset();
      commit_();
    }
  }
  co_await link_.close();
  if (!text.empty()) {
    tell_outcome(text);
    co_await say(text);
  }
}

// Step 205 or 207: the terminal stores this card's ICCID. The older one is kept here until its
// record has moved.
Task<> Applet::take_over_terminal() {
  Memory& memory = card_.memory;
  memory.previous = other_card();
  memory.identity_known = true;
  memory.report_due = true;
  memory.watched = card_.iccid;
  card_.files.find(path::last_iccid())->set_content(card_.iccid);
  commit_();
  tell_identity();
  const Command refresh = commands::refresh(path::last_iccid());
  co_await proactive_.issue(refresh);
}

// True: the vault has taken the report, whatever it thinks of it. `text`: for the user.
Task<bool> Applet::send_report(Origin origin, std::string& text) {
  Memory& memory = card_.memory;
  bip::Message message = command(bip::Ins::report);
  message.fields.iccid = card_.iccid;
  message.fields.previous = memory.previous;
  message.fields.number = own_number(card_.files);
  message.fields.handset = co_await handset();
  message.fields.origin = static_cast<std::uint8_t>(origin);
  if (other_key_) message.fields.key = other_key_->clone();
  const Reply reply = co_await ask_vault(message, Cancelled::sends_without_key);
  if (reply.how != Reply::How::answered) co_return false;
  if (reply.answer.status != bip::PacketStatus::por_ok) co_return true;
  const std::uint8_t code = reply.answer.message.code;
  if (code == result::kTryLater) co_return false;
  if (memory.previous && code == result::kDone) {
    memory.moved = memory.previous;
    memory.previous.reset();
    text = "Your backup now belongs to this card.";
  } else if (memory.previous) {
    text = result::for_user(code);
  }
  co_return true;
}

constexpr std::size_t kImeiSize = 8;

// IMEI, then the terminal profile (tag 91).
Task<base::Bytes> Applet::handset() {
  const Command command = commands::local_information(info::kImei);
  const Response response = co_await proactive_.issue(command);
  const auto imei = response.objects.find(tag::kImei);
  const std::size_t most = std::min<std::size_t>(profile_.size(), 0xFF - kImeiSize);
  base::Bytes value(kImeiSize + most, 0xFF);
  if (response.ok() && imei && imei->size() == kImeiSize) {
    std::copy_n(imei->begin(), kImeiSize, value.begin());
  }
  std::copy_n(profile_.begin(), most, value.begin() + kImeiSize);
  co_return value;
}

}  // namespace card
