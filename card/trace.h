// A trace of all APDU exchanges as GSMTAP (type SIM) in a pcap file, link type 101, and/or to a
// UDP port 4729. User keys never get into it: answers to GET INPUT and digits of DISPLAY TEXT are
// masked with '*' of the same length. One thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace card {

class Trace {
 public:
  Trace() = default;
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  base::Status write_pcap(const std::string& path);  // a new file
  base::Status send_to(const std::string& host);     // numeric IPv4 address or name

  // `command` with its header of five octets; for case 2 `answer` holds what came back.
  void exchange(base::View command, base::View answer, std::uint16_t status, std::int64_t utc_ms);
  // Closes the file. An error: what it did not take, and nothing behind that was written.
  base::Status end();

 private:
  void give_up_file();

  std::FILE* file_ = nullptr;
  std::string path_;
  base::Status written_;
  int socket_ = -1;
};

// One GSMTAP packet (header and APDU exchange), masked. Pure.
base::Bytes gsmtap_packet(base::View command, base::View answer, std::uint16_t status);

// Digits of every run of at least seven become '*': keys have 7 to 16 digits.
std::string mask_digits(std::string text);

}  // namespace card
