#include "tests/support/laboratory.h"

#include <cstdio>
#include <stdexcept>
#include <utility>

#include "bip/exchange.h"

namespace support {

using vault::CardResult;

namespace {

template <class T>
T value_of(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error());
  return result.take();
}

std::array<std::uint8_t, 10> ef(const std::string& iccid) {
  return vault::Iccid::from_digits(iccid)->to_ef();
}

void set_key(bip::Fields& fields, const std::string& key) {
  if (!key.empty()) fields.key = base::Secret(base::as_bytes(key));
}

const char* name_of(bip::Ins ins) {
  switch (ins) {
    case bip::Ins::report:
      return "REPORT";
    case bip::Ins::store_begin:
      return "STORE BEGIN";
    case bip::Ins::store_data:
      return "STORE DATA";
    case bip::Ins::store_end:
      return "STORE END";
    case bip::Ins::key_confirm:
      return "KEY CONFIRM";
    case bip::Ins::fetch_begin:
      return "FETCH BEGIN";
    case bip::Ins::fetch_data:
      return "FETCH DATA";
    case bip::Ins::erase:
      return "ERASE";
    case bip::Ins::status:
      return "STATUS";
    case bip::Ins::fetch_report:
      return "FETCH REPORT";
  }
  return "?";
}

}  // namespace

const char* name_of(CardResult result) {
  static constexpr const char* kNames[] = {
      "done",           "key required", "wrong key",       "locked",      "unknown card",
      "nothing stored", "wrong offset", "digest mismatch", "too large",   "try later",
      "move pending",   "conflict",     "malformed",       "unsupported", "no such transaction",
      "mistyped key",   "suspended"};
  return kNames[static_cast<std::size_t>(result)];
}

Laboratory::Laboratory(const vault::Policy& wanted)
    : TestVault(wanted), store(stores->open()), policy(wanted) {}

void Laboratory::tell(const std::string& text) const {
  std::printf("%s  %s\n", base::iso_date(now().utc_ms).c_str(), text.c_str());
}

void Laboratory::time_passes(std::int64_t ms, const std::string& how) {
  clock.advance(ms);
  tell("-- " + how);
}

void Laboratory::other_instance_serves() {
  if (!other_.stores) {
    other_.stores = more_stores();
    other_.cards = std::make_unique<vault::CardService>(policy, *keys, log, counters);
    other_.store = other_.stores->open();
  }
  std::swap(stores, other_.stores);
  std::swap(cards, other_.cards);
  std::swap(store, other_.store);
  tell("-- another instance serves");
}

void Laboratory::import(const std::string& iccid, const std::string& msisdn,
                        const std::string& customer) {
  vault::ImportLine line{*vault::Iccid::from_digits(iccid), std::nullopt, customer, ""};
  if (!msisdn.empty()) line.msisdn = vault::Msisdn::from_text(msisdn);
  value_of(store->import(now(), {line}, "ops:test"));
  tell("operations import " + iccid);
}

vault::CareService Laboratory::care() { return {policy, *keys, *store, log}; }

vault::CareCall Laboratory::call(const std::string& reason) {
  return {"anna", reason, "passport", base::Secret(base::as_bytes("X1234567"))};
}

vault::Record Laboratory::record(const std::string& iccid) {
  return TestVault::record(*vault::Iccid::from_digits(iccid));
}

bool Laboratory::known(const std::string& iccid) {
  const auto number = *vault::Iccid::from_digits(iccid);
  const auto found = value_of(store->find_any({number}, std::nullopt));
  return !found.empty() && found.front().iccid == number;
}

CardInHand::CardInHand(Laboratory& lab, const std::string& number)
    : iccid(number), card(number), lab_(lab) {
  lab_.key_source.add(card);
}

void CardInHand::open_channel() {
  hang_up();
  session_ = std::make_unique<bip::Session>(lab_.settings, lab_.now());
  session_->feed(card.identification(), lab_.now());
  lab_.tell("card " + iccid + " opens a channel: " + base::to_hex(card.identification()));
}

void CardInHand::hang_up() {
  if (!session_) return;
  if (auto state = session_->take_card(); state && state->channel) {
    lab_.cards->close(*lab_.store, *state->channel, lab_.now());
  }
  session_.reset();
}

Answer CardInHand::send(base::View bytes) {
  session_->feed(bytes, lab_.now());
  while (session_->ready()) {
    auto batch = session_->next_batch(lab_.now());
    batch->waiting_since = lab_.now().mono_ms;
    bip::exchange(*batch, {lab_.crypto, *lab_.cards, *lab_.store, lab_.clock});
    session_->reply(std::move(batch), lab_.now());
  }
  base::Bytes output(session_->output().begin(), session_->output().end());
  session_->consume(output.size(), lab_.now());
  Answer answer;
  if (output.empty()) return answer;
  answer.any = true;
  auto taken = card.take_answer(output);
  if (!taken) throw std::runtime_error("not a response");
  answer.status = taken->status;
  answer.result = static_cast<CardResult>(taken->message.code);
  answer.fields = std::move(taken->message.fields);
  return answer;
}

