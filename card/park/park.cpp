#include "card/park/park.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>
#include <system_error>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "card/park/report.h"
#include "card/park/worker.h"

namespace card::park {
namespace {

constexpr std::uint32_t kFirstSource = 2;  // 127.0.0.2
constexpr int kPollMs = 50;

volatile std::sig_atomic_t interrupted = 0;
void on_signal(int) { interrupted = 1; }

// An array that this process and its children share; zeros at first.
template <class T>
class Shared {
 public:
  explicit Shared(std::size_t count) : count_(count) {
    void* const memory = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    items_ = static_cast<T*>(memory);
    for (std::size_t i = 0; i < count; ++i) new (items_ + i) T();
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(items_, count_ * sizeof(T)); }
  T& operator[](std::size_t i) { return items_[i]; }
  T* data() { return items_; }
  std::span<const T> all() const { return {items_, count_}; }

 private:
  std::size_t count_;
  T* items_ = nullptr;
};

std::size_t part_of(std::size_t whole, std::size_t index, std::size_t parts) {
  return whole / parts + (index < whole % parts ? 1 : 0);
}

// A process without a card, or without a visit, would take its part of the rate with it.
Settings with_work_for_all(Settings settings, std::size_t cards) {
  settings.processes = std::min(settings.processes, cards);
  if (settings.visits > 0) settings.processes = std::min(settings.processes, settings.visits);
  return settings;
}

class Park {
 public:
  Park(const Settings& settings, std::vector<ParkCard> cards)
      : settings_(with_work_for_all(settings, cards.size())),
        cards_(std::move(cards)),
        control_(1),
        stats_(settings_.processes),
        memories_(cards_.size()) {}

  base::Result<bool> run() {
    const auto others = read_state(settings_.state, cards_, memories_.data());
    if (!others) return base::Error{others.error()};
    const bool begun = begin();
    if (begun) follow();
    if (!begun) stop();
    // Whatever else fails: the cards have used up counters, and what was seen was seen.
    const auto kept = write_state(settings_.state, cards_, memories_.data(), others->view());
    Totals totals = total(stats_.all());
    totals.interrupted = interrupted != 0;
    const auto told = begun ? tell(totals) : base::Status();
    for (const auto* const done : {&kept, &told}) {
      if (!*done) return base::Error{done->error()};
    }
    if (!begun) return base::Error{"no processes to be had"};
    if (totals.key_wanted > 0) {
      std::fprintf(stderr,
                   "bipvault-card: the vault asked for a key in %llu visits: cards that "
                   "have been given one need the --state of that run\n",
                   static_cast<unsigned long long>(totals.key_wanted));
    }
    if (crashed_) return base::Error{"a process of the park has ended by itself"};
    return totals.good();
  }

 private:
  bool begin() {
    std::size_t first = 0;
    for (std::size_t i = 0; i < settings_.processes; ++i) {
      const std::size_t count = part_of(cards_.size(), i, settings_.processes);
      const pid_t parent = ::getpid();
      const pid_t child = ::fork();
      if (child < 0) return false;
      if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (::getppid() != parent) ::_exit(1);
        serve(i, first, count);
      }
      children_.push_back(child);
      first += count;
    }
    return true;
  }

  base::Status tell(const Totals& totals) const {
    const std::string summary = summary_json(totals, settings_, cards_.size()) + "\n";
    if (!settings_.json.empty()) {
      return base::write_file_atomically(settings_.json, summary, 0644);
    }
    std::fputs(summary.c_str(), stdout);
    return {};
  }

  // In the child; does not return.
  [[noreturn]] void serve(std::size_t index, std::size_t first, std::size_t count) {
    std::signal(SIGINT, SIG_IGN);  // the parent's word comes by `control`
    std::signal(SIGTERM, SIG_IGN);
    Settings own = settings_;
    const auto processes = static_cast<double>(settings_.processes);
    own.rate /= processes;
    own.open_rate /= processes;
    own.at_once = std::max<std::size_t>(1, part_of(settings_.at_once, index, settings_.processes));
    own.visits = part_of(settings_.visits, index, settings_.processes);
    int code = 0;
    try {
      const Worker::Share share{std::span<const ParkCard>(cards_).subspan(first, count),
                                memories_.data() + first, settings_.sources > 1 ? kFirstSource : 0,
                                static_cast<std::uint32_t>(settings_.sources)};
      Worker(own, share, stats_[index], control_[0]).run();
      stats_[index].all_open = true;
    } catch (...) {  // out of memory or descriptors
      code = 1;
    }
    ::_exit(code);
  }

