#include "tests/sim/world_impl.h"

namespace sim {

void World::feed(const LinkPtr& link) {
  bip::Session& session = *link->session;
  const std::size_t size = std::min(session.room(), link->waiting.size());
  if (size > 0) {
    session.feed(base::View(link->waiting).first(size), now());
    link->waiting.erase(link->waiting.begin(), link->waiting.begin() + static_cast<long>(size));
  }
  follow(link);
}

// Does what the session asks for by now.
void World::follow(const LinkPtr& link) {
  if (link->gone) return;
  bip::Session& session = *link->session;
  if (!session.output().empty()) {
    const base::Bytes output(session.output().begin(), session.output().end());
    session.consume(output.size(), now());
    send_down(link, output);
  }
  if (session.phase() == bip::Session::Phase::closed && !session.under_way()) return ended(link);
  if (session.ready() && !std::exchange(link->working, true)) {
    after(chance_.between(0, 40), [this, link] {
      if (link->working) work(link);
    });
  }
  watch(link);
}

void World::watch(const LinkPtr& link) {
  const std::int64_t deadline = link->session->deadline();
  if (deadline >= link->watched) return;
  link->watched = deadline;
  after(std::max<std::int64_t>(deadline - now().mono_ms, 0), [this, link, deadline] {
    if (link->gone || link->watched != deadline) return;
    link->watched = bip::Session::kNever;
    link->session->on_deadline(now());
    feed(link);
  });
}

void World::work(const LinkPtr& link) {
  link->working = false;
  if (link->gone || !link->session->ready()) return;
  std::unique_ptr<bip::Batch> batch = link->session->next_batch(now());
  // Some have waited so long for a worker that BEGIN is put off.
  batch->waiting_since = now().mono_ms - (!calm_ && chance_.one_in(25) ? 3'000 : 0);
  Instance& instance = *link->instance;
  try {
    serve(link, *batch);
  } catch (const Killed&) {
    kill(instance);
    return check(link->card.iccid);
  }
  auto shared = std::make_shared<std::unique_ptr<bip::Batch>>(std::move(batch));
  after(chance_.between(0, 20), [this, link, shared] {
    if (!link->gone) replied(link, std::move(*shared));
  });
}

void World::serve(const LinkPtr& link, bip::Batch& batch) {
  ++figures_.steps;
  const vault::Iccid* const before = std::exchange(served_, &link->card.iccid);
  try {
    bip::exchange(batch, {crypto_, *link->instance->cards, *link->instance->store, vault_.clock});
  } catch (...) {
    served_ = before;
    throw;
  }
  served_ = before;
  base::Bytes answers = batch.answers;
  while (!answers.empty()) {
    const auto answer = link->card.take_answer(answers);
    if (!answer) throw Breach("a worker made what is no answer");
    tell(base::cat("card ", link->card.iccid.digits(), " is answered ",
                   support::name_of(static_cast<vault::CardResult>(answer->message.code)),
                   ", status ", static_cast<int>(answer->status)));
    oracle_.answered(link->card.iccid, *answer);
  }
  check(link->card.iccid);
}

void World::replied(const LinkPtr& link, std::unique_ptr<bip::Batch> batch) {
  const bool was_proven = link->session->proven();
  link->session->reply(std::move(batch), now());
  if (link->session->proven() && !was_proven) {
    for (const LinkPtr& other : std::vector<LinkPtr>(links_)) {
      const bool older = other != link && !other->gone && other->instance == link->instance &&
                         other->card.iccid == link->card.iccid && other->session->proven() &&
                         other->session->last_counter() < link->session->last_counter();
      if (!older) continue;
      other->session->superseded(now());
      follow(other);
    }
  }
  feed(link);
}

// As the gateway does it: what the channel still knows is put away by a worker.
void World::ended(const LinkPtr& link) {
  link->gone = true;
  std::unique_ptr<bip::Card> card = link->session->take_card();
  after(chance_.between(1, 500), [this, link] { hang_up(link); });
  if (!card || !card->channel || card->channel->settled()) return;
  auto shared = std::make_shared<std::unique_ptr<bip::Card>>(std::move(card));
  after(chance_.between(0, 50), [this, link, shared, life = link->instance->life] {
    if (link->instance->life == life) put_away(*link->instance, std::move(*shared));
  });
}

void World::put_away(Instance& instance, std::unique_ptr<bip::Card> card) {
  const vault::Iccid iccid = card->iccid;
  const vault::Iccid* const before = std::exchange(served_, &iccid);
  try {
    instance.cards->close(*instance.store, *card->channel, now());
  } catch (const Killed&) {
    kill(instance);
  }
  served_ = before;
  check(iccid);
}

// In the middle of an update: the other instance looks at the calendar as well; or, of the card
// that is served, another channel gets on or operations touch its record.
void World::meanwhile() {
  const bool on = std::exchange(troubles_.on, false);
  if (served_ == nullptr) {
    for (Instance& other : instances_) {
      if (&other == looking_ || other.down_until > now().mono_ms) continue;
      other.reminders->work(now());
      other.house->step(*other.calendar_store, house_policy(), now());
    }
    troubles_.on = on;
    return;
  }
  if (deciding_ != 0 && chance_.one_in(2)) {
    second_agent();
    troubles_.on = on;
    return;
  }
  for (const LinkPtr& link : std::vector<LinkPtr>(links_)) {
    if (link->gone || link->card.iccid != *served_ || !link->session->ready()) continue;
    tell("... meanwhile");
    work(link);
    troubles_.on = on;
    return;
  }
  vault::ImportLine line{*served_, std::nullopt, "customer " + std::to_string(++customers_), ""};
  if (!god_->import(now(), {line}, "ops:test").ok()) throw Breach("an import failed");
  troubles_.on = on;
}

// A server carries out for a moment longer what an instance has been answered; its own stores wait
// for that when they read.
void World::commits_arrive() {
  const bool on = std::exchange(troubles_.on, false);
  std::vector<FaultyStore*> stores{care_store_.get()};
  for (const Instance& instance : instances_) stores.push_back(instance.store.get());
  for (FaultyStore* const store : stores) {
    store->update(now(), [&](vault::RecordTx& tx) {
      for (const auto& person : people_) tx.find(person->iccid());
      return false;
    });
  }
  troubles_.on = on;
}

void World::check(const vault::Iccid& iccid) {
  oracle_.look_at(iccid);
  for (const Instance& instance : instances_) {
    if (instance.cards->staging().used() > policy_.staging_bytes) {
      throw Breach("more octets of uploads are in memory than allowed");
    }
  }
}

}  // namespace sim
