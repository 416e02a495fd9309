#include "bip/gateway_impl.h"

namespace bip {

namespace {

// True for the scope.
class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag() { flag_ = false; }

 private:
  bool& flag_;
};

// A batch's time at the worker, however it ends.
class Timed {
 public:
  Timed(const Gateway::Parts& parts, std::int64_t began) : parts_(parts), began_(began) {}
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() { parts_.counters.took("bip.serve", parts_.clock.now().mono_ms - began_); }

 private:
  const Gateway::Parts& parts_;
  std::int64_t began_;
};

}  // namespace

void Gateway::Impl::enqueue(const ClientPtr& client, std::int64_t since) {
  if (client->waiting || client->held) return;
  client->waiting_since = since;
  if (hold(client)) return;
  client->waiting = true;
  ready_.push_back(client);
  dispatch();
}

void Gateway::Impl::dispatch() {
  if (dispatching_) return;  // a session that ends inside comes back here
  const Flag inside(dispatching_);
  while (outstanding_ < most_outstanding_ && (!closing_.empty() || !ready_.empty())) {
    if (!closing_.empty()) {
      std::unique_ptr<Card> card = std::move(closing_.front());
      closing_.pop_front();
      post_close(std::move(card));
      continue;
    }
    const ClientPtr client = std::move(ready_.front());
    ready_.pop_front();
    client->waiting = false;
    if (client->ended) continue;
    const base::Now now = parts_.clock.now();
    if (client->tls && client->tls->phase() == TlsPsk::Phase::wants_psk) {
      post_lookup(client, now);
      continue;
    }
    if (!may_try(*client, now)) {
      client->session.close(Session::End::limited);
      end(*client, now);
    } else if (client->session.ready()) {
      post_batch(client, now);
    }
  }
  update_gauges();
}

// Who has not proved itself is not tried once too many have failed from there or for that card.
bool Gateway::Impl::may_try(const Client& client, base::Now now) const {
  if (client.session.proven() || !client.session.iccid()) return true;
  return limiter_.address_allowed(client.address, now) &&
         limiter_.card_allowed(client.session.iccid()->digits(), now);
}

void Gateway::Impl::post_batch(const ClientPtr& client, base::Now now) {
  std::unique_ptr<Batch> batch = client->session.next_batch(now);
  batch->waiting_since = client->waiting_since;
  batch->rival = rival_of(*client);
  workers_.post(
      [this, client = ClientPtr(client), batch = std::move(batch)](Worker& worker) mutable {
        serve(worker, *batch);
        loop_.post([this, client = std::move(client), batch = std::move(batch)]() mutable {
          --outstanding_;
          guarded(client, [&] { on_reply(client, std::move(batch)); });
          dispatch();
        });
      });
  ++outstanding_;  // not before: what could not be posted never comes back
}

void Gateway::Impl::post_close(std::unique_ptr<Card> card) {
  workers_.post([this, card = std::move(card)](Worker& worker) mutable {
    try {
      parts_.cards.close(store_of(worker), *card->channel, parts_.clock.now());
    } catch (...) {
      parts_.counters.add(counter_name(Fault::worker_failed));
    }
    const std::string digits = card->iccid.digits();
    card.reset();
    loop_.post([this, digits] {
      --outstanding_;
      ending_done(digits);
      dispatch();
    });
  });
  ++outstanding_;
}

void Gateway::Impl::ending_done(const std::string& iccid_digits) {
  const auto found = endings_.find(iccid_digits);
  if (found == endings_.end() || --found->second.pending > 0) return;
  std::vector<ClientPtr> held = std::move(found->second.held);
  endings_.erase(found);
  let_go(std::move(held));
}

void Gateway::Impl::let_go(std::vector<ClientPtr> held) {
  for (const ClientPtr& client : held) {
    client->held = false;
    if (!client->ended && client->session.ready()) enqueue(client, client->waiting_since);
  }
}

// True: the client waits for the end of an older channel of its card.
bool Gateway::Impl::hold(const ClientPtr& client) {
  if (client->session.proven()) return false;
  const auto found = endings_.find(client->session.iccid()->digits());
  if (found == endings_.end()) return false;
  found->second.held.push_back(client);
  client->held = true;
  return true;
}

std::optional<Batch::Rival> Gateway::Impl::rival_of(const Client& client) const {
  if (client.session.proven()) return std::nullopt;
  const Client* const other = other_channel(client);
  if (other == nullptr) return std::nullopt;
  return Batch::Rival{other->session.key_set(), other->session.last_counter()};
}

// Throws when there is none; tried again with the next job.
vault::Store& Gateway::Impl::store_of(Worker& worker) {
  if (!worker.store) worker.store = parts_.stores.open();
  return *worker.store;
}

