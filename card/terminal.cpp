#include "card/terminal.h"

#include <algorithm>

namespace card {
namespace {

constexpr std::uint8_t kUicc = 0x00, kToolkit = 0x80;
constexpr std::uint8_t kSelect = 0xA4, kReadBinary = 0xB0, kUpdateBinary = 0xD6,
                       kGetResponse = 0xC0, kTerminalProfile = 0x10, kFetch = 0x12,
                       kTerminalResponse = 0x14, kEnvelope = 0xC2, kStatus = 0xF2;
constexpr std::uint8_t kByPath = 0x08, kNoData = 0x0C;

base::Bytes path_octets(const Path& path) {
  base::Writer writer;
  for (std::size_t i = 1; i < path.size(); ++i) writer.u16(path[i]);  // without the MF
  return writer.take();
}

}  // namespace

Terminal::Terminal(Uicc& uicc, Phone& phone, TerminalSettings settings, Trace* trace, Report report)
    : uicc_(uicc),
      phone_(phone),
      settings_(std::move(settings)),
      trace_(trace),
      report_(std::move(report)) {}

// What this terminal can do, by octet and bit of clause 5.2; terminal_profile_test.cpp holds it
// against what it does.
base::Bytes Terminal::profile() {
  struct Bit {
    std::size_t octet;
    int bit;
  };
  constexpr Bit kBits[] = {
      {1, 1},  {1, 2},  {1, 4},  {1, 6},  // profile download, menu selection, timer expiration
      {2, 1},                             // command result
      {3, 1},  {3, 3},  {3, 4},  {3, 6},  {3, 8},   // DISPLAY TEXT ... REFRESH
      {4, 1},  {4, 2},  {4, 6},  {4, 7},            // SELECT ITEM ... LOCAL INFORMATION
      {5, 1},  {6, 3},  {6, 4},                     // event list, data available, channel status
      {8, 1},  {8, 2},  {8, 3},                     // timers, date and time
      {12, 1}, {12, 2}, {12, 3}, {12, 4}, {12, 5},  // BIP
      {13, 2}, {13, 6}, {17, 1}, {17, 2}};          // packet data, one channel, TCP and UDP client
  base::Bytes octets(17, 0x00);
  for (const Bit& bit : kBits) {
    octets[bit.octet - 1] = static_cast<std::uint8_t>(octets[bit.octet - 1] | 1 << (bit.bit - 1));
  }
  return octets;
}

ApduAnswer Terminal::transmit(base::View apdu) {
  ApduAnswer answer = uicc_.transmit(apdu);
  if (trace_) trace_->exchange(apdu, answer.data, answer.status, now_.utc_ms);
  if ((answer.status & 0xFF00) == sw::kPending) {
    pending_ = answer.status & 0xFF;
    if (pending_ == 0) pending_ = 256;
    answer.status = sw::kOk;
  } else if (answer.status == sw::kOk) {
    pending_ = 0;
  }
  return answer;
}

ApduAnswer Terminal::exchange(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2,
                              base::View data) {
  base::Writer apdu;
  apdu.u8(cla).u8(ins).u8(p1).u8(p2).u8(static_cast<std::uint8_t>(data.size())).bytes(data);
  ApduAnswer answer = transmit(apdu.view());
  if ((answer.status & 0xFF00) == sw::kMoreData) {
    answer = read(kGetResponse, 0, 0, static_cast<std::uint8_t>(answer.status & 0xFF));
  }
  return answer;
}

ApduAnswer Terminal::read(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, std::uint8_t le) {
  const std::uint8_t cla = ins == kFetch || ins == kStatus ? kToolkit : kUicc;
  ApduAnswer answer = transmit(base::Bytes{cla, ins, p1, p2, le});
  if ((answer.status & 0xFF00) == sw::kExpected) {
    answer = transmit(base::Bytes{cla, ins, p1, p2, static_cast<std::uint8_t>(answer.status)});
  }
  return answer;
}

void Terminal::power_on(base::Now now) {
  now_ = now;
  poll_at_ms_ = now.mono_ms + poll_ms_;
  exchange(kUicc, kSelect, 0x00, 0x04, base::Bytes{0x3F, 0x00});
  exchange(kUicc, kSelect, kByPath, 0x04, path_octets(path::iccid()));
  read(kReadBinary, 0, 0, 10);
  hand_over_iccid();
  exchange(kToolkit, kTerminalProfile, 0, 0, profile());
}

// The applet learns which card this terminal stored.
void Terminal::hand_over_iccid() {
  const auto selected = exchange(kUicc, kSelect, kByPath, kNoData, path_octets(path::last_iccid()));
  if (selected.status != sw::kOk) return;  // a card without the applet
  exchange(kUicc, kUpdateBinary, 0, 0, phone_.last_iccid);
}

void Terminal::read_back_iccid() {
  exchange(kUicc, kSelect, kByPath, kNoData, path_octets(path::last_iccid()));
  const ApduAnswer answer = read(kReadBinary, 0, 0, 10);
  if (answer.status != sw::kOk || answer.data.size() != phone_.last_iccid.size()) return;
  std::copy(answer.data.begin(), answer.data.end(), phone_.last_iccid.begin());
}

bool Terminal::step(base::Now now) {
  now_ = now;
  if (prompt_) return false;
  watch_channel();
  if (!envelopes_.empty()) {
    const Envelope event = std::move(envelopes_.front());
    envelopes_.pop_front();
    const ApduAnswer answer = exchange(kToolkit, kEnvelope, 0, 0, encode(event));
    if (event.outer == envelope::kSmsDownload) downloaded(answer.data);
    return true;
  }
  if (pending_ > 0) {
    fetch();
    return true;
  }
  if (expire_timers()) return true;
  if (now.mono_ms >= poll_at_ms_) {
    poll_at_ms_ = now.mono_ms + poll_ms_;
    read(kStatus, 0, kNoData, 0);
    return true;
  }
  return false;
}

// Events of the channel (clauses 7.5.10, 7.5.11): data when the Rx buffer becomes filled, and
// again for a rest that the card left; a drop only when everything has been fetched.
bool Terminal::watch_channel() {
  if (!channel_) return false;
  channel_->pump();
  const std::size_t waiting = channel_->waiting();
  const bool again = announced_ && fetched_since_ && pending_ == 0;
  if (waiting > 0 && wants_data_ && (!announced_ || again)) {
    envelopes_.push_back(data_available(kChannel, waiting));
    announced_ = true;
    fetched_since_ = false;
  }
  if (waiting == 0 && channel_->lost() && wants_status_ && !drop_told_) {
    envelopes_.push_back(link_dropped(kChannel));
    drop_told_ = true;
    report_({"channel", "dropped", {}});
  }
  return !envelopes_.empty();
}

bool Terminal::expire_timers() {
  for (std::size_t id = 1; id < timers_.size(); ++id) {
    if (!timers_[id] || timers_[id]->deadline_ms > now_.mono_ms) continue;
    envelopes_.push_back(timer_expired(static_cast<std::uint8_t>(id), timers_[id]->seconds));
    timers_[id].reset();
  }
  return !envelopes_.empty();
}

std::optional<std::int64_t> Terminal::deadline() const {
  std::int64_t next = poll_at_ms_;
  for (const auto& timer : timers_) {
    if (timer) next = std::min(next, timer->deadline_ms);
  }
  return next;
}

void Terminal::wait_channel(int timeout_ms) {
  if (channel_) channel_->wait(timeout_ms);
}

void Terminal::select(std::uint8_t item) { envelopes_.push_back(menu_selection(item)); }

void Terminal::fetch() {
  const ApduAnswer answer = read(kFetch, 0, 0, static_cast<std::uint8_t>(pending_));
  if (answer.status != sw::kOk) {
    pending_ = 0;
    return;
  }
  const auto command = decode_command(answer.data);
  if (!command) {
    // Without command details there is nothing that a response could name.
    report_({"fault", "a proactive command that cannot be read", {}});
    return;
  }
  current_ = *command;
  carry_out(*command);
}

void Terminal::respond(const Response& response) {
  exchange(kToolkit, kTerminalResponse, 0, 0, encode(response));
}

void Terminal::finish(General result, ObjectList objects, base::Bytes additional) {
  Response response;
  response.number = current_.number;
  response.type = current_.type;
  response.qualifier = current_.qualifier;
  response.result = result;
  response.additional = std::move(additional);
  response.objects = std::move(objects);
  respond(response);
}

}  // namespace card
