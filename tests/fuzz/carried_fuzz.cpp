// Whatever a platform does in whatever order, the inbox keeps its limits, gives octets back as they
// came, and owes nobody who was answered BUSY the word to go on.
//
// Input: steps, each a control octet (low two bits: channel; next three: what; the rest: how much).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <utility>

#include "bip/carried_inbox.h"

namespace {

using bip::CarriedInbox;
using Taken = CarriedInbox::Taken;

constexpr std::size_t kChannels = 3;
constexpr std::size_t kLimit = 100;

void check(bool holds) {
  if (!holds) std::abort();
}

// What should be in a channel.
struct Model {
  base::Bytes octets;
  bool ended = false;
  bool owed = false;
};

struct Play {
  Play() {
    inbox.listen({kChannels, kLimit}, [this] { woken = true; });
  }

  void open(std::uint64_t id) {
    CarriedInbox::Opening opening;
    opening.id = id;
    const Taken taken = inbox.open(opening);
    if (models.contains(id)) return check(taken == Taken::invalid);
    check(taken == (models.size() < kChannels ? Taken::yes : Taken::busy));
    if (taken == Taken::yes) models[id];
  }
  void feed(std::uint64_t id, std::size_t size) {
    base::Bytes octets;
    for (std::size_t i = 0; i < size; ++i) octets.push_back(next++);
    const Taken taken = inbox.feed(id, octets);
    const auto found = models.find(id);
    if (found == models.end()) return check(taken == Taken::unknown);
    Model& model = found->second;
    if (model.ended) return check(taken == Taken::invalid);
    const bool fits = model.octets.empty() || model.octets.size() + size <= kLimit;
    check(taken == (fits ? Taken::yes : Taken::busy));
    model.owed |= !fits;
    if (fits) model.octets.insert(model.octets.end(), octets.begin(), octets.end());
  }
  void take(std::uint64_t id, std::size_t most) {
    const auto piece = inbox.take(id, most);
    const auto found = models.find(id);
    if (found == models.end()) return check(piece.octets.empty() && !piece.room_again);
    Model& model = found->second;
    check(piece.octets.size() == std::min(most, model.octets.size()));
    check(std::equal(piece.octets.begin(), piece.octets.end(), model.octets.begin()));
    model.octets.erase(model.octets.begin(),
                       model.octets.begin() + static_cast<long>(piece.octets.size()));
    check(piece.room_again == (model.owed && model.octets.size() <= kLimit / 2));
    if (piece.room_again) model.owed = false;
  }
  void end(std::uint64_t id, bool gone) {
    const Taken taken = inbox.ended(id, gone);
    check(taken == (models.contains(id) ? Taken::yes : Taken::unknown));
    if (models.contains(id)) models[id].ended = true;
  }
  void forget(std::uint64_t id) {
    inbox.forget(id);
    models.erase(id);
  }
  void news() {
    const bool was_woken = std::exchange(woken, false);  // for what is left it is woken again
    const auto all = inbox.news();
    check(was_woken || all.empty());
    check(all.size() <= CarriedInbox::kMostNews);
    for (const auto& one : all) check(models.contains(one.id));
  }

  CarriedInbox inbox;
  std::map<std::uint64_t, Model> models;
  std::uint8_t next = 0;
  bool woken = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play play;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint64_t id = data[i] & 3;
    const std::size_t amount = data[i] >> 5;
    switch (data[i] >> 2 & 7) {
      case 0:
        play.open(id);
        break;
      case 1:
      case 2:
        play.feed(id, amount * 17);
        break;
      case 3:
        play.take(id, amount * 23);
        break;
      case 4:
        play.news();
        break;
      case 5:
        play.end(id, amount % 2 == 1);
        break;
      case 6:
        play.forget(id);
        break;
      default:
        play.inbox.writable(id);
    }
    check(play.inbox.channels() == play.models.size());
  }
  return 0;
}
