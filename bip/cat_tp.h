// One end of a CAT_TP link (TS 102 127) without I/O: PDUs, SDUs and time in; PDUs, SDUs and
// deadlines out. Both sides use it: the card opens, cat_tp_links.h accepts. An idle link owns no
// memory but itself. One thread at a time per object. Rules beyond the standard, against forged
// datagrams, are in docs/protocol.md "CAT_TP".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "bip/cat_tp_pdu.h"
#include "bip/cat_tp_settings.h"

namespace bip {

class CatTp {
 public:
  enum class Phase : std::uint8_t { opening, open, closed };
  enum class End : std::uint8_t {
    none,
    by_us,
    by_peer,    // RST; reason() says which
    no_answer,  // repetitions exhausted
    violated,   // the peer's maxima make no link, or not for what waits to be sent
    too_large,  // the peer sent a larger SDU than it may
  };
  static constexpr std::int64_t kNever = INT64_MAX;

  struct Ports {
    std::uint16_t own = 0;
    std::uint16_t peer = 0;
  };
  // What SYN and SYN/ACK of a passive opening have settled.
  struct Opened {
    Ports ports;
    std::uint16_t own_isn = 0;
    std::uint16_t peer_isn = 0;
    std::uint16_t max_pdu = 0;  // the peer's
    std::uint16_t max_sdu = 0;
    std::uint16_t window = 0;
  };

  // Active opening; `open` sends the SYN. Settings outlive the link.
  CatTp(const CatTpSettings& settings, Ports ports) : settings_(&settings), ports_(ports) {}
  void open(base::View identification, std::uint16_t isn, base::Now now, CatTpOutput& out);
  // Passive opening, after the peer's acknowledgement.
  CatTp(const CatTpSettings& settings, const Opened& opened, base::Now now);

  // A PDU of version 0 from the peer, for our port.
  void feed(const CatTpPdu& pdu, base::Now now, CatTpOutput& out);

  // False: closed, or larger than the peer takes. Waits inside until the window has room; before
  // the link is open, until it is known what the peer takes: too large then ends it
  // (End::violated).
  bool send(base::View sdu, base::Now now, CatTpOutput& out);
  // Octets that the peer has not acknowledged yet.
  std::size_t backlog() const;
  // The next whole SDU. What is not taken makes the window smaller, down to 0.
  bool readable() const { return traffic_ && !traffic_->received.empty(); }
  std::optional<base::Bytes> take(base::Now now, CatTpOutput& out);
  // An SDU has begun to come and is not whole, or was not when the link was closed.
  bool unfinished() const { return cut_ || (traffic_ && traffic_->assembling.pdus > 0); }

  void close(CatTpReset reason, base::Now now, CatTpOutput& out);

  std::int64_t deadline() const;  // mono_ms, kNever: none
  void on_deadline(base::Now now, CatTpOutput& out);

  const Ports& ports() const { return ports_; }
  Phase phase() const { return phase_; }
  End end() const { return end_; }
  CatTpReset reason() const { return reason_; }  // of the RST sent or received
  std::uint16_t peer_max_sdu() const { return peer_max_sdu_; }
  std::int64_t rto() const { return rto_; }

 private:
  // Sent and not acknowledged.
  struct Sent {
    std::uint16_t sequence = 0;
    std::uint8_t flags = 0;
    std::uint8_t tries = 0;   // repetitions
    std::uint8_t passed = 0;  // later ones that arrived first, as EACKs tell
    bool arrived = false;     // named by an EACK
    std::int64_t sent_at = 0;
    base::Bytes data;  // of a SYN: the identification
  };
  // Received out of order.
  struct Early {
    std::uint16_t sequence = 0;
    std::uint8_t flags = 0;
    base::Bytes data;
  };
  struct Sdu {
    base::Bytes data;
    std::uint16_t pdus = 0;
  };
  // There only while something is under way.
  struct Traffic {
    std::vector<Sent> sent;            // by sequence number
    std::vector<base::Bytes> waiting;  // SDUs for the peer
    std::size_t begun = 0;             // octets of the first of them that are under way
    std::vector<Early> early;          // by sequence number
    Sdu assembling;
    std::vector<Sdu> received;  // whole ones that nobody has taken
    bool empty() const {
      return sent.empty() && waiting.empty() && early.empty() && assembling.pdus == 0 &&
             received.empty();
    }
  };
  Traffic& traffic();
  void drop_idle_traffic();

