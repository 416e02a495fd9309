// The live ESME: connections to all SMSCs, in order of preference. The only place in smsc with
// sockets. Implements the vault's port for outgoing messages and feeds its sink.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/result.h"
#include "smsc/settings.h"
#include "vault/sms_ports.h"

namespace smsc {

// Lifecycle calls come from one thread at a time; those of SmsOut from any. The sink is called on
// the ESME's own thread, and no more once stop() has returned.
class Esme : public vault::SmsOut {
 public:
  // All references outlive the Esme.
  struct Parts {
    vault::SmsSink& sink;
    const base::Clock& clock;
    base::Log& log;
    base::Counters& counters;
    // Optional, on the ESME's thread: something an operator must see to (a bind that is refused,
    // a source address that is not ours); an empty text ends it. At each change once.
    std::function<void(const std::string& smsc, const std::string& text)> alarm;
  };
  Esme(std::vector<Settings> smscs, const CommonSettings& common, const Parts& parts);
  ~Esme() override;

  // What start() would refuse of an SMSC's settings; reads its certificates. The text names it.
  static base::Status check(const Settings& settings);
  // Starts the thread and the first connections. Fails for certificates that cannot be read or
  // settings that cannot be bound with, not for an SMSC that is away.
  base::Status start();
  // Takes nothing more, gives back what was not written, waits for answers and unbinds. Returns at
  // once.
  void drain();
  bool drained() const;
  // drain(), ends what is left when the deadline is over, and joins. Every segment that was taken
  // has had its outcome then.
  void stop(std::int64_t deadline_ms);

  Taken submit(const vault::OutgoingSms& sms) override;
  std::size_t room() const override;
  std::vector<vault::SmscState> state() const override;

  class Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace smsc
