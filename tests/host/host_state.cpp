// Proves that the plugin changes nothing of the process that it is a guest in: signals, masks,
// locale, umask, directory, limits, environment, descriptors, threads, random numbers, output -
// after load, create, init, start, traffic, stop, destroy, and all of it again.
// Arguments: plugin, directory made by host_workspace. Ends with 0 when no difference was seen.
#include <dirent.h>
#include <fcntl.h>
#include <fenv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "tests/host/loopback.h"
#include "tests/support/minimal_host.h"

extern char** environ;

namespace {

using support::Guest;
using support::Loopback;
using support::MinimalHost;
using support::Octets;

using Facts = std::map<std::string, std::string>;

int report_to = 2;  // the real standard error; 1 and 2 go to a file that must stay empty
int differences = 0;

void say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vdprintf(report_to, format, arguments);
  va_end(arguments);
}

void check(bool good, const char* step, const std::string& what) {
  if (good) return;
  ++differences;
  say("%s: %s\n", step, what.c_str());
}

std::string hex(const void* data, std::size_t size) {
  std::string out;
  const auto* octets = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) {
    out += "0123456789abcdef"[octets[i] >> 4];
    out += "0123456789abcdef"[octets[i] & 15];
  }
  return out;
}

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  DIR* handle = opendir(directory.c_str());
  const std::string own = std::to_string(dirfd(handle));
  const bool descriptors = directory == "/proc/self/fd";
  while (const dirent* entry = readdir(handle)) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && !(descriptors && name == own)) names.insert(name);
  }
  closedir(handle);
  return names;
}

std::string status_line(const std::string& task, const std::string& name) {
  std::istringstream lines(support::read_file("/proc/self/task/" + task + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name)) return line;
  }
  return "";
}

void signal_facts(Facts& facts) {
  for (int number = 1; number <= 64; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) != 0) continue;
    const auto handler = reinterpret_cast<std::uintptr_t>(action.sa_handler);
    std::string mask;
    for (int other = 1; other <= 64; ++other) {
      mask += sigismember(&action.sa_mask, other) == 1 ? '1' : '0';
    }
    facts["signal " + std::to_string(number)] =
        std::to_string(handler) + " flags " + std::to_string(action.sa_flags) + " mask " + mask;
  }
  stack_t stack{};
  sigaltstack(nullptr, &stack);
  facts["alternate stack"] = hex(&stack.ss_sp, sizeof stack.ss_sp);
}

void process_facts(Facts& facts) {
  facts["locale"] = setlocale(LC_ALL, nullptr);
  const mode_t mask = umask(0);
  umask(mask);
  facts["umask"] = std::to_string(mask);
  facts["directory"] = std::filesystem::current_path().string();
  for (int resource = 0; resource < static_cast<int>(RLIM_NLIMITS); ++resource) {
    rlimit limit{};
    getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    facts["limit " + std::to_string(resource)] =
        std::to_string(limit.rlim_cur) + "/" + std::to_string(limit.rlim_max);
  }
  facts["environment at"] = hex(&environ, sizeof environ);
  int index = 0;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    facts["environment " + std::to_string(index++)] = *variable;
  }
  for (const int which : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval timer{};
    getitimer(static_cast<__itimer_which>(which), &timer);
    const bool set = timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0;
    facts["timer " + std::to_string(which)] = set ? "set" : "off";
  }
  facts["name"] = support::read_file("/proc/self/comm");
  facts["dumpable"] = std::to_string(prctl(PR_GET_DUMPABLE));
  facts["priority"] = std::to_string(getpriority(PRIO_PROCESS, 0));
  facts["out of memory score"] = support::read_file("/proc/self/oom_score_adj");
  facts["rounding"] = std::to_string(fegetround());
  facts["children"] =
      support::read_file("/proc/self/task/" + std::to_string(getpid()) + "/children");
}

