// The small menu items: write memo, status, erase backup.
#include <algorithm>

#include "base/time.h"
#include "card/applet.h"
#include "card/results.h"
#include "card/swapped_bcd.h"
#include "card/text.h"

namespace card {
namespace {

constexpr std::uint8_t kTitleMost = 20, kBodyMost = 60;  // characters: a memo fits its record

int bcd(std::uint8_t octet) { return (octet >> 4) * 10 + (octet & 0x0F); }

// Date, time and zone of the terminal (as a service centre time stamp) to a date in UTC. Nothing:
// it does not know them.
std::optional<std::array<std::uint8_t, 7>> memo_date(base::View value) {
  if (value.size() != 7) return std::nullopt;
  std::array<int, 6> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = from_swapped_bcd(value[i]);
    if (!part) return std::nullopt;
    parts[i] = *part;
  }
  const base::Civil civil{2000 + parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]};
  std::int64_t utc_ms = base::from_civil(civil);
  if (base::to_civil(utc_ms) != civil) return std::nullopt;  // a month 13 and the like
  if (value[6] != 0xFF) {
    const auto quarters = from_swapped_bcd(value[6] & 0xF7);
    if (!quarters) return std::nullopt;
    utc_ms -= ((value[6] & 0x08) ? -*quarters : *quarters) * 15 * base::kMinuteMs;
  }
  const base::Bytes encoded = base::to_bcd_date(utc_ms);
  if (encoded.size() != 7) return std::nullopt;
  std::array<std::uint8_t, 7> date{};
  std::copy(encoded.begin(), encoded.end(), date.begin());
  return date;
}

std::string readable(const std::array<std::uint8_t, 7>& date) {
  const auto two = [](int value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  return two(bcd(date[3])) + "." + two(bcd(date[2])) + "." +
         std::to_string(bcd(date[0]) * 100 + bcd(date[1])) + " " + two(bcd(date[4])) + ":" +
         two(bcd(date[5])) + " UTC";
}

std::string describe(const bip::Fields& fields) {
  static constexpr const char* kStates[] = {"No backup yet.", "Backup of ", "Locked: backup of ",
                                            "Suspended: backup of "};
  const std::uint8_t state = fields.record_state.value_or(0);
  std::string text = state < 4 ? kStates[state] : "Backup of ";
  if (state == 0) return text;
  if (fields.date) text += readable(*fields.date);
  if (fields.total) text += ", " + std::to_string(*fields.total) + " octets";
  text += fields.key_state == 2 ? ", key confirmed." : ", key not confirmed.";
  if (fields.attempts_left) text += " Attempts: " + std::to_string(*fields.attempts_left) + ".";
  if (fields.flags.value_or(0) & 0x02) text += " A change of card is being checked.";
  return text;
}

}  // namespace

Task<std::optional<std::string>> Applet::ask_text(std::string prompt, std::uint8_t most) {
  const Command command =
      commands::get_input(prompt, {.digits = false, .hidden = false, .least = 1, .most = most});
  const Response response = co_await proactive_.issue(command);
  const auto value = response.objects.find(tag::kText);
  if (response.result != General::performed || !value) co_return std::nullopt;
  co_return decode_text_string(*value);
}

Task<> Applet::write_memo() {
  const auto title = co_await ask_text("Title of the memo:", kTitleMost);
  if (!title) co_return;
  const auto body = co_await ask_text("Memo:", kBodyMost);
  if (!body) co_return;
  const Command ask_date = commands::local_information(info::kDateTime);
  const Response response = co_await proactive_.issue(ask_date);
  Memo memo{*title, *body, std::nullopt};
  if (const auto date = response.objects.find(tag::kDateTime)) memo.date = memo_date(*date);
  const bool kept = append_memo(*card_.files.find(path::memos()), memo);
  commit_();
  const std::string text = kept ? "Memo kept. It is part of the next backup." : "No room for it.";
  tell_outcome(text);
  co_await say(text);
}

Task<> Applet::show_status() {
  std::string text = "No connection. Please try again later.";
  const bool opened = co_await open_link();
  if (opened) {
    bip::Message message = command(bip::Ins::status);
    message.fields.iccid = card_.iccid;
    const auto answer = co_await link_.exchange(message);
    if (!answer) {
      text = "Connection lost. Please try again.";
    } else {
      text = answer->is(result::kDone) ? describe(answer->message.fields) : refusal(*answer);
    }
    co_await link_.close();
  }
  tell_outcome(text);
  co_await say(text);
}

Task<> Applet::erase_backup() {
  bip::Message message = command(bip::Ins::erase);
  message.fields.iccid = card_.iccid;
  message.fields.key = co_await ask_key("The backup will be erased for good. Key:");
  if (!message.fields.key) co_return;
  std::string text = "No connection. Please try again later.";
  const bool opened = co_await open_link();
  if (opened) {
    const Reply reply = co_await ask_vault(message, Cancelled::ends);
    switch (reply.how) {
      case Reply::How::answered:
        text = reply.answer.is(result::kDone) ? "The backup was erased." : refusal(reply.answer);
        break;
      case Reply::How::cancelled:
        text = "Nothing was erased.";
        break;
      case Reply::How::lost:
        text = "Connection lost. Please try again.";
        break;
    }
    co_await link_.close();
  }
  tell_outcome(text);
  co_await say(text);
}

}  // namespace card
