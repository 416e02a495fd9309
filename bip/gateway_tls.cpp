// Channels that are TLS: between sockets and sessions stands a TlsPsk.
#include "bip/framing.h"
#include "bip/gateway_impl.h"

namespace bip {

// After anything that may have happened to the channel.
void Gateway::Impl::follow_tls(const ClientPtr& client, base::Now now) {
  TlsPsk& tls = *client->tls;
  if (tls.phase() == TlsPsk::Phase::wants_psk) return want_psk(client);
  if (tls.opened() && !client->session.iccid()) identify_by_tls(*client, now);
  while (client->session.room() > 0) {
    const std::size_t room = std::min(client->session.room(), read_buffer_.size());
    const std::size_t size = tls.read(std::span(read_buffer_).first(room));
    if (size == 0) break;
    client->session.feed(base::View(read_buffer_).first(size), now);
  }
  if (client->input_ended && client->session.room() > 0) client->session.end_of_input(now);
  client->session.unfinished_below(tls.unfinished(), now);
  if (tls.phase() == TlsPsk::Phase::ended) end_of_tls(*client, now);
}

void Gateway::Impl::identify_by_tls(Client& client, base::Now now) {
  const auto iccid = card_of_identity(client.tls->identity());
  if (!iccid) return client.session.close(Session::End::tls);  // nobody was asked for its key
  auto card = std::make_unique<Card>(*iccid);
  card->answer_room = static_cast<std::uint16_t>(client.tls->record_room());
  card->over_tls = true;
  card->ciphered_below = client.tls->ciphered();
  client.session.identified(std::move(card), now);
  parts_.counters.add("bip.tls_handshakes");
  note_identified(client, now);
}

// For whoever connects a new kind of card. The identity is a claim; any that is no ICCID may be
// anything and is not repeated.
std::string Gateway::Impl::about_tls(const Client& client) const {
  const auto claimed = card_of_identity(client.tls->identity());
  const bool known = client.session.iccid().has_value();
  return base::cat(client.tls->failure(), claimed && !known ? ": as card " : ": ",
                   claimed && !known ? claimed->digits() + " at " : "", about(client));
}

void Gateway::Impl::end_of_tls(Client& client, base::Now now) {
  switch (client.tls->end()) {
    case TlsPsk::End::none:
    case TlsPsk::End::by_us:
      return;
    case TlsPsk::End::by_peer:  // nothing but close_notify is said to it any more
      return client.session.broken_off(now);
    case TlsPsk::End::timeout:
      return client.session.close(Session::End::never_identified);
    case TlsPsk::End::handshake:
    case TlsPsk::End::record:
      return client.session.close(Session::End::tls);
  }
}

// What goes to the socket next. An answer counts as sent when the last octet of its record is.
base::View Gateway::Impl::tls_output(Client& client) {
  TlsPsk& tls = *client.tls;
  const base::View plain = client.session.output();
  if (tls.output().empty() && tls.phase() == TlsPsk::Phase::open && !plain.empty()) {
    client.sealed = first_answer(plain, settings_->max_packet);
    tls.write(plain.first(client.sealed));
  }
  return tls.output();
}

void Gateway::Impl::tls_sent(Client& client, std::size_t octets, base::Now now) {
  client.tls->consume(octets);
  if (!client.tls->output().empty() || client.sealed == 0) return;
  client.session.consume(std::exchange(client.sealed, 0), now);
}

void Gateway::Impl::want_psk(const ClientPtr& client) {
  if (client->waiting || client->looking_up) return;
  client->waiting = true;
  ready_.push_back(client);
  dispatch();
}

// The key may be in an HSM: a worker asks for it.
void Gateway::Impl::post_lookup(const ClientPtr& client, base::Now now) {
  const std::string identity = client->tls->identity();
  const auto card = card_of_identity(identity);
  if (!limiter_.address_allowed(client->address, now) ||
      (card && !limiter_.card_allowed(card->digits(), now))) {
    client->session.close(Session::End::limited);
    return end(*client, now);
  }
  if (!card) return give_psk(client, std::nullopt);
  client->looking_up = client->psk_asked = true;
  workers_.post([this, client = ClientPtr(client), identity](Worker&) mutable {
    std::optional<base::Secret> psk;
    bool away = true;
    try {
      auto got = parts_.psks->get(identity);
      away = !got;
      if (got) psk = got.take();
    } catch (...) {
      parts_.counters.add(counter_name(Fault::worker_failed));
    }
    loop_.post([this, client = std::move(client), psk = std::move(psk), away]() mutable {
      --outstanding_;
      client->looking_up = false;
      client->keys_away = away;
      give_psk(client, std::move(psk));
      dispatch();
    });
  });
  ++outstanding_;
}

void Gateway::Impl::give_psk(const ClientPtr& client, std::optional<base::Secret> psk) {
  if (client->ended) return;
  guarded(client, [&] {
    client->tls->give_psk(std::move(psk));
    pump(client, parts_.clock.now());
  });
}

// Says goodbye, as far as the socket takes it at once.
void Gateway::Impl::close_tls(Client& client) {
  client.tls->close();
  const base::View output = client.tls->output();
  boost::system::error_code ignored;
  if (!output.empty() && !client.write_armed) {
    client.socket.write_some(boost::asio::buffer(output.data(), output.size()), ignored);
  }
}

}  // namespace bip
