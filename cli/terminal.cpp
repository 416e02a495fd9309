#include "cli/terminal.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>
#include <cstdio>

#include "base/text.h"

namespace cli {

namespace {

constexpr std::size_t kLongestAnswer = 256;

volatile std::sig_atomic_t caught = 0;
void catch_signal(int number) { caught = number; }

// Echo off, and the signals that would end the process kept until it is on again. They are
// blocked but while the terminal is waited for: one that comes just before is not missed.
class EchoOff {
 public:
  EchoOff() {
    caught = 0;
    sigset_t ours;
    sigemptyset(&ours);
    for (int number : kSignals) sigaddset(&ours, number);
    ::sigprocmask(SIG_BLOCK, &ours, &waiting_);
    struct sigaction action {};
    action.sa_handler = catch_signal;
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      ::sigaction(kSignals[i], &action, &before_[i]);
    }
    if (::tcgetattr(STDIN_FILENO, &terminal_) != 0) return;
    termios silent = terminal_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    off_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~EchoOff() {
    if (off_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_);
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      ::sigaction(kSignals[i], &before_[i], nullptr);
    }
    if (caught != 0) ::raise(caught);
    ::sigprocmask(SIG_SETMASK, &waiting_, nullptr);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  bool off() const { return off_; }
  const sigset_t* waiting() const { return &waiting_; }

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
  termios terminal_{};
  struct sigaction before_[std::size(kSignals)]{};
  sigset_t waiting_{};
  bool off_ = false;
};

// Octet by octet: nothing of the secret stays in a buffer of the standard library.
// `waiting`, if given, is the signal mask while nothing is there to read.
std::optional<base::Secret> read_line(const sigset_t* waiting) {
  base::Bytes bytes;
  bytes.reserve(kLongestAnswer);
  bool good = true;
  bool any = false;
  for (;;) {
    std::uint8_t octet = 0;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    ssize_t got = waiting == nullptr ? 1 : ::ppoll(&input, 1, nullptr, waiting);
    if (got > 0) got = ::read(STDIN_FILENO, &octet, 1);
    if (got < 0 && errno == EINTR && (waiting == nullptr || caught == 0)) continue;
    if (got < 0) good = false;
    if (got <= 0) break;
    any = true;
    if (octet == '\n') break;
    if (bytes.size() == kLongestAnswer) {
      good = false;
      continue;
    }
    bytes.push_back(octet);
  }
  if (!bytes.empty() && bytes.back() == '\r') bytes.pop_back();
  base::Secret secret(std::move(bytes));
  if (!good || !any) return std::nullopt;
  return secret;
}

}  // namespace

bool interactive() { return ::isatty(STDIN_FILENO) == 1; }

std::optional<std::string> ask(const std::string& question) {
  std::fprintf(stderr, "%s: ", base::visible(question).c_str());
  std::fflush(stderr);
  const auto line = read_line(nullptr);
  if (!line) return std::nullopt;
  return std::string(base::as_text(line->view()));
}

std::optional<base::Secret> ask_secret(const std::string& question) {
  if (!interactive()) return read_line(nullptr);
  const EchoOff echo;
  if (!echo.off()) return std::nullopt;
  std::fprintf(stderr, "%s (not shown): ", question.c_str());
  std::fflush(stderr);
  return read_line(echo.waiting());
}

}  // namespace cli
