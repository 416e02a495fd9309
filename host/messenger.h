// Messages that this host carries itself (bv.sms/1): it has an ESME of its own, as a platform has
// its connection to an SMSC, hands the plugin's messages to it, and what comes back to the plugin's
// bv.sms-sink/1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "bipvault/ext/sms.h"

namespace host {

struct SmscSettings {
  std::string address;  // "127.0.0.1:2775"; no name resolution
  std::string system_id;
  std::string password_file;  // empty: no password
  std::string source;         // our address
};

// open, start and stop on the main thread; the rest, which the plugin calls, on any.
class Messenger {
 public:
  Messenger(base::Log& log, const base::Clock& clock);
  ~Messenger();

  // Reads the password; connects to nothing yet.
  base::Status open(const SmscSettings& settings);
  // The plugin is running. Fails when it has no use for messages.
  base::Status start(bv_plugin* plugin, const bv_sms_sink_1* sink);
  // After the plugin's own stop: unbinds, joins. The plugin is not called any more.
  void stop();

  // BUSY before start.
  bv_status submit(const bv_sms_message& message);
  std::uint32_t room() const;
  // An id that is not known is ignored.
  void kept(std::uint64_t id, bv_status status);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
