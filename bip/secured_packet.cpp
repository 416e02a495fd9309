#include "bip/secured_packet.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/packet_ciphers.h"

namespace bip {

namespace {

constexpr std::uint8_t kCommandIdentifier = 0x01;
constexpr std::uint8_t kResponseIdentifier = 0x02;
constexpr std::size_t kMaxLength = 0xFFFF;
constexpr std::size_t kCc = 8;
constexpr std::size_t kTarEnd = 7;          // SPI KIc KID TAR
constexpr std::size_t kCommandHeader = 13;  // of CHL, without CC
constexpr std::size_t kResponseHeader = 10;
constexpr std::size_t kCommandFixed = 6;   // CNTR PCNTR
constexpr std::size_t kResponseFixed = 7;  // CNTR PCNTR status
// The user data header of a single response message counts in its CC (TS 31.115 clause 4).
constexpr std::uint8_t kResponseUdh[] = {0x02, 0x71, 0x00};

// Plain text that may hold a user's key is not left behind in freed memory.
class Wiped {
 public:
  explicit Wiped(base::Bytes& bytes) : bytes_(bytes) {}
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { base::wipe(bytes_.data(), bytes_.size()); }

 private:
  base::Bytes& bytes_;
};

std::optional<Family> family_of(std::uint8_t octet) {
  switch (octet & 0x0F) {
    case 0x02:
      return Family::aes;
    case 0x05:
      return Family::des3;
    default:
      return std::nullopt;
  }
}

base::BlockCipher cipher_of(Family family) {
  return family == Family::aes ? base::BlockCipher::aes : base::BlockCipher::des3;
}

std::size_t block_of(Family family) { return family == Family::aes ? 16 : 8; }

// KIc/KID low nibble 5 is two-key 3DES; a key of another size is somebody's mistake.
bool key_fits(Family family, base::View key) { return family == Family::aes || key.size() == 16; }

// How one packet is protected.
struct Protection {
  std::optional<Family> cc;
  std::optional<Family> cipher;