// Descriptor -> what it is and its flags.
std::map<std::string, std::string> descriptors() {
  std::map<std::string, std::string> all;
  for (const std::string& name : names_in("/proc/self/fd")) {
    char target[512] = {};
    if (readlink(("/proc/self/fd/" + name).c_str(), target, sizeof target - 1) < 0) continue;
    const int flags = fcntl(std::atoi(name.c_str()), F_GETFD);
    all[name] = std::string(target) + ((flags & FD_CLOEXEC) != 0 ? " cloexec" : " inherited");
  }
  return all;
}

// The sequence of rand() as it must go on when nobody else draws from it or seeds it.
class RandomNumbers {
 public:
  RandomNumbers() {
    std::srand(20111);
    for (int& number : expected_) number = std::rand();
    std::srand(20111);
  }
  bool undisturbed() { return std::rand() == expected_[next_++ % 100]; }

 private:
  int expected_[100];
  int next_ = 0;
};

class Observer {
 public:
  Observer(std::string output, std::set<std::string> host_tasks)
      : output_(std::move(output)), host_tasks_(std::move(host_tasks)) {
    Facts unused = facts();  // whatever the first look itself allocates
    before_ = facts();
    descriptors_before_ = descriptors();
  }

  // `running`: threads and descriptors of the plugin's own are there, and well-behaved.
  void compare(const char* step, bool running) {
    const Facts now = facts();
    for (const auto& [name, value] : before_) {
      const auto found = now.find(name);
      const std::string is = found == now.end() ? "(gone)" : found->second;
      check(is == value, step, name + ": was " + value + ", is " + is);
    }
    for (const auto& [name, value] : now) {
      check(before_.contains(name), step, name + ": new: " + value);
    }
    compare_descriptors(step, running);
    compare_threads(step, running);
    check(random_.undisturbed(), step, "rand() was used or seeded");
    check(std::filesystem::file_size(output_) == 0, step,
          "wrote to standard output or error: " + support::read_file(output_));
  }

 private:
  Facts facts() const {
    Facts all;
    signal_facts(all);
    process_facts(all);
    for (const std::string& task : host_tasks_) {
      all["mask of " + task] = status_line(task, "SigBlk");
      all["name of " + task] = status_line(task, "Name");
    }
    return all;
  }

  void compare_descriptors(const char* step, bool running) {
    const auto now = descriptors();
    for (const auto& [number, what] : descriptors_before_) {
      const auto found = now.find(number);
      check(found != now.end() && found->second == what, step,
            "descriptor " + number + " (" + what + ") is " +
                (found == now.end() ? "closed" : found->second));
    }
    // libmariadb's have no flag for as long as it connects, and it offers no way to change that.
    std::map<std::string, std::string> inherited;
    for (const auto& [number, what] : now) {
      if (descriptors_before_.contains(number)) continue;
      check(running, step, "descriptor " + number + " was left: " + what);
      if (!what.ends_with(" cloexec")) inherited[number] = what;
    }
    if (inherited.empty()) return;
    support::wait_for([&] { return forget_changed(inherited); }, 5);
    for (const auto& [number, what] : inherited) {
      check(false, step, "descriptor " + number + " without CLOEXEC: " + what);
    }
  }

  // Drops what is no longer as it was seen; true when nothing is left.
  static bool forget_changed(std::map<std::string, std::string>& seen) {
    const auto now = descriptors();
    std::erase_if(seen, [&](const auto& entry) {
      const auto found = now.find(entry.first);
      return found == now.end() || found->second != entry.second;
    });
    return seen.empty();
  }

  void compare_threads(const char* step, bool running) {
    int own = 0;
    for (const std::string& task : names_in("/proc/self/task")) {
      if (host_tasks_.contains(task)) continue;
      ++own;
      if (!running) check(false, step, "a thread was left: " + status_line(task, "Name"));
      // A thread has its name and mask a moment after it has begun.
      check(support::wait_for([&] { return is_well_behaved(task); }, 5), step,
            "a thread without name or that takes signals: " + status_line(task, "Name") + " " +
                status_line(task, "SigBlk"));
    }
    if (running) check(own > 0, step, "no thread of the plugin: nothing was tested");
  }

