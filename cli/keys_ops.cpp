#include "cli/keys_ops.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "base/text.h"
#include "cli/db_check.h"
#include "cli/instance_view.h"
#include "cli/keys_new.h"
#include "cli/progress.h"
#include "db/key_file_edit.h"
#include "db/key_rotation.h"
#include "db/token_keys.h"
#include "vault/outbox.h"

namespace cli {

namespace {

using base::cat;
using Counts = std::map<std::uint32_t, std::uint64_t>;

constexpr std::int64_t kDefaultBatch = 500;
constexpr std::int64_t kMostBatch = 10'000;

// After what silence an instance is gone for good: one that the database cannot hear may still run.
constexpr std::int64_t kGone = base::kHourMs;

constexpr const char* kIfGone = "; one that has stopped counts until it was silent for an hour";

// Instances that may run and have not loaded the newest key of that kind; empty: none.
base::Result<std::string> strangers(Tool& tool, vault::Store& store, const std::string& kind) {
  const auto instances = vault::running_instances(store, tool.now());
  if (!instances) return base::Error{instances.error()};
  const db::FileKeyRing& keys = tool.keys();
  const std::int64_t newest = kind == "master" ? keys.master_keys().newest() : keys.newest_pepper();
  std::string names;
  for (const vault::Running& one : *instances) {
    const auto loaded = instance_figure(one.row, "keys." + kind);
    if (tool.now().utc_ms - one.row.seen_at >= kGone || (loaded && *loaded >= newest)) continue;
    names += (names.empty() ? "" : ", ") + one.row.name;
  }
  return names;
}

struct Pace {
  std::int64_t rows = kDefaultBatch;
  std::int64_t pause_ms = 0;
};

std::optional<std::string> pace_fault(const CommandLine& line, Pace& pace) {
  if (line.has("batch")) {
    const auto rows = base::parse_integer(line.get("batch"));
    if (!rows || *rows < 1 || *rows > kMostBatch) {
      return cat("--batch must be a number from 1 to ", kMostBatch);
    }
    pace.rows = *rows;
  }
  if (line.has("pause")) {
    const auto pause = base::parse_duration(line.get("pause"));
    if (!pause || *pause < 0 || *pause > base::kMinuteMs) {
      return "--pause must be a duration of at most 1m";
    }
    pace.pause_ms = *pause;
  }
  return std::nullopt;
}

int report_rotation(const Tool& tool, const db::Rotation& state, std::uint32_t newest) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("newest", newest);
    out.set("seen", state.seen);
    out.set("rewrapped", state.rewrapped);
    out.set("faults", faults_json(state.faults));
    tool.print(out);
  } else {
    tool.print(cat(faults_text(state.faults), "looked at ", with_commas(state.seen),
                   " data keys, wrapped ", with_commas(state.rewrapped), " anew under master key ",
                   newest, "\n"));
  }
  return state.faults.empty() ? kDone : kFailed;
}

int rotate(Tool& tool) {
  Pace pace;
  if (const auto fault = pace_fault(tool.line(), pace)) return tool.fail(kUsage, *fault);
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const std::uint32_t newest = tool.keys().master_keys().newest();
  const auto behind = strangers(tool, *store, "master");
  if (!behind) return tool.fail(kUnavailable, behind.error());
  if (!behind->empty() && !tool.line().has("force")) {
    return tool.fail(kFailed, cat("has not loaded master key ", newest, ": ", *behind,
                                  ". Give it the key file and restart it first: it could not "
                                  "read what is wrapped anew",
                                  kIfGone, "; or: --force"));
  }
  const auto rotation = db::KeyRotation::open(tool.config(false)->store, tool.keys());
  if (!rotation) return tool.fail(kUnavailable, rotation.error());
  ProgressBar bar("keys");
  db::Rotation state;
  while (!state.done) {
    bar.show(walked(state.record), kWalkedAll, state.seen);
    const base::Status done = (*rotation)->batch(state, static_cast<std::size_t>(pace.rows));
    if (!done) {
      bar.clear();
      return tool.fail(kUnavailable, done.error() + "; what was wrapped anew stays: call it again");
    }
    if (!state.done) std::this_thread::sleep_for(std::chrono::milliseconds(pace.pause_ms));
  }
  bar.clear();
  return report_rotation(tool, state, newest);
}

