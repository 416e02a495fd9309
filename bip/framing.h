// Packet boundaries on a TCP stream: identifier, BER length, content (TS 102 225 clause 5.3).
// Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace bip {

inline constexpr std::uint8_t kCommandPacket = 0x01;
inline constexpr std::uint8_t kResponsePacket = 0x02;
inline constexpr std::uint8_t kIdentificationPacket = 0x03;

struct Frame {
  enum class State { partial, whole, wrong_identifier, bad_length, too_large };
  State state = State::partial;
  std::size_t size = 0;  // identifier and length included; 0 while not known
};

// The first packet of `octets`. One that would be larger than `max_size` is refused as soon as
// its length is known.
inline Frame next_frame(base::View octets, std::uint8_t identifier, std::size_t max_size) {
  if (octets.empty()) return {};
  if (octets[0] != identifier) return {Frame::State::wrong_identifier, 0};
  if (octets.size() < 2) return {};
  base::Reader reader(octets.subspan(1));
  const std::uint8_t first = octets[1];
  if (first == 0x80 || first > 0x82) return {Frame::State::bad_length, 0};
  const std::size_t length = reader.ber_length();
  if (!reader.ok()) return {};
  const std::size_t size = 1 + reader.position() + length;
  if (size > max_size) return {Frame::State::too_large, size};
  return {octets.size() < size ? Frame::State::partial : Frame::State::whole, size};
}

// How many octets of the answers `output` the first one has: where one answer is one record or SDU.
inline std::size_t first_answer(base::View output, std::size_t max_size) {
  const Frame frame = next_frame(output, kResponsePacket, max_size);
  return frame.state == Frame::State::whole ? frame.size : output.size();
}

}  // namespace bip
