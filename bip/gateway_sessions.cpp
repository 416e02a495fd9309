#include "bip/gateway_impl.h"
#include "bip/socket_address.h"

#include <boost/asio/buffer.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace bip {

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::int64_t kHoldsPlace = 10 * base::kSecondMs;  // a card proves itself before
constexpr auto kTick = std::chrono::milliseconds(200);  // how late a session's deadline is noticed

std::optional<Fault> fault_of(Session::End end) {
  switch (end) {
    case Session::End::bad_identification:
      return Fault::bad_identification;
    case Session::End::never_identified:
      return Fault::never_identified;
    case Session::End::never_proven:
      return Fault::never_proven;
    case Session::End::second_identification:
      return Fault::second_identification;
    case Session::End::bad_packet:
      return Fault::bad_packet;
    case Session::End::packet_too_large:
      return Fault::packet_too_large;
    case Session::End::cut_packet:
      return Fault::cut_packet;
    case Session::End::superseded:
      return Fault::superseded;
    case Session::End::packet_timeout:
    case Session::End::idle:
    case Session::End::no_answer:
      return Fault::timeouts;
    case Session::End::limited:
      return Fault::limited;
    case Session::End::tls:
      return Fault::tls_failed;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string Gateway::Impl::about(const Client& client) const {
  const auto& iccid = client.session.iccid();
  return iccid ? base::cat("card ", iccid->digits(), " at ", to_text(client.address))
               : to_text(client.address);
}

void Gateway::Impl::accepted(int descriptor, const Address& from, bool tls) {
  const base::Now now = parts_.clock.now();
  tcp::socket socket(loop_.context());
  error_code failed;
  const Address any_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  const bool v4 = std::equal(any_v4.begin(), any_v4.begin() + 12, from.begin());
  socket.assign(v4 ? tcp::v4() : tcp::v6(), descriptor, failed);
  if (failed) {
    ::close(descriptor);
    return faults_.note(Fault::accept_failed, now, 1, [&] { return to_text(from); });
  }
  if (!limiter_.address_allowed(from, now)) {
    return faults_.note(Fault::limited, now, 1,
                        [&] { return to_text(from); });  // the socket closes here
  }
  socket.non_blocking(true, failed);
  socket.set_option(tcp::no_delay(true), failed);
  const auto caller = tls ? Session::Caller::by_channel : Session::Caller::by_packet;
  auto client = std::make_shared<Client>(std::move(socket), settings_, from, now, caller);
  if (tls) client->tls = std::make_unique<TlsPsk>(tls_context_, *settings_, now);
  admit(client);
  pump(client, now);
}

void Gateway::Impl::admit(const ClientPtr& client) {
  if (draining_) client->session.drain();
  clients_.emplace(client.get(), client);
  parts_.counters.add("bip.sessions");
  update_gauges();
}

void Gateway::Impl::arm_read(const ClientPtr& client) {
  if (client->read_armed || client->ended || client->room() == 0) return;
  if (client->link || client->carried) return;
  client->read_armed = true;
  client->socket.async_wait(tcp::socket::wait_read, [this, client](const error_code& error) {
    client->read_armed = false;
    if (error || client->ended) return;
    guarded(client, [&] { on_readable(client); });
  });
}

void Gateway::Impl::on_readable(const ClientPtr& client) {
  const base::Now now = parts_.clock.now();
  const std::size_t room = std::min(client->room(), read_buffer_.size());
  if (room == 0) return;
  error_code error;
  const std::size_t size =
      client->socket.read_some(boost::asio::buffer(read_buffer_.data(), room), error);
  if (!error) {
    on_octets(*client, base::View(read_buffer_).first(size), now);
  } else if (error == boost::asio::error::eof && client->tls) {
    client->input_ended = true;  // the session learns it behind what TLS still holds
  } else if (error == boost::asio::error::eof) {
    client->session.end_of_input(now);
  } else if (error != boost::asio::error::would_block && error != boost::asio::error::interrupted) {
    client->session.broken_off(now);
  }
  pump(client, now);
}

void Gateway::Impl::on_octets(Client& client, base::View octets, base::Now now) {
  if (client.tls) return client.tls->feed(octets);
  const bool was_known = client.session.iccid().has_value();
  client.session.feed(octets, now);
  if (!was_known && client.session.iccid()) note_identified(client, now);
}

void Gateway::Impl::note_identified(Client& client, base::Now now) {
  parts_.counters.add("bip.identified");
  if (!limiter_.card_allowed(client.session.iccid()->digits(), now)) {
    client.session.close(Session::End::limited);
  }
}

void Gateway::Impl::flush(const ClientPtr& client, base::Now now) {
  while (!client->write_armed) {
    const base::View output = client->tls ? tls_output(*client) : client->session.output();
    if (output.empty()) return;
    error_code error;
    const std::size_t sent =
        client->socket.write_some(boost::asio::buffer(output.data(), output.size()), error);
    if (sent > 0 && client->tls) tls_sent(*client, sent, now);
    if (sent > 0 && !client->tls) client->session.consume(sent, now);
    if (error == boost::asio::error::would_block) {
      client->write_armed = true;
      client->socket.async_wait(tcp::socket::wait_write, [this, client](const error_code& failed) {
        client->write_armed = false;
        if (failed || client->ended) return;
        guarded(client, [&] { pump(client, parts_.clock.now()); });
      });
    } else if (error && error != boost::asio::error::interrupted) {
      return client->session.close(Session::End::by_card);
    }
  }
}

// After anything that happened to a session: what it has to say, to do, to wait for.
void Gateway::Impl::pump(const ClientPtr& client, base::Now now) {
  if (client->ended) return;
  if (client->tls) follow_tls(client, now);
  if (client->ended) return;
  if (client->link) {
    read_link(*client, now);
    describe_link(*client);
    flush_link(*client, now);
  } else if (client->carried) {
    read_carried(*client, now);
    flush_carried(*client, now);
  } else {
    flush(client, now);
  }
  if (client->session.phase() == Session::Phase::closed) return end(*client, now);
  if (client->session.ready()) enqueue(client, now.mono_ms);
  if (client->ended) return;
  arm_read(client);
  schedule(*client);
  send_datagrams();
}

// Who has named a card and proved nothing: by what he sent, by saying nothing more until his time
// was over, or by hanging up when a place was held or a key looked up for him.
void Gateway::Impl::count_failure(const Client& client, base::Now now) {
  using End = Session::End;
  const Session& session = client.session;
  const bool hung_up = session.end() == End::by_card || session.end() == End::cut_packet;
  if (client.tls && !session.iccid()) {
    const bool gave_up = hung_up || session.end() == End::never_identified;
    const bool in_vain = session.end() == End::tls || (client.psk_asked && gave_up);
    if (!in_vain || client.keys_away || client.looking_up) return;  // the key service's doing
    const auto card = card_of_identity(client.tls->identity());
    return limiter_.failed(client.address, card ? card->digits() : "", now);
  }
  // Not while a worker has its packet: what that proves is not known, and may take long here.
  const bool silent = !client.tls && !session.proven() && !session.under_way();
  const bool held_place =
      hung_up && session.iccid() && silent && now.mono_ms - session.opened_at() >= kHoldsPlace;
  const bool pretended = (held_place || session.end() == End::never_proven) && !session.put_off();
  if (pretended || session.end() == End::bad_identification) {
    limiter_.failed(client.address, "", now);
  }
}

void Gateway::Impl::end(Client& client, base::Now now) {
  if (client.ended) return;
  client.ended = true;
  const Session& session = client.session;
  parts_.counters.took("bip.session", now.mono_ms - session.opened_at());
  const bool keyless = client.keys_away && session.end() == Session::End::tls;
  if (const auto fault = keyless ? Fault::keys_away : fault_of(session.end())) {
    const bool of_tls = fault == Fault::tls_failed && client.tls;
    faults_.note(*fault, now, 1, [&] { return of_tls ? about_tls(client) : about(client); });
  }
  count_failure(client, now);
  if (client.tls) close_tls(client);
  if (client.link) close_link(client, now);
  if (client.carried) close_carried(client);
  error_code ignored;
  client.socket.close(ignored);
  unschedule(client);
  if (session.iccid()) {
    leave_card(client);
    if (!session.under_way()) keep_for_close(client);
  }
  let_go(std::exchange(client.challengers, {}));
  clients_.erase(&client);  // may be the last owner: `client` is not touched any more
  update_gauges();
  if (!draining_ && !stopping_ && clients_.size() < settings_->sessions) resume_listeners();
  send_datagrams();
  dispatch();
}

// A client has one place among the deadlines, at or before its real one: most deadlines only move
// away, and are looked at again when the old one comes.
void Gateway::Impl::schedule(Client& client) {
  const std::int64_t deadline =
      std::min(client.session.deadline(), client.tls ? client.tls->deadline() : Session::kNever);
  if (deadline >= client.scheduled) return;
  unschedule(client);
  client.scheduled = deadline;
  deadlines_.emplace(deadline, &client);
}

void Gateway::Impl::unschedule(Client& client) {
  if (client.scheduled != Session::kNever) deadlines_.erase({client.scheduled, &client});
  client.scheduled = Session::kNever;
}

void Gateway::Impl::tick() {
  if (stopping_) return;
  timer_->expires_after(kTick);
  timer_->async_wait([this](const error_code& error) {
    if (error) return;
    tick();
    const base::Now now = parts_.clock.now();
    check_deadlines(now);
    follow_links(now);
    tell_link_counts(now);
  });
}

void Gateway::Impl::check_deadlines(base::Now now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono_ms) {
    Client* const client = deadlines_.begin()->second;
    const ClientPtr owner = clients_.at(client);
    unschedule(*client);
    guarded(owner, [&] {
      if (client->tls) client->tls->on_deadline(now);
      client->session.on_deadline(now);
      pump(owner, now);
    });
  }
}

}  // namespace bip
