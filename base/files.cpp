#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace base {

namespace {

constexpr std::size_t kChunk = 64 * 1024;
constexpr std::string_view kBom = "\xEF\xBB\xBF";

std::string system_text(int number) {
  char text[128] = {};
  return strerror_r(number, text, sizeof text);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// Opening must not wait, as it would for a pipe nobody writes to.
Result<int> open_regular(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return Error{system_text(errno)};
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return Error{system_text(errno)};
  if (S_ISDIR(info.st_mode)) return Error{"is a directory"};
  if (!S_ISREG(info.st_mode)) return Error{"is not a regular file"};
  return file.release();
}

}  // namespace

Result<std::string> read_text_file(const std::string& path, std::size_t limit) {
  const auto opened = open_regular(path);
  if (!opened) return Error{opened.error()};
  const Descriptor file(*opened);
  std::string content;
  for (;;) {
    const std::size_t had = content.size();
    content.resize(had + kChunk);
    const ssize_t got = ::read(file.get(), content.data() + had, kChunk);
    if (got < 0 && errno == EINTR) {
      content.resize(had);
      continue;
    }
    if (got < 0) return Error{system_text(errno)};
    content.resize(had + static_cast<std::size_t>(got));
    if (content.size() > limit) return Error{cat("is larger than ", limit, " octets")};
    if (got == 0) return content;
  }
}

SecretFileState check_secret_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    const bool missing = error == ENOENT || error == ENOTDIR;
    return {missing ? SecretFile::missing : SecretFile::bad,
            missing ? "there is no file " + path : path + ": " + system_text(error)};
  }
  if (!S_ISREG(info.st_mode)) return {SecretFile::bad, path + " is not a regular file"};
  if (info.st_uid != ::geteuid()) {
    return {SecretFile::bad, cat(path, " belongs to user ", info.st_uid, ", not to this process's ",
                                 ::geteuid(), ": run this as its owner",
                                 ::geteuid() == 0 ? " (runuser -u OWNER -- ...)"
                                                  : cat(", or chown ", ::geteuid(), " ", path))};
  }
  const unsigned mode = info.st_mode & 07777;
  if (mode != 0600 && mode != 0400) {
    char octal[8] = {};
    std::snprintf(octal, sizeof octal, "%04o", mode);
    return {SecretFile::bad,
            cat(path, " has mode ", octal, ", it must be 0600 or 0400: chmod 600 ", path)};
  }
  return {};
}

Status write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
  std::string beside = path + ".XXXXXX";
  const Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
  if (file.get() < 0) return Error{beside + ": " + system_text(errno)};
  const auto give_up = [&](const char* what) {
    const int error = errno;
    ::unlink(beside.c_str());
    return Error{cat(what, " ", path, ": ", system_text(error))};
  };
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return give_up("write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fchmod(file.get(), mode) != 0) return give_up("chmod");
  if (::fsync(file.get()) != 0) return give_up("fsync");
  if (::rename(beside.c_str(), path.c_str()) != 0) return give_up("rename");
  return {};
}

Result<Lines> Lines::open(const std::string& path) {
  Lines lines{std::string_view()};
  int number = STDIN_FILENO;
  if (path == "-") {
    number = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    if (number < 0) return Error{system_text(errno)};
  } else {
    const auto opened = open_regular(path);
    if (!opened) return Error{opened.error()};
    number = *opened;
    struct stat info {};
    if (::fstat(number, &info) == 0) lines.size_ = static_cast<std::uint64_t>(info.st_size);
  }
  lines.file_.reset(::fdopen(number, "r"));
  if (!lines.file_) {
    ::close(number);
    return Error{"cannot be opened"};
  }
  return lines;
}

bool Lines::refill() {
  if (!file_) return false;
  buffer_.resize(kChunk);
  const std::size_t got = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
  failed_ = got == 0 && std::ferror(file_.get()) != 0;
  text_ = std::string_view(buffer_).substr(0, got);
  return got > 0;
}

Lines::Got Lines::next(std::string& line) {
  line.clear();
  bool any = false;
  bool too_long = false;
  for (bool ended = false; !ended;) {
    if (text_.empty() && !refill()) break;
    any = true;
    const std::size_t end = text_.find('\n');
    ended = end != std::string_view::npos;
    const std::string_view part = text_.substr(0, end);
    too_long = too_long || line.size() + part.size() > kLongest;
    if (!too_long) line += part;
    const std::size_t used = part.size() + (ended ? 1 : 0);
    position_ += used;
    text_.remove_prefix(used);
  }
  if (failed_) return Got::failed;
  if (!any) return Got::end;
  ++number_;
  if (too_long) {
    line.clear();
    return Got::too_long;
  }
  if (number_ == 1 && line.starts_with(kBom)) line.erase(0, kBom.size());
  if (line.ends_with('\r')) line.pop_back();
  return Got::line;
}

}  // namespace base
