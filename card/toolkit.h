// Proactive commands, terminal responses and envelopes (TS 102 223 clauses 6.6, 6.8, 7).
// Values, any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "card/tlv.h"

namespace card {

enum class CommandType : std::uint8_t {
  refresh = 0x01,
  more_time = 0x02,
  poll_interval = 0x03,
  set_up_event_list = 0x05,
  send_short_message = 0x13,
  display_text = 0x21,
  get_input = 0x23,
  select_item = 0x24,
  set_up_menu = 0x25,
  provide_local_information = 0x26,
  timer_management = 0x27,
  open_channel = 0x40,
  close_channel = 0x41,
  receive_data = 0x42,
  send_data = 0x43,
  get_channel_status = 0x44,
};

namespace device {
inline constexpr std::uint8_t kKeypad = 0x01, kDisplay = 0x02, kChannelBase = 0x20, kUicc = 0x81,
                              kTerminal = 0x82, kNetwork = 0x83;
}

// General result (clause 8.12).
enum class General : std::uint8_t {
  performed = 0x00,
  partial = 0x01,
  missing_information = 0x02,
  performed_modified = 0x07,
  terminated_by_user = 0x10,
  backward_move = 0x11,
  no_response = 0x12,
  terminal_unable = 0x20,
  network_unable = 0x21,
  not_accepted = 0x22,
  timer_contradiction = 0x24,
  beyond_capabilities = 0x30,
  type_not_understood = 0x31,
  data_not_understood = 0x32,
  values_missing = 0x36,
  bip_error = 0x3A,
};
// Additional information to General::bip_error (clause 8.12.11).
namespace bip_cause {
inline constexpr std::uint8_t kNone = 0x00, kNoChannel = 0x01, kClosed = 0x02, kBadId = 0x03,
                              kBufferSize = 0x04, kTransport = 0x06, kUnreachable = 0x07;
}
namespace transport {  // protocol types of the UICC/terminal interface transport level (8.59)
inline constexpr std::uint8_t kUdpClient = 0x01, kTcpClient = 0x02;
}
namespace event {
inline constexpr std::uint8_t kDataAvailable = 0x09, kChannelStatus = 0x0A;
}
namespace info {  // qualifiers of PROVIDE LOCAL INFORMATION
inline constexpr std::uint8_t kImei = 0x01, kDateTime = 0x03;
}
namespace timer {  // qualifiers of TIMER MANAGEMENT
inline constexpr std::uint8_t kStart = 0x00, kStop = 0x01, kGet = 0x02;
}

struct Command {
  std::uint8_t number = 1;
  CommandType type{};
  std::uint8_t qualifier = 0;
  std::uint8_t destination = device::kTerminal;
  ObjectList objects;  // what follows details and devices
};

struct Response {
  std::uint8_t number = 1;
  CommandType type{};
  std::uint8_t qualifier = 0;
  General result = General::performed;
  base::Bytes additional;  // after the general result
  ObjectList objects;      // what follows the result

  bool ok() const { return static_cast<std::uint8_t>(result) < 0x10; }
};

namespace envelope {
inline constexpr std::uint8_t kSmsDownload = 0xD1, kMenuSelection = 0xD3, kEventDownload = 0xD6,
                              kTimerExpiration = 0xD7;
}
struct Envelope {
  std::uint8_t outer = 0;
  ObjectList objects;
};

base::Bytes encode(const Command& command);
std::optional<Command> decode_command(base::View data);
base::Bytes encode(const Response& response);
std::optional<Response> decode_response(base::View data);
base::Bytes encode(const Envelope& envelope);
std::optional<Envelope> decode_envelope(base::View data);

Envelope menu_selection(std::uint8_t item);
// `status` as clause 8.56; `waiting` octets in the Rx buffer (255: or more).
Envelope data_available(std::uint8_t channel, std::size_t waiting);
Envelope link_dropped(std::uint8_t channel);
// Address object: TON/NPI and BCD of the service centre (clause 7.1.1.3 of TS 31.111).
Envelope sms_download(base::View service_centre, base::View tpdu);
Envelope timer_expired(std::uint8_t id, int seconds);

// Timer value: hours, minutes, seconds in swapped BCD (clause 8.38).
base::Bytes encode_timer(int seconds);
std::optional<int> decode_timer(base::View value);
// Duration in seconds (clause 8.8): unit and interval 1..255; rounded up to what can be said.
base::Bytes encode_duration(int seconds);
std::optional<int> decode_duration_ms(base::View value);

}  // namespace card
