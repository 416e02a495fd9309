#include "cli/db_check.h"

#include <unistd.h>

#include "base/files.h"
#include "base/text.h"
#include "cli/progress.h"

namespace cli {

namespace {

using base::cat;
using db::CheckFault;
using db::CheckState;

constexpr std::size_t kLargestState = 1024 * 1024;
constexpr std::string_view kFirstLine = "bipvault db check 1";
constexpr unsigned kPrivate = 0600;

// The next line's part behind "NAME "; nothing: the line is another one.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view name) {
  const std::string_view line = text.substr(0, text.find('\n'));
  if (!line.starts_with(name) || line.size() == text.size()) return std::nullopt;
  text.remove_prefix(line.size() + 1);
  return base::trim(line.substr(name.size()));
}

bool take_number(std::string_view& text, std::string_view name, std::uint64_t& number) {
  const auto word = take_line(text, name);
  const auto value = word ? base::parse_integer(*word) : std::nullopt;
  if (!value || *value < 0) return false;
  number = static_cast<std::uint64_t>(*value);
  return true;
}

struct Plan {
  std::string state_file;              // empty: none
  std::optional<std::int64_t> for_ms;  // how long at most
};

std::optional<std::string> plan_fault(const CommandLine& line, Plan& plan) {
  plan.state_file = line.get("state");
  if (!line.has("for")) return std::nullopt;
  plan.for_ms = base::parse_duration(line.get("for"));
  if (!plan.for_ms || *plan.for_ms < 0) return "--for must be a duration such as 2h";
  if (plan.state_file.empty()) return "--for needs --state FILE, to go on from there next time";
  return std::nullopt;
}

int report(const Tool& tool, const CheckState& state) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("finished", state.done);
    out.set("records", state.records);
    out.set("versions", state.versions);
    out.set("octets", state.octets);
    out.set("parts", state.parts);
    out.set("entries", state.entries);
    out.set("faults", state.faults);
    out.set("listed", faults_json(state.listed));
    tool.print(out);
  } else {
    std::string text = faults_text(state.listed);
    if (state.faults > state.listed.size()) {
      text += "... and " + with_commas(state.faults - state.listed.size()) + " more\n";
    }
    text += cat(state.done ? "checked " : "checked so far ", with_commas(state.records),
                " records, ", with_commas(state.versions), " versions (", with_commas(state.octets),
                " octets), ", with_commas(state.parts), " parts of uploads, ",
                with_commas(state.entries), " entries of history: ",
                state.faults == 0 ? "all is whole" : with_commas(state.faults) + " faults", "\n");
    tool.print(text);
  }
  if (!state.done) return kLimit;
  return state.faults == 0 ? kDone : kFailed;
}

// Where it was left, or the beginning. A file that is none of ours is not overwritten.
base::Result<CheckState> begin(const Plan& plan, std::int64_t store) {
  if (plan.state_file.empty() || ::access(plan.state_file.c_str(), F_OK) != 0) return CheckState();
  const auto text = base::read_text_file(plan.state_file, kLargestState);
  if (!text) return base::Error{plan.state_file + ": " + text.error()};
  auto state = read_check_state(*text, store);
  if (!state) {
    return base::Error{plan.state_file +
                       ": not the state of a check of this store; remove it to begin anew"};
  }
  return std::move(*state);
}

int run(Tool& tool, const Plan& plan, db::StoreCheck& check) {
  const auto store = check.store_mark();
  if (!store) return tool.fail(kUnavailable, store.error());
  auto begun = begin(plan, *store);
  if (!begun) return tool.fail(kFailed, begun.error());
  CheckState state = begun.take();
  const std::int64_t began = base::SystemClock().now().mono_ms;
  const auto time_is_up = [&] {
    return plan.for_ms && base::SystemClock().now().mono_ms - began >= *plan.for_ms;
  };
  ProgressBar bar("records");
  do {
    bar.show(walked(state.after), kWalkedAll, state.records);
    if (const base::Status done = check.page(state); !done) {
      bar.clear();
      return tool.fail(kUnavailable, done.error());
    }
    if (plan.state_file.empty() || state.done) continue;
    const base::Status kept =
        base::write_file_atomically(plan.state_file, check_state_text(*store, state), kPrivate);
    if (!kept) return tool.fail(kFailed, kept.error());
  } while (!state.done && !time_is_up());
  bar.clear();
  const int code = report(tool, state);
  // Who has not seen the report gets it once more.
  const bool told = tool.out().good();
  if (told && state.done && !plan.state_file.empty()) ::unlink(plan.state_file.c_str());
  return code;
}

}  // namespace

