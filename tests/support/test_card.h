// The card's side of docs/protocol.md as far as tests need it: packets out, answers in.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "base/crypto.h"
#include "bip/message.h"
#include "bip/ports.h"
#include "bip/secured_packet.h"
#include "vault/types.h"

namespace support {

// Content of a card that nothing can compress: the same for the same seed.
inline base::Bytes image_of(std::size_t size, unsigned seed = 7) {
  base::Bytes image(size);
  std::mt19937 random(seed);
  for (auto& octet : image) octet = static_cast<std::uint8_t>(random());
  return image;
}

class TestCard {
 public:
  explicit TestCard(std::string_view digits, bip::Family family = bip::Family::aes)
      : iccid(vault::Iccid::from_digits(digits).value()), family_(family) {
    kic_ = derived("kic");
    kid_ = derived("kid");
    const std::uint8_t algorithm = family == bip::Family::aes ? 0x12 : 0x15;
    head = {{0x16, 0x19}, algorithm, algorithm, {0xBF, 0xFF, 0x01}};
  }

  base::Bytes identification() const {
    const auto ef = iccid.to_ef();
    return base::Writer().u8(3).u8(12).u8(0x36).u8(10).bytes(ef).take();
  }

  bip::Message message(bip::Ins ins) const {
    bip::Message result;
    result.code = static_cast<std::uint8_t>(ins);
    result.fields.iccid = iccid.to_ef();
    return result;
  }
  // A packet with the next counter.
  base::Bytes packet(const bip::Message& m, std::uint8_t spi_second = 0x19) {
    return packet(bip::encode_message(m), spi_second);
  }
  base::Bytes packet(base::View data, std::uint8_t spi_second = 0x19) {
    bip::CommandPacket command{head, ++counter, base::Bytes(data.begin(), data.end())};
    command.head.spi[1] = spi_second;
    return bip::wrap_command(bip::Carrier::bip, command, {kic_, kid_}).value();
  }

  // Store in blocks, without the key. Each piece is one packet.
  bip::Message store_begin(base::View image, std::uint32_t transaction) const {
    bip::Message m = message(bip::Ins::store_begin);
    m.fields.transaction = transaction;
    m.fields.total = static_cast<std::uint32_t>(image.size());
    m.fields.digest = base::sha256(image);
    return m;
  }
  bip::Message store_data(base::View image, std::uint32_t transaction, std::uint32_t offset,
                          std::size_t block) const {
    bip::Message m;
    m.code = static_cast<std::uint8_t>(bip::Ins::store_data);
    m.fields.transaction = transaction;
    m.fields.offset = offset;
    const base::View part = image.subspan(offset, std::min(block, image.size() - offset));
    m.fields.data = base::Bytes(part.begin(), part.end());
    return m;
  }
  bip::Message plain(bip::Ins ins, std::uint32_t transaction) const {
    bip::Message m;
    m.code = static_cast<std::uint8_t>(ins);
    m.fields.transaction = transaction;
    return m;
  }

  struct Answer {
    bip::PacketStatus status = bip::PacketStatus::por_ok;
    std::uint64_t counter = 0;
    bip::Message message;  // with por_ok
    std::size_t packet_size = 0;
  };
  // Takes the first packet off `octets`; nothing: none whole, or not ours.
  std::optional<Answer> take_answer(base::Bytes& octets) const {
    base::Reader reader(octets);
    reader.u8();
    reader.take(reader.ber_length());
    if (!reader.ok()) return std::nullopt;
    const std::size_t size = reader.position();
    const auto response =
        bip::unwrap_response(bip::Carrier::bip, head, base::View(octets).first(size), {kic_, kid_});
    octets.erase(octets.begin(), octets.begin() + static_cast<long>(size));
    if (!response) return std::nullopt;
    Answer answer{response->status, response->counter, {}, size};
    if (answer.status == bip::PacketStatus::por_ok) {
      auto decoded = bip::decode_message(response->data);
      if (!decoded) return std::nullopt;
      answer.message = std::move(*decoded);
    }
    return answer;
  }

  // For TLS.
  base::Bytes psk() const { return derived("psk"); }

  bip::CardKeys keys() const { return {family_, base::Secret(kic_), base::Secret(kid_)}; }

  vault::Iccid iccid;
  bip::CommandHead head;
  std::uint64_t counter = 0;

 private:
  base::Bytes derived(std::string_view label) const {
    const auto whole = base::hmac_sha256(base::as_bytes(label), {base::as_bytes(iccid.digits())});
    return base::Bytes(whole.begin(), whole.begin() + 16);
  }

  bip::Family family_;
  base::Bytes kic_;
  base::Bytes kid_;
};

// Key set 1 of the cards that were added. Filled before it is used; then any thread.
class TestKeySource : public bip::CardKeySource {
 public:
  void add(const TestCard& card) { cards_.emplace(card.iccid, card.keys()); }
  base::Result<std::optional<bip::CardKeys>> get(const vault::Iccid& iccid,
                                                 std::uint8_t key_set) override {
    if (away) return base::Error{"away"};
    const auto found = cards_.find(iccid);
    if (found == cards_.end() || key_set != 1) return std::optional<bip::CardKeys>();
    const bip::CardKeys& keys = found->second;
    return std::optional(bip::CardKeys{keys.family, keys.kic.clone(), keys.kid.clone()});
  }
  std::atomic<bool> away = false;

 private:
  std::map<vault::Iccid, bip::CardKeys> cards_;
};

}  // namespace support
