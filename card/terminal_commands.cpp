// Proactive commands without a channel.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "card/number.h"
#include "card/swapped_bcd.h"
#include "card/terminal.h"
#include "card/text.h"

namespace card {
namespace {

constexpr std::uint8_t kWaitForUser = 0x80;
constexpr std::size_t kMostText = 240;  // with its DCS: what a TERMINAL RESPONSE has room for
constexpr std::uint16_t cr(std::uint16_t tag) { return tag | tag::kCr; }

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '*' || c == '#' || c == '+';
  });
}

std::string title_of(const Command& command) {
  const auto title = command.objects.find(tag::kAlpha);
  return title ? decode_alpha(*title) : "";
}

std::string with_items(std::string text, const std::vector<MenuItem>& items) {
  for (const MenuItem& item : items) text += " | " + item.text;
  return text;
}

// Each has an identifier of its own, and none is 00.
bool distinct(const std::vector<MenuItem>& items) {
  std::set<std::uint8_t> ids{0x00};
  return std::all_of(items.begin(), items.end(),
                     [&](const MenuItem& item) { return ids.insert(item.id).second; });
}

}  // namespace

void Terminal::carry_out(const Command& command) {
  switch (command.type) {
    case CommandType::refresh:
      read_back_iccid();
      return finish(General::performed);
    case CommandType::more_time:
      return finish(General::performed);
    case CommandType::poll_interval:
      return poll_interval(command);
    case CommandType::set_up_event_list:
      return set_up_events(command);
    case CommandType::display_text:
      return display(command);
    case CommandType::get_input:
      return get_input(command);
    case CommandType::select_item:
      return select_item(command);
    case CommandType::set_up_menu:
      return set_up_menu(command);
    case CommandType::provide_local_information:
      return local_information(command);
    case CommandType::timer_management:
      return manage_timer(command);
    case CommandType::open_channel:
      return open_channel(command);
    case CommandType::close_channel:
      return close_channel(command);
    case CommandType::receive_data:
      return receive_data(command);
    case CommandType::send_data:
      return send_data(command);
    case CommandType::send_short_message:
      return send_short_message(command);
    case CommandType::get_channel_status:
      return channel_status();
    default:
      return finish(General::type_not_understood);
  }
}

void Terminal::set_up_menu(const Command& command) {
  menu_ = read_items(command);
  report_({"menu", with_items(title_of(command), menu_), {}});
  finish(General::performed);
}

void Terminal::set_up_events(const Command& command) {
  const auto list = command.objects.find(tag::kEventList);
  if (!list) return finish(General::values_missing);
  const auto has = [&](std::uint8_t event) {
    return std::find(list->begin(), list->end(), event) != list->end();
  };
  wants_data_ = has(event::kDataAvailable);
  wants_status_ = has(event::kChannelStatus);
  finish(General::performed);
}

void Terminal::display(const Command& command) {
  const auto value = command.objects.find(tag::kText);
  const auto text = value ? decode_text_string(*value) : std::nullopt;
  if (!text) return finish(General::data_not_understood);
  report_({"screen", *text, {}});
  if (!(command.qualifier & kWaitForUser)) return finish(General::performed);
  prompt_ = Prompt{Prompt::Kind::acknowledge, *text, false, 0, 0, {}};
}

void Terminal::get_input(const Command& command) {
  const auto value = command.objects.find(tag::kText);
  const auto length = command.objects.find(tag::kResponseLength);
  const auto text = value ? decode_text_string(*value) : std::nullopt;
  if (!text || !length || length->size() != 2) return finish(General::data_not_understood);
  const bool digits = (command.qualifier & 0x01) == 0;
  report_({"input", *text, {}});
  prompt_ = Prompt{Prompt::Kind::input, *text, digits, (*length)[0], (*length)[1], {}};
}

void Terminal::select_item(const Command& command) {
  std::vector<MenuItem> items = read_items(command);
  if (items.empty()) return finish(General::values_missing);
  if (!distinct(items)) return finish(General::data_not_understood);
  const std::string title = title_of(command);
  report_({"input", with_items(title, items), {}});
  prompt_ = Prompt{Prompt::Kind::choice, title, false, 0, 0, std::move(items)};
}

