#include "cli/cared.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>
#include <optional>

#include "cli/care_access.h"
#include "cli/line_socket.h"

namespace cli {

namespace {

// The signals that the loop reads instead of being interrupted.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() { ::close(fd_); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_; }
  // True: the service is to end.
  bool read() const {
    bool end = false;
    signalfd_siginfo info{};
    while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      end = end || info.ssi_signo != static_cast<unsigned>(SIGCHLD);
    }
    return end;
  }
  void as_before() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
  int fd_ = -1;
};

constexpr const char* kTooMany = "too many calls at a time: try again";
constexpr const char* kTooManyOwn = "too many calls of this user at a time: try again";

unsigned seconds_of(std::int64_t ms) {
  return static_cast<unsigned>((ms + base::kSecondMs - 1) / base::kSecondMs);
}

// Who is at the other end, as the kernel says. Nothing: it cannot be told.
std::optional<::uid_t> peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

// In the process of one call; the alarm ends it when it takes too long.
void serve(Tool& tool, const LineSocket& socket) {
  const config::CareAccess* now = tool.care_access();
  if (now == nullptr) return;
  const config::CareAccess& access = *now;
  ::alarm(seconds_of(2 * access.request_timeout + access.call_timeout));
  const std::optional<::uid_t> peer = peer_of(socket.fd());
  if (!peer) return;
  const ::uid_t user = *peer;
  if (!is_caller(access, user)) {
    tool.log().warning("care.refused", base::cat("user ", user, ": refused"));
    const CareAnswer no =
        refused(kFailed, base::cat("user ", user, " is neither agent nor auditor ([care])"));
    (void)socket.write(to_line(no), access.request_timeout).ok();
    return;
  }
  auto line = socket.read_line(kLongestRequest, access.request_timeout);
  if (!line) {
    tool.log().warning("care.not_read", base::cat("user ", user, ": ", line.error()));
    return;
  }
  std::string answer = to_line(serve_request(tool, user, *line));
  base::wipe(line->data(), line->size());
  const base::Status written = socket.write(answer, access.request_timeout);
  base::wipe(answer.data(), answer.size());
  if (!written) {
    tool.log().warning("care.not_told", base::cat("user ", user, ": ", written.error()));
  }
}

class Service {
 public:
  Service(Tool& tool, const config::CareAccess& access, int listener)
      : tool_(tool), access_(access), listener_(listener) {}
  ~Service() { ::close(listener_); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void run() {
    bool end = false;
    while (!end) {
      pollfd wait[] = {{listener_, POLLIN, 0}, {signals_.fd(), POLLIN, 0}};
      if (::poll(wait, 2, -1) < 0 && errno != EINTR) return;
      end = signals_.read();
      reap(WNOHANG);
      if (!end && wait[0].revents != 0) accept();
    }
    reap(0);  // all that are left; each has its alarm
  }

 private:
  void accept() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    const LineSocket socket(fd);
    const std::optional<::uid_t> user = peer_of(fd);
    if (!user) return;
    const char* const full = no_room_for(*user);
    const pid_t child = full == nullptr ? ::fork() : -1;
    if (child == 0) {
      // Whoever ends the service, all its processes perhaps, does not end what an agent has asked
      // for.
      for (const int number : {SIGTERM, SIGINT}) ::signal(number, SIG_IGN);
      signals_.as_before();
      ::close(listener_);
      serve(tool_, socket);
      ::_exit(0);
    }
    if (child > 0) {
      calls_.emplace(child, *user);
      return;
    }
    const CareAnswer busy = refused(kUnavailable, full != nullptr ? full : kTooMany);
    // Who does not read it learns it from the closed connection.
    (void)socket.write(to_line(busy), 1).ok();
  }

  void reap(int options) {
    for (pid_t ended = 0; (ended = ::waitpid(-1, nullptr, options)) > 0;) calls_.erase(ended);
  }

  // Null: there is room for one more call of that user.
  const char* no_room_for(::uid_t user) const {
    const auto most = static_cast<std::size_t>(access_.calls);
    if (calls_.size() >= most) return kTooMany;
    const auto own = std::count_if(calls_.begin(), calls_.end(),
                                   [&](const auto& call) { return call.second == user; });
    return own < access_.calls_per_user || is_broker(access_, user) ? nullptr : kTooManyOwn;
  }

  Tool& tool_;
  const config::CareAccess& access_;
  int listener_;
  Signals signals_;
  std::map<pid_t, ::uid_t> calls_;  // under way: the process of each, and whose it is
};

ProgramSpec make_program() {
  return {"bipvault-cared",
          "Customer care of a Bipvault, as a service. Makes the calls of bipvault-care for users\n"
          "who have no access to the store and its keys, over the Unix socket that the\n"
          "configuration names in [care]. Who calls is what the kernel says of the other end.",
          {{"config", "FILE", base::cat("the plugin's configuration (", config::kDefaultPath, ")")},
           {"clock-file", "PATH", "laboratory: a file with milliseconds to add to the clock"},
           {"version", "", "print the version"}},
          {{"serve",
            "",
            0,
            0,
            "serve until it is told to end",
            "Runs as the vault's own user until SIGTERM. Each call has a process of its own, and\n"
            "reads configuration and keys anew: a change counts from the next call. Its log goes\n"
            "to standard error: who has called what, never for which card.",
            {}}},
          kBadConfig};
}

}  // namespace

const ProgramSpec& cared_program() {
  static const ProgramSpec kProgram = make_program();
  return kProgram;
}

int run_cared(Tool& tool) {
  const config::Config* config = tool.config(false);
  if (config == nullptr) return tool.code();
  const config::CareAccess& access = config->care;
  if (access.socket.empty()) return tool.fail(kBadConfig, "[care] socket is not set");
  // Nothing is said or asked here.
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(nothing, STDOUT_FILENO) < 0) {
    return tool.fail(kFailed, "/dev/null cannot be opened");
  }
  ::close(nothing);
  const auto listener = listen_at(access.socket);
  if (!listener) return tool.fail(kFailed, listener.error());
  tool.fail(kDone, base::with_id(base::cat("listens at ", access.socket), "care.listens"));
  Service(tool, access, *listener).run();
  ::unlink(access.socket.c_str());
  return kDone;
}

}  // namespace cli
