#include "tests/sim/world_impl.h"

namespace sim {

World::LinkPtr World::open(const support::TestCard& card, Person* person) {
  Instance& instance = chance_.one_of(instances_);
  if (instance.down_until > now().mono_ms && !calm_) return nullptr;
  auto link = std::make_shared<Link>(card);
  link->person = person;
  link->instance = &instance;
  link->session = std::make_unique<bip::Session>(settings_, now());
  if (!calm_ && chance_.one_in(3))
    link->up_left = chance_.below(chance_.one_in(4) ? 80'000 : 6'000);
  if (!calm_ && chance_.one_in(5)) link->down_left = chance_.below(2'000);
  std::erase_if(links_, [](const LinkPtr& old) { return old->gone && !old->up; });
  links_.push_back(link);
  tell(base::cat("card ", card.iccid.digits(), person != nullptr ? " opens" : ": somebody opens",
                 " a channel to instance ", &instance - instances_.data()));
  send_up(link, card.identification());
  return link;
}

// Not before what was sent before.
std::int64_t World::arrival(std::int64_t& last) {
  last = std::max(last, now().mono_ms + chance_.between(1, calm_ ? 50 : 400));
  return last - now().mono_ms;
}

// In pieces as a network makes them.
void World::send_up(const LinkPtr& link, base::View octets) {
  while (link->up && !octets.empty()) {
    std::size_t size = octets.size();
    if (!calm_ && chance_.one_in(2)) size = 1 + chance_.below(octets.size());
    const bool dropped = size > link->up_left;
    if (dropped) size = link->up_left;
    base::Bytes piece(octets.begin(), octets.begin() + static_cast<long>(size));
    after(arrival(link->last_up), [this, link, piece = std::move(piece)] { arrived(link, piece); });
    link->up_left -= size;
    octets = octets.subspan(size);
    if (dropped) cut(link);
  }
}

void World::send_down(const LinkPtr& link, base::View octets) {
  while (link->up && !octets.empty()) {
    std::size_t size = octets.size();
    if (!calm_ && chance_.one_in(3)) size = 1 + chance_.below(octets.size());
    const bool dropped = size > link->down_left;
    if (dropped) size = link->down_left;
    base::Bytes piece(octets.begin(), octets.begin() + static_cast<long>(size));
    after(arrival(link->last_down), [this, link, piece = std::move(piece)] {
      if (link->up) heard(link, piece);
    });
    link->down_left -= size;
    octets = octets.subspan(size);
    if (dropped) cut(link);
  }
}

// The radio is gone: what is on its way arrives; the vault is told later, or never.
void World::cut(const LinkPtr& link) {
  ++figures_.cuts;
  tell(base::cat("card ", link->card.iccid.digits(), ": the link drops"));
  link->up = false;
  if (!chance_.one_in(3)) {
    const bool reset = chance_.one_in(2);
    const std::int64_t told = std::max<std::int64_t>(link->last_up - now().mono_ms, 0);
    after(told + chance_.between(1, 5'000), [this, link, reset] {
      if (link->gone) return;
      reset ? link->session->broken_off(now()) : link->session->end_of_input(now());
      follow(link);
    });
  }
  if (link->person != nullptr) over(*link->person);
}

// The card's end is told that the other one is gone.
void World::hang_up(const LinkPtr& link) {
  if (!std::exchange(link->up, false)) return;
  if (link->person != nullptr) over(*link->person);
}

void World::arrived(const LinkPtr& link, base::View octets) {
  if (link->gone) return;
  link->waiting.insert(link->waiting.end(), octets.begin(), octets.end());
  feed(link);
}

void World::heard(const LinkPtr& link, base::View octets) {
  link->answers.insert(link->answers.end(), octets.begin(), octets.end());
  while (link->up) {
    const std::size_t before = link->answers.size();
    const auto answer = link->card.take_answer(link->answers);
    if (link->answers.size() == before) return;  // no whole one
    if (!answer) throw Breach("a card was given what is no answer to it");
    if (link->person == nullptr) continue;
    for (const base::Bytes& packet : link->person->sim.take(*answer)) {
      link->person->recorded.push_back(packet);
      send_up(link, packet);
    }
    if (link->person->sim.visit() != SimCard::Visit::going_on) over(*link->person);
  }
}

}  // namespace sim
