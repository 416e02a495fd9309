#include "bip/wake_up.h"

#include "bip/socket_address.h"

namespace bip {

namespace {

// CC, ciphered, counter higher; the proof of receipt always, with CC, ciphered, by SMS-SUBMIT: that
// in a delivery report does not reach an ESME.
constexpr std::array<std::uint8_t, 2> kSpi{0x16, 0x39};

constexpr std::uint8_t kWakeUp = 0x57;
constexpr std::uint8_t kResponsePacket = 0x71;  // user data header element
constexpr std::uint8_t kOpenChannel = 0x01;     // P2 of PUSH
constexpr std::uint8_t kOpenLink = 0x02;
constexpr std::size_t kLongestApdu = 255;

// Objects of TS 102 223 clause 8.
constexpr std::uint8_t kBearer = 0x35;
constexpr std::uint8_t kChannelData = 0x36;
constexpr std::uint8_t kBufferSize = 0x39;
constexpr std::uint8_t kTransportLevel = 0x3C;
constexpr std::uint8_t kOtherAddress = 0x3E;
constexpr std::uint8_t kAccessName = 0x47;
constexpr std::uint8_t kUdp = 0x01;  // UICC in client mode
constexpr std::uint8_t kTcp = 0x02;
constexpr std::uint8_t kIpv4 = 0x21;
constexpr std::uint8_t kIpv6 = 0x57;

// The key set is the one of the packet under way: the settings may have changed since it left.
Downlink downlink_of(const WakeUpSettings& settings, std::uint8_t key_set) {
  return {kSpi, settings.tar, key_set, settings.family};
}

base::Bytes transport_level(std::uint8_t type, std::uint16_t port) {
  return base::Writer().u8(type).u16(port).take();
}

// Labels with their lengths before them (TS 23.003 clause 9.1).
base::Bytes access_name(std::string_view name) {
  base::Writer out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out.u8(static_cast<std::uint8_t>(label.size())).text(label);
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out.take();
}

// Type and octets of an address, and its port.
struct Server {
  base::Bytes address;
  std::uint16_t port = 0;
};
std::optional<Server> server_of(const std::string& text) {
  const auto parsed = parse_socket_address(text);
  if (!parsed) return std::nullopt;
  Server server;
  base::Writer out;
  if (parsed->family() == AF_INET) {
    const auto* const in = reinterpret_cast<const sockaddr_in*>(parsed->get());
    const auto* const octets = reinterpret_cast<const std::uint8_t*>(&in->sin_addr);
    out.u8(kIpv4).bytes(base::View(octets, sizeof in->sin_addr));
    server.port = ntohs(in->sin_port);
  } else {
    const auto* const in = reinterpret_cast<const sockaddr_in6*>(parsed->get());
    out.u8(kIpv6).bytes(base::View(in->sin6_addr.s6_addr, sizeof in->sin6_addr.s6_addr));
    server.port = ntohs(in->sin6_port);
  }
  server.address = out.take();
  return server;
}

// False: too long.
bool append_push(base::Writer& script, std::uint8_t p2, const base::Bytes& objects) {
  if (objects.size() > kLongestApdu) return false;
  script.u8(0x80).u8(0xEC).u8(0x01).u8(p2).u8(static_cast<std::uint8_t>(objects.size()));
  script.bytes(objects);
  return true;
}

}  // namespace

base::Bytes applet_data(vault::WakeReason reason) {
  return {kWakeUp, 0x01, static_cast<std::uint8_t>(reason)};
}

std::optional<base::Bytes> push_data(const WakeUpSettings& settings, const vault::Iccid& card) {
  const auto server = server_of(settings.server);
  if (!server) return std::nullopt;
  const bool cat_tp = settings.transport == PushTransport::cat_tp;
  base::Writer channel;
  channel.tlv(kBearer, settings.bearer);
  channel.tlv(kBufferSize, base::Writer().u16(settings.buffer_size).view());
  if (!settings.apn.empty()) channel.tlv(kAccessName, access_name(settings.apn));
  channel.tlv(kTransportLevel, transport_level(cat_tp ? kUdp : kTcp, server->port));
  channel.tlv(kOtherAddress, server->address);
  base::Writer script;
  if (!append_push(script, kOpenChannel, channel.view())) return std::nullopt;
  if (cat_tp) {
    base::Writer link;
    link.tlv(kTransportLevel, transport_level(0, settings.cat_tp_port));
    link.tlv(kChannelData, card.to_ef());
    if (!append_push(script, kOpenLink, link.view())) return std::nullopt;
  }
  return script.take();
}

std::optional<base::View> response_in(base::View user_data) {
  base::Reader whole(user_data);
  base::Reader header(whole.take(whole.u8()));
  if (!whole.ok()) return std::nullopt;
  bool response = false;
  while (!header.at_end()) {
    response = header.u8() == kResponsePacket || response;
    header.take(header.u8());
    if (!header.ok()) return std::nullopt;
  }
  if (!response) return std::nullopt;
  return whole.rest();
}

vault::WakeBuilt CardWakeUp::build(const vault::Iccid& card, vault::WakeReason reason,
                                   std::uint8_t key_set, vault::Counter counter) {
  using Kind = DownlinkKeys::Wrapped::Kind;
  const WakeUpSettings now = settings();
  vault::WakeBuilt built;
  std::optional<base::Bytes> data = applet_data(reason);
  if (now.mode == WakeMode::push) data = push_data(now, card);
  if (!data) return built;  // refused by the configuration's check: a defect, tried again
  DownlinkKeys::Wrapped wrapped =
      keys_.wrap_downlink(card, downlink_of(now, key_set), counter, *data);
  if (wrapped.kind == Kind::no_keys) built.kind = vault::WakeBuilt::Kind::no_keys;
  if (wrapped.kind != Kind::done) return built;
  platform_counts_ = wrapped.host_counts;
  built.kind = vault::WakeBuilt::Kind::done;
  built.packet = {std::move(wrapped.packet), now.tar, wrapped.counter, key_set};
  return built;
}

base::Result<std::optional<vault::Por>> CardWakeUp::read_por(const vault::Iccid& card,
                                                             std::uint8_t key_set,
                                                             base::View user_data) {
  std::optional<vault::Por> por;
  const auto packet = response_in(user_data);
  if (!packet) return por;
  auto read = keys_.unwrap_downlink_answer(card, downlink_of(settings(), key_set), *packet);
  if (!read) return base::Error{read.error()};
  if (DownlinkKeys::Answer& answer = *read) {
    base::wipe(answer->data.data(), answer->data.size());
    por = {answer->tar, answer->counter, static_cast<std::uint8_t>(answer->status),
           answer->verified};
  }
  return por;
}

}  // namespace bip