  // Blocks all signals but SIGKILL, SIGSTOP and the two that the C library keeps for itself.
  static bool is_well_behaved(const std::string& task) {
    const std::string name = status_line(task, "Name");
    if (name.empty()) return true;  // has ended meanwhile
    return name.find("host_state") == std::string::npos &&
           status_line(task, "SigBlk").ends_with("fffffffe7ffbfeff");
  }

  std::string output_;
  std::set<std::string> host_tasks_;
  Facts before_;
  std::map<std::string, std::string> descriptors_before_;
  RandomNumbers random_;
};

void on_signal(int) {}

// A host that has an opinion about everything that a guest could change.
void furnish() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaddset(&action.sa_mask, SIGUSR2);
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGUSR1, SIGCHLD}) {
    sigaction(number, &action, nullptr);
  }
  std::signal(SIGHUP, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  umask(0027);
  setlocale(LC_ALL, "C.UTF-8");
  setenv("BIPVAULT_HOST_STATE", "as it was", 1);
}

Octets octets_of(const std::string& text) { return {text.begin(), text.end()}; }

// What a network sends: nothing, junk, half a card, a whole one.
void traffic(long port, const std::string& directory, bool first) {
  const char* const step = "traffic";
  const Octets packet = octets_of(support::read_file(directory + "/packet.bin"));
  check(packet.size() > 14, step, "no packet.bin");
  Loopback silent(port), junk(port), half(port), reset(port), card(port), tls(port);
  check(silent.open() && junk.open() && half.open() && reset.open() && card.open() && tls.open(),
        step, "no connection");
  junk.send(Octets(5000, 0xEE));
  tls.send({0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00});
  half.send({packet.begin(), packet.begin() + 17});
  card.send(packet);
  const Octets answer = card.receive();
  check(!answer.empty() && answer[0] == 0x02, step, "the card got no answer");
  if (first) check(answer.size() > 30, step, "the answer carries no data");
  check(junk.closed_by_peer(), step, "junk was not closed");
  reset.close();
}

// `first`: the store is there and has not seen the card's packet yet.
void round(const bv_entry& entry, const std::string& directory, Observer& observer, bool first) {
  MinimalHost host;
  Guest guest(entry, host);
  observer.compare("create", false);
  const std::string config = directory + "/bipvault.ini";
  check(guest.init(directory + "/missing.ini").status == BV_E_INVALID, "init", "took no file");
  observer.compare("failed init", false);
  const auto ready = guest.init(config);
  check(ready.status == BV_OK, "init", ready.why);
  observer.compare("init", false);
  for (int i = 0; i < 2; ++i) {
    const auto running = guest.start();
    check(running.status == BV_OK, "start", running.why);
    observer.compare("start", true);
    traffic(guest.number("tcp"), directory, first && i == 0);
    observer.compare("traffic", true);
    check(guest.reload(config).status == BV_OK, "reload", "failed");
    observer.compare("reload", true);
    if (i == 1) check(guest.drain(100) == BV_OK, "drain", "failed");
    check(guest.stop() == BV_OK, "stop", "failed");
    observer.compare("stop", false);
  }
  guest.destroy();
  observer.compare("destroy", false);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const std::string directory = arguments[2];
  const bool away =
      support::read_file(directory + "/bipvault.ini").find("\nport = 1\n") != std::string::npos;
  const std::string output = directory + "/output";
  report_to = fcntl(2, F_DUPFD_CLOEXEC, 10);
  const int file = open(output.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
  if (report_to < 0 || file < 0) return 2;
  dup2(file, 1);
  dup2(file, 2);
  close(file);
  furnish();
  std::thread([] {}).join();  // TSan has a thread of its own from the first one on
  // Tasks that are there before the plugin.
  Observer observer(output, names_in("/proc/self/task"));
  const bv_entry* entry = support::load_plugin(arguments[1]);
  if (entry == nullptr) {
    say("%s\n", dlerror());
    return 1;
  }
  observer.compare("load", false);
  round(*entry, directory, observer, !away);
  round(*entry, directory, observer, false);
  observer.compare("end", false);
  say("%d differences\n", differences);
  return differences == 0 ? 0 : 1;
}
