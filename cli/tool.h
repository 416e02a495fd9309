// What both tools are made of: configuration, keys and store opened step by step, each failure with
// its exit code; clock; output as text or JSON.
#pragma once

#include <Poco/JSON/Object.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "cli/command_line.h"
#include "config/config.h"
#include "db/key_files.h"
#include "db/stores.h"
#include "vault/ports.h"

namespace cli {

// Warnings and errors of the modules go to standard error, the rest nowhere.
class StderrLog : public base::Log {
 public:
  StderrLog(std::string program, std::string config_path)
      : program_(std::move(program)), config_path_(std::move(config_path)) {}
  void write(base::Severity severity, std::string_view id, std::string_view text) override;
  // While somebody else says that, and why, the store is away.
  void quiet_about_store(bool quiet) { quiet_about_store_ = quiet; }

 private:
  std::string program_;
  std::string config_path_;
  bool quiet_about_store_ = false;
};

// One run of a tool.
class Tool {
 public:
  // `out` and `err` outlive the tool.
  Tool(std::string program, CommandLine line, std::ostream& out = std::cout,
       std::ostream& err = std::cerr);

  const CommandLine& line() const { return line_; }
  bool json() const { return line_.has("json"); }
  base::Now now() const { return clock_->now(); }
  base::Log& log() { return log_; }
  base::Counters& counters() { return counters_; }

  // Text to standard output, in one form or the other. What a terminal would obey is spelled out,
  // here and by fail: people and cards have written some of it.
  void print(const std::string& text) const;
  void print(const Poco::JSON::Object& object) const;
  // "bipvault-ops: TEXT" to standard error, with_config; gives back the code.
  int fail(ExitCode code, const std::string& text) const;
  // Advice of the modules, which do not know the file: "--config FILE" becomes the real one.
  std::string with_config(const std::string& text) const;
  std::ostream& out() const { return out_; }
  std::ostream& err() const { return err_; }

  std::string config_path() const;
  // The configuration; with keys_may_be_missing, key files need not exist. Faults are printed.
  // Null: failed with kBadConfig, see code().
  const config::Config* config(bool keys_may_be_missing);
  // Who may call care and where, without a look at the files that the configuration names: these
  // need not be readable. Null: see code().
  const config::CareAccess* care_access();
  // Configuration, keys and an open store. Null: see code().
  vault::Store* store();
  const db::FileKeyRing& keys() const { return *keys_; }
  ExitCode code() const { return code_; }

 private:
  void put(const std::string& text) const;
  bool keep(std::variant<config::Config, std::vector<config::Problem>> loaded);

  std::string program_;
  CommandLine line_;
  StderrLog log_;
  base::Counters counters_;
  std::ostream& out_;
  std::ostream& err_;
  std::unique_ptr<base::Clock> clock_;
  std::optional<config::CareAccess> access_;
  std::unique_ptr<config::Config> config_;
  std::unique_ptr<db::FileKeyRing> keys_;
  std::unique_ptr<vault::StoreFactory> factory_;
  std::unique_ptr<vault::Store> store_;
  ExitCode code_ = kDone;
};

using JsonObject = Poco::JSON::Object;
// Option --operator, else the user who runs the program: the actor of the history.
std::string operator_name(const Tool& tool);
OptionSpec operator_option();

JsonObject json_object();  // keeps the order of its members

// Options that both tools take before the subcommand.
std::vector<OptionSpec> common_options();

// Parses, answers help, version and mistakes, keeps keys out of core dumps, and calls `run`. Output
// that cannot be written is a failure (kFailed) of what would have been done.
int run_tool(const ProgramSpec& program, int argc, char** argv, int (*run)(Tool& tool));

}  // namespace cli
