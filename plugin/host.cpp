#include "plugin/host.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "plugin/host_call.h"

namespace plugin {

namespace {

constexpr std::size_t kOldestHost = offsetof(bv_host, get_extension) + sizeof(void*);
constexpr std::size_t kPacketRoom = 2048;
constexpr std::size_t kSmallestCommand = 16;   // TS 102 225: CPL to PCNTR
constexpr std::size_t kSmallestResponse = 13;  // TS 102 225: RPI to the status octet

int severity_of(base::Severity severity) {
  switch (severity) {
    case base::Severity::debug:
      return BV_LOG_DEBUG;
    case base::Severity::info:
      return BV_LOG_INFO;
    case base::Severity::warning:
      return BV_LOG_WARNING;
    case base::Severity::error:
      return BV_LOG_ERROR;
  }
  return BV_LOG_ERROR;
}

bool size_fits(std::uint32_t algorithm, std::size_t size) {
  return size == 16 || (algorithm == BV_ALGORITHM_AES && (size == 24 || size == 32));
}

// What TS 102 225 lets a host say about a packet that it could not take.
bool is_refusal(std::uint8_t status) { return status == 0x01 || status == 0x05 || status == 0x06; }

bv_packet_head head_of(const vault::Iccid& iccid, bip::Transport transport,
                       const bip::CommandHead& head) {
  bv_packet_head out{};
  const auto ef = iccid.to_ef();
  std::copy(ef.begin(), ef.end(), out.iccid);
  out.transport = static_cast<std::uint8_t>(transport);
  std::copy(head.spi.begin(), head.spi.end(), out.spi);
  out.kic = head.kic;
  out.kid = head.kid;
  std::copy(head.tar.begin(), head.tar.end(), out.tar);
  return out;
}

}  // namespace

std::optional<std::string> Host::refusal(const bv_host* host) {
  if (host == nullptr) return "no host struct";
  if (host->struct_size < kOldestHost) return "host struct too small";
  if (host->abi_major != BV_ABI_MAJOR) return "other major version of the ABI";
  if (host->get_extension == nullptr) return "host without get_extension";
  return std::nullopt;
}

Host::Host(const bv_host* host) : handle_(host) {
  std::memcpy(&host_, host, std::min<std::size_t>(host->struct_size, sizeof host_));
}

template <class Table>
const Table* Host::table(const char* id) const {
  const void* found = nullptr;
  call([&] {
    found = host_.get_extension(handle_, id);
    return BV_OK;
  });
  return static_cast<const Table*>(found);
}

void Host::fetch_extensions() {
  log_ = table<bv_log_1>(BV_EXT_LOG);
  if (log_ != nullptr && log_->write == nullptr) log_ = nullptr;
  clock_ = table<bv_clock_1>(BV_EXT_CLOCK);
  if (clock_ != nullptr && clock_->now == nullptr) clock_ = nullptr;
  keys_ = table<bv_ota_keys_1>(BV_EXT_OTA_KEYS);
  if (keys_ != nullptr && keys_->get == nullptr) keys_ = nullptr;
  crypto_ = table<bv_ota_crypto_1>(BV_EXT_OTA_CRYPTO);
  if (crypto_ != nullptr &&
      (crypto_->unwrap_command == nullptr || crypto_->wrap_response == nullptr)) {
    crypto_ = nullptr;
  }
  psk_ = table<bv_psk_1>(BV_EXT_PSK);
  if (psk_ != nullptr && psk_->get == nullptr) psk_ = nullptr;
  bip_ = table<bv_bip_1>(BV_EXT_BIP);
  if (bip_ != nullptr && (bip_->send == nullptr || bip_->close == nullptr ||
                          bip_->pause == nullptr || bip_->resume == nullptr)) {
    bip_ = nullptr;
  }
  alarm_ = table<bv_alarm_1>(BV_EXT_ALARM);
  if (alarm_ != nullptr && (alarm_->raise == nullptr || alarm_->clear == nullptr)) {
    alarm_ = nullptr;
  }
  metrics_ = table<bv_metrics_1>(BV_EXT_METRICS);
  if (metrics_ != nullptr && (metrics_->define == nullptr || metrics_->add == nullptr ||
                              metrics_->set == nullptr || metrics_->observe == nullptr)) {
    metrics_ = nullptr;
  }
  sms_ = table<bv_sms_1>(BV_EXT_SMS);
  if (sms_ != nullptr &&
      (sms_->submit == nullptr || sms_->room == nullptr || sms_->kept == nullptr)) {
    sms_ = nullptr;
  }
}

bv_status Host::sms_submit(const bv_sms_message& message) const {
  return call([&] { return sms_->submit(handle_, &message); });
}

std::uint32_t Host::sms_room() const {
  std::uint32_t room = 0;
  call([&] { return room = sms_->room(handle_), BV_OK; });
  return room;
}

void Host::sms_kept(std::uint64_t id, bv_status status) const {
  call([&] { return sms_->kept(handle_, id, status), BV_OK; });
}

void Host::alarm(const std::string& id, const std::string& text, std::int32_t severity) const {
  if (alarm_ == nullptr) return;
  call([&] {
    if (text.empty()) {
      alarm_->clear(handle_, id.c_str());
    } else {
      alarm_->raise(handle_, id.c_str(), severity, text.c_str());
    }
    return BV_OK;
  });
}

std::uint64_t Host::define_metric(const std::string& name, int kind,
                                  const std::string& help) const {
  std::uint64_t handle = 0;
  call([&] {
    handle = metrics_->define(handle_, name.c_str(), kind, help.c_str());
    return BV_OK;
  });
  return handle;
}

void Host::add_metric(std::uint64_t handle, std::int64_t amount) const {
  call([&] { return metrics_->add(handle_, handle, amount), BV_OK; });
}

void Host::set_metric(std::uint64_t handle, std::int64_t value) const {
  call([&] { return metrics_->set(handle_, handle, value), BV_OK; });
}

void HostLog::write(base::Severity severity, std::string_view id, std::string_view text) {
  const bv_log_1* log = host_.log();
  if (log == nullptr) {
    dropped_ += 1;
    return;
  }
  call([&] {
    const std::string component_z(base::component_of(id));
    const std::string text_z = base::with_id(text, id);
    log->write(host_.handle(), severity_of(severity), component_z.c_str(), text_z.c_str());
    return BV_OK;
  });
}

base::Result<std::optional<bip::CardKeys>> HostKeySource::get(const vault::Iccid& iccid,
                                                              std::uint8_t key_set) {
  const auto ef = iccid.to_ef();
  bv_ota_key_set set{};
  const bv_status status =
      call([&] { return host_.ota_keys()->get(host_.handle(), ef.data(), key_set, &set); });
  std::optional<bip::CardKeys> keys;
  const bool known = set.algorithm == BV_ALGORITHM_AES || set.algorithm == BV_ALGORITHM_3DES;
  const std::string card = base::cat(iccid.digits(), ", key set ", key_set);
  if (status == BV_OK && known && size_fits(set.algorithm, set.kic_size) &&
      size_fits(set.algorithm, set.kid_size)) {
    keys.emplace();
    keys->family = set.algorithm == BV_ALGORITHM_AES ? bip::Family::aes : bip::Family::des3;
    keys->kic = base::Secret(base::View(set.kic, set.kic_size));
    keys->kid = base::Secret(base::View(set.kid, set.kid_size));
  } else if (status == BV_OK) {
    log_.error("plugin.key_service",
               base::cat("bv.ota-keys/1 gave unusable keys for card ", card, ": algorithm ",
                         set.algorithm, ", sizes ", +set.kic_size, " and ", +set.kid_size));
  } else if (status != BV_E_NOT_FOUND) {
    log_.error("plugin.key_service",
               base::cat("bv.ota-keys/1 answered ", status, " for card ", card));
  }
  base::wipe(&set, sizeof set);
  if (!keys && status != BV_E_NOT_FOUND) return base::Error{"bv.ota-keys/1 failed"};
  return keys;
}

base::Result<std::optional<base::Secret>> HostPskSource::get(std::string_view identity) {
  std::uint8_t room[BV_PSK_MOST] = {};
  bv_buffer out{room, sizeof room, 0};
  const base::View name = base::as_bytes(identity);
  const bv_status status = call([&] {
    return host_.psk()->get(host_.handle(), bv_bytes{name.data(), name.size()}, &out);
  });
  std::optional<base::Secret> psk;
  const bool usable = out.size >= BV_PSK_LEAST && out.size <= BV_PSK_MOST;
  const std::string_view card = identity.substr(0, identity.find('@'));  // the rest is anybody's
  if (status == BV_OK && usable) {
    psk.emplace(base::View(room, out.size));
  } else if (status == BV_OK) {
    log_.error("plugin.key_service",
               base::cat("bv.psk/1 gave ", out.size, " octets for card ", card));
  } else if (status != BV_E_NOT_FOUND) {
    log_.error("plugin.key_service", base::cat("bv.psk/1 answered ", status, " for card ", card));
  }
  base::wipe(room, sizeof room);
  if (!psk && status != BV_E_NOT_FOUND) return base::Error{"bv.psk/1 failed"};
  return psk;
}

bip::Keys::Unwrapped HostCrypto::unwrap_command(const vault::Iccid& iccid, bip::Transport transport,
                                                const bip::CommandHead& head, base::View packet) {
  bv_packet_head raw = head_of(iccid, transport, head);
  Unwrapped unwrapped;
  base::Bytes room(kPacketRoom);
  bv_buffer data{room.data(), room.size(), 0};
  const bv_status status = call([&] {
    return host_.ota_crypto()->unwrap_command(host_.handle(), &raw,
                                              bv_bytes{packet.data(), packet.size()}, &data);
  });
  if (status == BV_OK && raw.status == 0 && data.size <= room.size()) {
    unwrapped.status = bip::PacketStatus::por_ok;
    base::Reader counter(raw.cntr);
    unwrapped.counter = counter.u40();
    unwrapped.data.assign(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(data.size));
  } else if (status == BV_OK && is_refusal(raw.status)) {
    unwrapped.status = static_cast<bip::PacketStatus>(raw.status);
  } else if (status == BV_OK) {
    unwrapped.keys_away = true;
    log_.error("plugin.key_service",
               base::cat("bv.ota-crypto/1 unwrap_command gave status ", +raw.status, " and ",
                         data.size, " octets for card ", iccid.digits()));
  } else if (status != BV_E_NOT_FOUND) {
    unwrapped.keys_away = true;
    log_.error("plugin.key_service", base::cat("bv.ota-crypto/1 unwrap_command answered ", status,
                                               " for card ", iccid.digits()));
  }
  base::wipe(room.data(), room.size());
  return unwrapped;
}

std::optional<base::Bytes> HostCrypto::wrap_response(const vault::Iccid& iccid,
                                                     bip::Transport transport,
                                                     const bip::CommandHead& head,
                                                     std::uint64_t counter,
                                                     bip::PacketStatus status, base::View data) {
  bv_packet_head raw = head_of(iccid, transport, head);
  base::Writer cntr;
  cntr.u40(counter);
  std::copy(cntr.view().begin(), cntr.view().end(), raw.cntr);
  raw.status = static_cast<std::uint8_t>(status);
  base::Bytes room(kPacketRoom);
  bv_buffer packet{room.data(), room.size(), 0};
  const bv_status called = call([&] {
    return host_.ota_crypto()->wrap_response(host_.handle(), &raw,
                                             bv_bytes{data.data(), data.size()}, &packet);
  });
  if (called != BV_OK || packet.size > room.size() || packet.size < kSmallestResponse) {
    log_.error("plugin.key_service",
               base::cat("bv.ota-crypto/1 wrap_response answered ", called, " with ", packet.size,
                         " octets for card ", iccid.digits()));
    return std::nullopt;
  }
  room.resize(packet.size);
  return room;
}

bip::Platform::Sent HostPlatform::send(std::uint64_t channel, base::View answer) {
  const bv_status status = call([&] {
    return host_.bip()->send(host_.handle(), channel, bv_bytes{answer.data(), answer.size()});
  });
  if (status == BV_OK) return Sent::taken;
  return status == BV_E_BUSY ? Sent::busy : Sent::lost;
}

void HostPlatform::close(std::uint64_t channel) {
  call([&] { return host_.bip()->close(host_.handle(), channel); });
}

void HostPlatform::pause(std::uint64_t channel) {
  call([&] { return host_.bip()->pause(host_.handle(), channel); });
}

void HostPlatform::resume(std::uint64_t channel) {
  call([&] { return host_.bip()->resume(host_.handle(), channel); });
}

bip::DownlinkKeys::Wrapped HostCrypto::wrap_downlink(const vault::Iccid& iccid,
                                                     const bip::Downlink& how,
                                                     std::uint64_t counter, base::View data) {
  bv_packet_head raw = head_of(iccid, bip::Transport::sms, bip::head_of(how, how.family));
  base::Writer cntr;
  cntr.u40(counter);
  std::copy(cntr.view().begin(), cntr.view().end(), raw.cntr);
  base::Bytes room(kPacketRoom);
  bv_buffer packet{room.data(), room.size(), 0};
  const bv_status called = call([&] {
    return host_.ota_crypto()->wrap_command(host_.handle(), &raw,
                                            bv_bytes{data.data(), data.size()}, &packet);
  });
  Wrapped wrapped;
  if (called == BV_E_NOT_FOUND) wrapped.kind = Wrapped::Kind::no_keys;
  const bool usable = packet.size <= room.size() && packet.size >= kSmallestCommand;
  if (called == BV_OK && usable) {
    wrapped.kind = Wrapped::Kind::done;
    room.resize(packet.size);
    wrapped.packet = std::move(room);
    wrapped.counter = base::Reader(raw.cntr).u40();
    wrapped.host_counts = (raw.flags & BV_PACKET_HOST_COUNTS) != 0;
  } else if (called != BV_E_NOT_FOUND) {
    log_.error("plugin.key_service",
               base::cat("bv.ota-crypto/1 wrap_command answered ", called, " with ", packet.size,
                         " octets for card ", iccid.digits()));
  }
  return wrapped;
}

base::Result<bip::DownlinkKeys::Answer> HostCrypto::unwrap_downlink_answer(
    const vault::Iccid& iccid, const bip::Downlink& how, base::View packet) {
  const bip::CommandHead head = bip::head_of(how, how.family);
  // What is in clear can be read here, and is never believed to be the card's own.
  auto refusal = bip::unwrap_response(bip::Carrier::sms, head, packet, {});
  if (refusal) return refusal;
  bv_packet_head raw = head_of(iccid, bip::Transport::sms, head);
  base::Bytes room(kPacketRoom);
  bv_buffer data{room.data(), room.size(), 0};
  const bv_status called = call([&] {
    return host_.ota_crypto()->unwrap_response(host_.handle(), &raw,
                                               bv_bytes{packet.data(), packet.size()}, &data);
  });
  if (called == BV_E_NOT_FOUND || called == BV_E_DENIED) return Answer();
  if (called != BV_OK || data.size > room.size()) {
    log_.error("plugin.key_service",
               base::cat("bv.ota-crypto/1 unwrap_response answered ", called, " with ", data.size,
                         " octets for card ", iccid.digits()));
    return base::Error{"the host's key service is away"};
  }
  room.resize(data.size);
  bip::ResponsePacket answer{{},
                             base::Reader(raw.cntr).u40(),
                             static_cast<bip::PacketStatus>(raw.status),
                             std::move(room),
                             true};
  base::Reader clear(packet);
  clear.take(3);  // RPL, RHL
  answer.tar = {clear.u8(), clear.u8(), clear.u8()};
  return clear.ok() ? Answer(std::move(answer)) : Answer();
}

}  // namespace plugin
