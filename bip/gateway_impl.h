// The gateway's inside: gateway.cpp starts and ends it, gateway_sessions.cpp moves octets and time
// between sockets and sessions, gateway_work.cpp moves batches to the workers and back. Everything
// is the loop thread's, unless it says otherwise.
#pragma once

#include "base/event_loop.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "bip/cat_tp_links.h"
#include "bip/exchange.h"
#include "bip/faults.h"
#include "bip/gateway.h"
#include "bip/limiter.h"
#include "bip/listener.h"
#include "bip/session.h"
#include "bip/udp_listener.h"
#include "bip/tls_psk.h"

namespace bip {

struct Client;
// Shared: operations of the event loop and a worker's job may outlive the session.
using ClientPtr = std::shared_ptr<Client>;

// An ended channel whose card's state has not been put away yet. Newcomers that name the card
// wait for it: they are to find everything that was uploaded.
struct Ending {
  int pending = 0;
  std::vector<ClientPtr> held;
};

// The gateway's end of a channel that the platform carries.
struct CarriedEnd {
  explicit CarriedEnd(std::uint64_t number) : id(number) {}
  const std::uint64_t id;
  Transport transport = Transport::tcp;
  std::uint16_t answer_room = 0;
  bool blocked = false;  // a send was answered `busy`
  bool paused = false;   // the platform was told so
  bool owed = false;     // it was answered BUSY and may go on, which it has not been told yet
  bool ended = false;
  bool gone = false;
};

// State of a worker's thread.
struct Worker {
  std::unique_ptr<vault::Store> store;
};

// One connection. Loop thread only; a worker merely keeps it alive.
struct Client {
  Client(boost::asio::ip::tcp::socket connection, std::shared_ptr<const Settings> settings,
         const Address& from, base::Now now, Session::Caller caller)
      : socket(std::move(connection)), session(std::move(settings), now, caller), address(from) {}

  // How many octets of the peer may be taken now.
  std::size_t room() const {
    if (!tls) return session.room();
    return input_ended ? 0 : std::min(session.room(), tls->room());
  }

  boost::asio::ip::tcp::socket socket;
  std::unique_ptr<TlsPsk> tls;          // null: the channel is plain
  CatTpLinks::Link* link = nullptr;     // in place of a socket; null: TCP, or ended
  std::unique_ptr<CarriedEnd> carried;  // the same, with a platform
  Session session;
  Address address;
  std::int64_t waiting_since = 0;            // since when a batch of it waits for a worker
  std::int64_t scheduled = Session::kNever;  // its place among the deadlines
  std::size_t sealed = 0;  // octets of the session's output that are in the TLS output
  // Of its card, and newer than what was served here: until what has come here is served as well.
  std::vector<ClientPtr> challengers;
  bool looking_up = false;  // a worker asks for its PSK
  bool input_ended = false;  // of the socket below TLS
  bool psk_asked = false;   // somebody was asked for it
  bool keys_away = false;   // which could not be had: that its handshake fails is not its fault
  bool waiting = false;     // in the ready-list
  bool held = false;        // until an older channel of its card has ended, or was served
  bool leaving = false;     // counted among the endings of its card
  bool read_armed = false;
  bool write_armed = false;
  bool ended = false;
};

class Gateway::Impl {
 public:
  Impl(const Settings& settings, const Parts& parts);

  base::Status start();
  void reconfigure(const Settings& settings);
  void drain();
  bool drained() const { return quiet_.load(); }  // any thread
  bool stop(std::int64_t deadline_ms);
  std::uint16_t port() const { return port_; }
  std::uint16_t tls_port() const { return tls_port_; }
  std::uint16_t cat_tp_port() const { return cat_tp_port_; }
  Health health() const;  // any thread

 private:
  // Connections (gateway_sessions.cpp).
  base::Status open_listeners();
  base::Result<std::unique_ptr<Listener>> open(const std::string& address, bool tls);
  void resume_listeners();
  void close_listeners();
  void accepted(int descriptor, const Address& from, bool tls);
  void arm_read(const ClientPtr& client);
  void on_readable(const ClientPtr& client);
  void on_octets(Client& client, base::View octets, base::Now now);
  void admit(const ClientPtr& client);
  void note_identified(Client& client, base::Now now);
  void flush(const ClientPtr& client, base::Now now);
  void pump(const ClientPtr& client, base::Now now);
  void count_failure(const Client& client, base::Now now);
  void end(Client& client, base::Now now);

  // TLS (gateway_tls.cpp).
  void follow_tls(const ClientPtr& client, base::Now now);
  void identify_by_tls(Client& client, base::Now now);
  void end_of_tls(Client& client, base::Now now);
  base::View tls_output(Client& client);
  void tls_sent(Client& client, std::size_t octets, base::Now now);
  void want_psk(const ClientPtr& client);
  void post_lookup(const ClientPtr& client, base::Now now);
  void give_psk(const ClientPtr& client, std::optional<base::Secret> psk);
  void close_tls(Client& client);

