#include "card/park/visit.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "base/crypto.h"
#include "bip/secured_packet.h"
#include "card/results.h"

namespace card::park {
namespace {

constexpr std::size_t kBlock = 700;  // octets of the image in a STORE DATA
constexpr std::array<std::uint8_t, 3> kTar{0xBF, 0xFF, 0x01};

// Octets that cannot be compressed, behind the head of an image.
base::Bytes content(std::size_t size, std::uint64_t seed) {
  base::Bytes image(std::max<std::size_t>(size, 3));
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < image.size(); i += 8) {
    const std::uint64_t number = random();
    std::memcpy(image.data() + i, &number, std::min<std::size_t>(8, image.size() - i));
  }
  return image;
}

std::uint64_t name_of(const base::Sha256& digest) {
  std::uint64_t name = 0;
  std::memcpy(&name, digest.data(), sizeof name);
  return name == 0 ? 1 : name;
}

bip::CommandHead head_for(const OtaKeys& keys, bool errors_only) {
  const int algorithm = keys.family == bip::Family::aes ? 0x02 : 0x05;
  const auto both = static_cast<std::uint8_t>(keys.key_set << 4 | algorithm);
  const std::uint8_t answer = errors_only ? 0x1A : 0x19;
  return {{0x16, answer}, both, both, kTar};
}

}  // namespace

base::Bytes identification_packet(const IccidOctets& iccid) {
  return base::Writer().u8(0x03).u8(0x0C).u8(0x36).u8(0x0A).bytes(iccid).take();
}

Visit::Visit(const ParkCard& card, Memory& memory, const Settings& settings, Step step,
             std::size_t size, std::uint64_t seed)
    : card_(card), memory_(memory), settings_(settings), step_(step) {
  if (step != Step::store) return;
  image_ = content(size, seed);
  digest_ = base::sha256(image_);
}

base::Bytes Visit::packet(const bip::Message& message, bool errors_only) {
  const bip::CommandPacket command{head_for(card_.keys, errors_only), ++memory_.counter,
                                   bip::encode_message(message)};
  const auto wrapped =
      bip::wrap_command(bip::Carrier::bip, command, {card_.keys.kic.view(), card_.keys.kid.view()});
  return wrapped.value_or(base::Bytes());
}

bip::Message Visit::message(bip::Ins ins) const {
  bip::Message command;
  command.code = static_cast<std::uint8_t>(ins);
  return command;
}

std::vector<base::Bytes> Visit::one(const bip::Message& command, Waiting waiting) {
  waiting_ = waiting;
  std::vector<base::Bytes> packets;
  packets.push_back(packet(command));
  return packets;
}

std::vector<base::Bytes> Visit::finish(State state) {
  state_ = state;
  base::Bytes().swap(image_);
  return {};
}

bool Visit::key_wanted() const {
  return result_ == result::kKeyRequired || result_ == result::kWrongKey ||
         result_ == result::kLocked;
}

std::vector<base::Bytes> Visit::begin() {
  const auto ins = step_ == Step::status  ? bip::Ins::status
                   : step_ == Step::store ? bip::Ins::store_begin
                                          : bip::Ins::fetch_begin;
  bip::Message command = message(ins);
  command.fields.iccid = card_.iccid;
  if (step_ == Step::status) return one(command, Waiting::status);
  if (memory_.key[0] != 0) {
    command.fields.key = base::Secret(base::as_bytes(std::string_view(memory_.key)));
  }
  if (step_ == Step::fetch) return one(command, Waiting::fetch_begin);
  memory_.transaction = (memory_.transaction + 1) & 0x7FFFFFFF;
  command.fields.transaction = memory_.transaction;
  command.fields.total = static_cast<std::uint32_t>(image_.size());
  command.fields.digest = digest_;
  return one(command, Waiting::begin);
}

