// One section [smsc.NAME] of the INI, same names. Durations in milliseconds.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/time.h"
#include "smsc/status.h"

namespace smsc {

enum class BindMode : std::uint8_t { transceiver, transmitter_receiver, transmitter, receiver };
enum class Alphabet : std::uint8_t { gsm7, latin1, ascii, ucs2 };  // the last one is not a default
enum class Concat : std::uint8_t { udh8, udh16, sar, payload };
// Shared by all copies of the settings, so that there is one to be wiped. Null: none.
using Password = std::shared_ptr<const base::Secret>;
// How a message_id of submit_sm_resp becomes the one of receipts; see receipt.h.
enum class IdMatch : std::uint8_t { text, exact, hex_dec, dec_hex };

struct Settings {
  std::string name;
  std::string host = "127.0.0.1";
  std::uint16_t port = 2775;
  bool tls = false;
  std::string tls_ca_file;    // empty: no peer can be verified, and none is spoken to
  std::string tls_name;       // name in the peer's certificate; empty: `host`
  std::string tls_cert_file;  // with tls_key_file: our own certificate
  std::string tls_key_file;

  BindMode bind = BindMode::transceiver;
  int binds = 1;  // connections; with transmitter_receiver of each kind
  std::string system_id;
  std::string password_file;
  Password password;  // its content; who reads the INI does not read it
  std::string system_type;
  // For the receiver of transmitter_receiver; empty, 0: as above.
  std::string receiver_host;
  std::uint16_t receiver_port = 0;
  std::string receiver_system_id;
  std::string receiver_password_file;
  Password receiver_password;
  std::string address_range;

  std::string source;  // our address: number or, with TON 5, up to 11 letters
  std::uint8_t source_ton = 0;
  std::uint8_t source_npi = 1;
  std::uint8_t destination_ton = 1;
  std::uint8_t destination_npi = 1;
  std::string service_type;
  std::uint8_t registered_delivery = 1;
  std::uint8_t message_mode = 0;  // esm_class bits 0-1: 0 the SMSC's, 2 transaction, 3 store
  std::uint8_t binary_data_coding = 0xF6;  // or 04
  Alphabet default_alphabet = Alphabet::gsm7;
  Concat concat = Concat::udh8;
  IdMatch id_match = IdMatch::text;

  std::uint32_t window = 10;        // requests without answer, per bind
  std::uint32_t rate = 0;           // segments a second, all binds together; 0: no limit
  std::uint32_t max_segments = 10;  // of one text
  std::int64_t connect_timeout = 10 * base::kSecondMs;
  std::int64_t bind_timeout = 15 * base::kSecondMs;
  std::int64_t response_timeout = 30 * base::kSecondMs;
  std::int64_t enquire_link = 30 * base::kSecondMs;  // without traffic; 0: never asked
  std::int64_t enquire_timeout = 15 * base::kSecondMs;
  std::int64_t unbind_timeout = 5 * base::kSecondMs;
  std::int64_t reconnect_min = 1 * base::kSecondMs;
  std::int64_t reconnect_max = 2 * base::kMinuteMs;
  std::int64_t refused_retry = 5 * base::kMinuteMs;  // after wrong system_id or password
  std::int64_t throttle_hold = 1 * base::kSecondMs;
  std::int64_t retry_after = 5 * base::kSecondMs;    // doubles each time
  std::uint32_t retries = 4;                         // of one segment
  std::int64_t queue_timeout = 5 * base::kMinuteMs;  // taken, and never written
  std::int64_t failover_after = 10 * base::kSecondMs;
  std::int64_t duplicate_window = 10 * base::kMinuteMs;
  std::uint32_t max_pdu = 70'000;  // octets

  std::map<std::uint32_t, Reaction> reactions;  // `status.NN = reaction`
};

// Of all SMSCs together.
struct CommonSettings {
  std::uint32_t mo_queue = 1'000;  // incoming messages that are not durable yet
};

}  // namespace smsc
