#include "smsc/receipt.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/log.h"
#include "base/text.h"
#include "smsc/text.h"

namespace smsc {

namespace {

using Kind = vault::SmsReceipt::Kind;

constexpr std::size_t kMostText = 512;  // octets that are looked at
constexpr std::size_t kMostField = 65;

constexpr std::uint8_t kTypeMask = 0x3C;  // esm_class of a deliver_sm (5.2.12)
constexpr std::uint8_t kSmscReceipt = 0x04;
constexpr std::uint8_t kIntermediate = 0x20;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ','; }

// "id" at a word's beginning, then blanks, ':' or '=', blanks, the value up to the next blank.
// Nothing: no such field.
std::optional<std::string> field(std::string_view text, std::string_view folded,
                                 std::string_view name) {
  for (std::size_t at = folded.find(name); at != std::string_view::npos;
       at = folded.find(name, at + 1)) {
    if (at > 0 && !blank(text[at - 1])) continue;
    std::size_t from = at + name.size();
    while (from < text.size() && text[from] == ' ') ++from;
    if (from == text.size() || (text[from] != ':' && text[from] != '=')) continue;
    ++from;
    while (from < text.size() && text[from] == ' ') ++from;
    std::size_t to = from;
    while (to < text.size() && !blank(text[to]) && to - from < kMostField) ++to;
    std::string_view value = text.substr(from, to - from);
    // "id: sub:001": an empty value before the next field.
    if (value.find(':') != std::string_view::npos && name != "id") value = {};
    if (name == "id" && (value.starts_with("sub:") || value.starts_with("stat:"))) value = {};
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return std::nullopt;
}

// An id's '_' and '$' in the GSM alphabet, which some send a receipt in whatever its data_coding
// says. ASCII has nothing printable there.
char from_gsm(char c) { return c == 0x11 ? '_' : c == 0x02 ? '$' : c; }

// Some announce UCS2 for ASCII, some really send it.
std::string receipt_octets(base::View octets) {
  octets = octets.first(std::min(octets.size(), kMostText));
  if (octets.size() >= 4 && octets[0] == 0 && octets[2] == 0 && octets[1] != 0) {
    return to_utf8(from_ucs2(octets));
  }
  std::string text(base::as_text(octets));
  std::transform(text.begin(), text.end(), text.begin(), from_gsm);
  return text;
}

// The quoted beginning of our own text may hold anything: no field is looked for in it.
std::string_view before_quote(std::string_view text, std::string_view folded) {
  const std::size_t at = folded.find(" text:");
  return at == std::string_view::npos ? text : text.substr(0, at);
}

Kind kind_of_stat(std::string_view stat) {
  const std::string word = lowered(stat);
  if (word.starts_with("deliv")) return Kind::delivered;
  for (const char* failed : {"undel", "expir", "delet", "rejec", "fail"}) {
    if (word.starts_with(failed)) return Kind::failed;
  }
  return Kind::interim;  // ENROUTE, ACCEPTD, BUFFERED, UNKNOWN: nothing is decided by them
}

// message_state (5.2.28).
std::optional<Kind> kind_of_state(std::uint8_t state) {
  switch (state) {
    case 2:
      return Kind::delivered;
    case 3:
    case 4:
    case 5:
    case 8:
      return Kind::failed;
    case 1:
    case 6:
    case 7:
      return Kind::interim;
    default:
      return std::nullopt;  // not of the standard: the text decides
  }
}

std::string_view without_zeros(std::string_view id) {
  while (id.size() > 1 && id.front() == '0') id.remove_prefix(1);
  return id;
}

std::string as_text_id(std::string_view id) { return lowered(without_zeros(base::trim(id))); }

std::optional<std::uint64_t> number(std::string_view id, int radix) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(id.data(), id.data() + id.size(), value, radix);
  if (id.empty() || read.ec != std::errc() || read.ptr != id.data() + id.size()) {
    return std::nullopt;
  }
  return value;
}

std::string written(std::uint64_t value, int radix) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, radix).ptr;
  return std::string(digits.data(), end);
}

// A field of a receipt, for people.
std::string shown(std::string_view field) { return base::printable(field.substr(0, 20)); }

