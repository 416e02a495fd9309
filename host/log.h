// Where the lines of host and plugin go: one line "DATE SEVERITY COMPONENT TEXT [IDENTIFIER]" on
// standard error or in a file, or a datagram with fields to journald's native socket.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "host/settings.h"

namespace host {

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

std::string_view severity_name(base::Severity severity);
std::string stderr_line(std::int64_t utc_ms, base::Severity severity, std::string_view component,
                        std::string_view text);
// "db.unavailable" of "... [db.unavailable]"; empty: the line bears none.
std::string_view id_in(std::string_view text);
std::string journal_fields(base::Severity severity, std::string_view component,
                           std::string_view text);

// write() only queues: a full pipe or a busy journal never holds up the plugin. Lines beyond the
// queue are dropped and counted. Any thread for write().
class Log : public base::Log {
 public:
  // The clock outlives the log.
  Log(LogTarget target, base::Severity level, const base::Clock& clock, std::string file = {},
      std::string journal_socket = kJournalSocket);
  ~Log() override { stop(); }

  bool start();
  void stop();  // writes what is queued, joins
  // The file is opened anew before the next line: it was renamed. Any thread.
  void reopen() { reopen_ = true; }

  void write(base::Severity severity, std::string_view id, std::string_view text) override;

 private:
  struct Line {
    std::int64_t utc_ms;
    base::Severity severity;
    std::string component;
    std::string text;
  };
  void work();
  void put(const Line& line);
  bool to_journal(const std::string& fields);
  bool to_file(std::string_view line);

  const LogTarget target_;
  const base::Severity level_;
  const base::Clock& clock_;
  const std::string path_;
  const std::string journal_socket_;
  std::atomic<bool> reopen_{false};
  // The log's own thread alone.
  int journal_ = -1;
  int file_ = -1;

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Line> lines_;
  std::uint64_t dropped_ = 0;
  bool stopping_ = false;
  base::Thread thread_;
};

}  // namespace host
