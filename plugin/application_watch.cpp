// The watch: looks whether the store and the HSM are well, says so, and keeps house.
#include <chrono>
#include <optional>
#include <utility>

#include "plugin/application.h"
#include "vault/housekeeping.h"
#include "vault/outbox.h"

namespace plugin {

namespace {

constexpr auto kWatchEvery = std::chrono::milliseconds(vault::kInstanceBeat);
constexpr auto kLook = std::chrono::milliseconds(200);
constexpr auto kBetweenSteps = std::chrono::milliseconds(20);

}  // namespace

// What the watch works with.
struct Application::Watch {
  Watch(Application& of, const std::string& name)
      : store(of.stores_->open()), housekeeping(*of.key_ring_, of.log_, of.counters_) {
    row.name = name;
    row.product = BIPVAULT_VERSION;
    row.started_at = of.clock_.now().utc_ms;
  }

  const std::unique_ptr<vault::Store> store;
  vault::Housekeeping housekeeping;
  vault::InstanceRow row;
};

void Application::watch(const std::string& name) {
  const base::Gate::Pass inside(watch_gate_);
  if (!inside) return;
  std::optional<Watch> watch;
  for (;;) {
    bool more = false;
    std::int64_t next_beat = INT64_MIN;
    try {
      if (!watch) watch.emplace(*this, name);
      more = take_turn(*watch, next_beat);
    } catch (...) {  // out of memory: this turn is lost, the next one comes
      counters_.add("plugin.lost_turns");
    }
    if (watch_gate_.closed_within(more ? kBetweenSteps : kLook)) break;
    if (!more && rest_until(next_beat)) break;
  }
}

// True: the house is not kept yet.
bool Application::take_turn(Watch& watch, std::int64_t& next_beat) {
  host_metrics_.publish(observe());
  alarms_.set("card_counter", card_counters_.text(counters_, clock_.now()));
  alarms_.set("downlink_counter", downlinks_.text(counters_, clock_.now()));
  look_at_hsm();
  bool more = look_at_store(*watch.store, watch.row);
  next_beat = clock_.now().mono_ms + vault::kInstanceBeat;
  while (more && clock_.now().mono_ms < next_beat) {
    more = watch.housekeeping.step(*watch.store, *cards_->policy(), clock_.now());
    more = more && !watch_gate_.closed_within(kBetweenSteps);
  }
  log_.tell_left_out();
  return more;
}

// Until then by the host's clock, which may jump and may stand still, and never for longer than a
// beat. True: the end has come.
bool Application::rest_until(std::int64_t mono_ms) {
  for (auto rested = kLook; rested < kWatchEvery; rested += kLook) {
    if (clock_.now().mono_ms >= mono_ms) return false;
    if (watch_gate_.closed_within(kLook)) return true;
  }
  return false;
}

// A store that can be read may still take nothing (a full disk, a file of somebody else's), so it
// is well when it has taken the row as well. False: it is not to be kept house in now.
bool Application::look_at_store(vault::Store& store, vault::InstanceRow& row) {
  if (const base::Status status = store.check(); !status) {
    note_store(status.error());
    return false;
  }
  const bool taken = beat(store, row);
  std::string fault = store.write_fault();
  if (fault.empty() && !taken) fault = "another writer holds it";
  if (!fault.empty()) fault = "the store can be read but not written: " + fault;
  const bool over = note_store(fault) && fault.empty();
  return over ? beat(store, row) : taken;  // the row still told of the fault
}

bool Application::beat(vault::Store& store, vault::InstanceRow& row) {
  row.health =
      instance_lines(observe(), key_ring_->master_keys().newest(), key_ring_->newest_pepper());
  return vault::beat(store, row, clock_.now());
}

// True: there was a fault before.
bool Application::note_store(const std::string& fault) {
  const std::string before =
      store_fault_.with([&](std::string& known) { return std::exchange(known, fault); });
  alarms_.set("store", fault);
  return !before.empty();
}

void Application::look_at_hsm() {
  const base::Status status = key_ring_->master_keys().check();
  const std::string fault = status ? "" : status.error();
  const std::string before =
      hsm_fault_.with([&](std::string& known) { return std::exchange(known, fault); });
  alarms_.set("hsm", fault);
  if (before.empty() && !fault.empty()) log_.error("plugin.hsm_away", fault);
  if (!before.empty() && fault.empty()) log_.info("plugin.hsm_back", "the HSM can be used again");
}

}  // namespace plugin
