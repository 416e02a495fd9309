// Channels that the platform carries: their octets come through CarriedInbox and go to Platform.
#include "bip/framing.h"
#include "bip/gateway_impl.h"

namespace bip {

CarriedInbox::Limits Gateway::Impl::carried_limits() const {
  return {settings_->sessions, settings_->session_input};
}

void Gateway::Impl::listen_to_platform() {
  carried_.clear();
  parts_.inbox->listen(carried_limits(), [this] { loop_.post([this] { follow_platform(); }); });
  parts_.log.info("bip.carrying", "taking channels that the platform carries");
}

void Gateway::Impl::follow_platform() {
  const base::Now now = parts_.clock.now();
  for (const CarriedInbox::News& news : parts_.inbox->news()) {
    try {
      if (news.opening) carried_opened(*news.opening, now);
    } catch (...) {  // out of memory: this channel is lost
      parts_.counters.add(counter_name(Fault::accept_failed));
      parts_.inbox->forget(news.id);
      parts_.platform->close(news.id);
    }
    const auto found = carried_.find(news.id);
    if (found == carried_.end()) continue;
    const ClientPtr client = clients_.at(found->second);
    if (news.writable) client->carried->blocked = false;
    client->carried->ended = news.ended;
    client->carried->gone = news.gone;
    guarded(client, [&] { pump(client, now); });
  }
}

void Gateway::Impl::carried_opened(const CarriedInbox::Opening& opening, base::Now now) {
  const bool full = clients_.size() >= settings_->sessions;
  if (full || !limiter_.address_allowed(opening.address, now)) {
    faults_.note(full ? Fault::sessions_full : Fault::limited, now, 1,
                 [] { return std::string("carried by the platform"); });
    parts_.inbox->forget(opening.id);
    return parts_.platform->close(opening.id);
  }
  boost::asio::ip::tcp::socket none(loop_.context());
  const auto caller = opening.iccid ? Session::Caller::by_channel : Session::Caller::by_packet;
  auto client = std::make_shared<Client>(std::move(none), settings_, opening.address, now, caller);
  client->carried = std::make_unique<CarriedEnd>(opening.id);
  client->carried->transport = opening.transport;
  client->carried->answer_room = opening.answer_room;
  carried_.emplace(opening.id, client.get());
  try {
    admit(client);
  } catch (...) {
    carried_.erase(opening.id);
    throw;
  }
  parts_.counters.add("bip.carried_channels");
  if (!opening.iccid) return;
  client->session.identified(std::make_unique<Card>(*opening.iccid), now);
  note_identified(*client, now);
}

// What the platform holds for the session. When it is too much, the platform is told.
void Gateway::Impl::read_carried(Client& client, base::Now now) {
  CarriedEnd& end = *client.carried;
  bool empty = false;
  while (!empty && client.session.room() > 0) {
    const CarriedInbox::Piece piece = parts_.inbox->take(end.id, client.session.room());
    end.owed |= piece.room_again;
    empty = piece.octets.empty();
    if (!empty) on_octets(client, piece.octets, now);
  }
  if (Card* const card = client.session.card()) {
    card->transport = end.transport;
    card->answer_room = end.answer_room;
  }
  if (end.ended) {
    if (!empty) return;
    return end.gone ? client.session.broken_off(now) : client.session.end_of_input(now);
  }
  const bool room = client.session.room() > 0;
  if (room && (end.paused || end.owed)) {
    end.paused = end.owed = false;
    parts_.platform->resume(end.id);
  } else if (!room && !end.paused && client.session.phase() != Session::Phase::closed) {
    end.paused = true;
    parts_.platform->pause(end.id);
  }
}

// One answer, one call. What cannot reach the card any more counts as sent: it asks again.
void Gateway::Impl::flush_carried(Client& client, base::Now now) {
  CarriedEnd& end = *client.carried;
  while (!client.session.output().empty() && (end.gone || !end.blocked)) {
    const base::View output = client.session.output();
    const std::size_t size = end.gone ? output.size() : first_answer(output, output.size());
    const auto sent =
        end.gone ? Platform::Sent::taken : parts_.platform->send(end.id, output.first(size));
    if (sent == Platform::Sent::lost) return client.session.close(Session::End::by_card);
    end.blocked = sent == Platform::Sent::busy;
    if (!end.blocked) client.session.consume(size, now);
  }
}

void Gateway::Impl::close_carried(Client& client) {
  const CarriedEnd& end = *client.carried;
  carried_.erase(end.id);
  parts_.inbox->forget(end.id);
  if (!end.gone) parts_.platform->close(end.id);
}

}  // namespace bip
