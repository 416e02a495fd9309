#include "bip/key_crypto.h"

#include <utility>

#include "base/crypto.h"
#include "base/packet_ciphers.h"

namespace bip {

namespace {

constexpr std::uint8_t kDummyKey[16] = {};

Carrier carrier_of(Transport transport) {
  return transport == Transport::sms ? Carrier::sms : Carrier::bip;
}

bool size_fits(Family family, std::size_t size) {
  return size == 16 || (family == Family::aes && (size == 24 || size == 32));
}

bool usable(const CardKeys* keys, std::optional<Family> family) {
  return keys != nullptr && family && keys->family == *family &&
         size_fits(*family, keys->kic.size()) && size_fits(*family, keys->kid.size());
}

}  // namespace

std::optional<Family> family_of(const CommandHead& head) {
  if ((head.kic & 0x0F) != (head.kid & 0x0F)) return std::nullopt;
  if ((head.kic & 0x0F) == 0x02) return Family::aes;
  if ((head.kic & 0x0F) == 0x05) return Family::des3;
  return std::nullopt;
}

namespace {

// Remembers the last key set asked for, also that there is none, and leaves its keys in the
// ciphers.
class Together : public Keys {
 public:
  Together(CardKeySource& source, bool kept) : source_(source), ciphers_(kept) {}

  Unwrapped unwrap_command(const vault::Iccid& iccid, Transport transport, const CommandHead& head,
                           base::View packet) override {
    const CardKeys* const keys = keys_of(iccid, head.key_set());
    const bool known = usable(keys, family_of(head));
    const KeyView view =
        known ? KeyView{keys->kic.view(), keys->kid.view()} : KeyView{kDummyKey, kDummyKey};
    auto read = bip::unwrap_command(carrier_of(transport), packet, view, ciphers_);
    Unwrapped result;
    result.keys_away = away_;
    // The dummy key is public: what verifies under it proves nothing.
    if (!read || !known || !head.has_cc()) {
      if (read) base::wipe(read->data.data(), read->data.size());
      return result;
    }
    result.status = PacketStatus::por_ok;
    result.data = std::move(read->data);
    result.counter = read->counter;
    return result;
  }

  std::optional<base::Bytes> wrap_response(const vault::Iccid& iccid, Transport transport,
                                           const CommandHead& head, std::uint64_t counter,
                                           PacketStatus status, base::View data) override {
    const CardKeys* const keys = keys_of(iccid, head.key_set());
    if (!usable(keys, family_of(head))) return std::nullopt;
    ResponsePacket packet{head.tar, counter, status, base::Bytes(data.begin(), data.end())};
    auto wrapped = bip::wrap_response(carrier_of(transport), head, packet,
                                      {keys->kic.view(), keys->kid.view()}, ciphers_);
    base::wipe(packet.data.data(), packet.data.size());
    return wrapped;
  }

 private:
  const CardKeys* keys_of(const vault::Iccid& iccid, std::uint8_t key_set) {
    if (!asked_ || asked_->first != iccid || asked_->second != key_set) {
      asked_.reset();
      keys_.reset();
      auto got = source_.get(iccid, key_set);
      away_ = !got;
      if (got) keys_ = got.take();
      asked_.emplace(iccid, key_set);
    }
    return keys_ ? &*keys_ : nullptr;
  }

  CardKeySource& source_;
  std::optional<std::pair<vault::Iccid, std::uint8_t>> asked_;
  std::optional<CardKeys> keys_;
  bool away_ = false;  // they could not be asked for
  base::PacketCiphers ciphers_;
};

}  // namespace

std::unique_ptr<Keys> KeyCrypto::together() { return std::make_unique<Together>(source_, true); }

Keys::Unwrapped KeyCrypto::unwrap_command(const vault::Iccid& iccid, Transport transport,
                                          const CommandHead& head, base::View packet) {
  return Together(source_, false).unwrap_command(iccid, transport, head, packet);
}

std::optional<base::Bytes> KeyCrypto::wrap_response(const vault::Iccid& iccid, Transport transport,
                                                    const CommandHead& head, std::uint64_t counter,
                                                    PacketStatus status, base::View data) {
  return Together(source_, false).wrap_response(iccid, transport, head, counter, status, data);
}

DownlinkKeys::Wrapped KeyCrypto::wrap_downlink(const vault::Iccid& iccid, const Downlink& how,
                                               std::uint64_t counter, base::View data) {
  Wrapped wrapped;
  auto got = source_.get(iccid, how.key_set);
  if (!got) return wrapped;
  const std::optional<CardKeys> keys = got.take();
  wrapped.kind = Wrapped::Kind::no_keys;
  if (!keys || !usable(&*keys, keys->family)) return wrapped;
  CommandPacket packet{head_of(how, keys->family), counter, base::Bytes(data.begin(), data.end())};
  auto octets = bip::wrap_command(Carrier::sms, packet, {keys->kic.view(), keys->kid.view()});
  if (!octets) return wrapped;
  wrapped.kind = Wrapped::Kind::done;
  wrapped.packet = std::move(*octets);
  wrapped.counter = counter;
  return wrapped;
}

base::Result<DownlinkKeys::Answer> KeyCrypto::unwrap_downlink_answer(const vault::Iccid& iccid,
                                                                     const Downlink& how,
                                                                     base::View packet) {
  auto got = source_.get(iccid, how.key_set);
  const bool away = !got;
  const std::optional<CardKeys> keys = away ? std::nullopt : got.take();
  const bool known = keys && usable(&*keys, keys->family);
  // The dummy key is public: nothing that verifies under it is believed.
  const KeyView view =
      known ? KeyView{keys->kic.view(), keys->kid.view()} : KeyView{kDummyKey, kDummyKey};
  const Family family = known ? keys->family : how.family;
  auto answer = bip::unwrap_response(Carrier::sms, head_of(how, family), packet, view);
  if (answer && (known || !answer->verified)) return answer;
  if (away) return base::Error{"the card's keys cannot be asked for"};
  return Answer();
}

}  // namespace bip