  void follow() {
    const base::SystemClock clock;
    const std::int64_t began = clock.now().mono_ms;
    std::int64_t told = began;
    Totals before;
    while (running() > 0) {
      ::poll(nullptr, 0, kPollMs);
      if (interrupted != 0) control_[0].stop = true;
      if (!control_[0].go && all_open()) go();
      const std::int64_t now = clock.now().mono_ms;
      if (settings_.quiet || now - told < 1000) continue;
      const Totals totals = total(stats_.all());
      const auto seconds = [](std::int64_t ms) { return static_cast<double>(ms) / 1000; };
      std::fprintf(
          stderr, "%s\n",
          progress_line(totals, before, seconds(now - began), seconds(now - told)).c_str());
      before = totals;
      told = now;
    }
  }

  bool all_open() const {
    const auto all = stats_.all();
    return std::all_of(all.begin(), all.end(),
                       [](const Stats& one) { return one.all_open.load(); });
  }

  // All channels are open: whoever wants to look now says when to go on.
  void go() {
    if (settings_.wait && settings_.stay) {
      const Totals totals = total(stats_.all());
      std::printf("{\"open\": %llu, \"failed\": %llu}\n",
                  static_cast<unsigned long long>(totals.opened - totals.closed),
                  static_cast<unsigned long long>(totals.failed));
      std::fflush(stdout);
      await_line();
    }
    control_[0].go = true;
  }

  // A line of input, its end, or a signal.
  static void await_line() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    for (char c = 0; interrupted == 0 && c != '\n';) {
      if (::poll(&input, 1, kPollMs) > 0 && ::read(STDIN_FILENO, &c, 1) <= 0) return;
    }
  }

  std::size_t running() {
    std::erase_if(children_, [&](pid_t child) {
      int status = 0;
      if (::waitpid(child, &status, WNOHANG) != child) return false;
      const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      if (!good) crashed_ = true;
      if (!good) control_[0].stop = true;
      return true;
    });
    return children_.size();
  }

  void stop() {
    control_[0].stop = true;
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
    children_.clear();
  }

  const Settings settings_;
  const std::vector<ParkCard> cards_;
  Shared<Control> control_;
  Shared<Stats> stats_;
  Shared<Memory> memories_;
  std::vector<pid_t> children_;
  bool crashed_ = false;
};

// Told before the load, not after it.
base::Status may_be_written(const std::string& path) {
  if (path.empty()) return {};
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return base::Error{path + ": Is a directory"};
  }
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0) return {};
  return base::Error{base::cat(path, ": ", std::generic_category().message(errno))};
}

// Without its key a card has no TLS to speak: its channels would never be there, and nothing said
// why.
base::Status have_what_they_speak_with(const Settings& settings,
                                       const std::vector<ParkCard>& cards) {
  if (settings.carrier != Carrier::tls_psk) return {};
  const auto lacks = [](const ParkCard& card) { return card.keys.psk.empty(); };
  const auto first = std::find_if(cards.begin(), cards.end(), lacks);
  if (first == cards.end()) return {};
  return base::Error{base::cat(
      settings.cards, ": no psk for ", std::count_if(first, cards.end(), lacks), " of ",
      cards.size(), " cards, first ", iccid_digits(first->iccid), ": --channel tls_psk needs one")};
}

// Each TCP channel is a descriptor.
void allow_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

base::Result<bool> run(const Settings& settings) {
  for (const std::string& path : {settings.state, settings.json}) {
    if (const auto good = may_be_written(path); !good) return base::Error{good.error()};
  }
  auto cards = read_cards(settings.cards);
  if (!cards) return base::Error{cards.error()};
  if (const auto good = have_what_they_speak_with(settings, *cards); !good) {
    return base::Error{good.error()};
  }
  allow_descriptors();
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  return Park(settings, cards.take()).run();
}

}  // namespace card::park