  std::size_t cc_size() const { return cc ? kCc : 0; }
  std::size_t block() const { return cipher ? block_of(*cipher) : 1; }
};

// `checksum` is b2b1 of an SPI octet (or b4b3 of the second): none or CC, nothing else is spoken.
std::optional<Protection> protection(unsigned checksum, bool ciphered, std::uint8_t kic,
                                     std::uint8_t kid) {
  Protection result;
  if (checksum == 2) {
    result.cc = family_of(kid);
    if (!result.cc) return std::nullopt;
  } else if (checksum != 0) {
    return std::nullopt;
  }
  if (ciphered) {
    result.cipher = family_of(kic);
    if (!result.cipher) return std::nullopt;
  }
  return result;
}

std::optional<Protection> command_protection(const CommandHead& head) {
  return protection(head.spi[0] & 0x03u, head.ciphered(), head.kic, head.kid);
}

std::optional<Protection> response_protection(const CommandHead& head) {
  return protection(head.spi[1] >> 2 & 0x03u, (head.spi[1] & 0x10) != 0, head.kic, head.kid);
}

// Of the parts one after the other.
std::optional<std::array<std::uint8_t, kCc>> checksum(base::PacketCiphers& ciphers, Family family,
                                                      base::View key,
                                                      std::initializer_list<base::View> parts) {
  if (!key_fits(family, key)) return std::nullopt;
  std::array<std::uint8_t, kCc> cc{};
  if (family == Family::aes) {
    const auto mac = ciphers.aes_cmac(key, parts);
    if (!mac) return std::nullopt;
    std::copy_n(mac->begin(), kCc, cc.begin());
    return cc;
  }
  base::Bytes covered;
  const Wiped wiped(covered);
  std::size_t size = 0;
  for (base::View part : parts) size += part.size();
  covered.reserve(size + 8);
  for (base::View part : parts) covered.insert(covered.end(), part.begin(), part.end());
  // ISO 9797-1 algorithm 1 with padding method 1: the last block of a CBC encryption.
  covered.resize((covered.size() + 7) / 8 * 8);
  if (covered.size() < kCc || !ciphers.cbc_encrypt(base::BlockCipher::des3, key, covered)) {
    return std::nullopt;
  }
  std::copy(covered.end() - kCc, covered.end(), cc.begin());
  return cc;
}

struct Opened {
  std::size_t lengths = 0;  // octets of identifier, length and header length
  std::size_t header = 0;   // what the header length says
  base::View rest;          // after the header length, to the end
};

std::optional<Opened> open(Carrier carrier, std::uint8_t identifier, base::View packet) {
  base::Reader reader(packet);
  std::size_t length = 0;
  if (carrier == Carrier::bip) {
    if (reader.u8() != identifier) return std::nullopt;
    length = reader.ber_length();
  } else {
    length = reader.u16();
  }
  if (!reader.ok() || reader.left() != length) return std::nullopt;
  Opened opened;
  opened.header = carrier == Carrier::bip ? reader.ber_length() : reader.u8();
  opened.lengths = reader.position();
  opened.rest = reader.rest();
  if (!reader.ok() || opened.header > opened.rest.size()) return std::nullopt;
  return opened;
}

// Identifier, length and header length in front of `rest` octets.
base::Writer open_writer(Carrier carrier, std::uint8_t identifier, std::size_t header,
                         std::size_t rest) {
  base::Writer writer;
  const std::size_t length = 1 + rest;  // header lengths are always one octet: at most 15
  if (carrier == Carrier::bip) {
    writer.u8(identifier).ber_length(length);
  } else {
    writer.u16(static_cast<std::uint16_t>(length));
  }
  writer.u8(static_cast<std::uint8_t>(header));
  return writer;
}

struct Unsealed {
  std::array<std::uint8_t, kResponseFixed> fixed{};  // CNTR PCNTR [status]
  base::Bytes data;
};

// `clear` is what precedes the part that may be ciphered, `sealed` the rest; `prefix` is covered
// by the CC but not part of the packet.
std::optional<Unsealed> unseal(base::View prefix, base::View clear, base::View sealed,
                               std::size_t fixed, const Protection& how, const KeyView& keys,
                               base::PacketCiphers& ciphers) {
  const std::size_t before_data = fixed + how.cc_size();
  if (sealed.size() < before_data) return std::nullopt;
  base::Bytes plain(sealed.begin(), sealed.end());
  const Wiped wiped_plain(plain);
  if (how.cipher) {
    if (!key_fits(*how.cipher, keys.kic) ||
        !ciphers.cbc_decrypt(cipher_of(*how.cipher), keys.kic, plain)) {
      return std::nullopt;
    }
  }
  const base::View view = plain;
  const base::View padded = view.subspan(before_data);
  if (how.cc) {
    const auto cc =
        checksum(ciphers, *how.cc, keys.kid, {prefix, clear, view.first(fixed), padded});
    if (!cc || !base::equal_constant_time(*cc, view.subspan(fixed, kCc))) return std::nullopt;
  }
  // The padding's octets are not looked at: only their number matters to who verified the CC.
  const std::size_t padding = view[5];
  if (padding > padded.size() || padding >= (how.cipher ? how.block() : 16)) return std::nullopt;
  Unsealed result;
  std::copy_n(view.begin(), fixed, result.fixed.begin());
  result.data.assign(padded.begin(), padded.end() - static_cast<long>(padding));
  return result;
}

// Appends fixed part, CC and padded data to `packet`, which holds everything before them.
// `fixed` has zero for PCNTR.
std::optional<base::Bytes> seal(base::View prefix, base::Bytes packet, base::Bytes fixed,
                                base::View data, const Protection& how, const KeyView& keys,
                                base::PacketCiphers& ciphers) {
  const std::size_t used = fixed.size() + how.cc_size() + data.size();
  const std::size_t padding = (how.block() - used % how.block()) % how.block();
  fixed[5] = static_cast<std::uint8_t>(padding);
  const std::size_t clear = packet.size();
  packet.reserve(clear + used + padding);
  packet.insert(packet.end(), fixed.begin(), fixed.end());
  packet.resize(packet.size() + how.cc_size());
  packet.insert(packet.end(), data.begin(), data.end());
  packet.resize(packet.size() + padding);
  const std::span<std::uint8_t> all = packet;
  if (how.cc) {
    const base::View padded = base::View(packet).last(data.size() + padding);
    const auto cc = checksum(ciphers, *how.cc, keys.kid,
                             {prefix, base::View(packet).first(clear), fixed, padded});
    if (!cc) return std::nullopt;
    std::copy(cc->begin(), cc->end(), all.begin() + static_cast<long>(clear + fixed.size()));
  }
  if (how.cipher && (!key_fits(*how.cipher, keys.kic) ||
                     !ciphers.cbc_encrypt(cipher_of(*how.cipher), keys.kic, all.subspan(clear)))) {
    base::wipe(packet.data(), packet.size());
    return std::nullopt;
  }
  return packet;
}

std::size_t sealed_size(std::size_t fixed, std::size_t data, const Protection& how) {
  const std::size_t used = fixed + how.cc_size() + data;
  return (used + how.block() - 1) / how.block() * how.block();
}

std::uint64_t counter_of(base::View fixed) {
  base::Reader reader(fixed);
  return reader.u40();
}

std::optional<ResponsePacket> read_response(base::View prefix, base::View packet,
                                            const Opened& opened, const Protection& how,
                                            const KeyView& keys) {
  if (opened.header != kResponseHeader + how.cc_size()) return std::nullopt;
  const base::View clear = packet.first(opened.lengths + 3);
  base::PacketCiphers ciphers;
  auto parts = unseal(prefix, clear, opened.rest.subspan(3), kResponseFixed, how, keys, ciphers);
  if (!parts) return std::nullopt;
  ResponsePacket result;
  std::copy_n(opened.rest.begin(), 3, result.tar.begin());
  result.counter = counter_of(parts->fixed);
  result.status = static_cast<PacketStatus>(parts->fixed[6]);
  result.data = std::move(parts->data);
  result.verified = how.cc.has_value();
  return result;
}

}  // namespace

std::optional<CommandHead> read_command_head(Carrier carrier, base::View packet) {
  const auto opened = open(carrier, kCommandIdentifier, packet);
  if (!opened || opened->header < kCommandHeader) return std::nullopt;
  base::Reader reader(opened->rest);
  CommandHead head;
  head.spi = {reader.u8(), reader.u8()};
  head.kic = reader.u8();
  head.kid = reader.u8();
  head.tar = {reader.u8(), reader.u8(), reader.u8()};
  return head;
}

std::optional<base::Bytes> wrap_command(Carrier carrier, const CommandPacket& packet,
                                        const KeyView& keys) {
  const auto how = command_protection(packet.head);
  if (!how) return std::nullopt;
  const std::size_t rest = kTarEnd + sealed_size(kCommandFixed, packet.data.size(), *how);
  if (1 + rest > kMaxLength) return std::nullopt;
  base::Writer writer =
      open_writer(carrier, kCommandIdentifier, kCommandHeader + how->cc_size(), rest);
  const CommandHead& head = packet.head;
  writer.bytes(head.spi).u8(head.kic).u8(head.kid).bytes(head.tar);
  base::Writer fixed;
  fixed.u40(packet.counter).u8(0);
  base::PacketCiphers ciphers;
  return seal({}, writer.take(), fixed.take(), packet.data, *how, keys, ciphers);
}

std::optional<CommandPacket> unwrap_command(Carrier carrier, base::View packet,
                                            const KeyView& keys) {
  base::PacketCiphers ciphers;
  return unwrap_command(carrier, packet, keys, ciphers);
}

std::optional<CommandPacket> unwrap_command(Carrier carrier, base::View packet, const KeyView& keys,
                                            base::PacketCiphers& ciphers) {
  const auto head = read_command_head(carrier, packet);
  if (!head) return std::nullopt;
  const auto how = command_protection(*head);
  const auto opened = open(carrier, kCommandIdentifier, packet);
  if (!how || opened->header != kCommandHeader + how->cc_size()) return std::nullopt;
  const base::View clear = packet.first(opened->lengths + kTarEnd);
  auto parts = unseal({}, clear, opened->rest.subspan(kTarEnd), kCommandFixed, *how, keys, ciphers);
  if (!parts) return std::nullopt;
  CommandPacket result;
  result.head = *head;
  result.counter = counter_of(parts->fixed);
  result.data = std::move(parts->data);
  return result;
}

std::optional<base::Bytes> wrap_response(Carrier carrier, const CommandHead& command,
                                         const ResponsePacket& packet, const KeyView& keys) {
  base::PacketCiphers ciphers;
  return wrap_response(carrier, command, packet, keys, ciphers);
}

std::optional<base::Bytes> wrap_response(Carrier carrier, const CommandHead& command,
                                         const ResponsePacket& packet, const KeyView& keys,
                                         base::PacketCiphers& ciphers) {
  const auto how = response_protection(command);
  if (!how) return std::nullopt;
  const std::size_t rest = 3 + sealed_size(kResponseFixed, packet.data.size(), *how);
  if (1 + rest > kMaxLength) return std::nullopt;
  base::Writer writer =
      open_writer(carrier, kResponseIdentifier, kResponseHeader + how->cc_size(), rest);
  writer.bytes(packet.tar);
  base::Writer fixed;
  fixed.u40(packet.counter).u8(0).u8(static_cast<std::uint8_t>(packet.status));
  const base::View prefix = carrier == Carrier::sms ? base::View(kResponseUdh) : base::View();
  return seal(prefix, writer.take(), fixed.take(), packet.data, *how, keys, ciphers);
}

std::optional<ResponsePacket> unwrap_response(Carrier carrier, const CommandHead& command,
                                              base::View packet, const KeyView& keys) {
  const auto how = response_protection(command);
  const auto opened = open(carrier, kResponseIdentifier, packet);
  if (!how || !opened) return std::nullopt;
  const base::View prefix = carrier == Carrier::sms ? base::View(kResponseUdh) : base::View();
  if (auto answer = read_response(prefix, packet, *opened, *how, keys)) return answer;
  // A refusal may come without protection (TS 102 225 clause 5.2); it never carries data.
  auto refusal = read_response(prefix, packet, *opened, Protection{}, keys);
  if (!refusal || refusal->status == PacketStatus::por_ok) return std::nullopt;
  refusal->data.clear();
  return refusal;
}

base::Bytes clear_response(Carrier carrier, const std::array<std::uint8_t, 3>& tar,
                           std::uint64_t counter, PacketStatus status) {
  CommandHead head;  // SPI 00 00: neither CC nor ciphering
  ResponsePacket packet;
  packet.tar = tar;
  packet.counter = counter;
  packet.status = status;
  auto encoded = wrap_response(carrier, head, packet, {});
  return encoded ? std::move(*encoded) : base::Bytes{};
}

}  // namespace bip