bool Terminal::choose(std::string_view text) {
  const auto& items = prompt_->items;
  const auto number = base::parse_integer(text);
  auto chosen = std::find_if(items.begin(), items.end(),
                             [&](const MenuItem& item) { return number && item.id == *number; });
  if (chosen == items.end()) {
    chosen = std::find_if(items.begin(), items.end(), [&](const MenuItem& item) {
      return base::equal_ignoring_case(item.text, text);
    });
  }
  if (chosen == items.end()) return false;
  ObjectList objects;
  objects.add(cr(tag::kItemId), {chosen->id});
  prompt_.reset();
  finish(General::performed, std::move(objects));
  return true;
}

bool Terminal::answer(std::string_view text) {
  if (prompt_ && prompt_->kind == Prompt::Kind::choice) return choose(text);
  if (!prompt_ || prompt_->kind != Prompt::Kind::input) return false;
  const std::size_t characters = to_ucs2(from_utf8(text)).size() / 2;
  if (characters < prompt_->least || characters > prompt_->most) return false;
  if (prompt_->digits && !all_digits(text)) return false;
  const base::Bytes value = encode_text_string(text);
  if (value.size() > kMostText) return false;
  ObjectList objects;
  objects.add(cr(tag::kText), value);
  prompt_.reset();
  finish(General::performed, std::move(objects));
  return true;
}

void Terminal::acknowledge() {
  prompt_.reset();
  finish(General::performed);
}

void Terminal::cancel() {
  prompt_.reset();
  finish(General::terminated_by_user);
}

void Terminal::go_back() {
  prompt_.reset();
  finish(General::backward_move);
}

void Terminal::ignore() {
  prompt_.reset();
  finish(General::no_response);
}

void Terminal::local_information(const Command& command) {
  ObjectList objects;
  if (command.qualifier == info::kImei) {
    objects.add(cr(tag::kImei), *imei_octets(phone_.imei));
  } else if (command.qualifier == info::kDateTime) {
    const base::Civil now = base::to_civil(now_.utc_ms);
    objects.add(cr(tag::kDateTime),
                {swapped_bcd(now.year % 100), swapped_bcd(now.month), swapped_bcd(now.day),
                 swapped_bcd(now.hour), swapped_bcd(now.minute), swapped_bcd(now.second), 0x00});
  } else {
    return finish(General::beyond_capabilities);
  }
  finish(General::performed, std::move(objects));
}

void Terminal::manage_timer(const Command& command) {
  const auto id = command.objects.find(tag::kTimerId);
  if (!id || id->size() != 1 || (*id)[0] == 0 || (*id)[0] >= timers_.size()) {
    return finish(General::data_not_understood);
  }
  auto& timer = timers_[(*id)[0]];
  ObjectList objects;
  objects.add(cr(tag::kTimerId), *id);
  if (command.qualifier == timer::kStart) {
    const auto value = command.objects.find(tag::kTimerValue);
    const auto seconds = value ? decode_timer(*value) : std::nullopt;
    if (!seconds) return finish(General::data_not_understood);
    timer = Timer{now_.mono_ms + *seconds * base::kSecondMs, *seconds};
    return finish(General::performed, std::move(objects));
  }
  if (!timer) return finish(General::timer_contradiction, std::move(objects));
  const std::int64_t left = std::max<std::int64_t>(timer->deadline_ms - now_.mono_ms, 0);
  objects.add(cr(tag::kTimerValue), encode_timer(static_cast<int>(left / base::kSecondMs)));
  if (command.qualifier == timer::kStop) timer.reset();
  finish(General::performed, std::move(objects));
}

void Terminal::poll_interval(const Command& command) {
  const auto duration = command.objects.find(tag::kDuration);
  const auto interval_ms = duration ? decode_duration_ms(*duration) : std::nullopt;
  if (!interval_ms) return finish(General::data_not_understood);
  poll_ms_ = *interval_ms;
  poll_at_ms_ = now_.mono_ms + poll_ms_;
  ObjectList objects;
  objects.add(cr(tag::kDuration), *duration);
  finish(General::performed, std::move(objects));
}

}  // namespace card
