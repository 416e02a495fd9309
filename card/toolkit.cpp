#include "card/toolkit.h"

#include <algorithm>
#include <array>

#include "card/swapped_bcd.h"

namespace card {
namespace {

constexpr std::uint8_t kProactive = 0xD0;

// Command details and devices, which come first in this order.
struct Head {
  std::array<std::uint8_t, 3> details;
  std::array<std::uint8_t, 2> devices;
};

std::optional<Head> read_head(const ObjectList& list) {
  const auto details = list.find(tag::kDetails);
  const auto devices = list.find(tag::kDevices);
  if (!details || details->size() != 3 || !devices || devices->size() != 2) return std::nullopt;
  Head head{};
  std::copy(details->begin(), details->end(), head.details.begin());
  std::copy(devices->begin(), devices->end(), head.devices.begin());
  return head;
}

std::uint8_t capped(std::size_t count) {
  return static_cast<std::uint8_t>(std::min<std::size_t>(count, 0xFF));
}

}  // namespace

base::Bytes encode(const Command& command) {
  ObjectList list;
  list.add(tag::kDetails | tag::kCr,
           {command.number, static_cast<std::uint8_t>(command.type), command.qualifier});
  list.add(tag::kDevices | tag::kCr, {device::kUicc, command.destination});
  list.add(command.objects);
  return wrap_ber(kProactive, list.encode());
}

std::optional<Command> decode_command(base::View data) {
  std::uint8_t outer = 0;
  const auto body = unwrap_ber(data, outer);
  if (!body || outer != kProactive) return std::nullopt;
  auto list = ObjectList::parse(*body);
  if (!list) return std::nullopt;
  const auto head = read_head(*list);
  if (!head) return std::nullopt;
  list->drop_front(2);
  return Command{head->details[0], static_cast<CommandType>(head->details[1]), head->details[2],
                 head->devices[1], std::move(*list)};
}

base::Bytes encode(const Response& response) {
  ObjectList list;
  list.add(tag::kDetails | tag::kCr,
           {response.number, static_cast<std::uint8_t>(response.type), response.qualifier});
  list.add(tag::kDevices | tag::kCr, {device::kTerminal, device::kUicc});
  base::Bytes result{static_cast<std::uint8_t>(response.result)};
  result.insert(result.end(), response.additional.begin(), response.additional.end());
  list.add(tag::kResult | tag::kCr, result);
  list.add(response.objects);
  return list.encode();
}

std::optional<Response> decode_response(base::View data) {
  auto list = ObjectList::parse(data);
  if (!list) return std::nullopt;
  const auto head = read_head(*list);
  const auto result = list->find(tag::kResult);
  if (!head || !result || result->empty()) return std::nullopt;
  Response response;
  response.number = head->details[0];
  response.type = static_cast<CommandType>(head->details[1]);
  response.qualifier = head->details[2];
  response.result = static_cast<General>((*result)[0]);
  response.additional.assign(result->begin() + 1, result->end());
  list->drop_front(3);
  response.objects = std::move(*list);
  return response;
}

base::Bytes encode(const Envelope& envelope) {
  return wrap_ber(envelope.outer, envelope.objects.encode());
}

std::optional<Envelope> decode_envelope(base::View data) {
  Envelope result;
  const auto body = unwrap_ber(data, result.outer);
  if (!body) return std::nullopt;
  auto list = ObjectList::parse(*body);
  if (!list) return std::nullopt;
  result.objects = std::move(*list);
  return result;
}

Envelope menu_selection(std::uint8_t item) {
  Envelope result{envelope::kMenuSelection, {}};
  result.objects.add(tag::kDevices | tag::kCr, {device::kKeypad, device::kUicc});
  result.objects.add(tag::kItemId | tag::kCr, {item});
  return result;
}

Envelope data_available(std::uint8_t channel, std::size_t waiting) {
  Envelope result{envelope::kEventDownload, {}};
  result.objects.add(tag::kEventList | tag::kCr, {event::kDataAvailable});
  result.objects.add(tag::kDevices | tag::kCr, {device::kTerminal, device::kUicc});
  result.objects.add(tag::kChannelStatus | tag::kCr,
                     {static_cast<std::uint8_t>(0x80 | channel), 0x00});
  result.objects.add(tag::kChannelDataLength | tag::kCr, {capped(waiting)});
  return result;
}

Envelope link_dropped(std::uint8_t channel) {
  Envelope result{envelope::kEventDownload, {}};
  result.objects.add(tag::kEventList | tag::kCr, {event::kChannelStatus});
  result.objects.add(tag::kDevices | tag::kCr, {device::kTerminal, device::kUicc});
  result.objects.add(tag::kChannelStatus | tag::kCr, {channel, 0x05});
  return result;
}

Envelope sms_download(base::View service_centre, base::View tpdu) {
  Envelope result{envelope::kSmsDownload, {}};
  result.objects.add(tag::kDevices | tag::kCr, {device::kNetwork, device::kUicc});
  result.objects.add(tag::kAddress, service_centre);
  result.objects.add(tag::kSmsTpdu | tag::kCr, tpdu);
  return result;
}

Envelope timer_expired(std::uint8_t id, int seconds) {
  Envelope result{envelope::kTimerExpiration, {}};
  result.objects.add(tag::kDevices | tag::kCr, {device::kTerminal, device::kUicc});
  result.objects.add(tag::kTimerId | tag::kCr, {id});
  result.objects.add(tag::kTimerValue | tag::kCr, encode_timer(seconds));
  return result;
}

base::Bytes encode_timer(int seconds) {
  const int capped_seconds = std::clamp(seconds, 0, 24 * 3600);
  return {swapped_bcd(capped_seconds / 3600), swapped_bcd(capped_seconds / 60 % 60),
          swapped_bcd(capped_seconds % 60)};
}

std::optional<int> decode_timer(base::View value) {
  if (value.size() != 3) return std::nullopt;
  const auto hours = from_swapped_bcd(value[0]), minutes = from_swapped_bcd(value[1]),
             seconds = from_swapped_bcd(value[2]);
  if (!hours || !minutes || !seconds) return std::nullopt;
  const int total = *hours * 3600 + *minutes * 60 + *seconds;
  if (*minutes > 59 || *seconds > 59 || total > 24 * 3600) return std::nullopt;
  return total;
}

base::Bytes encode_duration(int seconds) {
  if (seconds <= 0xFF) return {0x01, static_cast<std::uint8_t>(std::max(seconds, 1))};
  return {0x00, static_cast<std::uint8_t>(std::min((seconds + 59) / 60, 0xFF))};
}

std::optional<int> decode_duration_ms(base::View value) {
  if (value.size() != 2 || value[1] == 0) return std::nullopt;
  switch (value[0]) {
    case 0x00:
      return value[1] * 60'000;
    case 0x01:
      return value[1] * 1'000;
    case 0x02:
      return value[1] * 100;
    default:
      return std::nullopt;
  }
}

}  // namespace card