  // cat_tp.cpp
  void feed_opening(const CatTpPdu& pdu, base::Now now, CatTpOutput& out);
  bool acceptable(const CatTpPdu& pdu) const;
  bool acknowledges(std::uint16_t number) const;
  void on_reset(const CatTpPdu& pdu, base::Now now, CatTpOutput& out);
  void on_data(const CatTpPdu& pdu, base::Now now, CatTpOutput& out);
  void deliver(std::uint8_t flags, base::View data, base::Now now, CatTpOutput& out);
  bool deliver_early(base::Now now, CatTpOutput& out);
  void acknowledge_later(const CatTpPdu& pdu, bool in_order, base::Now now, CatTpOutput& out);
  void finish(End end, CatTpReset reason);
  std::uint16_t window() const;

  // cat_tp_send.cpp
  void on_ack(const CatTpPdu& pdu, base::Now now);
  void on_eacks(const CatTpPdu& pdu, base::Now now, CatTpOutput& out);
  void measure(std::int64_t round_trip_ms);
  void transmit(base::Now now, CatTpOutput& out);
  void put(std::uint8_t flags, base::Bytes data, base::Now now, CatTpOutput& out);
  void emit(Sent& sent, base::Now now, CatTpOutput& out);
  CatTpPdu outgoing(std::uint8_t flags, std::uint16_t sequence) const;
  void acknowledge(CatTpOutput& out);
  void acknowledge_in_time(base::Now now, CatTpOutput& out);
  void challenge(base::Now now, CatTpOutput& out);
  void reset(CatTpReset reason, CatTpOutput& out);
  bool repeat_overdue(base::Now now, CatTpOutput& out);
  void probe(base::Now now, CatTpOutput& out);
  std::int64_t due(const Sent& sent) const;
  bool window_closed() const;
  std::size_t most_sent() const;
  std::size_t largest_waiting() const;

  const CatTpSettings* settings_;
  std::unique_ptr<Traffic> traffic_;
  std::int64_t rto_ = 0;
  std::int32_t srtt_ = -1;  // milliseconds; negative: nothing measured
  std::int32_t rttvar_ = 0;
  std::int64_t acknowledge_at_ = kNever;
  std::int64_t probe_at_ = kNever;  // the peer's window is closed and something waits
  std::int64_t heard_at_ = 0;
  std::int64_t challenged_at_ = INT64_MIN / 2;
  Ports ports_;
  std::uint16_t send_next_ = 0;    // SND_NXT
  std::uint16_t send_oldest_ = 0;  // SND_UNA
  std::uint16_t send_window_ = 0;  // SND_WIN
  std::uint16_t most_window_ = 1;  // largest that the peer has announced
  std::uint16_t received_ = 0;     // RCV_CUR
  std::uint16_t held_pdus_ = 0;    // of received SDUs that nobody has taken
  std::uint16_t told_edge_ = 0;    // last number that the peer was allowed; never taken back
  std::uint16_t peer_max_pdu_ = cat_tp::kLeastPdu;
  std::uint16_t peer_max_sdu_ = 0;
  std::uint16_t unacknowledged_ = 0;  // PDUs received since the last acknowledgement
  std::uint8_t probes_ = 0;           // without an answer
  std::uint8_t reopenings_ = 0;       // how often acknowledge_at_ repeats that the window is open
  Phase phase_ = Phase::opening;
  End end_ = End::none;
  CatTpReset reason_ = CatTpReset::normal;
  bool cut_ = false;  // closed within an SDU of the peer's
};

}  // namespace bip
