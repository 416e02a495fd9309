#include "bip/card_messages.h"

#include <algorithm>
#include <utility>

namespace bip {

namespace {

using Outcome = std::variant<vault::CardCommand, NotACommand>;

constexpr std::size_t kBlock = 16;  // of the wider cipher
constexpr NotACommand kMalformed{vault::CardResult::malformed, false};

// EF_MSISDN is the user's to write: a number that is none is as good as an empty one.
std::optional<vault::Msisdn> number(const Fields& f) {
  return f.number.empty() ? std::nullopt : vault::Msisdn::from_bcd(f.number);
}

std::optional<vault::UserKey> key(const Fields& f) {
  return f.key ? vault::UserKey::parse(f.key->view()) : std::nullopt;
}

std::optional<vault::Iccid> previous(const Fields& f) {
  return f.previous ? vault::Iccid::from_ef(*f.previous) : std::nullopt;
}

vault::Origin origin(const Fields& f) {
  const std::uint8_t value = f.origin.value_or(0);
  return value <= 2 ? static_cast<vault::Origin>(value) : vault::Origin::menu;
}

// Values whose length is right and whose content is not.
bool contents_ok(const Fields& f) {
  if (f.key && !key(f)) return false;
  return !f.previous || previous(f);
}

Outcome report(Fields& f) {
  vault::Report command;
  command.previous = previous(f);
  command.number = number(f);
  command.key = key(f);
  if (f.handset) command.handset = std::move(*f.handset);
  command.origin = origin(f);
  return command;
}

Outcome store_begin(const Fields& f) {
  if (!f.transaction || !f.total || !f.digest) return kMalformed;
  vault::StoreBegin command;
  command.transaction = *f.transaction;
  command.total = *f.total;
  command.digest = *f.digest;
  command.number = number(f);
  command.key = key(f);
  command.origin = origin(f);
  return command;
}

Outcome store_data(Fields& f) {
  if (!f.transaction || !f.offset || !f.data) return kMalformed;
  return vault::StoreData{*f.transaction, *f.offset, std::move(*f.data)};
}

Outcome store_end(const Fields& f) {
  if (!f.transaction) return kMalformed;
  return vault::StoreEnd{*f.transaction};
}

Outcome key_confirm(const Fields& f) {
  auto value = key(f);
  if (!f.transaction || !value) return kMalformed;
  return vault::KeyConfirm{*f.transaction, std::move(*value)};
}

Outcome fetch_begin(const Fields& f) {
  vault::FetchBegin command;
  command.previous = previous(f);
  command.number = number(f);
  command.key = key(f);
  command.version = f.version.value_or(0);
  return command;
}

Outcome fetch_data(const Fields& f, std::uint16_t fetch_max) {
  if (!f.transaction || !f.offset) return kMalformed;
  return vault::FetchData{*f.transaction, *f.offset, fetch_max};
}

Outcome fetch_report(const Fields& f) {
  if (!f.transaction || !f.counts) return kMalformed;
  return vault::FetchReport{*f.transaction, (*f.counts)[0], (*f.counts)[1]};
}

bool names_the_card(Ins ins) {
  return ins == Ins::report || ins == Ins::store_begin || ins == Ins::fetch_begin ||
         ins == Ins::erase || ins == Ins::status;
}

Outcome command_of(Ins ins, Fields& f, std::uint16_t fetch_max) {
  switch (ins) {
    case Ins::report:
      return report(f);
    case Ins::store_begin:
      return store_begin(f);
    case Ins::store_data:
      return store_data(f);
    case Ins::store_end:
      return store_end(f);
    case Ins::key_confirm:
      return key_confirm(f);
    case Ins::fetch_begin:
      return fetch_begin(f);
    case Ins::fetch_data:
      return fetch_data(f, fetch_max);
    case Ins::erase:
      return vault::Erase{key(f)};
    case Ins::status:
      return vault::StatusQuery{};
    case Ins::fetch_report:
      return fetch_report(f);
  }
  return NotACommand{vault::CardResult::unsupported, false};
}

}  // namespace

Outcome to_command(Message& message, const vault::Iccid& identified, std::uint16_t fetch_max) {
  const Ins ins = static_cast<Ins>(message.code);
  Fields& f = message.fields;
  if (message.code < 0x01 || message.code > 0x0A) {
    return NotACommand{vault::CardResult::unsupported, false};
  }
  if (f.iccid) {
    const auto named = vault::Iccid::from_ef(*f.iccid);
    if (named != identified) return NotACommand{vault::CardResult::malformed, named.has_value()};
  } else if (names_the_card(ins)) {
    return kMalformed;
  }
  if (!contents_ok(f)) return kMalformed;
  return command_of(ins, f, fetch_max);
}

Message to_message(vault::CardAnswer& answer, std::optional<std::uint16_t> max_data) {
  Message message;
  message.code = static_cast<std::uint8_t>(answer.result);
  Fields& f = message.fields;
  f.transaction = answer.transaction;
  f.total = answer.total;
  f.offset = answer.offset;
  if (!answer.data.empty()) f.data = std::move(answer.data);
  f.digest = answer.digest;
  f.attempts_left = answer.attempts_left;
  if (answer.date) {
    const base::Bytes date = base::to_bcd_date(*answer.date);
    if (date.size() == 7) std::copy(date.begin(), date.end(), f.date.emplace().begin());
  }
  if (answer.state) f.record_state = static_cast<std::uint8_t>(*answer.state);
  if (answer.key_state) f.key_state = static_cast<std::uint8_t>(*answer.key_state);
  f.flags = answer.flags;
  if (answer.key) f.key.emplace(answer.key->ascii());
  if (answer.result == vault::CardResult::done) f.max_data = max_data;
  return message;
}

namespace {

// Room for a message when `clear` octets precede the ciphered part, which begins with `fixed`.
std::size_t room(std::size_t max_packet, std::size_t clear, std::size_t fixed,
                 std::size_t other_tags) {
  constexpr std::size_t kIdentifierAndLength = 4;
  const std::size_t outside = kIdentifierAndLength + clear;
  if (max_packet <= outside) return 1;
  const std::size_t inside = (max_packet - outside) / kBlock * kBlock;
  return inside > fixed + other_tags ? inside - fixed - other_tags : 1;
}

}  // namespace

std::size_t fetch_room(std::size_t max_packet) {
  // RHL TAR; CNTR PCNTR status CC; result, tag 87 with a long length, tag 83 with a long key.
  return room(max_packet, 1 + 3, 7 + 8, 1 + 4 + 18);
}

std::size_t store_room(std::size_t max_packet) {
  // CHL SPI KIc KID TAR; CNTR PCNTR CC; INS, tags 84 and 86, tag 87 with a long length.
  return room(max_packet, 1 + 7, 6 + 8, 1 + 6 + 6 + 4);
}

}  // namespace bip
