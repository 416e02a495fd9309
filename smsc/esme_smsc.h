// One SMSC of the ESME: its queue and its binds, which come back for ever. Loop thread only.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/counters.h"
#include "base/log.h"
#include "smsc/esme_conn.h"
#include "smsc/queue.h"

namespace smsc {

// Who gets what an SMSC has to say.
class SmscOwner {
 public:
  virtual ~SmscOwner() = default;
  virtual void outcome(std::size_t smsc, const vault::SmsOutcome& outcome) = 0;
  virtual void delivered(std::size_t smsc, const std::shared_ptr<Conn>& conn, LinkEvent& event) = 0;
  virtual void alerted(const Address& subscriber) = 0;
  virtual void alarm(std::size_t smsc, const std::string& text) = 0;  // empty: over
  virtual void something_changed() = 0;                               // a pump is due
};

class Smsc {
 public:
  struct World {
    boost::asio::io_context& context;
    Names& names;
    const base::Clock& clock;
    base::Log& log;
    base::Counters& counters;
    SmscOwner& owner;
  };
  Smsc(std::size_t index, std::shared_ptr<const Settings> settings,
       std::shared_ptr<const TlsContext> tls, const World& world);

  void push(Segment segment) { queue_.push(std::move(segment)); }
  // Everything that can be done now: connects, reads events, fills the windows, writes.
  void pump(base::Now now);
  std::int64_t deadline(base::Now now) const;
  // What may go elsewhere is given back as not sent, when there is an elsewhere.
  void fail_over(base::Now now, bool elsewhere);

  void drain(base::Now now);
  bool drained() const;
  void close_all(base::Now now);

  bool usable() const { return bound_transmitters_ > 0; }
  // Segments that may be taken at a time.
  std::size_t limit() const;
  vault::SmscState state() const;
  const Settings& settings() const { return *settings_; }

 private:
  struct Slot {
    Role role = Role::transceiver;
    std::shared_ptr<Conn> conn;
    std::int64_t next_attempt = 0;
    std::int64_t delay = 0;      // before the next attempt after this one
    std::int64_t bound_at = -1;  // of this connection
    bool failing = false;        // the failure is in the log already
  };

  void connect(Slot& slot);
  void look_at(Slot& slot, base::Now now);
  void on_event(Slot& slot, LinkEvent& event, base::Now now);
  void on_answer(Slot& slot, LinkEvent& event, base::Now now);
  void on_bound(Slot& slot, const LinkEvent& event, base::Now now);
  void ended(Slot& slot, base::Now now);
  void uncertain(std::uint64_t token);
  void fill_windows(base::Now now);
  void count_bound(base::Now now);
  void set_alarm(const std::string& text);
  void say_lost(Slot& slot, const std::string& why, bool was_bound);
  std::string why(const Conn& conn) const;

  std::size_t index_;
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const TlsContext> tls_;
  World world_;
  Queue queue_;
  std::vector<Slot> slots_;
  std::unordered_map<std::uint64_t, Segment> in_flight_;
  std::uint64_t last_token_ = 0;
  std::size_t bound_transmitters_ = 0;
  std::size_t bound_ = 0;
  std::int64_t unusable_since_ = 0;
  std::string alarm_;
  std::string refused_;
  std::string last_error_;
  bool draining_ = false;
  std::minstd_rand random_;
};

}  // namespace smsc