void Gateway::Impl::serve(Worker& worker, Batch& batch) {
  const std::int64_t began = parts_.clock.now().mono_ms;
  parts_.counters.took("bip.wait", began - batch.waiting_since);
  const Timed timed(parts_, began);
  try {
    return exchange(batch,
                    {parts_.keys, parts_.cards, store_of(worker), parts_.clock, parts_.details});
  } catch (...) {
  }
  batch.close = true;
  batch.tally.add(Fault::worker_failed);
}

void Gateway::Impl::on_reply(const ClientPtr& client, std::unique_ptr<Batch> batch) {
  const base::Now now = parts_.clock.now();
  const Tally tally = batch->tally;
  const bool was_proven = client->session.proven();
  const std::optional<Batch::Rival> beaten = batch->beats_rival ? batch->rival : std::nullopt;
  client->session.reply(std::move(batch), now);
  let_go(std::exchange(client->challengers, {}));
  if (client->ended) keep_for_close(*client);
  note_tally(*client, tally, now);  // last of what must be: it may find no memory
  if (client->ended) return;
  if (beaten) challenge(client, *beaten, now);
  if (client->session.proven() && !was_proven) note_proven(client, now);
  pump(client, now);
}

void Gateway::Impl::note_tally(const Client& client, const Tally& tally, base::Now now) {
  parts_.counters.add("bip.packets", tally.packets);
  if (tally.answers > 0) parts_.counters.add("bip.answers", tally.answers);
  if (tally.dropped > 0) parts_.counters.add("bip.data_dropped", tally.dropped);
  if (tally.try_later > 0) parts_.counters.add("bip.try_later", tally.try_later);
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (tally.faults[i] > 0) {
      faults_.note(static_cast<Fault>(i), now, tally.faults[i], [&] { return about(client); });
    }
  }
  const std::string digits = client.session.iccid()->digits();
  for (int i = 0; i < tally.of(Fault::wrong_cc); ++i) limiter_.failed(client.address, digits, now);
}

// Two channels of one card: the older one is a link that dropped without anybody being told. Which
// one is older is told by the counters, not by whose answer comes back first.
void Gateway::Impl::note_proven(const ClientPtr& client, base::Now now) {
  parts_.counters.add("bip.proven");
  if (Client* const other = other_channel(*client)) {
    const bool older = other->session.key_set() == client->session.key_set() &&
                       other->session.last_counter() > client->session.last_counter();
    supersede(older ? *client : *other, now);
    if (older) return;
  }
  by_card_[client->session.iccid()->digits()] = client.get();
}

// Of the same card, and proven. Null: there is none.
Client* Gateway::Impl::other_channel(const Client& client) const {
  const auto found = by_card_.find(client.session.iccid()->digits());
  return found == by_card_.end() || found->second == &client ? nullptr : found->second;
}

// The client's packet is newer than what the other channel had been served, as it was `seen`. It
// may be a copy of what has come there since: that is served first, and then the client judged
// again.
void Gateway::Impl::challenge(const ClientPtr& client, const Batch::Rival& seen, base::Now now) {
  Client* const other = other_channel(*client);
  if (other == nullptr) return;
  if (other->session.has_work()) {
    client->held = true;
    other->challengers.push_back(client);
    other->session.gather_no_more();
    const ClientPtr kept = clients_.at(other);  // it may end here
    pump(kept, now);
  } else if (rival_of(*client) == seen) {
    finish_superseded(*other, now);
  }
}

void Gateway::Impl::supersede(Client& older, base::Now now) {
  older.session.close(Session::End::superseded);
  end(older, now);
}

// The same, for one whose successor has not been served yet: what the older one sent completely
// still counts, so that an upload goes on where it broke off.
void Gateway::Impl::finish_superseded(Client& older, base::Now now) {
  older.session.superseded(now);
  leave_card(older);
  pump(clients_.at(&older), now);
}

// From now on the card's newcomers wait until this one has been put away.
void Gateway::Impl::leave_card(Client& client) {
  if (std::exchange(client.leaving, true)) return;
  const std::string digits = client.session.iccid()->digits();
  const auto found = by_card_.find(digits);
  if (found != by_card_.end() && found->second == &client) by_card_.erase(found);
  ++endings_[digits].pending;
}

// Counted among the endings already.
void Gateway::Impl::keep_for_close(Client& client) {
  std::unique_ptr<Card> card = client.session.take_card();
  if (card && card->channel && !card->channel->settled()) {
    closing_.push_back(std::move(card));
  } else {
    ending_done(client.session.iccid()->digits());
  }
}

}  // namespace bip