base::Result<db::KeyUse> count_use(Tool& tool) {
  const auto rotation = db::KeyRotation::open(tool.config(false)->store, tool.keys());
  if (!rotation) return base::Error{rotation.error()};
  ProgressBar bar("pages");
  std::uint64_t pages = 0;
  auto use = (*rotation)->use([&](base::View id) { bar.show(walked(id), kWalkedAll, ++pages); });
  bar.clear();
  return use;
}

// Keys of one kind, as lines and as JSON; false: one in use is not in the file.
bool show_kind(const std::string& kind, const char* what, const std::set<std::uint32_t>& keys,
               const Counts& use, const std::function<bool(std::uint32_t)>& in_token,
               std::string& text, Poco::JSON::Array& list) {
  Counts all = use;
  for (const std::uint32_t number : keys) all.try_emplace(number, 0);
  bool complete = true;
  for (const auto& [number, count] : all) {
    const bool there = keys.contains(number);
    complete = complete && there;
    JsonObject item = json_object();
    item.set("number", number);
    item.set("uses", count);
    item.set("in_file", there && !in_token(number));
    item.set("in_hsm", in_token(number));
    item.set("newest", number == *keys.rbegin());
    list.add(item);
    text += cat(kind, " ", number, ": ", with_commas(count), what,
                number == *keys.rbegin() ? ", newest" : "", in_token(number) ? ", in the HSM" : "",
                there ? "" : ", NOT IN THE KEY FILE", "\n");
  }
  return complete;
}

int status(Tool& tool) {
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const auto use = count_use(tool);
  if (!use) return tool.fail(kUnavailable, use.error());
  const auto behind = strangers(tool, *store, "master");
  if (!behind) return tool.fail(kUnavailable, behind.error());
  std::string text;
  Poco::JSON::Array master;
  Poco::JSON::Array pepper;
  const db::MasterKeys& masters = tool.keys().master_keys();
  std::set<std::uint32_t> peppers;
  for (const auto& [number, key] : tool.keys().peppers()) peppers.insert(number);
  bool complete = show_kind(
      "master key", " data keys", masters.numbers(), use->master,
      [&](std::uint32_t number) { return masters.in_token(number); }, text, master);
  complete = show_kind(
                 "pepper", " subscribers' keys", peppers, use->pepper,
                 [](std::uint32_t) { return false; }, text, pepper) &&
             complete;
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("master", master);
    out.set("pepper", pepper);
    out.set("not_loaded_by", *behind);
    tool.print(out);
  } else {
    if (!behind->empty()) text += "the newest master key is not loaded by: " + *behind + "\n";
    tool.print(text);
  }
  return complete ? kDone : kFailed;
}

// The key goes for ever, and with it what only a back-up of the database still holds.
int destroy(Tool& tool, std::uint32_t number) {
  const db::TokenSettings& settings = tool.config(false)->keys.token;
  if (!tool.line().has("destroy")) {
    return tool.fail(kFailed, cat("master key ", number,
                                  " is in the HSM and would be destroyed "
                                  "there for ever: back-ups of the database from before could not "
                                  "be read again. If that is wanted: --destroy"));
  }
  if (number == tool.keys().master_keys().newest()) {
    return tool.fail(kFailed, cat("key ", number, " is the newest: what is new is made with it"));
  }
  const auto token = db::TokenKeys::open(settings);
  if (!token) return tool.fail(kFailed, token.error());
  if (const base::Status done = (*token)->destroy(number); !done) {
    return tool.fail(kFailed, done.error());
  }
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("token", settings.token);
    out.set("dropped", number);
    tool.print(out);
  } else {
    tool.print(cat("master key ", number, " is destroyed in HSM token '", settings.token, "'\n"));
  }
  return kDone;
}

