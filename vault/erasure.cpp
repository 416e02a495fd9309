#include "vault/erasure.h"

#include "base/log.h"
#include "base/text.h"
#include "vault/line_words.h"
#include "vault/sms_ports.h"

namespace vault {

namespace {

constexpr std::string_view kWord = "erased ";

base::Sha256 seal_of(const KeyRing& keys, const ErasureReceipt& receipt) {
  base::Writer out;
  out.text("receipt of an erasure\n").text(receipt.iccid.digits()).text("\n");
  out.u64(static_cast<std::uint64_t>(receipt.at)).u64(receipt.versions).u64(receipt.octets);
  out.bytes(receipt.content);
  return keys.audit_mac({out.take()});
}

void put(base::Writer& out, std::string_view text) {
  out.u32(static_cast<std::uint32_t>(text.size())).text(text);
}

std::string digits(const std::optional<Msisdn>& number) { return number ? number->digits() : ""; }

base::Sha256 content_of(const KeyRing& keys, const Record& record,
                        const std::vector<ImageInfo>& images) {
  base::Writer out;
  out.text("erased content\n").bytes(record.id);
  put(out, digits(record.msisdn_provisioned));
  put(out, digits(record.msisdn_reported));
  put(out, record.customer);
  out.bytes(record.key_mac).u32(static_cast<std::uint32_t>(images.size()));
  for (const ImageInfo& image : images) {
    out.bytes(image.id).bytes(image.digest).u32(image.bytes);
    out.u64(static_cast<std::uint64_t>(image.stored_at));
  }
  return keys.audit_mac({out.take()});
}

// As vault::erase leaves it, but for the end of service.
Record erased(const Record& record) {
  Record blank = record;
  erase(blank);
  blank.suspended_at = record.suspended_at;
  return blank;
}

Reminder blank_of(const Reminder& reminder) {
  Reminder blank;
  blank.record = reminder.record;
  blank.version = reminder.version;
  return blank;
}

bool is_blank(const Record& record, const Reminder& reminder) {
  Record blank = erased(record);
  blank.epoch = record.epoch;
  return record == blank && reminder == blank_of(reminder);
}

// The quotation mark that closes, of a shell or of a letter: the one that opens is skipped with all
// that stands before the receipt.
std::string_view without_quote(std::string_view line) {
  for (const std::string_view mark :
       {"\"", "'", "\u201D", "\u201C", "\u2019", "\u2018", "\u00BB"}) {
    if (line.ends_with(mark)) return line.substr(0, line.size() - mark.size());
  }
  return line;
}

}  // namespace

std::string receipt_line(const KeyRing& keys, const ErasureReceipt& receipt) {
  return base::cat(kWord, receipt.iccid.digits(), " at ", base::iso_date(receipt.at), " versions ",
                   receipt.versions, " octets ", receipt.octets, " content ",
                   base::to_hex(receipt.content), " seal ", base::to_hex(seal_of(keys, receipt)));
}

std::optional<ErasureReceipt> read_receipt(const KeyRing& keys, std::string_view line) {
  const std::size_t at = line.find(kWord);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kWord.size());
  line = without_quote(base::trim(line.substr(0, line.find_first_of("\r\n"))));
  const auto iccid = Iccid::from_digits(next_word(line));
  if (next_word(line) != "at") return std::nullopt;
  const auto date = read_date(next_word(line));
  if (next_word(line) != "versions") return std::nullopt;
  const auto versions = base::parse_integer(next_word(line));
  if (next_word(line) != "octets") return std::nullopt;
  const auto octets = base::parse_integer(next_word(line));
  if (next_word(line) != "content") return std::nullopt;
  const auto content = read_hash(next_word(line));
  if (next_word(line) != "seal") return std::nullopt;
  const auto seal = read_hash(line);
  if (!iccid || !date || !versions || *versions < 0 || !octets || *octets < 0 || !content ||
      !seal) {
    return std::nullopt;
  }
  const ErasureReceipt found{*iccid, *date, static_cast<std::uint64_t>(*versions),
                             static_cast<std::uint64_t>(*octets), *content};
  if (!base::equal_constant_time(*seal, seal_of(keys, found))) return std::nullopt;
  return found;
}

bool holds_anything(RecordTx& tx, const Record& record) {
  return !tx.images(record).empty() || !is_blank(record, tx.messages().reminder(record.id));
}

std::optional<ErasureReceipt> erase_content(RecordTx& tx, Record& record, const KeyRing& keys,
                                            base::Now now) {
  if (!holds_anything(tx, record)) return std::nullopt;
  Reminder& reminder = tx.messages().reminder(record.id);
  const std::vector<ImageInfo> images = tx.images(record);
  ErasureReceipt receipt{record.iccid, now.utc_ms - now.utc_ms % base::kSecondMs, images.size(), 0,
                         content_of(keys, record, images)};
  for (const ImageInfo& image : images) {
    receipt.octets += image.bytes;
    tx.drop_image(image.id);
  }
  tx.drop_staged(record);
  record = erased(record);
  reminder = blank_of(reminder);
  return receipt;
}

void erase_reminder(RecordTx& tx, const RecordId& record) {
  Reminder& reminder = tx.messages().reminder(record);
  Reminder blank = blank_of(reminder);
  blank.opted_out_at = reminder.opted_out_at;
  blank.opted_out_by = reminder.opted_out_by;
  reminder = blank;
}

}  // namespace vault
