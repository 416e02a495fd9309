// What all flows share: talking to the user, and to the vault with the user's key.
#include "card/applet.h"
#include "card/results.h"
#include "card/text.h"

namespace card {
namespace {

constexpr std::uint8_t kKeyLeast = 7, kKeyMost = 16;  // digits with the check digit

std::string attempts(const Answer& answer) {
  if (!answer.message.fields.attempts_left) return {};
  const int left = *answer.message.fields.attempts_left;
  return " " + std::to_string(left) + (left == 1 ? " attempt left." : " attempts left.");
}

std::string key_prompt(const Answer& answer) {
  switch (answer.message.code) {
    case result::kWrongKey:
      return "Wrong key." + attempts(answer) + " Key:";
    case result::kMistyped:
      return "That key was mistyped, please compare. Key:";
    default:
      return "Enter the key of your backup:";
  }
}

bool wants_key(const Answer& answer) {
  return answer.is(result::kKeyRequired) || answer.is(result::kWrongKey) ||
         answer.is(result::kMistyped);
}

}  // namespace

Task<bool> Applet::say(std::string text, Clear clear) {
  const Command command = commands::display_text(text, clear);
  const Response response = co_await proactive_.issue(command);
  co_return response.ok() &&
      response.result != General::no_response&& response.result != General::terminated_by_user;
}

Task<std::optional<base::Secret>> Applet::ask_key(std::string prompt) {
  const Command command = commands::get_input(
      prompt, {.digits = true, .hidden = true, .least = kKeyLeast, .most = kKeyMost});
  const Response response = co_await proactive_.issue(command);
  const auto value = response.objects.find(tag::kText);
  if (response.result != General::performed || !value) co_return std::nullopt;
  const auto text = decode_text_string(*value);
  if (!text || text->size() < kKeyLeast || text->size() > kKeyMost) co_return std::nullopt;
  co_return base::Secret(base::as_bytes(*text));
}

bip::Message Applet::command(bip::Ins ins) const {
  bip::Message message;
  message.code = static_cast<std::uint8_t>(ins);
  return message;
}

std::string Applet::refusal(const Answer& answer) {
  if (answer.status != bip::PacketStatus::por_ok) {
    return "The service did not accept the card.";
  }
  return result::for_user(answer.message.code);
}

// Sends `message` until the vault's answer is not about the key any more. The key stays in it.
// not_asked: nobody is at the phone, which counts as cancelled.
Task<Applet::Reply> Applet::ask_vault(bip::Message& message, Cancelled on_cancel) {
  for (bool cancelled = false;;) {
    auto answer = co_await link_.exchange(message);
    if (!answer) co_return Reply{Reply::How::lost, {}};
    if (!wants_key(*answer) || cancelled) {
      co_return Reply{Reply::How::answered, std::move(*answer)};
    }
    if (on_cancel == Cancelled::not_asked) co_return Reply{Reply::How::cancelled, {}};
    const std::string prompt = key_prompt(*answer);
    message.fields.key = co_await ask_key(prompt);
    if (message.fields.key) continue;
    if (on_cancel == Cancelled::ends) co_return Reply{Reply::How::cancelled, {}};
    cancelled = true;
  }
}

Task<bool> Applet::open_link() {
  const bool opened = co_await link_.open();
  if (!opened) co_await link_.close();
  co_return opened;
}

// The vault is told only after the user has acknowledged the key on the screen. A link that was
// lost meanwhile is opened again: the transaction outlives it.
Task<std::string> Applet::show_and_confirm_key(std::uint32_t transaction, const base::Secret& key,
                                               std::string done) {
  std::string text = "Your key: " + std::string(base::as_text(key.view())) +
                     " Write it down now. It is needed to change or restore the backup.";
  const bool acknowledged = co_await say(text);
  base::wipe(text.data(), text.size());
  if (!acknowledged) co_return "The key was not confirmed. The next backup gives you a new one.";
  bip::Message message = command(bip::Ins::key_confirm);
  message.fields.transaction = transaction;
  message.fields.key = key.clone();
  for (int attempt = 0; attempt < 2; ++attempt) {
    bool up = co_await link_.alive();
    if (!up) {
      co_await link_.close();
      up = co_await link_.open();
    }
    if (!up) continue;
    const auto answer = co_await link_.exchange(message);
    if (!answer) continue;
    if (answer->is(result::kDone)) {
      card_.memory.upload.reset();
      commit_();
      co_return done;
    }
    co_return "This key is not valid. The next backup gives you a new one.";
  }
  co_return "The key was not confirmed. The next backup gives you a new one.";
}

}  // namespace card
