#include "db/key_file_edit.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crypto.h"
#include "base/files.h"
#include "base/log.h"
#include "db/key_files.h"

namespace db {

namespace {

constexpr std::size_t kKeySize = 32;
constexpr unsigned kPrivate = 0600;

base::Status editable(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
    return base::Error{path + " is a symbolic link; a key file is not changed through one"};
  }
  return {};
}

base::Status replace(const std::string& path, const base::Secret& content) {
  const base::Status written =
      base::write_file_atomically(path, base::as_text(content.view()), kPrivate);
  if (!written) return written;
  return sync_directory_of(path);
}

// The number at the beginning of a line; 0: none.
std::uint32_t number_of(std::string_view line) {
  std::uint32_t number = 0;
  const std::size_t at = line.find_first_not_of(" \t");
  if (at == std::string_view::npos) return 0;
  for (const char c : line.substr(at)) {
    if (c < '0' || c > '9') break;
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return number;
}

// 0 or errno.
int lock_waiting(int descriptor, const std::function<void()>& waiting) {
  int done = ::flock(descriptor, LOCK_EX | LOCK_NB);
  if (done != 0 && errno == EWOULDBLOCK) {
    if (waiting) waiting();
    do {
      done = ::flock(descriptor, LOCK_EX);
    } while (done != 0 && errno == EINTR);
  }
  return done == 0 ? 0 : errno;
}

// -1: errno says why. Of the folder's owner, so that he can lock it as well when root was first.
int open_lock_file(int folder) {
  const int file = ::openat(folder, kKeyLockName,
                            O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kPrivate);
  struct stat of_file {
  }, of_folder{};
  if (file < 0 || ::fstat(file, &of_file) != 0 || ::fstat(folder, &of_folder) != 0) return file;
  if (of_file.st_uid != of_folder.st_uid) {
    (void)!::fchown(file, of_folder.st_uid, of_folder.st_gid);
  }
  return file;
}

}  // namespace

base::Result<KeyFileLock> KeyFileLock::take(const std::string& path,
                                            const std::function<void()>& waiting) {
  const std::string folder = directory_of(path);
  KeyFileLock lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.locked_ < 0) return base::Error{folder + ": " + std::strerror(errno)};
  int fault = lock_waiting(lock.locked_, waiting);
  if (fault == 0) return lock;
  KeyFileLock file(open_lock_file(lock.locked_));
  fault = file.locked_ < 0 ? errno : lock_waiting(file.locked_, waiting);
  if (fault == 0) return file;
  return base::Error{folder + "/" + kKeyLockName + ": " + std::strerror(fault)};
}

KeyFileLock::~KeyFileLock() {
  if (locked_ >= 0) ::close(locked_);
}

base::Result<std::uint32_t> add_key(const std::string& path, std::uint32_t above,
                                    bool may_be_empty) {
  if (const base::Status right = editable(path); !right) return base::Error{right.error()};
  const auto keys = read_key_file(path, may_be_empty);
  if (!keys) return base::Error{keys.error()};
  const std::uint32_t number = std::max(above, keys->empty() ? 0 : keys->rbegin()->first) + 1;
  if (number > kHighestKeyNumber) return base::Error{path + ": there is no higher number left"};
  const auto before = read_secret_file(path);
  if (!before) return base::Error{before.error()};
  auto key = base::random_array<kKeySize>();
  std::string hex = base::to_hex(key);
  const std::string head = base::cat("\n", number, " ");
  base::Bytes content;
  content.reserve(before->size() + head.size() + hex.size() + 1);  // no copy is left behind
  for (const base::View part : {before->view(), base::as_bytes(head), base::as_bytes(hex)}) {
    content.insert(content.end(), part.begin(), part.end());
  }
  content.push_back('\n');
  base::wipe(key.data(), key.size());
  base::wipe(hex.data(), hex.size());
  if (const base::Status done = replace(path, base::Secret(std::move(content))); !done) {
    return base::Error{done.error()};
  }
  return number;
}

base::Status drop_key(const std::string& path, std::uint32_t number, std::uint32_t above) {
  if (const base::Status right = editable(path); !right) return right;
  const auto keys = read_key_file(path);
  if (!keys) return base::Error{keys.error()};
  if (!keys->contains(number)) return base::Error{base::cat(path, ": holds no key ", number)};
  if (number == keys->rbegin()->first && number >= above) {
    return base::Error{base::cat("key ", number, " is the newest: what is new is made with it")};
  }
  const auto before = read_secret_file(path);
  if (!before) return base::Error{before.error()};
  base::Bytes content;
  content.reserve(before->size() + 1);
  std::string_view rest = base::as_text(before->view());
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (number_of(line) == number) continue;
    content.insert(content.end(), line.begin(), line.end());
    content.push_back('\n');
  }
  return replace(path, base::Secret(std::move(content)));
}

}  // namespace db
