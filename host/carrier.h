// Card channels that this host carries itself (bv.bip/1): cards connect to a TCP listener here,
// their octets go to the plugin's bv.bip-sink/1, and back. One thread, which alone calls the
// plugin.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "bipvault/ext/bip.h"

namespace host {

// open, start, drain and stop on the main thread; the rest, which the plugin calls, on any.
class Carrier {
 public:
  explicit Carrier(base::Log& log);
  ~Carrier();

  // "127.0.0.1:7110" or "[::1]:7110"; no name resolution. Port 0: any free one.
  base::Status open(const std::string& address);
  std::uint16_t port() const;
  // The plugin is running: cards are let in. False: no thread.
  bool start(bv_plugin* plugin, const bv_bip_sink_1* sink);
  void drain();  // no newcomers any more
  // After the plugin's own stop: drops what is left, joins.
  void stop();

  bv_status send(std::uint64_t channel, bv_bytes octets);
  bv_status close(std::uint64_t channel);
  bv_status pause(std::uint64_t channel, bool yes);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
