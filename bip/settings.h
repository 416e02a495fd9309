// Section [bip] of the INI, same names.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "bip/cat_tp_settings.h"
#include "bip/secured_packet.h"

namespace bip {

struct Settings {
  std::string tcp = "127.0.0.1:7100";  // empty: off; port 0: any free one
  std::string tls_psk;                 // same form; off unless it is given
  bool tls13 = false;                  // `tls_max = 1.3`
  // OpenSSL's names, in order of preference.
  std::vector<std::string> tls_suites{"PSK-AES128-GCM-SHA256",  "PSK-AES256-GCM-SHA384",
                                      "PSK-AES128-CCM",         "PSK-AES128-CBC-SHA256",
                                      "TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256"};
  std::uint32_t tls_record = 256;      // octets on the wire
  std::string cat_tp;                  // UDP, same form; off unless it is given
  CatTpSettings cat_tp_link;           // max_sdu and least_sdu follow from max_packet
  std::array<std::uint8_t, 3> tar{0xBF, 0xFF, 0x01};
  bool allow_aes = true;               // `algorithms = aes 3des`
  bool allow_3des = false;

  std::int64_t identify_timeout = 10 * base::kSecondMs;    // connect to first octet
  std::int64_t identify_complete = 30 * base::kSecondMs;   // connect to whole identification
  std::int64_t tls_timeout = 60 * base::kSecondMs;         // connect to the end of the handshake
  std::int64_t packet_timeout = 60 * base::kSecondMs;      // first octet of a packet to its last
  std::int64_t idle_timeout = 180 * base::kSecondMs;
  std::int64_t key_entry_timeout = 300 * base::kSecondMs;  // after results 01, 02 and 0F
  std::int64_t close_wait = 30 * base::kSecondMs;
  int max_security_errors = 3;
  int bad_per_ip = 30;                 // failed identifications or CCs a minute; 0: no limit
  int bad_per_iccid = 10;
  std::vector<std::string> exempt_ranges;  // CIDR, not counted by bad_per_ip

  std::uint32_t sessions = 100'000;
  std::uint32_t session_input = 24 * 1024;
  std::uint32_t session_output = 64 * 1024;
  std::uint32_t batch = 32;            // packets
  std::uint32_t workers = 24;
  std::uint32_t queue_per_worker = 4;
  std::int64_t queue_wait = 2 * base::kSecondMs;
  std::uint32_t max_packet = 1400;
  std::uint32_t max_data = 1024;       // tag 8C
};

enum class WakeMode : std::uint8_t { applet, push, off };
enum class PushTransport : std::uint8_t { tcp, cat_tp };

// Section [wake_up]: what a card is sent; when, says vault::WakeUpSettings.
struct WakeUpSettings {
  WakeMode mode = WakeMode::applet;
  std::array<std::uint8_t, 3> tar{0xBF, 0xFF, 0x01};
  std::uint8_t key_set = 1;
  Family family = Family::aes;  // `algorithm`, where the host makes the packets
  PushTransport transport = PushTransport::tcp;
  std::string server;  // 10.0.0.1:7100
  std::uint16_t cat_tp_port = 9000;
  base::Bytes bearer{0x03};  // TS 102 223 clause 8.52
  std::string apn;           // empty: not named
  std::uint16_t buffer_size = 1400;
};

}  // namespace bip
