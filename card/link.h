// The applet's channel to the vault: BIP commands below, secured packets above, CAT_TP or TLS
// between them where the card is made so (wire protocol sections 1 and 2). Coroutines of one
// thread; every function that waits is a Task.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "bip/message.h"
#include "bip/secured_packet.h"
#include "card/cat_tp_end.h"
#include "card/proactive.h"
#include "card/profile.h"
#include "card/push.h"
#include "card/report.h"
#include "card/task.h"
#include "card/tls_end.h"

namespace card {

// One response packet of the vault.
struct Answer {
  std::uint64_t counter = 0;  // of the command that it answers
  bip::PacketStatus status = bip::PacketStatus::por_ok;
  bip::Message message;  // only with por_ok

  bool is(std::uint8_t result) const {
    return status == bip::PacketStatus::por_ok && message.code == result;
  }
};

enum class Por : std::uint8_t { always = 0x19, on_error = 0x1A };  // second SPI octet

class Link {
 public:
  static constexpr std::uint8_t kGuardTimer = 3, kCatTpTimer = 4;
  static constexpr std::array<std::uint8_t, 3> kTar{0xBF, 0xFF, 0x01};
  static constexpr int kGuardSeconds = 120;
  static constexpr std::size_t kMaxPacket = 1400;

  // SPI 16 with that answer, and the card's key set, to the applet's TAR.
  static bip::CommandHead head_for(const OtaKeys& keys, Por por);

  // References outlive the link; `commit` writes the card's memory down.
  Link(Card& card, Proactive& proactive, std::function<void()> commit, Report report)
      : card_(card),
        proactive_(proactive),
        commit_(std::move(commit)),
        report_(std::move(report)) {}

  // Opens the channel and tells who calls: by the identification packet, the SYN, or TLS. What the
  // network has pushed is open already.
  Task<bool> open();
  // Opens the channel alone, as a PUSH says; the terminal's response. open() goes on from there.
  Task<Response> open_pushed(Push push);
  // Ends the channel if it is open, and tells the session's figures.
  Task<> close();
  // Asks the terminal (GET CHANNEL STATUS) whether the link still stands.
  Task<bool> alive();

  // Gives the packet's counter; nothing: the link is lost.
  Task<std::optional<std::uint64_t>> send(const bip::Message& message, Por por);
  // The next answer; nothing: the link is lost, or nothing has come for a whole guard period.
  Task<std::optional<Answer>> receive();
  // Sends and waits for the answer to it; answers to earlier packets are dropped. A counter that
  // the vault calls low is raised once.
  Task<std::optional<Answer>> exchange(const bip::Message& message);

  // Whether receive() would have something to read at once.
  Task<bool> answer_waiting();
  void on_event(const Envelope& event);  // data available, channel status
  void on_guard_timer();
  void on_cat_tp_timer();

 private:
  Task<Response> open_channel(Command command);
  std::uint64_t next_counter();
  base::Bytes wrap(const bip::Message& message, Por por, std::uint64_t counter) const;
  Task<bool> send_octets(base::View octets);
  Task<bool> fetch_data();
  Task<bool> wait();
  Task<> start_guard();
  std::optional<Answer> next_answer();
  std::optional<base::Bytes> next_packet();
  void give_up();
  void tell_message(const bip::Message& command, const Answer& answer) const;

  // link_cat_tp.cpp
  Task<bool> establish();
  Task<bool> send_sdu(base::View packet);
  Task<bool> send_datagram(base::View octets);
  Task<> let_go();
  Task<> take_datagram();
  Task<> take_tick();

  // link_tls.cpp
  Task<bool> shake_hands();
  Task<bool> send_records();
  Task<> take_records();

  Card& card_;
  Proactive& proactive_;
  std::function<void()> commit_;
  Report report_;

  std::uint8_t channel_ = 0;  // 0: closed
  bool pushed_ = false;       // open, and nobody has spoken yet
  Carrier carrier_ = Carrier::tcp;
  std::uint16_t cat_tp_port_ = kCatTpPort;
  std::size_t buffer_ = 0;  // granted by the terminal
  bool data_waiting_ = false;
  bool dropped_ = false;
  bool guard_expired_ = false;
  bool progress_ = false;  // since the guard timer was started
  base::Bytes received_;
  std::unique_ptr<TlsEnd> tls_;
  base::Bytes records_;  // of TLS, fetched from the terminal
  std::optional<CatTpEnd> cat_tp_;
  base::Bytes datagram_;              // being fetched from the terminal
  bool ticking_ = false;              // the timer runs
  bool tick_due_ = false;             // it has expired
  std::uint64_t counter_in_use_ = 0;  // memory.counter runs ahead of it
  std::size_t packets_ = 0, octets_up_ = 0, octets_down_ = 0;
};

}  // namespace card
