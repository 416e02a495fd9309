#include "card/commands.h"

#include "card/text.h"

namespace card::commands {
namespace {

Command plain(CommandType type, std::uint8_t qualifier = 0,
              std::uint8_t destination = device::kTerminal) {
  Command command;
  command.type = type;
  command.qualifier = qualifier;
  command.destination = destination;
  return command;
}

std::uint8_t channel_device(std::uint8_t channel) {
  return static_cast<std::uint8_t>(device::kChannelBase + channel);
}

constexpr std::uint16_t cr(std::uint16_t tag) { return tag | tag::kCr; }

void add_items(Command& command, const std::vector<MenuItem>& items) {
  for (const MenuItem& item : items) {
    base::Bytes value = encode_alpha(item.text);
    value.insert(value.begin(), item.id);
    command.objects.add(cr(tag::kItem), value);
  }
}

}  // namespace

Command set_up_menu(std::string_view title, const std::vector<MenuItem>& items) {
  Command command = plain(CommandType::set_up_menu);
  command.objects.add(cr(tag::kAlpha), encode_alpha(title));
  add_items(command, items);
  return command;
}

Command set_up_event_list(std::initializer_list<std::uint8_t> events) {
  Command command = plain(CommandType::set_up_event_list);
  command.objects.add(cr(tag::kEventList), events);
  return command;
}

Command poll_interval(int seconds) {
  Command command = plain(CommandType::poll_interval);
  command.objects.add(cr(tag::kDuration), encode_duration(seconds));
  return command;
}

Command more_time() { return plain(CommandType::more_time); }

Command display_text(std::string_view text, Clear clear) {
  const std::uint8_t qualifier = clear == Clear::by_user ? 0x81 : 0x01;  // high priority
  Command command = plain(CommandType::display_text, qualifier, device::kDisplay);
  command.objects.add(cr(tag::kText), encode_text_string(text));
  return command;
}

Command get_input(std::string_view text, const InputForm& form) {
  // b1 alphabet, b2 UCS2, b3 hidden.
  const auto qualifier =
      static_cast<std::uint8_t>((form.digits ? 0x00 : 0x03) | (form.hidden ? 0x04 : 0x00));
  Command command = plain(CommandType::get_input, qualifier);
  command.objects.add(cr(tag::kText), encode_text_string(text));
  command.objects.add(cr(tag::kResponseLength), {form.least, form.most});
  return command;
}

Command select_item(std::string_view title, const std::vector<MenuItem>& items) {
  Command command = plain(CommandType::select_item);
  if (!title.empty()) command.objects.add(cr(tag::kAlpha), encode_alpha(title));
  add_items(command, items);
  return command;
}

Command local_information(std::uint8_t qualifier) {
  return plain(CommandType::provide_local_information, qualifier);
}

Command start_timer(std::uint8_t id, int seconds) {
  Command command = plain(CommandType::timer_management, timer::kStart);
  command.objects.add(cr(tag::kTimerId), {id});
  command.objects.add(cr(tag::kTimerValue), encode_timer(seconds));
  return command;
}

Command stop_timer(std::uint8_t id) {
  Command command = plain(CommandType::timer_management, timer::kStop);
  command.objects.add(cr(tag::kTimerId), {id});
  return command;
}

Command refresh(const Path& changed) {
  Command command = plain(CommandType::refresh, 0x01);
  base::Writer list;
  list.u8(1);
  for (std::uint16_t fid : changed) list.u16(fid);
  command.objects.add(cr(tag::kFileList), list.view());
  return command;
}

Command open_channel(const ServerAddress& server, std::uint16_t buffer, Carrier carrier) {
  const std::uint8_t protocol =
      carrier == Carrier::cat_tp ? transport::kUdpClient : transport::kTcpClient;
  Command command = plain(CommandType::open_channel, 0x01);
  command.objects.add(tag::kBearer, {0x03});
  command.objects.add(tag::kBufferSize, base::Writer().u16(buffer).view());
  command.objects.add(tag::kTransport, base::Writer().u8(protocol).u16(server.port).view());
  command.objects.add(tag::kOtherAddress, base::Writer().u8(0x21).bytes(server.ip).view());
  return command;
}

Command close_channel(std::uint8_t channel) {
  return plain(CommandType::close_channel, 0x00, channel_device(channel));
}

Command channel_status() { return plain(CommandType::get_channel_status); }

Command send_short_message(base::View tpdu) {
  Command command = plain(CommandType::send_short_message, 0x00, device::kNetwork);
  command.objects.add(cr(tag::kSmsTpdu), tpdu);
  return command;
}

Command send_data(std::uint8_t channel, base::View data, bool immediate) {
  Command command = plain(CommandType::send_data, immediate ? 0x01 : 0x00, channel_device(channel));
  command.objects.add(cr(tag::kChannelData), data);
  return command;
}

Command receive_data(std::uint8_t channel, std::uint8_t octets) {
  Command command = plain(CommandType::receive_data, 0x00, channel_device(channel));
  command.objects.add(cr(tag::kChannelDataLength), {octets});
  return command;
}

}  // namespace card::commands

namespace card {

std::vector<MenuItem> read_items(const Command& command) {
  std::vector<MenuItem> items;
  for (std::size_t i = 0; const auto item = command.objects.find(tag::kItem, i); ++i) {
    if (!item->empty()) items.push_back({(*item)[0], decode_alpha(item->subspan(1))});
  }
  return items;
}

}  // namespace card
