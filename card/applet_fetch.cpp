// Restore: FETCH BEGIN, DATA, REPORT (wire protocol section 3, record-lifecycle "Fetch").
#include <algorithm>
#include <deque>

#include "card/applet.h"
#include "card/results.h"
#include "card/text.h"

namespace card {
namespace {

constexpr int kReopens = 2;  // of a channel that broke in the middle of a download
constexpr std::uint32_t kLargest = 4 * 1024 * 1024;
constexpr std::uint8_t kFarthestBack = 9;

// SELECT ITEM in the terminal profile (TS 102 223 clause 5.2).
bool has_lists(base::View profile) { return profile.size() >= 4 && (profile[3] & 0x01) != 0; }

// Customer care tells the subscriber a number: each line begins with its own.
Command list_of_older() {
  std::vector<MenuItem> items{{1, "1 (the one before the last)"}};
  for (std::uint8_t back = 2; back <= kFarthestBack; ++back) {
    items.push_back({back, std::to_string(back)});
  }
  return commands::select_item("How many backups back?", items);
}

// 0: none of them.
std::uint8_t older_chosen(const Response& response) {
  const auto item = response.objects.find(tag::kItemId);
  return item && item->size() == 1 && (*item)[0] <= kFarthestBack ? (*item)[0] : 0;
}

std::uint8_t older_typed(const Response& response) {
  const auto value = response.objects.find(tag::kText);
  const auto text = value ? decode_text_string(*value) : std::nullopt;
  if (!text || text->size() != 1 || (*text)[0] < '1' || (*text)[0] > '9') return 0;
  return static_cast<std::uint8_t>((*text)[0] - '0');
}

// A terminal may know less than its profile says.
bool not_known(const Response& response) {
  return response.result == General::type_not_understood ||
         response.result == General::beyond_capabilities;
}

}  // namespace

Task<> Applet::restore(std::uint16_t version) {
  const std::string text = co_await fetch(version);
  co_await link_.close();
  tell_outcome(text);
  co_await say(text);
}

// A back-up that a later one has replaced: one that is kept since the next had far fewer entries,
// or simply the one before.
Task<> Applet::restore_older() {
  const auto version = co_await ask_version();
  if (!version) co_return;
  if (*version > 0) {
    co_await restore(*version);
    co_return;
  }
  const std::string told = "Nothing was restored. The last backup is brought by Restore.";
  tell_outcome(told);
  co_await say(told);
}

// How many back-ups back; 0: none that is kept. Nothing: the user does not want.
Task<std::optional<std::uint8_t>> Applet::ask_version() {
  if (has_lists(profile_)) {
    const Command list = list_of_older();
    const Response response = co_await proactive_.issue(list);
    if (response.ok()) co_return older_chosen(response);
    if (!not_known(response)) co_return std::nullopt;
  }
  const Command form =
      commands::get_input("How many backups back, 1 to 9? 1 is the one before the last.",
                          {.digits = true, .hidden = false, .least = 1, .most = 1});
  const Response response = co_await proactive_.issue(form);
  if (response.result != General::performed) co_return std::nullopt;
  co_return older_typed(response);
}

// With another card known, its key is asked for at once: the vault moves the record with it.
Task<std::string> Applet::fetch(std::uint16_t version) {
  bip::Message begin = command(bip::Ins::fetch_begin);
  begin.fields.iccid = card_.iccid;
  if (version > 0) begin.fields.version = version;
  begin.fields.max_data = settings_.block;
  begin.fields.number = own_number(card_.files);
  if (const auto previous = other_card()) {
    begin.fields.key = co_await ask_key("Key of the backup of your card before:");
    if (begin.fields.key) begin.fields.previous = previous;
  }
  const bool opened = co_await open_link();
  if (!opened) co_return "No connection. Please try again later.";
  co_return co_await fetch_image(std::move(begin));
}

Task<std::string> Applet::fetch_image(bip::Message begin) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Reply reply = co_await ask_vault(begin, Cancelled::ends);
    if (reply.how == Reply::How::cancelled) co_return "Nothing was restored.";
    if (reply.how == Reply::How::lost) co_return "Connection lost. Please try again.";
    const bip::Fields& fields = reply.answer.message.fields;
    if (begin.fields.version && reply.answer.is(result::kNothingStored)) {
      co_return "There is no backup that far back.";
    }
    if (!reply.answer.is(result::kDone)) co_return refusal(reply.answer);
    if (!fields.transaction || !fields.total || !fields.digest || *fields.total > kLargest) {
      co_return "The backup cannot be read.";
    }
    // With the flag the claim still waits: what came is this card's own content.
    const bool waits = (fields.flags.value_or(0) & 0x02) != 0;
    if (begin.fields.previous && waits) begin.fields.previous.reset();
    if (begin.fields.previous) {
      card_.memory.moved = begin.fields.previous;
      card_.memory.previous.reset();
      commit_();
      begin.fields.previous.reset();
    }
    Download got{*fields.transaction, *fields.total, *fields.digest, {}, {}};
    std::string why;
    const Fetched how = co_await download(got, why);
    if (how == Fetched::whole) co_return co_await restored(got);
    if (how == Fetched::lost) co_return "Connection lost. Nothing was changed.";
    if (!why.empty()) co_return why + " Nothing was changed.";
  }
  co_return result::for_user(result::kNoTransaction);
}