std::vector<base::Bytes> Visit::answer(base::View octets) {
  if (state_ != State::going_on) return {};
  const auto response = bip::unwrap_response(bip::Carrier::bip, head_for(card_.keys, false), octets,
                                             {card_.keys.kic.view(), card_.keys.kid.view()});
  if (!response) return finish(State::broken);
  if (response->status != bip::PacketStatus::por_ok) return finish(State::refused);
  const auto answer = bip::decode_message(response->data);
  if (!answer) return finish(State::broken);
  result_ = answer->code;
  if (result_ == result::kTryLater) return finish(State::try_later);
  const bool nothing = waiting_ == Waiting::fetch_begin && result_ == result::kNothingStored;
  if (nothing) return finish(memory_.may_be(0) ? State::done : State::lost);
  if (result_ != result::kDone) return finish(State::refused);
  switch (waiting_) {
    case Waiting::status:
    case Waiting::confirm:
      return finish(State::done);
    case Waiting::begin:
      return upload(answer->fields);
    case Waiting::end:
      return stored(answer->fields);
    case Waiting::fetch_begin: {
      const bip::Fields& begun = answer->fields;
      if (!begun.transaction || !begun.total || !begun.digest) return finish(State::broken);
      fetch_ = *begun.transaction;
      total_ = *begun.total;
      digest_ = *begun.digest;
      return total_ == 0 ? finish(State::done) : fetch_more();
    }
    case Waiting::fetch_data:
      return fetched(answer->fields);
  }
  return finish(State::broken);
}

// All blocks behind each other, and the END that wants an answer.
std::vector<base::Bytes> Visit::upload(const bip::Fields& begun) {
  std::vector<base::Bytes> packets;
  const std::size_t block = std::min<std::size_t>(kBlock, begun.max_data.value_or(kBlock));
  const std::size_t from = begun.offset.value_or(0);
  if (block == 0 || from > image_.size()) return finish(State::broken);
  for (std::size_t at = from; at < image_.size(); at += block) {
    bip::Message data = message(bip::Ins::store_data);
    data.fields.transaction = memory_.transaction;
    data.fields.offset = static_cast<std::uint32_t>(at);
    const auto piece = base::View(image_).subspan(at, std::min(block, image_.size() - at));
    data.fields.data.emplace(piece.begin(), piece.end());
    packets.push_back(packet(data, true));
  }
  octets_ = image_.size();
  memory_.sent(name_of(digest_));
  bip::Message end = message(bip::Ins::store_end);
  end.fields.transaction = memory_.transaction;
  waiting_ = Waiting::end;
  packets.push_back(packet(end));
  return packets;
}

std::vector<base::Bytes> Visit::stored(const bip::Fields& end) {
  memory_.acknowledge(name_of(digest_));
  if (!end.key || !settings_.confirm) return finish(State::done);
  if (end.key->size() >= sizeof memory_.key) return finish(State::broken);
  std::memset(memory_.key, 0, sizeof memory_.key);
  std::memcpy(memory_.key, end.key->view().data(), end.key->size());
  bip::Message confirm = message(bip::Ins::key_confirm);
  confirm.fields.transaction = memory_.transaction;
  confirm.fields.key = end.key->clone();
  return one(confirm, Waiting::confirm);
}

std::vector<base::Bytes> Visit::fetch_more() {
  bip::Message next = message(bip::Ins::fetch_data);
  next.fields.transaction = fetch_;
  next.fields.offset = static_cast<std::uint32_t>(image_.size());
  return one(next, Waiting::fetch_data);
}

std::vector<base::Bytes> Visit::fetched(const bip::Fields& answer) {
  if (!answer.data || image_.size() + answer.data->size() > total_) return finish(State::broken);
  image_.insert(image_.end(), answer.data->begin(), answer.data->end());
  octets_ = image_.size();
  if (image_.size() < total_) return fetch_more();
  if (base::sha256(image_) != digest_) return finish(State::broken);
  if (!memory_.may_be(name_of(digest_))) return finish(State::lost);
  memory_.acknowledge(name_of(digest_));
  return finish(State::done);
}

}  // namespace card::park
