// No octets of an incoming message make the reader of proofs of receipt read outside them, and
// none of them is taken for a card's word: a fuzzer has no keys. What a card says is read as it was
// said.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bip/key_crypto.h"
#include "bip/wake_up.h"

namespace {

constexpr std::uint8_t kKic[16] = {0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
                                   0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F};
constexpr std::uint8_t kKid[16] = {0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57,
                                   0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F};

struct Keys : bip::CardKeySource {
  base::Result<std::optional<bip::CardKeys>> get(const vault::Iccid&, std::uint8_t) override {
    return std::optional(bip::CardKeys{bip::Family::aes, base::Secret(kKic), base::Secret(kKid)});
  }
};

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Keys keys;
  bip::KeyCrypto crypto(keys);
  bip::CardWakeUp wake_up({}, crypto);
  const auto card = *vault::Iccid::from_digits("8944351002100001231");
  const base::View octets(data, size);
  const auto read = wake_up.read_por(card, 1, octets);
  check(read.ok());
  if (const auto& por = *read) {
    check(!por->authentic);
    check(por->status != 0);
  }

  // The same octets as what a card with keys has to say.
  bip::CommandHead head;
  head.spi = {0x16, 0x39};
  head.kic = head.kid = 0x12;
  bip::ResponsePacket answer;
  answer.counter = size;
  answer.status = bip::PacketStatus::tar_unknown;
  answer.data.assign(octets.begin(), octets.end());
  const auto packet = bip::wrap_response(bip::Carrier::sms, head, answer, {kKic, kKid});
  if (!packet) return 0;
  base::Bytes user_data{0x02, 0x71, 0x00};
  user_data.insert(user_data.end(), packet->begin(), packet->end());
  const auto proof = wake_up.read_por(card, 1, user_data);
  check(proof.ok());
  const auto& por = *proof;
  check(por && por->authentic && por->status == 0x09 && por->counter == size);
  return 0;
}