Answer CardInHand::ask(bip::Ins ins, bip::Fields fields) {
  if (!session_) open_channel();
  bip::Message message;
  message.code = static_cast<std::uint8_t>(ins);
  message.fields = std::move(fields);
  Answer answer = send(card.packet(message));
  std::string line = "card " + iccid + ": " + name_of(ins) + " -> ";
  line += answer.status == bip::PacketStatus::por_ok
              ? name_of(answer.result)
              : "packet status " + std::to_string(static_cast<int>(answer.status));
  if (answer.fields.attempts_left) {
    line += ", attempts left " + std::to_string(*answer.fields.attempts_left);
  }
  if (answer.fields.key) {
    key = std::string(base::as_text(answer.fields.key->view()));
    line += ", with a key";
  }
  lab_.tell(line);
  return answer;
}

bip::Fields CardInHand::own_fields() const {
  bip::Fields fields;
  fields.iccid = ef(iccid);
  return fields;
}

Answer CardInHand::report(const std::string& previous, const std::string& with_key) {
  bip::Fields fields = own_fields();
  if (!previous.empty()) fields.previous = ef(previous);
  set_key(fields, with_key);
  return ask(bip::Ins::report, std::move(fields));
}

Answer CardInHand::begin(base::View image, const std::string& with_key, std::uint32_t transaction) {
  bip::Fields fields = own_fields();
  fields.transaction = transaction;
  fields.total = static_cast<std::uint32_t>(image.size());
  fields.digest = base::sha256(image);
  set_key(fields, with_key);
  return ask(bip::Ins::store_begin, std::move(fields));
}

Answer CardInHand::send_data(base::View image, std::size_t from, std::size_t to,
                             std::uint32_t transaction) {
  constexpr std::size_t kBlock = 700;
  Answer answer;
  for (std::size_t at = from; at < to; at += kBlock) {
    bip::Fields fields;
    fields.transaction = transaction;
    fields.offset = static_cast<std::uint32_t>(at);
    const base::View block = image.subspan(at, std::min(kBlock, to - at));
    fields.data = base::Bytes(block.begin(), block.end());
    answer = ask(bip::Ins::store_data, std::move(fields));
    if (answer.result != CardResult::done) break;
  }
  return answer;
}

Answer CardInHand::end(std::uint32_t transaction) {
  bip::Fields fields;
  fields.transaction = transaction;
  return ask(bip::Ins::store_end, std::move(fields));
}

Answer CardInHand::confirm(const std::string& with_key, std::uint32_t transaction) {
  bip::Fields fields;
  fields.transaction = transaction;
  set_key(fields, with_key);
  return ask(bip::Ins::key_confirm, std::move(fields));
}

Answer CardInHand::fetch_begin(const std::string& with_key, const std::string& previous,
                               std::uint16_t version) {
  bip::Fields fields = own_fields();
  if (!previous.empty()) fields.previous = ef(previous);
  if (version > 0) fields.version = version;
  set_key(fields, with_key);
  return ask(bip::Ins::fetch_begin, std::move(fields));
}

Answer CardInHand::back_up(base::View image, const std::string& with_key,
                           std::uint32_t transaction) {
  Answer answer = begin(image, with_key, transaction);
  if (answer.result != CardResult::done) return answer;
  answer = send_data(image, *answer.fields.offset, image.size(), transaction);
  if (answer.result != CardResult::done) return answer;
  answer = end(transaction);
  if (answer.fields.key) confirm(key, transaction);
  return answer;
}

base::Bytes CardInHand::restore(const std::string& with_key, const std::string& previous) {
  Answer answer = fetch_begin(with_key, previous);
  refusal = answer.result;
  if (answer.result != CardResult::done) return {};
  const std::uint32_t transaction = *answer.fields.transaction;
  base::Bytes content;
  while (content.size() < *answer.fields.total) {
    bip::Fields fields;
    fields.transaction = transaction;
    fields.offset = static_cast<std::uint32_t>(content.size());
    const Answer part = ask(bip::Ins::fetch_data, std::move(fields));
    refusal = part.result;
    if (part.result != CardResult::done || !part.fields.data) return {};
    content.insert(content.end(), part.fields.data->begin(), part.fields.data->end());
  }
  return content;
}

base::Bytes example_image(int entries, char fill) {
  base::Writer records;
  records.tlv(0x80, *base::from_hex("3F007F106F3A")).tlv(0x81, *base::from_hex("01"));
  for (int i = 0; i < entries; ++i) {
    base::Writer record;
    record.tlv(0x80, base::Bytes{static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i)});
    record.tlv(0x81, base::Bytes(28, static_cast<std::uint8_t>(fill)));
    records.tlv(0xA1, record.view());
  }
  base::Writer image;
  image.text("BV").u8(1).tlv(0xA0, records.view());
  return image.take();
}

std::string wrong_key(const std::string& right) {
  std::string digits = right.substr(0, right.size() - 1);
  digits[0] = digits[0] == '9' ? '0' : static_cast<char>(digits[0] + 1);
  return digits + static_cast<char>('0' + vault::damm_digit(digits));
}

std::string mistyped_key(const std::string& right) {
  std::string digits = right;
  digits[2] = digits[2] == '9' ? '0' : static_cast<char>(digits[2] + 1);
  return digits;
}

}  // namespace support
