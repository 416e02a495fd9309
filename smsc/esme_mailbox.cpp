#include "smsc/esme_mailbox.h"

#include <algorithm>
#include <atomic>

namespace smsc {

namespace {

// Puts "not kept" when nobody has said anything.
struct Pending {
  std::shared_ptr<Mailbox> box;
  std::weak_ptr<Conn> conn;
  std::uint32_t sequence;
  std::atomic<bool> said{false};

  void say(bool kept) noexcept {
    if (said.exchange(true)) return;
    try {
      box->put(Mailbox::Answer{conn, sequence, kept});
    } catch (...) {  // out of memory: the SMSC sends it again, as to whoever does not answer
      box->answer_lost();
    }
  }
  ~Pending() { say(false); }
};

}  // namespace

Mailbox::Mailbox(std::vector<std::shared_ptr<const Settings>> smscs) {
  for (auto& settings : smscs) {
    Place place;
    place.state.name = settings->name;
    place.settings = std::move(settings);
    places_.push_back(std::move(place));
  }
}

void Mailbox::set_ring(std::function<void()> ring) {
  guarded([&] {
    ring_ = std::move(ring);
    rung_ = false;
  });
}

void Mailbox::ring_locked() {
  if (rung_ || !ring_) return;
  rung_ = true;
  ring_();
}

const Mailbox::Place* Mailbox::first_usable() const {
  const auto found =
      std::find_if(places_.begin(), places_.end(), [](const Place& place) { return place.usable; });
  return found == places_.end() ? nullptr : &*found;
}

Mailbox::Choice Mailbox::choose(const std::string& name) {
  std::lock_guard lock(mutex_);
  Choice choice;
  const Place* place = first_usable();
  if (!name.empty()) {
    const auto named = std::find_if(places_.begin(), places_.end(), [&](const Place& candidate) {
      return candidate.settings->name == name;
    });
    choice.unknown = named == places_.end();
    const bool others = place != nullptr;
    place = choice.unknown || !named->usable ? nullptr : &*named;
    // Room elsewhere is nothing to whom only this one will do: it is looked at again in time.
    if (place == nullptr && others) return choice;
  }
  if (place == nullptr || closed_) {
    turned_away_ = true;
    return choice;
  }
  choice.smsc = static_cast<std::size_t>(place - places_.data());
  choice.settings = place->settings;
  return choice;
}

bool Mailbox::put(std::size_t smsc, std::vector<Segment>& segments) {
  std::lock_guard lock(mutex_);
  Place& place = places_[smsc];
  const bool fits = place.taken == 0 || place.taken + segments.size() <= place.limit;
  if (closed_ || !place.usable || !fits) {
    turned_away_ = true;
    return false;
  }
  place.taken += segments.size();
  for (Segment& segment : segments) contents_.segments.emplace_back(smsc, std::move(segment));
  ring_locked();
  return true;
}

void Mailbox::put(Answer answer) {
  std::lock_guard lock(mutex_);
  contents_.answers.push_back(std::move(answer));
  ring_locked();
}

std::size_t Mailbox::lost_answers() { return lost_answers_.exchange(0); }

std::function<void(bool)> Mailbox::answer_later(std::weak_ptr<Conn> conn, std::uint32_t sequence) {
  auto pending = std::make_shared<Pending>();
  pending->box = shared_from_this();
  pending->conn = std::move(conn);
  pending->sequence = sequence;
  return [pending](bool kept) { pending->say(kept); };
}

Mailbox::Contents Mailbox::empty() {
  std::lock_guard lock(mutex_);
  rung_ = false;
  Contents contents = std::move(contents_);
  contents_ = {};
  return contents;
}

void Mailbox::outcome_given(std::size_t smsc) {
  guarded([&] {
    if (places_[smsc].taken > 0) --places_[smsc].taken;
  });
}

void Mailbox::update(std::size_t smsc, bool usable, std::size_t limit, vault::SmscState state) {
  guarded([&] {
    Place& place = places_[smsc];
    place.usable = usable;
    place.limit = limit;
    place.state = std::move(state);
  });
}

std::size_t Mailbox::room() const {
  std::lock_guard lock(mutex_);
  const Place* const place = first_usable();
  if (closed_ || place == nullptr || place->taken >= place->limit) return 0;
  return place->limit - place->taken;
}

bool Mailbox::room_is_back() {
  std::lock_guard lock(mutex_);
  const Place* const place = first_usable();
  if (closed_ || !turned_away_ || place == nullptr || 2 * place->taken > place->limit) return false;
  turned_away_ = false;
  return true;
}

std::vector<vault::SmscState> Mailbox::state() const {
  std::lock_guard lock(mutex_);
  std::vector<vault::SmscState> all;
  for (const Place& place : places_) all.push_back(place.state);
  return all;
}

}  // namespace smsc