  // CAT_TP (gateway_cat_tp.cpp).
  base::Status open_cat_tp();
  void follow_links(base::Now now);
  void on_link_event(const CatTpLinks::Event& event, base::Now now);
  void link_opened(const CatTpLinks::Event& event, base::Now now);
  void read_link(Client& client, base::Now now);
  void flush_link(Client& client, base::Now now);
  void describe_link(Client& client);
  void close_link(Client& client, base::Now now);
  void tell_link_counts(base::Now now);
  void send_datagrams();
  void set_link_timer();

  // Carried by the platform (gateway_carried.cpp).
  void listen_to_platform();
  void follow_platform();
  void carried_opened(const CarriedInbox::Opening& opening, base::Now now);
  void read_carried(Client& client, base::Now now);
  void flush_carried(Client& client, base::Now now);
  void close_carried(Client& client);
  CarriedInbox::Limits carried_limits() const;

  // Work for the workers (gateway_work.cpp).
  void enqueue(const ClientPtr& client, std::int64_t since);
  void dispatch();
  bool may_try(const Client& client, base::Now now) const;
  void post_batch(const ClientPtr& client, base::Now now);
  void post_close(std::unique_ptr<Card> card);
  void ending_done(const std::string& iccid_digits);
  bool hold(const ClientPtr& client);
  std::optional<Batch::Rival> rival_of(const Client& client) const;
  void serve(Worker& worker, Batch& batch);
  vault::Store& store_of(Worker& worker);
  void on_reply(const ClientPtr& client, std::unique_ptr<Batch> batch);
  void note_tally(const Client& client, const Tally& tally, base::Now now);
  void note_proven(const ClientPtr& client, base::Now now);
  Client* other_channel(const Client& client) const;
  void challenge(const ClientPtr& client, const Batch::Rival& seen, base::Now now);
  void let_go(std::vector<ClientPtr> held);
  void supersede(Client& older, base::Now now);
  void finish_superseded(Client& older, base::Now now);
  void leave_card(Client& client);
  void keep_for_close(Client& client);

  // Time (gateway_sessions.cpp).
  void schedule(Client& client);
  void unschedule(Client& client);
  void tick();
  void check_deadlines(base::Now now);

  void close_all();
  void update_gauges();
  std::string about(const Client& client) const;
  std::string about_tls(const Client& client) const;

  // Runs f; an exception (out of memory) ends the client, never the loop.
  template <class F>
  void guarded(const ClientPtr& client, F f) {
    try {
      f();
    } catch (...) {
      client->session.close(Session::End::failed);
      end(*client, parts_.clock.now());
    }
  }

  Parts parts_;
  base::EventLoop loop_;  // before everything that hangs on its context
  base::Workers<Worker> workers_;
  std::shared_ptr<const TlsContext> tls_context_;
  std::unique_ptr<Listener> listener_;      // null: not configured
  std::unique_ptr<Listener> tls_listener_;  // same
  CatTpSettings link_settings_;             // of all links since start
  std::unique_ptr<CatTpLinks> links_;       // null: not configured
  std::unique_ptr<UdpListener> udp_;        // same
  std::vector<UdpListener::Outgoing> outgoing_;
  CatTpLinks::Counts told_counts_;
  std::int64_t link_timer_due_ = CatTp::kNever;  // when link_timer_ expires
  bool following_ = false;                       // datagrams are sent together, afterwards
  std::unique_ptr<boost::asio::steady_timer> timer_;
  std::unique_ptr<boost::asio::steady_timer> link_timer_;
  FaultLog faults_;
  Limiter limiter_;
  std::shared_ptr<const Settings> settings_;  // sessions keep those that they began with
  base::Bytes read_buffer_;

  std::unordered_map<Client*, ClientPtr> clients_;
  std::unordered_map<std::string, Client*> by_card_;    // proven ones
  std::unordered_map<std::uint64_t, Client*> carried_;  // by the platform's number
  std::deque<ClientPtr> ready_;                         // whose batch waits for a worker, in order
  std::deque<std::unique_ptr<Card>> closing_;           // whose CardService::close is due
  std::unordered_map<std::string, Ending> endings_;     // by ICCID
  std::set<std::pair<std::int64_t, Client*>> deadlines_;
  std::uint32_t outstanding_ = 0;  // jobs posted and not yet back
  std::uint32_t most_outstanding_ = 0;
  bool dispatching_ = false;
  bool draining_ = false;
  bool stopping_ = false;
  bool started_ = false;  // lifecycle thread only
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  std::uint16_t cat_tp_port_ = 0;

  std::atomic<std::uint32_t> sessions_{0};
  std::atomic<std::uint32_t> proven_{0};
  std::atomic<std::uint32_t> sessions_waiting_{0};
  std::atomic<std::uint32_t> links_open_{0};
  std::atomic<std::uint32_t> links_half_open_{0};
  std::atomic<bool> quiet_{true};
  std::mutex quiet_mutex_;
  std::condition_variable quiet_changed_;
};

}  // namespace bip