Poco::JSON::Array faults_json(const std::vector<db::CheckFault>& faults) {
  Poco::JSON::Array list;
  for (const db::CheckFault& fault : faults) {
    JsonObject item = json_object();
    item.set("where", fault.where);
    item.set("what", fault.what);
    list.add(item);
  }
  return list;
}

std::string faults_text(const std::vector<db::CheckFault>& faults) {
  std::string text;
  for (const db::CheckFault& fault : faults) text += fault.where + ": " + fault.what + "\n";
  return text;
}

CommandSpec db_check_command() {
  return {
      "db check",
      "",
      0,
      0,
      "check that all that is stored is whole",
      "Decrypts every version of every record and every part of an upload and compares it with "
      "its\n"
      "digest, walks every chain of the history, and looks for content and keys that belong to\n"
      "nothing. Reads only; the vault may go on working. Prints each fault with its ICCID, never\n"
      "content.\n"
      "\n"
      "With --state the check can be interrupted at any time: called again with the same file it\n"
      "goes on where it was, and the file is removed at its end. Exit code 1: there are faults;\n"
      "4: the store went away in between; 6: the time of --for is over.",
      {{"state", "FILE", "keep in FILE how far it has come, and go on from there"},
       {"for", "TIME", "end after this time at the latest (2h); needs --state"}}};
}

std::string check_state_text(std::int64_t store, const CheckState& state) {
  std::string text =
      cat(kFirstLine, "\nstore ", store, "\nafter ", base::to_hex(state.after), "\nrecords ",
          state.records, "\nversions ", state.versions, "\noctets ", state.octets, "\nparts ",
          state.parts, "\nentries ", state.entries, "\nfaults ", state.faults, "\n");
  for (const CheckFault& fault : state.listed) {
    text += "fault " + fault.where + "\t" + fault.what + "\n";
  }
  return text;
}

std::optional<CheckState> read_check_state(std::string_view text, std::int64_t store) {
  CheckState state;
  std::uint64_t of_store = 0;
  if (!take_line(text, kFirstLine) || !take_number(text, "store ", of_store)) return std::nullopt;
  if (of_store != static_cast<std::uint64_t>(store)) return std::nullopt;
  const auto after = take_line(text, "after ");
  auto octets = after ? base::from_hex(*after) : std::nullopt;
  if (!octets || octets->size() > sizeof(vault::RecordId)) return std::nullopt;
  state.after = std::move(*octets);
  const bool counted =
      take_number(text, "records ", state.records) &&
      take_number(text, "versions ", state.versions) &&
      take_number(text, "octets ", state.octets) && take_number(text, "parts ", state.parts) &&
      take_number(text, "entries ", state.entries) && take_number(text, "faults ", state.faults);
  if (!counted) return std::nullopt;
  while (!text.empty()) {
    const auto line = take_line(text, "fault ");
    const std::size_t tab = line ? line->find('\t') : std::string_view::npos;
    if (tab == std::string_view::npos || state.listed.size() == db::StoreCheck::kMostListed) {
      return std::nullopt;
    }
    state.listed.push_back({std::string(line->substr(0, tab)), std::string(line->substr(tab + 1))});
  }
  if (state.listed.size() > state.faults) return std::nullopt;
  return state;
}

int db_check(Tool& tool) {
  Plan plan;
  if (const auto fault = plan_fault(tool.line(), plan)) return tool.fail(kUsage, *fault);
  if (tool.store() == nullptr) return tool.code();
  const auto check = db::StoreCheck::open(tool.config(false)->store, tool.keys());
  if (!check) return tool.fail(kUnavailable, check.error());
  return run(tool, plan, **check);
}

}  // namespace cli
