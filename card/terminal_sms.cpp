// Short messages of the terminal: downloads to the card, texts for the user, what both send.
#include <algorithm>

#include "card/terminal.h"

namespace card {

// The proof of receipt leaves; who watches may carry it to the network's side.
void Terminal::send_short_message(const Command& command) {
  const auto tpdu = command.objects.find(tag::kSmsTpdu);
  const auto message = tpdu ? decode_submit(*tpdu) : std::nullopt;
  if (!message) return finish(General::data_not_understood);
  tell_sms(to_string(message->originator), message->user_data);
  if (settings_.submit) settings_.submit(*tpdu);
  finish(General::performed);
}

void Terminal::tell_sms(const std::string& to, base::View user_data) const {
  const std::string hex = base::to_hex(user_data);
  report_({"sms", "to " + to + ": " + hex, {{"to", to}, {"user_data", hex}}});
}

bool Terminal::deliver(const Number& originator, base::View user_data) {
  const auto tpdu = encode_deliver(originator, user_data, now_.utc_ms);
  const auto message = tpdu ? decode_deliver(*tpdu) : std::nullopt;
  if (!message) return false;
  download(*message, *tpdu, false);
  return true;
}

void Terminal::download(const Delivered& message, base::View tpdu, bool reported) {
  downloads_.push_back({to_string(message.originator), reported});
  envelopes_.push_back(sms_download(base::Bytes{0x91, 0x94, 0x71, 0x01, 0x32, 0x54, 0xF6}, tpdu));
}

// The card has its message; what it answered goes into the delivery report.
void Terminal::downloaded(base::View answer) {
  if (downloads_.empty()) return;
  const Download download = std::move(downloads_.front());
  downloads_.pop_front();
  if (!answer.empty()) tell_sms(download.from, answer);
  if (!download.reported) return;
  const auto waiting = std::find_if(delivery_reports_.begin(), delivery_reports_.end(),
                                    [](const DeliveryReport& report) { return !report.ready; });
  *waiting = {true, base::Bytes(answer.begin(), answer.end())};
  report_deliveries();
}

void Terminal::report_deliveries() {
  while (!delivery_reports_.empty() && delivery_reports_.front().ready) {
    const DeliveryReport report = std::move(delivery_reports_.front());
    delivery_reports_.pop_front();
    if (settings_.delivered) settings_.delivered(report.user_data);
  }
}

void Terminal::receive(base::View tpdu) {
  const auto message = decode_deliver(tpdu);
  if (message && for_card(*message)) {
    delivery_reports_.emplace_back();
    return download(*message, tpdu, true);
  }
  const auto text = decode_text(tpdu);
  if (text) show_text(*text);
  delivery_reports_.push_back({true, text ? std::optional(base::Bytes()) : std::nullopt});
  report_deliveries();
}

void Terminal::show_text(const ReceivedText& text) {
  const std::string from = to_string(text.from);
  Part part;
  part.reference = text.reference;
  part.total = text.total;
  part.number = text.number;
  const auto whole = text_parts_.add(from, part, base::as_bytes(text.text));
  if (!whole) return;
  text_from_ = text.from;
  const std::string words(base::as_text(*whole));
  report_({"text", words, {{"from", from}}});
}

bool Terminal::reply(const std::string& text) {
  const auto tpdu = encode_text(text_from_, text);
  if (!tpdu) return false;
  report_({"reply", text, {{"to", to_string(text_from_)}}});
  if (settings_.submit) settings_.submit(*tpdu);
  return true;
}

}  // namespace card
