// The one card of these tests: its number, its keys, and packets that verify.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "bip/message.h"
#include "bip/secured_packet.h"

namespace support {

struct TestCard {
  // 8986 0000 0000 0000 0018 as in EF_ICCID: nibble-swapped.
  const std::string digits = "89860000000000000018";
  const std::array<std::uint8_t, 10> iccid{0x98, 0x68, 0, 0, 0, 0, 0, 0, 0, 0x81};
  const base::Bytes kic = base::Bytes(16, 0x4B);
  const base::Bytes kid = base::Bytes(16, 0x1D);
  std::uint8_t key_set = 1;

  base::Bytes identification() const {
    base::Writer out;
    out.u8(0x03).u8(0x0C).u8(0x36).u8(0x0A).bytes(iccid);
    return out.take();
  }
  bip::CommandHead head() const {
    const auto both = static_cast<std::uint8_t>(key_set << 4 | 0x02);
    return {{0x16, 0x19}, both, both, {0xBF, 0xFF, 0x01}};
  }
  // A command packet with a REPORT.
  base::Bytes report(std::uint64_t counter) const {
    bip::Message message;
    message.code = static_cast<std::uint8_t>(bip::Ins::report);
    message.fields.iccid = iccid;
    return wrapped(counter, message);
  }
  // `wants`: second octet of the SPI, 19 an answer always, 1A on error only.
  base::Bytes wrapped(std::uint64_t counter, const bip::Message& message,
                      std::uint8_t wants = 0x19) const {
    bip::CommandPacket packet{head(), counter, bip::encode_message(message)};
    packet.head.spi[1] = wants;
    return bip::wrap_command(bip::Carrier::bip, packet, {kic, kid}).value();
  }
  // Nothing: not an answer that verifies under the card's keys.
  std::optional<bip::ResponsePacket> answer(base::View octets) const {
    return bip::unwrap_response(bip::Carrier::bip, head(), octets, {kic, kid});
  }

  std::string csv() const {
    return "iccid,key_set,algorithm,kic,kid\n" + digits + "," + std::to_string(key_set) + ",aes," +
           base::to_hex(kic) + "," + base::to_hex(kid) + "\n";
  }
};

}  // namespace support
