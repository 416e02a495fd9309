#include "cli/config_check.h"

#include <Poco/JSON/Array.h>

#include <algorithm>

#include "base/text.h"
#include "cli/care_access.h"
#include "db/key_checks.h"

namespace cli {

void warn_of_lacking_keys(const Tool& tool, const config::Config& config,
                          const db::FileKeyRing& keys) {
  for (const db::KeyId& id : db::lacking_keys(config.store, keys)) {
    tool.fail(kDone, base::cat("warning: ", db::lacks_text(config.keys, id),
                               ": copy it from the host that has it, and restart"));
  }
}

namespace {

using Problems = std::vector<config::Problem>;

bool any_with(const Problems& problems, std::string_view beginning) {
  return std::any_of(problems.begin(), problems.end(), [&](const config::Problem& problem) {
    return problem.key.starts_with(beginning);
  });
}

// What stands in the key files and in the HSM, but for those of which something is told already.
void add_key_faults(const config::Config& config, const std::string& path, Problems& problems) {
  const Problems before = problems;
  for (const db::KeyFault& fault : db::FileKeyRing::faults(config.keys)) {
    const std::string key = base::cat("keys.", fault.key);
    // Without its PIN the HSM says nothing new.
    const bool of_hsm = key == "keys.pkcs11_module";
    if (any_with(before, of_hsm ? "keys.pkcs11_" : key)) continue;
    const int line = config::line_of_key(path, "keys", fault.key);
    problems.push_back({path, line, key, fault.text, config::Problem::Kind::wrong, "keys"});
  }
  std::stable_sort(problems.begin(), problems.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
}

// Keys that are well-formed and of another vault; a database that is not there is no fault here.
void compare_with_database(const Tool& tool, const config::Config& config, const std::string& path,
                           Problems& problems) {
  const auto keys = db::FileKeyRing::load(config.keys);
  if (!keys) return;
  for (const db::KeyFault& fault : db::foreign_keys(config.store, **keys)) {
    problems.push_back(
        {path, 0, base::cat("keys.", fault.key), fault.text, config::Problem::Kind::wrong, "keys"});
  }
  if (problems.empty()) warn_of_lacking_keys(tool, config, **keys);
}

// `no_listener`: cards could come in through a platform that carries channels only; whether there
// is one, the platform knows (bipvault-host --check).
Problems problems_of(const Tool& tool, bool& no_listener) {
  const std::string path = tool.config_path();
  Problems problems;
  auto loaded = config::load(path);
  if (auto* found = std::get_if<Problems>(&loaded)) {
    problems = std::move(*found);
    // Where only files are at fault their names are known.
    loaded = config::load(path, config::Check::syntax_only);
  }
  if (const auto* config = std::get_if<config::Config>(&loaded)) {
    add_key_faults(*config, path, problems);
    if (problems.empty()) compare_with_database(tool, *config, path, problems);
    no_listener = !config->has_listener();
    for (const std::string& user : unknown_users(config->care)) {
      tool.fail(kDone, "warning: [care] names a user whom this machine does not know: " + user);
    }
  }
  return problems;
}

Poco::JSON::Array problems_json(const Problems& problems) {
  Poco::JSON::Array list;
  for (const config::Problem& problem : problems) {
    JsonObject item = json_object();
    item.set("file", problem.file);
    item.set("line", problem.line);
    item.set("key", problem.key);
    item.set("text", problem.text);
    list.add(item);
  }
  return list;
}

}  // namespace

int config_check(Tool& tool) {
  bool no_listener = false;
  const Problems problems = problems_of(tool, no_listener);
  if (no_listener) {
    tool.fail(kDone,
              "warning: [bip] tcp, tls_psk and cat_tp are all empty: only a platform that carries "
              "channels itself (bv.bip/1) can start with this");
  }
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("problems", problems_json(problems));
    tool.print(out);
  } else {
    for (const config::Problem& problem : problems)
      tool.err() << base::visible(problem.to_string()) << "\n";
    if (problems.empty()) tool.print("the configuration is good\n");
  }
  return problems.empty() ? kDone : kBadConfig;
}

}  // namespace cli
