#include "card/link.h"

#include <algorithm>

#include "card/commands.h"
#include "card/results.h"

namespace card {
namespace {

constexpr std::uint8_t kIdentification = 0x03, kResponsePacket = 0x02, kTagIccid = 0x36;
constexpr std::uint8_t kSpi = 0x16;           // CC, ciphered, counter higher
constexpr std::size_t kSendChunk = 240;       // FETCH answers stay below 256 octets
constexpr std::uint8_t kReceiveChunk = 0xED;  // TERMINAL RESPONSE stays below 256 octets
constexpr std::uint64_t kCounterStep = 16;    // written ahead, so that most packets write nothing
constexpr std::uint64_t kCounterJump = 4096;

std::size_t remaining(const Response& response) {
  const auto left = response.objects.find(tag::kChannelDataLength);
  return left && left->size() == 1 ? (*left)[0] : 0;
}

}  // namespace

bip::CommandHead Link::head_for(const OtaKeys& keys, Por por) {
  bip::CommandHead head;
  const std::uint8_t algorithm = keys.family == bip::Family::aes ? 0x02 : 0x05;
  head.spi = {kSpi, static_cast<std::uint8_t>(por)};
  head.kic = head.kid = static_cast<std::uint8_t>(keys.key_set << 4 | algorithm);
  head.tar = kTar;
  return head;
}

std::uint64_t Link::next_counter() {
  if (counter_in_use_ == 0) counter_in_use_ = card_.memory.counter;  // after power-on
  ++counter_in_use_;
  if (counter_in_use_ > card_.memory.counter) {
    card_.memory.counter = counter_in_use_ + kCounterStep - 1;
    commit_();
  }
  return counter_in_use_;
}

base::Bytes Link::wrap(const bip::Message& message, Por por, std::uint64_t counter) const {
  base::Bytes data = bip::encode_message(message);
  const bip::KeyView keys{card_.keys.kic.view(), card_.keys.kid.view()};
  auto packet =
      bip::wrap_command(bip::Carrier::bip, {head_for(card_.keys, por), counter, data}, keys);
  base::wipe(data.data(), data.size());
  return packet ? std::move(*packet) : base::Bytes();
}

Task<Response> Link::open_channel(Command command) {
  channel_ = 0;
  data_waiting_ = dropped_ = guard_expired_ = pushed_ = false;
  received_.clear();
  datagram_.clear();
  cat_tp_.reset();
  tls_.reset();
  records_.clear();
  tick_due_ = false;
  packets_ = octets_up_ = octets_down_ = 0;
  Response response = co_await proactive_.issue(command);
  const auto status = response.objects.find(tag::kChannelStatus);
  if (!response.ok() || !status || status->empty()) co_return response;
  channel_ = (*status)[0] & 0x07;
  const auto granted = response.objects.find(tag::kBufferSize);
  buffer_ = granted && granted->size() == 2 ? (*granted)[0] * 256u + (*granted)[1] : kMaxPacket;
  co_return response;
}

Task<Response> Link::open_pushed(Push push) {
  carrier_ = carrier_for(push, card_.carrier);
  cat_tp_port_ = push.cat_tp.value_or(kCatTpPort);
  Command command = open_channel_for(push, card_.server, kMaxPacket);
  Response response = co_await open_channel(std::move(command));
  pushed_ = channel_ != 0;
  co_return response;
}

Task<bool> Link::open() {
  if (!pushed_) {
    carrier_ = card_.carrier;
    cat_tp_port_ = kCatTpPort;
    Command command = commands::open_channel(card_.server, kMaxPacket, carrier_);
    co_await open_channel(std::move(command));
  }
  pushed_ = false;
  if (channel_ == 0 || buffer_ == 0) co_return false;
  co_await start_guard();
  if (carrier_ == Carrier::cat_tp) co_return co_await establish();
  if (carrier_ == Carrier::tls_psk) co_return co_await shake_hands();
  base::Writer identification;
  identification.tlv(kIdentification, base::Writer().tlv(kTagIccid, card_.iccid).view());
  const base::Bytes octets = identification.take();
  co_return co_await send_octets(octets);
}

Task<> Link::close() {
  if (channel_ == 0) co_return;
  if (cat_tp_) {
    cat_tp_->close();
    co_await let_go();
    cat_tp_.reset();
  }
  if (tls_) {
    tls_->close();
    if (!dropped_) co_await send_records();
    tls_.reset();
  }
  const Command stop = commands::stop_timer(kGuardTimer);
  co_await proactive_.issue(stop);
  const Command command = commands::close_channel(channel_);
  co_await proactive_.issue(command);
  channel_ = 0;
  report_({"session",
           std::to_string(packets_) + " packets, " + std::to_string(octets_up_) + " octets up, " +
               std::to_string(octets_down_) + " octets down",
           {{"packets", std::to_string(packets_)},
            {"octets_up", std::to_string(octets_up_)},
            {"octets_down", std::to_string(octets_down_)}}});
}

Task<bool> Link::alive() {
  if (channel_ == 0 || dropped_) co_return false;
  const Command command = commands::channel_status();
  const Response response = co_await proactive_.issue(command);
  // A UDP channel stands whether or not anybody listens: the vault's RST may wait in it.
  if (cat_tp_ && data_waiting_) co_await fetch_data();
  if (dropped_) co_return false;
  for (std::size_t i = 0; const auto status = response.objects.find(tag::kChannelStatus, i); ++i) {
    if (status->size() == 2 && ((*status)[0] & 0x07) == channel_) {
      co_return ((*status)[0] & 0x80) != 0;
    }
  }
  co_return false;
}

Task<> Link::start_guard() {
  progress_ = guard_expired_ = false;
  const Command command = commands::start_timer(kGuardTimer, kGuardSeconds);
  co_await proactive_.issue(command);
}

Task<std::optional<std::uint64_t>> Link::send(const bip::Message& message, Por por) {
  if (channel_ == 0 || dropped_) co_return std::nullopt;
  const std::uint64_t counter = next_counter();
  const base::Bytes packet = wrap(message, por, counter);
  if (packet.empty() || packet.size() > kMaxPacket) co_return std::nullopt;
  ++packets_;
  bool sent = false;
  if (cat_tp_) {
    sent = co_await send_sdu(packet);
  } else if (tls_) {
    tls_->send(packet);
    sent = co_await send_records();
  } else {
    sent = co_await send_octets(packet);
  }
  if (!sent) co_return std::nullopt;
  co_return counter;
}

// Fills the terminal's Tx buffer and lets it go with the last piece, or when the next one would
// not fit.
Task<bool> Link::send_octets(base::View octets) {
  std::size_t room = buffer_;
  while (!octets.empty()) {
    const std::size_t size = std::min({octets.size(), kSendChunk, room});
    room -= size;
    const bool immediate = size == octets.size() || room < kSendChunk;
    const Command command = commands::send_data(channel_, octets.first(size), immediate);
    const Response response = co_await proactive_.issue(command);
    if (!response.ok()) {
      dropped_ = true;
      co_return false;
    }
    if (immediate) room = buffer_;
    octets_up_ += size;
    octets = octets.subspan(size);
  }
  progress_ = true;
  co_return true;
}

// No more at a time than a packet may have, or a datagram: the card's memory has an end. The rest
// stays with the terminal until this has been looked at.
Task<bool> Link::fetch_data() {
  data_waiting_ = false;
  const std::size_t most = std::max(kMaxPacket, buffer_);
  std::size_t left = 1;
  for (std::size_t fetched = 0; left > 0 && fetched < most;) {
    const Command command = commands::receive_data(channel_, kReceiveChunk);
    const Response response = co_await proactive_.issue(command);
    const auto data = response.objects.find(tag::kChannelData);
    if (!response.ok() || !data) {
      dropped_ = true;
      co_return false;
    }
    base::Bytes& into = cat_tp_ ? datagram_ : tls_ ? records_ : received_;
    into.insert(into.end(), data->begin(), data->end());
    octets_down_ += data->size();
    fetched += data->size();
    left = data->empty() ? 0 : remaining(response);
  }
  progress_ = true;
  if (left > 0) data_waiting_ = true;
  if (cat_tp_) co_await take_datagram();
  if (tls_) co_await take_records();
  co_return true;
}

// For one thing that can happen. False: the link is lost, or nothing has come for a whole guard
// period.
Task<bool> Link::wait() {
  if (data_waiting_) {
    co_await fetch_data();
  } else if (dropped_ || channel_ == 0) {
    co_return false;
  } else if (tick_due_) {
    co_await take_tick();
  } else if (guard_expired_) {
    if (!progress_) co_return false;
    co_await start_guard();
  } else {
    co_await proactive_.event();
  }
  co_return true;
}

// Over CAT_TP what has come may be acknowledgements only.
Task<bool> Link::answer_waiting() {
  while (cat_tp_ && data_waiting_ && !dropped_) co_await fetch_data();
  co_return data_waiting_ || !received_.empty();
}

Task<std::optional<Answer>> Link::receive() {
  for (bool more = true; more;) {
    if (auto answer = next_answer()) co_return answer;
    more = co_await wait();
  }
  co_return std::nullopt;
}

Task<std::optional<Answer>> Link::exchange(const bip::Message& message) {
  for (bool again = true;; again = false) {
    const auto counter = co_await send(message, Por::always);
    if (!counter) co_return std::nullopt;
    std::optional<Answer> answer;
    do {
      answer = co_await receive();
    } while (answer && answer->counter != *counter);
    if (!answer) co_return std::nullopt;
    tell_message(message, *answer);
    if (answer->status != bip::PacketStatus::counter_low || !again) co_return answer;
    card_.memory.counter += kCounterJump;
    counter_in_use_ = card_.memory.counter;
  }
}

// Nothing good can come any more: what waits in the terminal is left there.
void Link::give_up() {
  dropped_ = true;
  data_waiting_ = false;
}

// One whole response packet of the stream. A stream that cannot be one is given up.
std::optional<base::Bytes> Link::next_packet() {
  if (received_.empty()) return std::nullopt;
  base::Reader reader(received_);
  const std::uint8_t identifier = reader.u8();
  const std::size_t length = reader.ber_length();
  const bool complete = reader.ok() && length <= reader.left();
  const bool impossible = identifier != kResponsePacket || (reader.ok() && length > kMaxPacket) ||
                          (!reader.ok() && received_.size() >= 4);
  if (impossible) {
    received_.clear();
    give_up();
    return std::nullopt;
  }
  if (!complete) return std::nullopt;
  const auto size = static_cast<std::ptrdiff_t>(reader.position() + length);
  base::Bytes packet(received_.begin(), received_.begin() + size);
  received_.erase(received_.begin(), received_.begin() + size);
  return packet;
}

// Packets that do not verify are dropped: they come from nobody that is known.
std::optional<Answer> Link::next_answer() {
  const bip::KeyView keys{card_.keys.kic.view(), card_.keys.kid.view()};
  while (auto packet = next_packet()) {
    const auto response =
        bip::unwrap_response(bip::Carrier::bip, head_for(card_.keys, Por::always), *packet, keys);
    if (!response || response->tar != kTar) continue;
    Answer answer{response->counter, response->status, {}};
    if (response->status == bip::PacketStatus::por_ok) {
      auto message = bip::decode_message(response->data);
      if (!message) continue;
      answer.message = std::move(*message);
    }
    return answer;
  }
  return std::nullopt;
}

void Link::on_event(const Envelope& event) {
  const auto list = event.objects.find(tag::kEventList);
  const auto status = event.objects.find(tag::kChannelStatus);
  if (!list || list->size() != 1 || !status || status->empty()) return;
  if (channel_ == 0 || ((*status)[0] & 0x07) != channel_) return;
  if ((*list)[0] == event::kDataAvailable) data_waiting_ = true;
  if ((*list)[0] == event::kChannelStatus && ((*status)[0] & 0x80) == 0) dropped_ = true;
}

void Link::on_guard_timer() { guard_expired_ = true; }

void Link::tell_message(const bip::Message& command, const Answer& answer) const {
  const std::string name = result::command_name(command.code);
  const bool ok = answer.status == bip::PacketStatus::por_ok;
  const auto status = static_cast<std::uint8_t>(answer.status);
  const std::string what =
      ok ? result::name(answer.message.code) : "security status " + base::to_hex({&status, 1});
  Event event{"message", name + " -> " + what, {{"command", name}, {"result", what}}};
  const bip::Fields& fields = answer.message.fields;
  if (fields.offset) event.fields.emplace_back("offset", std::to_string(*fields.offset));
  if (fields.attempts_left) {
    event.fields.emplace_back("attempts_left", std::to_string(*fields.attempts_left));
  }
  report_(event);
}

}  // namespace card
