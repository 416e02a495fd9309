// What waits for one SMSC: order, rate, repetitions, time limits. Without I/O; one thread at a
// time. A segment is at any moment either in here or with who took it by next(): that one gives it
// back by answered() or put_back(), or lets it go.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "smsc/pdu.h"
#include "smsc/settings.h"
#include "vault/sms_ports.h"

namespace smsc {

struct Segment {
  vault::SmsRef ref = 0;
  int number = 1;
  int total = 1;
  bool pinned = false;          // only through this SMSC
  std::uint32_t cost = 1;       // segments that the SMSC counts
  std::int64_t give_up_at = 0;  // mono_ms: not written by then, it is not written any more
  SubmitSm message;
  // The queue's own.
  std::uint64_t order = 0;
  std::uint32_t tries = 0;        // refusals that ask for repetition
  std::uint32_t last_status = 0;  // of these
};

class Queue {
 public:
  static constexpr std::int64_t kNever = INT64_MAX;

  explicit Queue(std::shared_ptr<const Settings> settings);

  void push(Segment segment);
  // The next one that may be written now; its cost is taken from the rate.
  std::optional<Segment> next(base::Now now);
  // When next() or expired() may have something; kNever: not by time alone.
  std::int64_t next_at(base::Now now) const;

  // The SMSC's answer to a segment that next() gave. Nothing: it waits in here again.
  std::optional<vault::SmsOutcome> answered(Segment segment, std::uint32_t status,
                                            std::string_view message_id, base::Now now);
  // It was certainly not written, or the link was not bound after all: first in line again.
  void put_back(Segment segment);

  // Those whose time is over, as what became of them.
  std::vector<vault::SmsOutcome> expired(base::Now now);
  // Everything that may go elsewhere, in order; what waits to be repeated comes last, what is
  // pinned stays.
  std::vector<Segment> take_movable();
  // Everything, as not sent: its time is not over, and who comes after us goes on with it.
  std::vector<vault::SmsOutcome> take_all();

  std::size_t size() const { return ready_.size() + later_.size(); }
  std::uint32_t allowed_rate() const;  // now; 0: no limit
  bool held(base::Now now) const { return now.mono_ms < hold_until_; }
  // Why the SMSC takes nothing from us although it is bound: wrong source address. Empty: it does.
  const std::string& trouble() const { return trouble_; }

  vault::SmsOutcome outcome(const Segment& segment, vault::SmsOutcome::Kind kind) const;

 private:
  void refill(base::Now now);
  void promote(base::Now now);
  void throttle(base::Now now);
  std::optional<vault::SmsOutcome> repeat_later(Segment segment, std::uint32_t most_tries,
                                                std::int64_t factor, base::Now now);
  vault::SmsOutcome refused(const Segment& segment, std::uint32_t status, bool bad_number) const;
  vault::SmsOutcome given_up(const Segment& segment) const;

  std::shared_ptr<const Settings> settings_;
  std::map<std::uint64_t, Segment> ready_;      // by order
  std::multimap<std::int64_t, Segment> later_;  // by time
  std::uint64_t last_order_ = 0;
  std::int64_t expiry_ = kNever;  // nothing in here gives up before
  double rate_;                   // segments a second now; 0: no limit
  double ceiling_ = 0;            // where an unlimited rate is unlimited again after a throttle
  double allowance_ = 1;          // segments
  std::int64_t refilled_at_ = 0;
  std::int64_t hold_until_ = 0;
  std::int64_t raised_at_ = 0;
  std::int64_t counted_from_ = 0;  // own rate, for the first throttle without a configured one
  std::uint32_t counted_ = 0;
  std::uint32_t counted_before_ = 0;
  std::string trouble_;
};

}  // namespace smsc
