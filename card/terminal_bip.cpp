// Bearer independent protocol: one channel, TCP or UDP, UICC in client mode.
#include <algorithm>

#include "card/datagram_channel.h"
#include "card/terminal.h"

namespace card {
namespace {

constexpr std::uint8_t kIpv4 = 0x21;
constexpr std::size_t kMostReceived = 237;  // what a TERMINAL RESPONSE has room for
constexpr std::uint16_t cr(std::uint16_t tag) { return tag | tag::kCr; }

std::uint8_t capped(std::size_t count) {
  return static_cast<std::uint8_t>(std::min<std::size_t>(count, 0xFF));
}

// The network's packet bearer, and the default one, which is the same here (clause 8.52).
bool has_bearer(base::View bearer) {
  return !bearer.empty() && (bearer[0] == 0x02 || bearer[0] == 0x03);
}

// Destination of OPEN CHANNEL: the last other address object; the one before would be the local.
std::optional<ServerAddress> destination(const Command& command) {
  const auto transport = command.objects.find(tag::kTransport);
  auto address = command.objects.find(tag::kOtherAddress, 1);
  if (!address) address = command.objects.find(tag::kOtherAddress);
  if (!transport || transport->size() != 3) return std::nullopt;
  ServerAddress server;
  server.port = static_cast<std::uint16_t>((*transport)[1] << 8 | (*transport)[2]);
  if (!address || address->size() != 5 || (*address)[0] != kIpv4) return std::nullopt;
  std::copy(address->begin() + 1, address->end(), server.ip.begin());
  return server;
}

}  // namespace

// A TCP connection stands before the card is told (immediate link establishment).
void Terminal::open_channel(const Command& command) {
  const auto bearer = command.objects.find(tag::kBearer);
  const auto size = command.objects.find(tag::kBufferSize);
  const auto level = command.objects.find(tag::kTransport);
  if (!bearer || !size || size->size() != 2) return finish(General::values_missing);
  const std::size_t wanted = (*size)[0] * 256u + (*size)[1];
  const std::size_t granted = std::min(wanted, settings_.most_buffer);
  ObjectList tail;
  tail.add(tag::kBearer, *bearer);
  tail.add(tag::kBufferSize, base::Writer().u16(static_cast<std::uint16_t>(granted)).view());
  if (!has_bearer(*bearer)) return finish(General::beyond_capabilities, std::move(tail));
  if (channel_) return finish(General::bip_error, std::move(tail), {bip_cause::kNoChannel});
  const std::uint8_t protocol = level && level->size() == 3 ? (*level)[0] : 0x00;
  if (protocol != transport::kTcpClient && protocol != transport::kUdpClient) {
    return finish(General::bip_error, std::move(tail), {bip_cause::kTransport});
  }
  const auto server = settings_.server ? settings_.server : destination(command);
  if (!server || granted == 0) return finish(General::data_not_understood, std::move(tail));
  if (settings_.before_connect) settings_.before_connect();
  Channel::Failed failed{};
  channel_ = protocol == transport::kTcpClient ? connect(*server, granted, failed)
                                               : connect_datagrams(*server, granted);
  if (!channel_) {
    report_({"channel", "no connection to " + to_string(*server), {}});
    if (failed == Channel::Failed::timed_out) {
      return finish(General::network_unable, std::move(tail), {0x00});
    }
    return finish(General::bip_error, std::move(tail), {bip_cause::kUnreachable});
  }
  announced_ = fetched_since_ = drop_told_ = false;
  report_({"channel", "open " + to_string(*server), {{"server", to_string(*server)}}});
  ObjectList objects;
  objects.add(tag::kChannelStatus, {0x80 | kChannel, 0x00});
  objects.add(tail);
  finish(granted < wanted ? General::performed_modified : General::performed, std::move(objects));
}

std::unique_ptr<Channel> Terminal::connect(const ServerAddress& server, std::size_t buffer,
                                           Channel::Failed& failed) {
  if (!settings_.connect) {
    return Channel::connect(server, buffer, cuts_, settings_.connect_timeout_ms, failed);
  }
  const int socket = settings_.connect(server);
  return socket < 0 ? nullptr : std::make_unique<Channel>(socket, buffer, cuts_);
}

std::unique_ptr<Channel> Terminal::connect_datagrams(const ServerAddress& server,
                                                     std::size_t buffer) {
  if (!settings_.connect_datagrams) return DatagramChannel::connect(server, buffer, cuts_);
  const int socket = settings_.connect_datagrams(server);
  return socket < 0 ? nullptr : std::make_unique<DatagramChannel>(socket, buffer, cuts_);
}

// Answers for a command that names another channel, or none that is open.
bool Terminal::right_channel(const Command& command) {
  if (command.destination != device::kChannelBase + kChannel) {
    finish(General::bip_error, {}, {bip_cause::kBadId});
    return false;
  }
  if (channel_) return true;
  finish(General::bip_error, {}, {bip_cause::kClosed});
  return false;
}

void Terminal::close_channel(const Command& command) {
  if (!right_channel(command)) return;
  channel_.reset();
  // What has been queued for a channel that is gone would confuse the next one.
  std::erase_if(envelopes_, [](const Envelope& envelope) {
    return envelope.outer == envelope::kEventDownload;
  });
  report_({"channel", "closed", {}});
  finish(General::performed);
}

void Terminal::send_data(const Command& command) {
  if (!right_channel(command)) return;
  const auto data = command.objects.find(tag::kChannelData);
  if (!data) return finish(General::values_missing);
  if (channel_->lost() && channel_->waiting() == 0) {
    return finish(General::bip_error, {}, {bip_cause::kClosed});
  }
  if (!channel_->store(*data)) return finish(General::bip_error, {}, {bip_cause::kBufferSize});
  if (command.qualifier & 0x01) channel_->flush();
  ObjectList objects;
  objects.add(cr(tag::kChannelDataLength), {capped(channel_->tx_free())});
  finish(General::performed, std::move(objects));
}

void Terminal::receive_data(const Command& command) {
  if (!right_channel(command)) return;
  const auto length = command.objects.find(tag::kChannelDataLength);
  if (!length || length->size() != 1) return finish(General::values_missing);
  channel_->pump();
  const std::size_t wanted = std::min<std::size_t>((*length)[0], kMostReceived);
  const base::Bytes octets = channel_->take(wanted);
  const std::size_t left = channel_->waiting();
  fetched_since_ = true;
  if (left == 0) announced_ = false;
  ObjectList objects;
  objects.add(cr(tag::kChannelData), octets);
  objects.add(cr(tag::kChannelDataLength), {capped(left)});
  finish(octets.size() < wanted ? General::missing_information : General::performed,
         std::move(objects));
}

void Terminal::channel_status() {
  ObjectList objects;
  if (!channel_) {
    objects.add(cr(tag::kChannelStatus), {0x00, 0x00});
  } else if (channel_->lost()) {
    objects.add(cr(tag::kChannelStatus), {kChannel, 0x05});
  } else {
    objects.add(cr(tag::kChannelStatus), {0x80 | kChannel, 0x00});
  }
  finish(General::performed, std::move(objects));
}

}  // namespace card
