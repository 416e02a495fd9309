#include "host/validate.h"

#include <dirent.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/clock.h"
#include "bipvault/ext/check.h"
#include "bipvault/ext/health.h"
#include "host/library.h"
#include "host/services.h"

namespace host {

namespace {

using base::cat;

constexpr int kCheckDeadlineMs = 20'000;
constexpr int kRounds = 100;
constexpr char kNoFile[] = "/nonexistent/bipvault.ini";

// A plugin under test and the host that it was given.
class Subject {
 public:
  explicit Subject(const bv_entry& entry) : services_(log_, clock_, nullptr, nullptr, true) {
    plugin_ = entry.create(services_.table());
  }
  ~Subject() {
    if (plugin_ != nullptr) plugin_->destroy(plugin_);
  }
  bv_plugin* plugin() const { return plugin_; }

 private:
  base::NoLog log_;
  base::SystemClock clock_;
  Services services_;
  bv_plugin* plugin_ = nullptr;
};

const void* no_extension(const bv_host*, const char*) { return nullptr; }

bv_host bare_host() {
  bv_host host{};
  host.struct_size = sizeof host;
  host.abi_major = BV_ABI_MAJOR;
  host.abi_minor = BV_ABI_MINOR;
  host.name = "validator";
  host.version = BIPVAULT_VERSION;
  host.get_extension = no_extension;
  return host;
}

std::size_t entries_of(const char* directory) {
  DIR* opened = ::opendir(directory);
  if (opened == nullptr) return 0;
  std::size_t count = 0;
  while (::readdir(opened) != nullptr) ++count;
  ::closedir(opened);
  return count;
}

std::string created(const bv_entry& entry) {
  const Subject subject(entry);
  return plugin_fault(subject.plugin());
}

std::string same_entry(const bv_entry& entry) {
  const bv_entry before = entry;
  if (const std::string fault = created(entry); !fault.empty()) return fault;
  return std::memcmp(&before, &entry, sizeof before) == 0 ? "" : "the entry changed";
}

std::string refuses(const bv_entry& entry, const bv_host* host, const char* what) {
  bv_plugin* plugin = entry.create(host);
  return plugin == nullptr ? std::string() : cat("create() accepted ", what);
}

std::string refuses_null(const bv_entry& entry) {
  return refuses(entry, nullptr, "a null pointer instead of a host");
}
std::string refuses_major(const bv_entry& entry) {
  bv_host host = bare_host();
  host.abi_major = BV_ABI_MAJOR + 1;
  return refuses(entry, &host, "a host of another major version");
}
std::string refuses_short(const bv_entry& entry) {
  bv_host host = bare_host();
  host.struct_size = 8;
  return refuses(entry, &host, "a host struct of 8 octets");
}
std::string refuses_no_function(const bv_entry& entry) {
  bv_host host = bare_host();
  host.get_extension = nullptr;
  return refuses(entry, &host, "a host without get_extension");
}

// A later minor version has a larger struct, of which a plugin reads what it knows.
std::string accepts_newer_minor(const bv_entry& entry) {
  struct Larger {
    bv_host host = bare_host();
    std::uint64_t unknown[8] = {};
  } larger;
  larger.host.struct_size = sizeof larger;
  larger.host.abi_minor = BV_ABI_MINOR + 7;
  bv_plugin* plugin = entry.create(&larger.host);
  if (plugin == nullptr) return "create() refused a host of a later minor version";
  plugin->destroy(plugin);
  return {};
}

std::string accepts_bare_host(const bv_entry& entry) {
  const bv_host host = bare_host();
  bv_plugin* plugin = entry.create(&host);
  if (plugin == nullptr) return "create() refused a host without extensions";
  plugin->destroy(plugin);
  return {};
}

std::string again_and_again(const bv_entry& entry) {
  created(entry);
  const std::size_t threads = entries_of("/proc/self/task");
  const std::size_t files = entries_of("/proc/self/fd");
  for (int i = 0; i < kRounds; ++i) {
    if (const std::string fault = created(entry); !fault.empty()) return fault;
  }
  if (entries_of("/proc/self/task") != threads) return "threads are left behind";
  if (entries_of("/proc/self/fd") != files) return "open files are left behind";
  return {};
}

std::string two_at_once(const bv_entry& entry) {
  const Subject first(entry);
  const Subject second(entry);
  if (first.plugin() == second.plugin()) return "two create() gave the same plugin";
  return plugin_fault(second.plugin());
}

std::string unknown_extensions(const bv_entry& entry) {
  const Subject subject(entry);
  bv_plugin* plugin = subject.plugin();
  for (const char* id : {"", "bv", "bv.health/999", "com.example.unknown/1"}) {
    if (plugin->get_extension(plugin, id) != nullptr)
      return cat("it knows an extension '", id, "'");
  }
  if (plugin->get_extension(plugin, nullptr) != nullptr) return "it knows an extension NULL";
  return {};
}

std::string wrong_states(const bv_entry& entry) {
  const Subject subject(entry);
  bv_plugin* plugin = subject.plugin();
  const std::pair<const char*, bv_status> calls[] = {
      {"start", plugin->start(plugin, nullptr)},
      {"reload", plugin->reload(plugin, kNoFile, nullptr)},
      {"drain", plugin->drain(plugin, 1)},
      {"stop", plugin->stop(plugin, 1)}};
  for (const auto& [name, status] : calls) {
    if (status != BV_E_STATE) {
      return cat(name, "() before init() answered ", status_name(status), " instead of STATE");
    }
  }
  return {};
}

// A buffer of `capacity` octets with a guard behind: `why` stays inside and is terminated.
std::string init_without_file(const bv_entry& entry, std::size_t capacity) {
  const Subject subject(entry);
  std::uint8_t memory[512];
  std::memset(memory, 0xA5, sizeof memory);
  bv_buffer why{memory, capacity, 0};
  const bv_status status = subject.plugin()->init(subject.plugin(), kNoFile, &why);
  if (status == BV_OK) return "init() accepted a file that does not exist";
  for (std::size_t i = capacity; i < sizeof memory; ++i) {
    if (memory[i] != 0xA5) return cat("init() wrote past its buffer of ", capacity, " octets");
  }
  if (capacity > 0 && std::memchr(memory, 0, capacity) == nullptr) {
    return "init() left its reason without an end";
  }
  if (capacity > 1 && memory[0] == 0) return "init() gave no reason";
  return {};
}

std::string init_refuses(const bv_entry& entry) {
  for (std::size_t capacity : {256u, 16u, 1u, 0u}) {
    const std::string fault = init_without_file(entry, capacity);
    if (!fault.empty()) return fault;
  }
  const Subject subject(entry);
  if (subject.plugin()->init(subject.plugin(), kNoFile, nullptr) == BV_OK) {
    return "init() accepted a file that does not exist";
  }
  if (subject.plugin()->start(subject.plugin(), nullptr) == BV_OK) {
    return "start() went on after a refused init()";
  }
  return {};
}

std::string check_refuses(const bv_entry& entry) {
  const Subject subject(entry);
  const auto* checker = static_cast<const bv_check_1*>(
      subject.plugin()->get_extension(subject.plugin(), BV_EXT_CHECK));
  if (checker == nullptr) return {};
  Why why;
  const bv_status status = checker->check(subject.plugin(), kNoFile, why.out());
  if (status != BV_E_INVALID) {
    return cat("check() of a file that does not exist answered ", status_name(status));
  }
  return why.text().empty() ? "check() gave no reason" : "";
}

std::string health_is_json(const bv_entry& entry) {
  const Subject subject(entry);
  const auto* health = static_cast<const bv_health_1*>(
      subject.plugin()->get_extension(subject.plugin(), BV_EXT_HEALTH));
  if (health == nullptr) return {};
  std::uint8_t memory[64 * 1024];
  bv_buffer out{memory, 1, 0};
  const bv_status small = health->snapshot(subject.plugin(), &out);
  if (small != BV_E_TOO_SMALL || out.size <= 1) {
    return "snapshot() into one octet did not answer TOO_SMALL with the size needed";
  }
  out = {memory, sizeof memory, 0};
  const bv_status status = health->snapshot(subject.plugin(), &out);
  if (status != BV_OK) return cat("snapshot() answered ", status_name(status));
  return out.size > 1 && memory[0] == '{' ? "" : "snapshot() gave no JSON object";
}

struct Check {
  const char* name;
  std::string (*run)(const bv_entry& entry);
};

constexpr Check kChecks[] = {
    {"loads, and creates a complete plugin", created},
    {"the entry stays the same", same_entry},
    {"refuses a null host", refuses_null},
    {"refuses a host of another major version", refuses_major},
    {"refuses a host struct that is too small", refuses_short},
    {"refuses a host without get_extension", refuses_no_function},
    {"accepts a host of a later minor version", accepts_newer_minor},
    {"accepts a host without extensions", accepts_bare_host},
    {"create and destroy a hundred times leave nothing behind", again_and_again},
    {"two plugins at a time", two_at_once},
    {"unknown extensions are absent", unknown_extensions},
    {"calls in the wrong state answer STATE", wrong_states},
    {"init refuses a missing file within its buffer", init_refuses},
    {"check refuses a missing file", check_refuses},
    {"health is JSON and knows its size", health_is_json},
};

[[noreturn]] void child(const std::string& path, const Check& check, int out) {
  const auto library = Library::load(path);
  const std::string fault = library ? check.run(library->entry()) : library.error();
  std::string_view left = fault;
  while (!left.empty()) {
    const ssize_t written = ::write(out, left.data(), left.size());
    if (written <= 0) _exit(2);
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  _exit(fault.empty() ? 0 : 1);
}

// What the child wrote until it closed its end. False: it took too long.
bool read_all(int in, std::string& text) {
  char part[1024];
  for (;;) {
    pollfd wait{in, POLLIN, 0};
    const int ready = ::poll(&wait, 1, kCheckDeadlineMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::read(in, part, sizeof part);
    if (got <= 0) return true;
    text.append(part, static_cast<std::size_t>(got));
  }
}

std::string run_apart(const std::string& path, const Check& check) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return "no process";
  if (pid == 0) {
    ::close(ends[0]);
    child(path, check, ends[1]);
  }
  ::close(ends[1]);
  std::string text;
  const bool in_time = read_all(ends[0], text);
  ::close(ends[0]);
  if (!in_time) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return cat("it did not end within ", kCheckDeadlineMs / 1000, " s");
  if (WIFSIGNALED(status)) return cat("it crashed: ", strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status) == 0) return {};
  return text.empty() ? cat("it ended the process with code ", WEXITSTATUS(status)) : text;
}

}  // namespace

ExitCode validate(const std::string& plugin) {
  int faults = 0;
  for (const Check& check : kChecks) {
    const std::string fault = run_apart(plugin, check);
    if (fault.empty()) {
      std::printf("ok    %s\n", check.name);
      continue;
    }
    ++faults;
    std::printf("FAIL  %s: %s\n", check.name, fault.c_str());
  }
  std::printf("%d of %zu checks failed\n", faults, std::size(kChecks));
  return faults == 0 ? kDone : kRefused;
}

}  // namespace host