// Requests run ahead of the answers by `fetch_window`; an answer that is shorter than asked makes
// those behind it useless. refused with an empty `why`: begin anew.
Task<Applet::Fetched> Applet::download(Download& got, std::string& why) {
  struct Asked {
    std::uint64_t counter;
    std::size_t offset;
  };
  std::deque<Asked> asked;
  std::size_t next = 0;
  int reopens = 0;
  while (got.image.size() < got.total) {
    bool up = true;
    while (up && next < got.total &&
           asked.size() < static_cast<std::size_t>(settings_.fetch_window)) {
      bip::Message data = command(bip::Ins::fetch_data);
      data.fields.transaction = got.transaction;
      data.fields.offset = static_cast<std::uint32_t>(next);
      const auto counter = co_await link_.send(data, Por::always);
      up = counter.has_value();
      if (up) asked.push_back({*counter, next});
      next += settings_.block;
    }
    std::optional<Answer> answer;
    if (up) answer = co_await link_.receive();
    if (!answer) {
      if (++reopens > kReopens) co_return Fetched::lost;
      co_await link_.close();
      const bool opened = co_await link_.open();
      if (!opened) co_return Fetched::lost;
      asked.clear();
      next = got.image.size();
      continue;
    }
    while (!asked.empty() && asked.front().counter < answer->counter) asked.pop_front();
    if (asked.empty() || asked.front().counter != answer->counter) continue;
    const std::size_t offset = asked.front().offset;
    asked.pop_front();
    const bool good = answer->is(result::kDone) && answer->message.fields.data;
    if (!good) {
      tell_refused_data(*answer);
      if (!answer->is(result::kNoTransaction)) why = refusal(*answer);
      co_return Fetched::refused;
    }
    if (offset != got.image.size()) continue;
    const base::Bytes& part = *answer->message.fields.data;
    if (part.size() > got.total - got.image.size()) {
      why = "The backup cannot be read.";
      co_return Fetched::refused;
    }
    got.image.insert(got.image.end(), part.begin(), part.end());
    if (answer->message.fields.key) got.key = std::move(answer->message.fields.key);
    if (part.size() < settings_.block) {
      asked.clear();
      next = got.image.size();
    }
  }
  co_return Fetched::whole;
}

// Nothing is written before the digest matched.
Task<std::string> Applet::restored(Download& got) {
  const base::Sha256 digest = base::sha256(got.image);
  tell_image(got.image.size(), digest);
  if (digest != got.digest) co_return "The backup came damaged. Nothing was changed.";
  const auto image = parse_image(got.image);
  Restored counts{0, 1};
  if (image) {
    counts = write_image(card_.files, *image);
    commit_();
  }
  tell_restored(counts);
  bip::Message message = command(bip::Ins::fetch_report);
  message.fields.transaction = got.transaction;
  message.fields.counts = {counts.written, counts.skipped};
  co_await link_.exchange(message);
  std::string text = image
                         ? "Restored: " + std::to_string(count_contacts(card_.files)) + " contacts."
                         : "The backup was not made by a card. Customer care can give it to you.";
  if (image && counts.skipped > 0) {
    text += " " + std::to_string(counts.skipped) + " entries did not fit.";
  }
  if (got.key) co_return co_await show_and_confirm_key(got.transaction, *got.key, text);
  co_return text;
}

}  // namespace card
