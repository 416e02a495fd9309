// Channels that are CAT_TP links: one UDP socket for all of them; a packet is an SDU.
#include "base/crypto.h"
#include "bip/framing.h"
#include "bip/gateway_impl.h"
#include "bip/socket_address.h"

#include <chrono>

namespace bip {

namespace {

constexpr std::uint16_t kLeastSdu = 128;         // what every answer but FETCH DATA has room in
constexpr std::size_t kMostBacklog = 16 * 1024;  // octets of a link that are not acknowledged

std::string_view text_of(CatTpLinks::Refusal refusal) {
  using Refusal = CatTpLinks::Refusal;
  switch (refusal) {
    case Refusal::version:
      return "another version of CAT_TP";
    case Refusal::acknowledges:
      return "a SYN/ACK, of no opening of ours";
    case Refusal::port:
      return "another port than cat_tp_port";
    case Refusal::maxima:
      return "the peer's maximum PDU or SDU is too small";
    case Refusal::identification:
      return "its identification is too long";
    case Refusal::not_accepting:
      return "sessions are at their limit, or draining";
    case Refusal::many_half_open:
      return "half_open_per_ip";
    case Refusal::none:
      break;
  }
  return "";
}

// What an SDU is that is not exactly the one packet which is due.
Session::End end_for(base::View sdu, bool identified) {
  if (!identified) return Session::End::bad_identification;
  return sdu[0] == kIdentificationPacket ? Session::End::second_identification
                                         : Session::End::bad_packet;
}

}  // namespace

base::Status Gateway::Impl::open_cat_tp() {
  cat_tp_port_ = 0;
  udp_.reset();
  links_.reset();
  told_counts_ = {};
  link_timer_due_ = CatTp::kNever;
  if (settings_->cat_tp.empty()) return {};
  link_settings_ = settings_->cat_tp_link;
  link_settings_.max_sdu = static_cast<std::uint16_t>(settings_->max_packet);
  link_settings_.least_sdu = kLeastSdu;
  UdpListener::Hooks hooks;
  hooks.datagram = [this](base::View datagram, const SocketPeer& from) {
    try {
      links_->accept(!draining_ && !stopping_ && clients_.size() < settings_->sessions);
      links_->feed(datagram, from, parts_.clock.now());
    } catch (...) {  // out of memory: the datagram is lost
      parts_.counters.add(counter_name(Fault::accept_failed));
    }
  };
  hooks.batch_done = [this] { follow_links(parts_.clock.now()); };
  auto udp = std::make_unique<UdpListener>(loop_.context(), std::move(hooks));
  if (auto opened = udp->open(settings_->cat_tp); !opened) return opened;
  links_ = std::make_unique<CatTpLinks>(link_settings_, base::random_number);
  udp_ = std::move(udp);
  cat_tp_port_ = udp_->port();
  return {};
}

// After anything that may have happened to links, time included: their events, then what they have
// to send.
void Gateway::Impl::follow_links(base::Now now) {
  if (!links_ || following_) return;
  if (links_->deadline() <= now.mono_ms) links_->on_deadline(now);
  following_ = true;
  while (const auto event = links_->next_event()) {
    try {
      on_link_event(*event, now);
    } catch (...) {  // out of memory
      parts_.counters.add(counter_name(Fault::accept_failed));
    }
  }
  following_ = false;
  send_datagrams();
  links_open_.store(static_cast<std::uint32_t>(links_->open_links()), std::memory_order_relaxed);
  links_half_open_.store(static_cast<std::uint32_t>(links_->half_open()),
                         std::memory_order_relaxed);
}

void Gateway::Impl::on_link_event(const CatTpLinks::Event& event, base::Now now) {
  if (event.what == CatTpLinks::Event::What::opened) return link_opened(event, now);
  const auto found = clients_.find(static_cast<Client*>(event.link->owner));
  if (found == clients_.end()) return links_->release(*event.link, now);
  const ClientPtr client = found->second;
  guarded(client, [&] { pump(client, now); });
}

// Identification data that are no ICCID are refused; without any, the first SDU is to be an
// identification packet.
void Gateway::Impl::link_opened(const CatTpLinks::Event& event, base::Now now) {
  CatTpLinks::Link& link = *event.link;
  const Address& from = link.peer().address;
  // A link that was half open when the gateway began to stop, too.
  const bool full = stopping_ || clients_.size() >= settings_->sessions;
  const bool allowed = limiter_.address_allowed(from, now);
  const auto iccid = vault::Iccid::from_ef(event.identification);
  const bool bad = !iccid && !event.identification.empty();
  if (full || !allowed || bad) {
    const Fault fault =
        bad ? Fault::bad_identification : (full ? Fault::sessions_full : Fault::limited);
    faults_.note(fault, now, 1, [&] { return to_text(from) + " over CAT_TP"; });
    if (bad) limiter_.failed(from, "", now);
    links_->close(link, bad ? CatTpReset::illegal_parameters : CatTpReset::temporarily_unable, now);
    return links_->release(link, now);
  }
  const auto caller = iccid ? Session::Caller::by_channel : Session::Caller::by_packet;
  boost::asio::ip::tcp::socket none(loop_.context());
  auto settings = settings_;
  if (settings->max_packet != link_settings_.max_sdu) {  // the card has been told that one
    auto as_told = std::make_shared<Settings>(*settings);
    as_told->max_packet = link_settings_.max_sdu;
    settings = std::move(as_told);
  }
  auto client = std::make_shared<Client>(std::move(none), std::move(settings), from, now, caller);
  client->link = &link;
  link.owner = client.get();
  admit(client);
  parts_.counters.add("bip.cat_tp_links");
  if (iccid) {
    client->session.identified(std::make_unique<Card>(*iccid), now);
    note_identified(*client, now);
  }
  guarded(client, [&] { pump(client, now); });
}

// What the link has for the session.
void Gateway::Impl::read_link(Client& client, base::Now now) {
  while (client.session.room() > 0) {
    const auto sdu = links_->take(*client.link, now);
    if (!sdu) break;
    const bool known = client.session.iccid().has_value();
    const std::uint8_t wanted = known ? kCommandPacket : kIdentificationPacket;
    const Frame frame = next_frame(*sdu, wanted, sdu->size());
    const bool whole = frame.state == Frame::State::whole && frame.size == sdu->size();
    if (!whole) return client.session.close(end_for(*sdu, known));
    on_octets(client, *sdu, now);
  }
  const CatTp& machine = client.link->machine();
  client.session.unfinished_below(machine.unfinished(), now);
  if (machine.phase() == CatTp::Phase::closed && !machine.readable()) {
    if (machine.end() == CatTp::End::too_large) {
      return client.session.ended_below(Session::End::packet_too_large, now);
    }
    if (machine.end() == CatTp::End::no_answer) {
      return client.session.ended_below(Session::End::no_answer, now);
    }
    client.session.end_of_input(now);
  }
}

// One answer, one SDU. What cannot reach the card any more counts as sent: it asks again.
void Gateway::Impl::flush_link(Client& client, base::Now now) {
  for (;;) {
    const base::View output = client.session.output();
    if (output.empty()) return;
    const CatTp& machine = client.link->machine();
    if (machine.phase() == CatTp::Phase::closed) {
      client.session.consume(output.size(), now);
      continue;
    }
    if (machine.backlog() >= kMostBacklog) return;  // goes on when that was acknowledged
    const std::size_t size = first_answer(output, output.size());
    if (!links_->send(*client.link, output.first(size), now)) {
      return client.session.close(Session::End::packet_too_large);
    }
    client.session.consume(size, now);
  }
}

// The card's state learns what the link is; whoever was identified by a packet, only now.
void Gateway::Impl::describe_link(Client& client) {
  Card* const card = client.session.card();
  if (card == nullptr) return;
  card->transport = Transport::cat_tp;
  card->answer_room = client.link->machine().peer_max_sdu();
}

void Gateway::Impl::close_link(Client& client, base::Now now) {
  CatTpLinks::Link& link = *std::exchange(client.link, nullptr);
  const bool limited = client.session.end() == Session::End::limited;
  links_->close(link, limited ? CatTpReset::temporarily_unable : CatTpReset::normal, now);
  links_->release(link, now);
}

void Gateway::Impl::tell_link_counts(base::Now now) {
  if (!links_) return;
  const CatTpLinks::Counts counts = links_->counts();
  // Without an address: whoever sends datagrams chooses what stands there.
  const auto tell = [&](Fault fault, std::uint64_t fresh, std::uint64_t told,
                        std::string_view why = {}) {
    if (fresh == told) return;
    faults_.note(fault, now, static_cast<std::int64_t>(fresh - told),
                 [&] { return std::string(why); });
  };
  tell(Fault::cat_tp_malformed, counts.malformed, told_counts_.malformed);
  tell(Fault::cat_tp_refused, counts.refused, told_counts_.refused, text_of(counts.last_refusal));
  tell(Fault::cat_tp_displaced, counts.displaced, told_counts_.displaced);
  tell(Fault::cat_tp_unopened, counts.unopened, told_counts_.unopened);
  // The ends of links leave some of these every day: no line.
  const std::uint64_t stray = counts.stray - told_counts_.stray;
  if (stray > 0) parts_.counters.add("bip.cat_tp_stray", static_cast<std::int64_t>(stray));
  told_counts_ = counts;
}

void Gateway::Impl::send_datagrams() {
  if (!links_ || following_) return;
  set_link_timer();
  if (links_->outputs() == 0) return;
  outgoing_.clear();
  for (std::size_t i = 0; i < links_->outputs(); ++i) {
    outgoing_.push_back({links_->output(i), links_->output_to(i)});
  }
  udp_->send(outgoing_);
  links_->clear_output();
}

// Links count in tens of milliseconds, which the tick is too coarse for. One timer for the first
// deadline of all of them, which is set anew only for an earlier one.
void Gateway::Impl::set_link_timer() {
  const std::int64_t due = links_->deadline();
  if (due >= link_timer_due_ || stopping_) return;
  link_timer_due_ = due;
  link_timer_->expires_after(std::chrono::milliseconds(due - parts_.clock.now().mono_ms));
  link_timer_->async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    link_timer_due_ = CatTp::kNever;
    follow_links(parts_.clock.now());
  });
}

}  // namespace bip
