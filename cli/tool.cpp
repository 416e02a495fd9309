#include "cli/tool.h"

#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "base/standard_output.h"
#include "base/text.h"
#include "db/key_checks.h"

namespace cli {

namespace {

std::string with_path(std::string text, const std::string& path) {
  constexpr std::string_view kPlace = "--config FILE";
  const std::size_t at = text.find(kPlace);
  return at == std::string::npos ? text : text.replace(at, kPlace.size(), "--config " + path);
}

}  // namespace

void StderrLog::write(base::Severity severity, std::string_view id, std::string_view text) {
  if (severity < base::Severity::warning) return;
  if (quiet_about_store_ && id == "db.unavailable") return;
  const std::string line =
      base::cat(program_, ": ", base::component_of(id), ": ",
                base::one_line(with_path(base::with_id(text, id), config_path_)), "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

Tool::Tool(std::string program, CommandLine line, std::ostream& out, std::ostream& err)
    : program_(std::move(program)),
      line_(std::move(line)),
      log_(program_, config_path()),
      out_(out),
      err_(err) {
  const std::string file = line_.get("clock-file");
  if (file.empty()) {
    clock_ = std::make_unique<base::SystemClock>();
  } else {
    clock_ = std::make_unique<base::OffsetFileClock>(file);
  }
}

void Tool::put(const std::string& text) const {
  errno = 0;
  out_ << text << std::flush;
  base::keep_output_fault();
}

void Tool::print(const std::string& text) const { put(base::visible(text)); }

void Tool::print(const Poco::JSON::Object& object) const {
  std::ostringstream out;
  object.stringify(out, 2);
  put(base::visible_json(out.str()) + "\n");
}

int Tool::fail(ExitCode code, const std::string& text) const {
  err_ << program_ << ": " << base::visible(with_config(text)) << "\n";
  return code;
}

std::string Tool::with_config(const std::string& text) const {
  return with_path(text, config_path());
}

bool Tool::keep(std::variant<config::Config, std::vector<config::Problem>> loaded) {
  if (const auto* problems = std::get_if<std::vector<config::Problem>>(&loaded)) {
    for (const config::Problem& problem : *problems)
      std::cerr << base::visible(problem.to_string()) << "\n";
    code_ = kBadConfig;
    return false;
  }
  config_ = std::make_unique<config::Config>(std::get<config::Config>(std::move(loaded)));
  return true;
}

std::string Tool::config_path() const {
  const std::string given = line_.get("config");
  return given.empty() ? config::kDefaultPath : given;
}

const config::Config* Tool::config(bool keys_may_be_missing) {
  if (config_) return config_.get();
  const std::string path = config_path();
  auto loaded = config::load(path);
  if (auto* problems = std::get_if<std::vector<config::Problem>>(&loaded);
      problems != nullptr && keys_may_be_missing) {
    std::erase_if(*problems, [](const config::Problem& problem) {
      return problem.kind == config::Problem::Kind::missing_file &&
             problem.key.starts_with("keys.");
    });
    if (problems->empty()) loaded = config::load(path, config::Check::syntax_only);
  }
  return keep(std::move(loaded)) ? config_.get() : nullptr;
}

const config::CareAccess* Tool::care_access() {
  if (access_) return &*access_;
  const std::string path = config_path();
  const auto loaded = config::load(path, config::Check::syntax_only);
  if (const auto* problems = std::get_if<std::vector<config::Problem>>(&loaded)) {
    for (const config::Problem& problem : *problems)
      std::cerr << base::visible(problem.to_string()) << "\n";
    code_ = kBadConfig;
    return nullptr;
  }
  access_ = std::get<config::Config>(loaded).care;
  return &*access_;
}

vault::Store* Tool::store() {
  if (config(false) == nullptr) return nullptr;
  auto keys = db::FileKeyRing::load(config_->keys);
  if (!keys) {
    code_ = static_cast<ExitCode>(fail(kBadConfig, keys.error()));
    return nullptr;
  }
  keys_ = keys.take();
  auto factory = db::make_store_factory(config_->store, *keys_, log_, counters_);
  if (!factory) {
    code_ = static_cast<ExitCode>(fail(kUnavailable, factory.error()));
    return nullptr;
  }
  factory_ = factory.take();
  log_.quiet_about_store(true);  // the reason comes below
  store_ = factory_->open();
  const base::Status status = store_->check();
  log_.quiet_about_store(false);
  if (status) return store_.get();
  const bool wrong_keys = !db::foreign_keys(config_->store, *keys_).empty();
  code_ = static_cast<ExitCode>(fail(wrong_keys ? kBadConfig : kUnavailable, status.error()));
  return nullptr;
}

std::string operator_name(const Tool& tool) {
  const std::string given = tool.line().get("operator");
  if (!given.empty()) return given;
  const passwd* user = ::getpwuid(::getuid());
  return user == nullptr ? base::cat("uid", ::getuid()) : user->pw_name;
}

OptionSpec operator_option() {
  return {"operator", "NAME", "who does it, for the history (default: the user who runs this)"};
}

JsonObject json_object() { return JsonObject(Poco::JSON_PRESERVE_KEY_ORDER); }

std::vector<OptionSpec> common_options() {
  return {{"config", "FILE", base::cat("the plugin's configuration (", config::kDefaultPath, ")")},
          {"clock-file", "PATH", "laboratory: a file with milliseconds to add to the clock"},
          {"json", "", "print data as JSON"},
          {"version", "", "print the version"}};
}

namespace {

int parse_and_run(const ProgramSpec& program, const std::vector<std::string>& arguments,
                  int (*run)(Tool& tool)) {
  auto parsed = parse(program, arguments);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) {
    std::cerr << program.name << ": " << base::visible(*wrong) << "\n";
    return kUsage;
  }
  CommandLine& line = std::get<CommandLine>(parsed);
  if (line.help) {
    std::cout << (line.command == nullptr ? help(program) : help(program, *line.command));
    return kDone;
  }
  if (line.version) {
    std::cout << program.name << " " BIPVAULT_VERSION "\n";
    return kDone;
  }
  Tool tool(program.name, std::move(line));
  return run(tool);
}

}  // namespace

int run_tool(const ProgramSpec& program, int argc, char** argv, int (*run)(Tool& tool)) {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  base::hold_standard_descriptors();

  const int code = parse_and_run(program, std::vector<std::string>(argv + 1, argv + argc), run);
  const base::Status printed = base::end_standard_output();
  if (printed) return code;
  // Who repeats it must know that it was not the deed that failed.
  std::cerr << program.name << ": " << printed.error()
            << (code == kDone ? "; the command itself was carried out\n" : "\n");
  return code == kDone ? kFailed : code;
}

}  // namespace cli
