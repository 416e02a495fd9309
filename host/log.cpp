#include "host/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace host {

namespace {

constexpr std::size_t kMostLines = 10'000;

// Priorities of syslog(3).
int priority(base::Severity severity) {
  switch (severity) {
    case base::Severity::debug:
      return 7;
    case base::Severity::info:
      return 6;
    case base::Severity::warning:
      return 4;
    case base::Severity::error:
      return 3;
  }
  return 6;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::string_view severity_name(base::Severity severity) {
  switch (severity) {
    case base::Severity::debug:
      return "debug";
    case base::Severity::info:
      return "info";
    case base::Severity::warning:
      return "warning";
    case base::Severity::error:
      return "error";
  }
  return "info";
}

std::string stderr_line(std::int64_t utc_ms, base::Severity severity, std::string_view component,
                        std::string_view text) {
  return base::cat(base::iso_date(utc_ms), " ", severity_name(severity), " ",
                   base::one_line(component), " ", base::one_line(text), "\n");
}

// "db.unavailable" of "... [db.unavailable]"; empty: the line bears none.
std::string_view id_in(std::string_view text) {
  const std::size_t begin = text.rfind(" [");
  if (begin == std::string_view::npos || text.back() != ']') return {};
  const std::string_view id = text.substr(begin + 2, text.size() - begin - 3);
  constexpr std::string_view kOf = "abcdefghijklmnopqrstuvwxyz0123456789_.";
  const bool good =
      id.find('.') != std::string_view::npos && id.find_first_not_of(kOf) == std::string_view::npos;
  return good ? id : std::string_view();
}

std::string journal_fields(base::Severity severity, std::string_view component,
                           std::string_view text) {
  const std::string message = base::one_line(text);
  const std::string_view id = id_in(message);
  return base::cat(
      "PRIORITY=", priority(severity),
      "\nSYSLOG_IDENTIFIER=bipvault-host\nBIPVAULT_COMPONENT=", base::one_line(component),
      id.empty() ? "" : "\nBIPVAULT_MESSAGE=", id, "\nMESSAGE=", message, "\n");
}

Log::Log(LogTarget target, base::Severity level, const base::Clock& clock, std::string file,
         std::string journal_socket)
    : target_(target),
      level_(level),
      clock_(clock),
      path_(std::move(file)),
      journal_socket_(std::move(journal_socket)) {}

bool Log::start() {
  return thread_.start("log", [this] { work(); });
}

void Log::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_one();
  thread_.join();
  if (journal_ >= 0) ::close(std::exchange(journal_, -1));
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

void Log::write(base::Severity severity, std::string_view id, std::string_view text) {
  if (severity < level_) return;
  Line line{clock_.now().utc_ms, severity, std::string(base::component_of(id)),
            base::with_id(text, id)};
  {
    std::lock_guard lock(mutex_);
    if (lines_.size() >= kMostLines) {
      ++dropped_;
      return;
    }
    lines_.push_back(std::move(line));
  }
  ready_.notify_one();
}

void Log::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [&] { return stopping_ || !lines_.empty(); });
    if (lines_.empty()) return;
    std::deque<Line> lines = std::exchange(lines_, {});
    const std::uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();
    for (const Line& line : lines) put(line);
    if (dropped > 0) {
      put({clock_.now().utc_ms, base::Severity::warning, "host",
           base::with_id(base::cat(dropped, " log lines were dropped: they came too fast"),
                         "host.lines_dropped")});
    }
    lock.lock();
  }
}

void Log::put(const Line& line) {
  const bool journal = target_ == LogTarget::journald;
  if (journal && to_journal(journal_fields(line.severity, line.component, line.text))) return;
  const std::string text = stderr_line(line.utc_ms, line.severity, line.component, line.text);
  if (target_ == LogTarget::file && to_file(text)) return;
  (void)write_all(STDERR_FILENO, text);  // nobody reads: there is no other place for the line
}

// A file that cannot be opened is tried again at the next line: its disk may be back.
bool Log::to_file(std::string_view line) {
  if (reopen_.exchange(false) && file_ >= 0) ::close(std::exchange(file_, -1));
  if (file_ < 0) file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  return file_ >= 0 && write_all(file_, line);
}

bool Log::to_journal(const std::string& fields) {
  if (journal_ < 0) {
    journal_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (journal_ < 0) return false;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (journal_socket_.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, journal_socket_.data(), journal_socket_.size());
  ssize_t sent = 0;
  do {
    sent = ::sendto(journal_, fields.data(), fields.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

}  // namespace host
