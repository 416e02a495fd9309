// CAT_TP links of many cards over few UDP sockets: one for each source address, links told apart by
// the cards' CAT_TP ports. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "bip/cat_tp.h"
#include "card/park/channel.h"

namespace card::park {

class CatTpLink;

class CatTpHub {
 public:
  // Called after a datagram for a link; may destroy it.
  using Heard = std::function<void(CatTpLink& link)>;
  CatTpHub(const Settings& settings, Heard heard);
  ~CatTpHub();
  CatTpHub(const CatTpHub&) = delete;
  CatTpHub& operator=(const CatTpHub&) = delete;

  // Null: no descriptor to be had, or no port is left on that source address.
  std::unique_ptr<CatTpLink> open(const ParkCard& card, std::uint32_t source, base::Now now);

  std::vector<int> descriptors() const;  // to be watched for input; grows with open()
  void on_readable(int descriptor, base::Now now);
  std::int64_t deadline() const {
    return delayed_.empty() ? Channel::kNever : delayed_.front().due;
  }
  void on_deadline(base::Now now);

 private:
  friend class CatTpLink;
  struct Socket {
    int descriptor = -1;
    std::uint16_t last_port = 0;
    std::unordered_map<std::uint16_t, CatTpLink*> links;
  };
  struct Delayed {
    std::int64_t due;
    int descriptor;
    base::Bytes octets;
  };
  Socket* socket_for(std::uint32_t source);
  void send(int descriptor, base::View datagram, base::Now now);
  bool lost();

  const Settings& settings_;
  Heard heard_;
  bip::CatTpSettings numbers_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Socket>> sockets_;  // by source
  std::unordered_map<int, Socket*> by_descriptor_;
  std::deque<Delayed> delayed_;
  std::mt19937_64 random_;
  bip::CatTpOutput out_;  // of the link that speaks
};

class CatTpLink : public Channel {
 public:
  CatTpLink(CatTpHub& hub, CatTpHub::Socket& socket, bip::CatTp::Ports ports)
      : hub_(hub), socket_(socket), machine_(hub.numbers_, ports) {}
  ~CatTpLink() override { socket_.links.erase(machine_.ports().own); }

  void begin(base::View identification, base::Now now);
  void feed(const bip::CatTpPdu& pdu, base::Now now);

  void send(base::View packet, base::Now now) override;
  std::optional<base::Bytes> answer(base::Now now) override;
  void close(base::Now now) override;
  State state() const override;
  void on_ready(bool, bool, base::Now) override {}
  std::int64_t deadline() const override { return machine_.deadline(); }
  void on_deadline(base::Now now) override;

  void* owner = nullptr;  // whoever opened it

 private:
  void flush(base::Now now);

  CatTpHub& hub_;
  CatTpHub::Socket& socket_;
  bip::CatTp machine_;
  std::vector<base::Bytes> waiting_;  // packets, until the link is open
};

}  // namespace card::park