std::string error_text(const DeliverSm& message, const ReceiptText& text) {
  std::string error = shown(text.stat);
  if (!text.err.empty()) error += base::cat(error.empty() ? "" : " ", "err:", shown(text.err));
  const Tlv* const network = message.find(tag::kNetworkError);
  if (network != nullptr && network->value.size() == 3) {
    error += base::cat(error.empty() ? "" : " ", "network ", int{network->value[0]}, "/",
                       network->value[1] << 8 | network->value[2]);
  }
  return error;
}

bool type_says_receipt(const DeliverSm& message) {
  const int type = message.esm_class & kTypeMask;
  return type == kSmscReceipt || (type & kIntermediate) != 0;
}

}  // namespace

ReceiptText parse_receipt_text(base::View octets) {
  const std::string whole = receipt_octets(octets);
  const std::string folded = lowered(whole);
  const std::string_view text = before_quote(whole, folded);
  const std::string_view keys = std::string_view(folded).substr(0, text.size());
  const auto id = field(text, keys, "id");
  auto stat = field(text, keys, "stat");
  if (!stat) stat = field(text, keys, "status");
  auto err = field(text, keys, "err");
  if (!err) err = field(text, keys, "error");
  const bool more = field(text, keys, "done date") || field(text, keys, "dlvrd") ||
                    field(text, keys, "submit date");
  ReceiptText found;
  found.id = id.value_or("");
  found.stat = stat.value_or("");
  found.err = err.value_or("");
  found.shaped = id && stat && more && base::trim(keys).starts_with("id");
  return found;
}

bool is_receipt(const DeliverSm& message) {
  if (type_says_receipt(message)) return true;
  if ((message.esm_class & kTypeMask) != 0) return false;
  if (message.find(tag::kReceiptedMessageId) != nullptr) return true;
  if ((message.esm_class & kUdhi) != 0) return false;
  return parse_receipt_text(message.content()).shaped;
}

vault::SmsReceipt read_receipt(const DeliverSm& message, const Settings& settings) {
  vault::SmsReceipt receipt;
  receipt.smsc = settings.name;
  const ReceiptText text = parse_receipt_text(message.content());
  std::string id = text.id;
  const Tlv* const named = message.find(tag::kReceiptedMessageId);
  if (named != nullptr) {
    std::string_view value = base::as_text(named->value);
    value = value.substr(0, value.find('\0'));
    if (!value.empty()) id = value.substr(0, kMostField);
  }
  receipt.message_id = receipted_id(id, settings.id_match);
  receipt.marked = named != nullptr || type_says_receipt(message);
  receipt.kind = kind_of_stat(text.stat);
  const Tlv* const state = message.find(tag::kMessageState);
  if (state != nullptr && state->value.size() == 1) {
    receipt.kind = kind_of_state(state->value[0]).value_or(receipt.kind);
  }
  if ((message.esm_class & kTypeMask) == kIntermediate) receipt.kind = Kind::interim;
  const Tlv* const reference = message.find(tag::kUserMessageReference);
  if (reference != nullptr && reference->value.size() == 2) {
    receipt.reference = static_cast<std::uint16_t>(reference->value[0] << 8 | reference->value[1]);
  }
  // Source and destination are those of the message turned round; not at every SMSC.
  const bool turned = settings.source.empty() || message.source.digits != settings.source;
  receipt.number =
      vault::Msisdn::from_text(turned ? message.source.digits : message.destination.digits);
  receipt.error = receipt.kind == Kind::delivered ? std::string() : error_text(message, text);
  return receipt;
}

std::string submitted_id(std::string_view message_id, IdMatch match) {
  if (match == IdMatch::exact) return std::string(message_id);
  const std::string id = as_text_id(message_id);
  if (match == IdMatch::hex_dec) {
    if (const auto value = number(id, 16)) return written(*value, 10);
  }
  if (match == IdMatch::dec_hex) {
    if (const auto value = number(id, 10)) return written(*value, 16);
  }
  return id;
}

std::string receipted_id(std::string_view message_id, IdMatch match) {
  return match == IdMatch::exact ? std::string(message_id) : as_text_id(message_id);
}

}  // namespace smsc
