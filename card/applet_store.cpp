// Back up: STORE BEGIN, DATA, END (wire protocol section 3, record-lifecycle "Store").
#include <algorithm>

#include "card/applet.h"
#include "card/results.h"

namespace card {
namespace {

constexpr int kBegins = 3;    // new transactions within one session
constexpr int kSetbacks = 8;  // "wrong offset" answers without an end
constexpr int kPacketsPerPause = 8;
constexpr std::uint8_t kShrunk = 0x01;

std::uint32_t new_transaction() {
  const auto octets = base::random_array<4>();
  base::Reader reader(octets);
  return reader.u32() & 0x7FFFFFFF;
}

}  // namespace

OpenUpload Applet::new_upload(const base::Bytes& image) const {
  return {new_transaction(), static_cast<std::uint32_t>(image.size()), base::sha256(image), 0};
}

Task<> Applet::back_up(Origin origin) {
  const base::Bytes image = encode_image(take_image(card_.files));
  const base::Sha256 digest = base::sha256(image);
  tell_image(image.size(), digest);
  auto& upload = card_.memory.upload;
  if (!upload || upload->digest != digest || upload->total != image.size()) {
    upload = new_upload(image);
  }
  if (origin == Origin::timer) ++upload->retries;
  commit_();
  const bool opened = co_await open_link();
  std::string text;
  if (opened) {
    text = co_await store(image, origin);
    co_await link_.close();
  } else {
    text = co_await interrupted("No connection. ");
  }
  tell_outcome(text);
  co_await say(text);
}

// The session on an open link; gives what the user is told.
Task<std::string> Applet::store(const base::Bytes& image, Origin origin) {
  auto& upload = card_.memory.upload;
  bip::Message begin = command(bip::Ins::store_begin);
  begin.fields.iccid = card_.iccid;
  begin.fields.total = upload->total;
  begin.fields.digest = upload->digest;
  begin.fields.origin = static_cast<std::uint8_t>(origin);
  begin.fields.number = own_number(card_.files);
  for (int attempt = 0; attempt < kBegins; ++attempt) {
    begin.fields.transaction = upload->transaction;
    const auto on_cancel = origin == Origin::timer ? Cancelled::not_asked : Cancelled::ends;
    const Reply reply = co_await ask_vault(begin, on_cancel);
    if (reply.how == Reply::How::cancelled) {
      upload.reset();
      commit_();
      co_return origin == Origin::timer ? "The backup was interrupted. Please start it again."
                                        : "Nothing was backed up.";
    }
    if (reply.how == Reply::How::lost) co_return co_await interrupted("Connection lost. ");
    std::optional<Answer> end;
    const Answer* last = &reply.answer;
    if (last->is(result::kDone)) {
      end = co_await this->upload(image, reply.answer);
      if (!end) co_return co_await interrupted("Connection lost. ");
      if (end->is(result::kDone)) co_return co_await stored(*end);
      last = &*end;
    }
    if (last->is(result::kNoTransaction) || last->is(result::kDigestMismatch)) {
      upload = new_upload(image);
      commit_();
      continue;
    }
    if (last->is(result::kTryLater)) co_return co_await interrupted(refusal(*last) + " ");
    upload.reset();
    commit_();
    co_return refusal(*last);
  }
  co_return result::for_user(result::kNoTransaction);
}

// Sends what is missing and ends the transaction. Blocks are answered only on error, the end
// always. Nothing: the link is lost.
Task<std::optional<Answer>> Applet::upload(const base::Bytes& image, const Answer& begun) {
  const std::uint32_t transaction = card_.memory.upload->transaction;
  const std::size_t most = std::clamp<std::size_t>(
      begun.message.fields.max_data.value_or(settings_.block), 1, settings_.block);
  std::size_t offset = std::min<std::size_t>(begun.message.fields.offset.value_or(0), image.size());
  int packets = 0;
  for (int setbacks = 0;; ++setbacks) {
    while (offset < image.size()) {
      const std::size_t size = std::min(most, image.size() - offset);
      bip::Message data = command(bip::Ins::store_data);
      data.fields.transaction = transaction;
      data.fields.offset = static_cast<std::uint32_t>(offset);
      data.fields.data.emplace(image.begin() + static_cast<std::ptrdiff_t>(offset),
                               image.begin() + static_cast<std::ptrdiff_t>(offset + size));
      const auto sent = co_await link_.send(data, Por::on_error);
      if (!sent) co_return std::nullopt;
      offset += size;
      if (++packets % kPacketsPerPause == 0) {
        const Command pause = commands::more_time();
        co_await proactive_.issue(pause);
      }
      const bool waiting = co_await link_.answer_waiting();
      if (!waiting) continue;
      auto answer = co_await link_.receive();
      if (!answer) co_return std::nullopt;
      if (!answer->is(result::kWrongOffset) || ++setbacks > kSetbacks) co_return answer;
      offset = std::min<std::size_t>(answer->message.fields.offset.value_or(0), image.size());
    }
    bip::Message end = command(bip::Ins::store_end);
    end.fields.transaction = transaction;
    auto answer = co_await link_.exchange(end);
    if (!answer || !answer->is(result::kWrongOffset) || setbacks > kSetbacks) co_return answer;
    offset = std::min<std::size_t>(answer->message.fields.offset.value_or(0), image.size());
    if (offset == image.size()) co_return answer;
  }
}

// While a key is not confirmed the upload stays open in the card: the vault answers a repeated
// end with a fresh key.
Task<std::string> Applet::stored(const Answer& end) {
  std::string text = "Backed up: " + std::to_string(count_contacts(card_.files)) + " contacts.";
  if (end.message.fields.flags.value_or(0) & kShrunk) {
    text += " It is much smaller than the one before, which is kept.";
  }
  if (end.message.fields.key) {
    co_return co_await show_and_confirm_key(card_.memory.upload->transaction,
                                            *end.message.fields.key, text);
  }
  card_.memory.upload.reset();
  commit_();
  co_return text;
}

// An upload that goes on by itself later, as long as that was not tried too often. `why` and what
// the user may expect.
Task<std::string> Applet::interrupted(std::string why) {
  if (!card_.memory.upload || card_.memory.upload->retries >= settings_.max_retries) {
    co_return why + "Please try again later.";
  }
  const Command retry = commands::start_timer(kRetryTimer, settings_.retry_seconds);
  co_await proactive_.issue(retry);
  co_return why + "The backup goes on later.";
}

}  // namespace card
