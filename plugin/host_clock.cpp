#include "plugin/host.h"

#include <algorithm>

#include "plugin/host_call.h"

namespace plugin {

namespace {

constexpr std::int64_t kLatestMs = 253'402'300'799'000;  // 9999-12-31

}  // namespace

bool HostClock::ask(base::Now& now) const {
  const bv_clock_1* clock = host_.clock();
  const bv_status status =
      call([&] { return clock->now(host_.handle(), &now.utc_ms, &now.mono_ms); });
  const auto possible = [](std::int64_t ms) { return ms >= 0 && ms <= kLatestMs; };
  return status == BV_OK && possible(now.utc_ms) && possible(now.mono_ms);
}

base::Now HostClock::now() const {
  if (host_.clock() == nullptr) return system_.now();
  // Threads are not told the time in the order in which they asked: only what was known before the
  // question can show that the clock itself has jumped back.
  const Track before = track_.with([](const Track& track) { return track; });
  const base::Now system = system_.now();
  base::Now heard;
  const bool good = ask(heard);
  bool changed = false;
  const base::Now now = track_.with([&](Track& track) {
    changed = track.failing == good;
    track.failing = !good;
    if (good) track.ahead = {heard.mono_ms - system.mono_ms, heard.utc_ms - system.utc_ms};
    const std::int64_t mono = system.mono_ms + track.ahead.mono_ms;
    const std::int64_t shift = std::max(before.shift, before.last_mono - mono);
    if (shift > before.shift) track.shift = shift;
    track.last_mono = std::max(track.last_mono, mono + shift);
    return base::Now{track.last_mono, system.utc_ms + track.ahead.utc_ms};
  });
  if (changed && !good)
    log_.error("plugin.clock_fails", "bv.clock/1 fails: time goes on by the system's clocks");
  if (changed && good) log_.info("plugin.clock_works", "bv.clock/1 works again");
  return now;
}

}  // namespace plugin
