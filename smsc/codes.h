// Numbers of SMPP 3.4: command ids (5.1.2.1), command_status (5.1.3), parameter tags (5.3.2).
#pragma once

#include <cstdint>

namespace smsc {

namespace command {
inline constexpr std::uint32_t kBindReceiver = 0x01;
inline constexpr std::uint32_t kBindTransmitter = 0x02;
inline constexpr std::uint32_t kQuerySm = 0x03;
inline constexpr std::uint32_t kSubmitSm = 0x04;
inline constexpr std::uint32_t kDeliverSm = 0x05;
inline constexpr std::uint32_t kUnbind = 0x06;
inline constexpr std::uint32_t kReplaceSm = 0x07;
inline constexpr std::uint32_t kCancelSm = 0x08;
inline constexpr std::uint32_t kBindTransceiver = 0x09;
inline constexpr std::uint32_t kOutbind = 0x0B;
inline constexpr std::uint32_t kEnquireLink = 0x15;
inline constexpr std::uint32_t kSubmitMulti = 0x21;
inline constexpr std::uint32_t kAlertNotification = 0x102;
inline constexpr std::uint32_t kDataSm = 0x103;
inline constexpr std::uint32_t kGenericNack = 0x80000000;
inline constexpr std::uint32_t kResponse = 0x80000000;  // set in every answer
}  // namespace command

namespace status {
inline constexpr std::uint32_t kOk = 0x00;
inline constexpr std::uint32_t kBadCommandLength = 0x02;
inline constexpr std::uint32_t kUnknownCommand = 0x03;
inline constexpr std::uint32_t kBadBindState = 0x04;
inline constexpr std::uint32_t kAlreadyBound = 0x05;
inline constexpr std::uint32_t kSystemError = 0x08;
inline constexpr std::uint32_t kBindFailed = 0x0D;
inline constexpr std::uint32_t kBadPassword = 0x0E;
inline constexpr std::uint32_t kBadSystemId = 0x0F;
inline constexpr std::uint32_t kQueueFull = 0x14;
inline constexpr std::uint32_t kThrottled = 0x58;
inline constexpr std::uint32_t kTemporaryError = 0x64;
}  // namespace status

namespace tag {
inline constexpr std::uint16_t kReceiptedMessageId = 0x001E;
inline constexpr std::uint16_t kUserMessageReference = 0x0204;
inline constexpr std::uint16_t kSarReference = 0x020C;
inline constexpr std::uint16_t kSarTotal = 0x020E;
inline constexpr std::uint16_t kSarSequence = 0x020F;
inline constexpr std::uint16_t kInterfaceVersion = 0x0210;
inline constexpr std::uint16_t kAvailability = 0x0422;
inline constexpr std::uint16_t kNetworkError = 0x0423;
inline constexpr std::uint16_t kMessagePayload = 0x0424;
inline constexpr std::uint16_t kMessageState = 0x0427;
}  // namespace tag

inline constexpr std::uint8_t kUdhi = 0x40;  // esm_class: the text begins with a user data header

}  // namespace smsc
