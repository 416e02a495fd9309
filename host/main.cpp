// bipvault-host: a reference OTA platform that loads a Bipvault plugin.
#include <getopt.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/standard_output.h"
#include "host/log.h"
#include "host/runner.h"
#include "host/validate.h"

namespace {

constexpr char kHelp[] =
    "Usage: bipvault-host [--config FILE] [--check]\n"
    "       bipvault-host --validate PLUGIN\n"
    "       bipvault-host --defaults | --reference | --version | --help\n"
    "\n"
    "Loads a Bipvault plugin and runs it: a reference OTA platform for laboratories and small\n"
    "operators.\n"
    "\n"
    "  -c, --config FILE      section [host] (/etc/bipvault/host.ini); see --defaults\n"
    "      --check            check host.ini, the files that it names and the plugin's\n"
    "                         configuration, then end\n"
    "      --validate PLUGIN  load a plugin in child processes and try it against the interface\n"
    "      --defaults         print a commented host.ini\n"
    "      --reference        print its keys as Markdown tables\n"
    "      --version          print the version\n"
    "  -h, --help             print this\n"
    "\n"
    "Signals:\n"
    "  SIGTERM, SIGINT  drain (at most drain_deadline; a second one cuts it short), stop, end\n"
    "  SIGHUP           read card keys and the plugin's configuration again; what is refused is\n"
    "                   logged, and the old one stays; log_file is opened anew\n"
    "  SIGUSR1          write the plugin's health to the log, as JSON\n"
    "\n"
    "Exit codes:\n"
    "  0  done\n"
    "  1  failure: host.ini, card keys, the plugin's init, start or stop, or standard output\n"
    "  2  wrong command line\n"
    "  3  the library was refused: not a plugin, another version of the interface, or --validate\n"
    "     found a fault\n";

struct Options {
  std::string config = "/etc/bipvault/host.ini";
  std::string validate;
  bool check = false;
  bool defaults = false;
  bool reference = false;
  bool version = false;
  bool help = false;
};

// False: wrong command line, getopt has said why.
bool parse(int argc, char** argv, Options& options) {
  enum Long { kCheck = 256, kValidate, kDefaults, kReference, kVersion };
  static const option kOptions[] = {{"config", required_argument, nullptr, 'c'},
                                    {"check", no_argument, nullptr, kCheck},
                                    {"validate", required_argument, nullptr, kValidate},
                                    {"defaults", no_argument, nullptr, kDefaults},
                                    {"reference", no_argument, nullptr, kReference},
                                    {"version", no_argument, nullptr, kVersion},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  for (int got = 0; (got = getopt_long(argc, argv, "c:h", kOptions, nullptr)) != -1;) {
    switch (got) {
      case 'c':
        options.config = optarg;
        break;
      case 'h':
        options.help = true;
        break;
      case kCheck:
        options.check = true;
        break;
      case kValidate:
        options.validate = optarg;
        break;
      case kDefaults:
        options.defaults = true;
        break;
      case kReference:
        options.reference = true;
        break;
      case kVersion:
        options.version = true;
        break;
      default:
        return false;
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "bipvault-host: '%s' is not expected\n", argv[optind]);
    return false;
  }
  return true;
}

int print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return host::kDone;
}

std::unique_ptr<base::Clock> make_clock(const host::Settings& settings) {
  if (settings.clock_file.empty()) return std::make_unique<base::SystemClock>();
  return std::make_unique<base::OffsetFileClock>(settings.clock_file);
}

int check(const host::Settings& settings, const base::Clock& clock) {
  base::NoLog log;
  std::vector<std::string> faults;
  const host::ExitCode code = host::check(settings, log, clock, faults);
  for (const std::string& fault : faults) std::fprintf(stderr, "%s\n", fault.c_str());
  if (settings.card_keys.empty()) std::fprintf(stderr, "warning: %s\n", host::kNoCardKeys);
  if (code == host::kDone) print("the configuration is good\n");
  return code;
}

int run(const Options& options) {
  const auto loaded = host::load_settings(options.config);
  if (const auto* faults = std::get_if<std::vector<std::string>>(&loaded)) {
    for (const std::string& fault : *faults) std::fprintf(stderr, "%s\n", fault.c_str());
    return host::kFailed;
  }
  const host::Settings& settings = std::get<host::Settings>(loaded);
  if (!settings.core_dumps) host::forbid_core_dumps();
  host::allow_descriptors();
  host::take_signals();
  const std::unique_ptr<base::Clock> clock = make_clock(settings);
  if (options.check) return check(settings, *clock);

  host::Log log(settings.log, settings.log_level, *clock, settings.log_file);
  if (!log.start()) {
    std::fprintf(stderr, "bipvault-host: no thread for the log\n");
    return host::kFailed;
  }
  const host::ExitCode code = host::run(settings, log, *clock, [&log] { log.reopen(); });
  log.stop();
  // A plugin that did not stop may still run threads: nothing may be torn down under them.
  std::fflush(nullptr);
  _exit(code);
}

int act(const Options& options) {
  if (options.help) return print(kHelp);
  if (options.version) return print("bipvault-host " BIPVAULT_VERSION "\n");
  if (options.defaults) return print(host::example_ini());
  if (options.reference) return print(host::reference_markdown());
  if (!options.validate.empty()) return host::validate(options.validate);
  return run(options);
}

}  // namespace

int main(int argc, char** argv) {
  base::hold_standard_descriptors();
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "Try 'bipvault-host --help'.\n");
    return host::kUsage;
  }
  const int code = act(options);
  const base::Status printed = base::end_standard_output();
  if (printed) return code;
  std::fprintf(stderr, "bipvault-host: %s\n", printed.error().c_str());
  return code == host::kDone ? host::kFailed : code;
}
