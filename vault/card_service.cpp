#include "vault/card_service.h"

#include <algorithm>

#include "vault/card_case.h"

namespace vault {

bool StagingBudget::take(std::uint64_t bytes, std::uint64_t limit) {
  std::uint64_t used = used_.load();
  do {
    if (used + bytes > limit) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return true;
}

CardChannel::CardChannel(Iccid iccid, std::uint8_t key_set)
    : iccid_(std::move(iccid)), key_set_(key_set) {}
CardChannel::~CardChannel() = default;
CardChannel::CardChannel(CardChannel&&) noexcept = default;

bool CardChannel::settled() const {
  const bool counter_open = std::max(highest_.value_or(0), noted_) > committed_;
  return !store_ && !fetch_ && !counter_open;
}

CardService::CardService(const Policy& policy, const KeyRing& keys, base::Log& log,
                         base::Counters& counters)
    : policy_(std::make_shared<const Policy>(policy)),
      keys_(keys),
      log_(log),
      counters_(counters),
      notices_(log, counters) {}

std::shared_ptr<const Policy> CardService::policy() const {
  return policy_.with([](const std::shared_ptr<const Policy>& p) { return p; });
}

void CardService::set_policy(const Policy& policy) {
  auto fresh = std::make_shared<const Policy>(policy);
  policy_.with([&](std::shared_ptr<const Policy>& p) { p.swap(fresh); });
}

CardService::Served CardService::handle(Store& store, CardChannel& channel,
                                        const CardCommand& command, Counter counter, bool counted,
                                        base::Now now) {
  return Case(*this, store, channel, now).serve(command, counter, counted);
}

void CardService::note_counter(CardChannel& channel, Counter counter) {
  channel.noted_ = std::max(channel.noted_, counter);
}

void CardService::close(Store& store, CardChannel& channel, base::Now now) {
  Case(*this, store, channel, now).close();
}

}  // namespace vault