int drop(Tool& tool) {
  const std::string& kind = tool.line().arguments[0];
  const auto number = base::parse_integer(tool.line().arguments[1]);
  if (!is_key_kind(kind)) return tool.fail(kUsage, kKeyKinds);
  if (!number || *number < 1 || *number > std::int64_t{db::kHighestKeyNumber}) {
    return tool.fail(kUsage, "NUMBER must be the number of a key");
  }
  const config::Config* const config = tool.config(false);
  if (config == nullptr) return tool.code();
  const auto lock = lock_keys(tool, *config, kind);
  if (!lock) return tool.fail(kFailed, lock.error());
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const std::string& file = key_file_of(*config, kind);
  // Who has not loaded the newest key may write under an old one at any time.
  const auto behind = strangers(tool, *store, kind);
  if (!behind) return tool.fail(kUnavailable, behind.error());
  if (!behind->empty()) {
    return tool.fail(kFailed, cat("the newest ", kind == "master" ? "master key" : "pepper",
                                  " is not loaded by: ", *behind, kIfGone));
  }
  const auto use = count_use(tool);
  if (!use) return tool.fail(kUnavailable, use.error());
  const Counts& counts = kind == "master" ? use->master : use->pepper;
  const auto used = counts.find(static_cast<std::uint32_t>(*number));
  if (used != counts.end()) {
    return tool.fail(kFailed, cat(with_commas(used->second), " keys in the store still need it"));
  }
  const auto key = static_cast<std::uint32_t>(*number);
  const db::MasterKeys& masters = tool.keys().master_keys();
  if (kind == "master" && masters.in_token(key)) return destroy(tool, key);
  const std::uint32_t above = kind == "master" ? masters.newest() : 0;
  const base::Status done = db::drop_key(file, key, above);
  if (!done) return tool.fail(kFailed, done.error());
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("file", file);
    out.set("dropped", *number);
    tool.print(out);
  } else {
    tool.print(cat("key ", *number, " is no longer in ", file,
                   ". Keep its copy as long as there "
                   "are back-ups of the database from before.\n"));
  }
  return kDone;
}

}  // namespace

std::vector<CommandSpec> key_commands() {
  return {
      keys_new_command(),
      {"keys rotate",
       "",
       0,
       0,
       "bring stored content under the newest master key",
       "Wraps every data key anew that is not under the newest master key, batch by batch, each "
       "in\n"
       "a transaction of its own, while the vault goes on working. After an interruption call it\n"
       "again: what is done stays done. Refused while an instance that was heard of within the\n"
       "last hour has not loaded the newest key. Exit code 1: refused, or some\n"
       "keys could not be unwrapped; they are named.",
       {{"batch", "N", "data keys per transaction, 1 to 10000 (default: 500)"},
        {"pause", "TIME", "rest after each batch, at most 1m (default: none)"},
        {"force", "", "though an instance has not loaded the newest key"}}},
      {"keys status",
       "",
       0,
       0,
       "count what needs which key",
       "Counts how many data keys each master key has wrapped and how many subscribers' keys were\n"
       "made with each pepper, and names the instances that have not loaded the newest master "
       "key.\n"
       "Exit code 1: a key that is needed is not in its file.",
       {}},
      {"keys drop",
       "KIND NUMBER",
       2,
       2,
       "take an old key out of a key file",
       "Takes the key NUMBER out of the file of KIND (master or pepper). Refused while anything "
       "in\n"
       "the store needs it, while an instance that was heard of within the last hour has not\n"
       "loaded the newest of its kind, and for the newest. Back-ups of the database from before\n"
       "still need it: keep its copy with them. A key in an HSM is destroyed there, for ever.",
       {{"destroy", "", "though the key is in an HSM"}}},
  };
}

bool is_key_command(const std::string& name) {
  const auto commands = key_commands();
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CommandSpec& command) { return command.name == name; });
}

int run_key_ops(Tool& tool) {
  const std::string& name = tool.line().command->name;
  if (name == "keys new") return keys_new(tool);
  if (name == "keys rotate") return rotate(tool);
  if (name == "keys status") return status(tool);
  return drop(tool);
}

}  // namespace cli
