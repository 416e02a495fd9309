// No octets make the packet decoders read outside them; what verifies under a key was made by it,
// and what was read encodes to a packet that reads the same. The first octet chooses carrier, keys
// and the SPI of the command that a response answers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bip/secured_packet.h"

namespace {

constexpr std::uint8_t kKic[16] = {0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
                                   0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F};
constexpr std::uint8_t kKid[16] = {0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57,
                                   0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F};

bip::KeyView keys() { return {kKic, kKid}; }

void check(bool holds) {
  if (!holds) std::abort();
}

void command(bip::Carrier carrier, base::View packet) {
  const auto head = bip::read_command_head(carrier, packet);
  const auto read = bip::unwrap_command(carrier, packet, keys());
  if (!read) return;
  check(head.has_value());
  check(read->data.size() < packet.size());
  const auto again = bip::wrap_command(carrier, *read, keys());
  check(again.has_value());
  const auto second = bip::unwrap_command(carrier, *again, keys());
  check(second && second->counter == read->counter && second->data == read->data);
}

void response(bip::Carrier carrier, std::uint8_t spi, base::View packet) {
  bip::CommandHead head;
  head.spi = {0x16, spi};
  head.kic = head.kid = (spi & 0x80) != 0 ? 0x15 : 0x12;
  const auto read = bip::unwrap_response(carrier, head, packet, keys());
  if (!read) return;
  check(read->data.size() < packet.size());
  const auto again = bip::wrap_response(carrier, head, *read, keys());
  check(again.has_value());
  const auto second = bip::unwrap_response(carrier, head, *again, keys());
  check(second && second->status == read->status && second->data == read->data);
}

// The fuzzer cannot find a key, so its octets are also put where only a key holder could.
void insider(bip::Carrier carrier, base::View octets) {
  bip::CommandPacket packet;
  packet.head.spi = {0x16, 0x19};
  packet.head.kic = packet.head.kid = 0x12;
  packet.counter = octets.size();
  packet.data.assign(octets.begin(), octets.end());
  const auto wrapped = bip::wrap_command(carrier, packet, keys());
  if (!wrapped) return;
  const auto read = bip::unwrap_command(carrier, *wrapped, keys());
  check(read && read->data == packet.data && read->counter == packet.counter);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bip::Carrier carrier = (data[0] & 1) != 0 ? bip::Carrier::bip : bip::Carrier::sms;
  const std::uint8_t spi = (data[0] & 2) != 0 ? 0x19 : 0x00;
  const base::View packet(data + 1, size - 1);
  command(carrier, packet);
  response(carrier, static_cast<std::uint8_t>(spi | (data[0] & 0x80)), packet);
  insider(carrier, packet);
  return 0;
}
