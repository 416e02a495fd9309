#include <chrono>
#include <iostream>
#include <thread>

#include "base/text.h"
#include "cli/instance_view.h"
#include "cli/sms_ops.h"
#include "vault/outbox.h"

namespace cli {

namespace {

using State = vault::OutboxItem::State;

constexpr auto kLookAgain = std::chrono::milliseconds(200);
constexpr std::int64_t kDefaultWait = 30 * base::kSecondMs;

const char* name_of(State state) {
  switch (state) {
    case State::open:
      return "waiting";
    case State::done:
      return "done";
    case State::failed:
      return "failed";
    case State::expired:
      return "expired";
  }
  return "";
}

std::string nobody(vault::Store& store, base::Now now) {
  const auto instances = vault::running_instances(store, now);
  std::size_t alive = 0;
  if (instances) {
    for (const vault::Running& one : *instances) {
      alive += one.alive && instance_view(one, false).has_smsc ? 1 : 0;
    }
  }
  const std::string who = alive == 0
                              ? "no instance with an SMSC runs on this store"
                              : base::cat(alive, alive == 1 ? " instance runs" : " instances run",
                                          " and has not done it yet");
  return base::cat(who, "; the request waits for an hour, do not repeat it");
}

}  // namespace

int wait_for(Tool& tool, vault::Store& store, std::uint64_t request, JsonObject about) {
  const std::string given = tool.line().get("wait");
  const auto wait = given.empty() ? kDefaultWait : base::parse_duration(given);
  const std::int64_t end = base::SystemClock().now().mono_ms + wait.value_or(0);
  vault::OutboxItem item;
  for (;;) {
    auto found = vault::asked(store, request, tool.now());
    if (!found) return tool.fail(kUnavailable, found.error());
    if (!*found) return tool.fail(kFailed, "the request is gone");
    item = std::move(**found);
    if (item.state != State::open || base::SystemClock().now().mono_ms >= end) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  const bool open = item.state == State::open;
  const std::string result = open ? nobody(store, tool.now()) : item.result;
  if (tool.json()) {
    about.set("state", name_of(item.state));
    about.set("result", result);
    tool.print(about);
  } else if (item.state == State::done) {
    tool.print(result + "\n");
  } else {
    tool.fail(kFailed, result);
  }
  if (open) return kUnavailable;
  return item.state == State::done ? kDone : kFailed;
}

}  // namespace cli
