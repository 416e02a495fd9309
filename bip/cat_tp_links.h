// All CAT_TP links behind one UDP socket, without I/O: datagrams with their source in; datagrams
// with their destination, events and one deadline out. Passive opening with few and small slots.
// Nothing that is sent in answer to a stranger is larger than what came. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bip/cat_tp.h"
#include "bip/cat_tp_half_open.h"

namespace bip {

class CatTpLinks {
 public:
  // A link belongs to its taker from `opened` until release().
  class Link {
   public:
    Link(const SocketPeer& from, CatTp machine) : peer_(from), machine_(std::move(machine)) {}
    const SocketPeer& peer() const { return peer_; }
    const CatTp& machine() const { return machine_; }
    void* owner = nullptr;  // the taker's

   private:
    friend class CatTpLinks;
    SocketPeer peer_;
    CatTp machine_;
    std::int64_t scheduled_ = CatTp::kNever;
    bool closed_told_ = false;
  };

  struct Event {
    enum class What : std::uint8_t {
      opened,
      begun,     // a part of an SDU has come, and none was there
      readable,  // a whole SDU waits, or several
      writable,  // everything that was sent has been acknowledged
      closed,    // by the peer, or for want of answers
    };
    What what = What::opened;
    Link* link = nullptr;
    base::Bytes identification;  // with `opened`
  };

  // Why a SYN opened nothing.
  enum class Refusal : std::uint8_t {
    none,
    version,
    acknowledges,  // a SYN/ACK of no opening
    port,
    maxima,
    identification,
    not_accepting,
    many_half_open,  // of its address
  };

  struct Counts {
    std::uint64_t malformed = 0;  // no PDU
    std::uint64_t stray = 0;      // of no link
    std::uint64_t refused = 0;    // SYN that was answered by an RST, or by nothing
    Refusal last_refusal = Refusal::none;
    std::uint64_t displaced = 0;  // half-open links that made room
    std::uint64_t unopened = 0;   // half-open links on which nothing followed in time
  };

  // Settings outlive this. `random` gives initial sequence numbers and the hash's secret.
  CatTpLinks(const CatTpSettings& settings, std::function<std::uint64_t()> random);
  CatTpLinks(const CatTpLinks&) = delete;
  CatTpLinks& operator=(const CatTpLinks&) = delete;

  // False: newcomers are refused for the time being (RST reason 2).
  void accept(bool yes) { accepting_ = yes; }

  void feed(base::View datagram, const SocketPeer& from, base::Now now);
  bool send(Link& link, base::View sdu, base::Now now);
  std::optional<base::Bytes> take(Link& link, base::Now now);
  // Ends the link with an RST; no event follows.
  void close(Link& link, CatTpReset reason, base::Now now);
  // The taker is done with the link; one that is open is closed first.
  void release(Link& link, base::Now now);

  std::int64_t deadline() const;
  void on_deadline(base::Now now);

  // What has happened, in order; nothing: that was all. Released links have no events any more.
  std::optional<Event> next_event();
  // Datagrams to be sent, in order; the caller clears them.
  std::size_t outputs() const { return output_.count(); }
  base::View output(std::size_t index) const { return output_[index]; }
  const SocketPeer& output_to(std::size_t index) const { return output_to_[index]; }
  void clear_output();

  std::size_t open_links() const { return links_.size(); }
  std::size_t half_open() const { return half_open_.size(); }
  Counts counts() const;

 private:
  using Links = std::unordered_map<CatTpKey, Link, CatTpHash>;

  void on_syn(const CatTpPdu& pdu, const CatTpKey& key, std::size_t size, base::Now now);
  void on_half_open(CatTpHalfOpen::Slot& slot, const CatTpPdu& pdu, base::Now now);
  void answer_syn(CatTpHalfOpen::Slot& slot);
  Refusal refusal_of(const CatTpPdu& pdu, const CatTpKey& key) const;
  void refuse(const CatTpPdu& pdu, const CatTpKey& key, Refusal why);
  void stray(const CatTpPdu& pdu, const CatTpKey& key, std::size_t size);
  void after(Link& link, bool had_backlog, bool was_readable);
  void tell(Link& link, Event::What what, base::View identification = {});
  void schedule(Link& link);
  void unschedule(Link& link);
  void address_to(const SocketPeer& peer) { output_to_.resize(output_.count(), peer); }

  const CatTpSettings& settings_;
  std::function<std::uint64_t()> random_;
  CatTpHash hash_;
  Links links_;
  CatTpHalfOpen half_open_;
  std::set<std::pair<std::int64_t, Link*>> deadlines_;
  std::vector<Event> events_;
  std::size_t events_taken_ = 0;
  CatTpOutput output_;
  std::vector<SocketPeer> output_to_;
  Counts counts_;
  bool accepting_ = true;
};

}  // namespace bip
