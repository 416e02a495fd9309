#include "card/push.h"

#include "card/commands.h"
#include "card/uicc.h"

namespace card {
namespace {

constexpr std::uint8_t kClass = 0x80, kPush = 0xEC, kRequest = 0x01;
constexpr std::uint8_t kChannel = 0x01, kCatTpLink = 0x02;
constexpr std::uint8_t kFirstFailure = 0x10;
constexpr std::uint16_t kFailed = 0x6F00;
constexpr std::uint16_t cr(std::uint16_t tag) { return tag | tag::kCr; }

// The two of them that say who and where the card itself is are not the network's to give.
bool good_channel(const ObjectList& objects) {
  const auto transport = objects.find(tag::kTransport);
  const auto buffer = objects.find(tag::kBufferSize);
  if (transport && transport->size() != 3) return false;
  if (buffer && (buffer->size() != 2 || ((*buffer)[0] | (*buffer)[1]) == 0)) return false;
  return !objects.find(tag::kOtherAddress, 1);
}

std::uint16_t take_command(std::uint8_t request, base::View data, Push& push) {
  auto objects = ObjectList::parse(data);
  if (!objects) return sw::kBadData;
  if (request == kChannel) {
    if (!good_channel(*objects)) return sw::kBadData;
    push.channel = std::move(*objects);
    return sw::kOk;
  }
  if (request != kCatTpLink) return sw::kBadParameters;
  const auto port = objects->find(tag::kTransport);
  if (!port || port->size() != 3) return sw::kBadData;
  push.cat_tp = static_cast<std::uint16_t>((*port)[1] << 8 | (*port)[2]);
  return sw::kOk;
}

std::uint8_t protocol_of(const Push& push) {
  const auto transport = push.channel.find(tag::kTransport);
  return transport ? (*transport)[0] : transport::kTcpClient;
}

}  // namespace

bool is_push_script(base::View data) {
  return data.size() >= 4 && data[0] == kClass && data[1] == kPush;
}

PushScript read_push_script(base::View script) {
  PushScript seen;
  Push push;
  base::Reader reader(script);
  while (!reader.at_end()) {
    const std::uint8_t head[4] = {reader.u8(), reader.u8(), reader.u8(), reader.u8()};
    // Without data the last command has no length.
    const base::View data = reader.at_end() ? base::View() : reader.take(reader.u8());
    ++seen.commands;
    if (!reader.ok()) {
      seen.status = sw::kWrongLength;
    } else if (head[0] != kClass) {
      seen.status = sw::kBadClass;
    } else if (head[1] != kPush) {
      seen.status = sw::kBadInstruction;
    } else if (head[2] != kRequest) {
      seen.status = sw::kBadParameters;
    } else {
      seen.status = take_command(head[3], data, push);
    }
    if (seen.status != sw::kOk) return seen;
  }
  push.commands = seen.commands;
  if (seen.commands > 0) seen.push = std::move(push);
  return seen;
}

Carrier carrier_for(const Push& push, Carrier own) {
  if (push.cat_tp || protocol_of(push) == transport::kUdpClient) return Carrier::cat_tp;
  return own == Carrier::cat_tp ? Carrier::tcp : own;
}

Command open_channel_for(const Push& push, const ServerAddress& own, std::uint16_t buffer) {
  const Command usual = commands::open_channel(own, buffer, carrier_for(push, Carrier::tcp));
  Command command = usual;
  command.objects = {};
  for (const std::uint16_t tag : {tag::kBearer, tag::kBufferSize, tag::kAccessName, tag::kText,
                                  tag::kTransport, tag::kOtherAddress}) {
    for (std::size_t i = 0; const auto pushed = push.channel.find(tag, i); ++i) {
      command.objects.add(tag, *pushed);
    }
    const auto default_value = usual.objects.find(tag);
    if (!push.channel.has(tag) && default_value) command.objects.add(tag, *default_value);
  }
  return command;
}

base::Bytes compact_response(std::uint8_t commands, std::uint16_t status, base::View data) {
  return base::Writer().u8(commands).u16(status).bytes(data).take();
}

base::Bytes push_response(const Push& push, const Response& opened) {
  if (static_cast<std::uint8_t>(opened.result) < kFirstFailure) {
    return compact_response(push.commands, sw::kOk);
  }
  base::Bytes result{static_cast<std::uint8_t>(opened.result)};
  result.insert(result.end(), opened.additional.begin(), opened.additional.end());
  const ObjectList objects = ObjectList().add(cr(tag::kResult), result);
  return compact_response(1, kFailed, objects.encode());
}

}  // namespace card
