#include "db/key_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/crypto.h"
#include "base/files.h"
#include "base/log.h"
#include "db/token_keys.h"

namespace db {

namespace {

constexpr std::size_t kLargestFile = 64 * 1024;
constexpr std::size_t kKeySize = 32;

std::string system_text(int number) {
  char text[128] = {};
  return strerror_r(number, text, sizeof text);
}

struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

// The checks again on what was really opened: the path may have changed in between.
bool is_private(int file) {
  struct stat info {};
  if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  const unsigned mode = info.st_mode & 07777;
  return info.st_uid == ::geteuid() && (mode == 0600 || mode == 0400);
}

bool blank(std::uint8_t octet) { return octet == ' ' || octet == '\t' || octet == '\r'; }

base::View trimmed(base::View line) {
  while (!line.empty() && blank(line.front())) line = line.subspan(1);
  while (!line.empty() && blank(line.back())) line = line.first(line.size() - 1);
  return line;
}

std::optional<std::uint32_t> parse_number(base::View text) {
  std::uint32_t value = 0;
  if (text.empty() || text.size() > 9) return std::nullopt;
  for (const std::uint8_t c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - std::uint32_t{'0'});
  }
  if (value == 0) return std::nullopt;
  return value;
}

// "NUMBER HEX64". Nothing of a faulty line is repeated in the reason: it may be key material.
base::Status add_key(NumberedKeys& keys, base::View line) {
  std::size_t digits = 0;
  while (digits < line.size() && !blank(line[digits])) ++digits;
  const auto number = parse_number(line.first(digits));
  if (!number) return base::Error{"a line is NUMBER HEX64, NUMBER from 1"};
  const base::View hex = trimmed(line.subspan(digits));
  auto octets = hex.size() == 2 * kKeySize ? base::from_hex(base::as_text(hex)) : std::nullopt;
  base::Secret key(octets ? std::move(*octets) : base::Bytes{});
  if (key.size() != kKeySize) return base::Error{"the key must be 64 hexadecimal digits"};
  if (!keys.try_emplace(*number, std::move(key)).second) {
    return base::Error{base::cat("key number ", *number, " is given twice")};
  }
  return {};
}

base::Status write_all(int file, base::View content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return base::Error{system_text(errno)};
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

std::string in_both(const NumberedKeys& file, const TokenKeys& token) {
  for (const std::uint32_t number : token.numbers()) {
    if (file.contains(number)) {
      return base::cat("master key ", number, " is in the key file and in the HSM");
    }
  }
  return "";
}

// With those of the file, which may be none.
base::Result<MasterKeys> with_token_keys(const KeyFiles& files, NumberedKeys in_file) {
  auto token = TokenKeys::open(files.token);
  if (!token) return base::Error{token.error()};
  if (std::string fault = in_both(in_file, **token); !fault.empty()) return base::Error{fault};
  if (in_file.empty() && (*token)->numbers().empty()) {
    return base::Error{base::cat("HSM token '", files.token.token, "': holds no key called '",
                                 files.token.key_label,
                                 "'; restore it from the HSM's backup; only for a new vault: "
                                 "bipvault-ops keys init")};
  }
  MasterKeys keys(std::move(in_file), token.take());
  if (const base::Status works = keys.check(); !works) return base::Error{works.error()};
  return keys;
}

// True: created. False: there is one already.
base::Result<bool> create_key_file(const std::string& path, const char* what,
                                   std::uint32_t number) {
  if (path.empty()) return base::Error{base::cat("no ", what, " is configured")};
  const Descriptor file{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (file.number < 0 && errno == EEXIST) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
      return base::Error{path + " is a symbolic link; a key file is not created through one"};
    }
    return false;
  }
  if (file.number < 0) return base::Error{path + ": " + system_text(errno)};
  auto key = base::random_array<kKeySize>();
  std::string hex = base::to_hex(key);
  base::Bytes line;
  const std::string head =
      base::cat("# Bipvault: ", what, ". NUMBER HEX64, one key a line.\n", number, " ");
  line.reserve(head.size() + hex.size() + 1);
  line.insert(line.end(), head.begin(), head.end());
  line.insert(line.end(), hex.begin(), hex.end());
  line.push_back('\n');
  base::wipe(key.data(), key.size());
  base::wipe(hex.data(), hex.size());
  const base::Secret content(std::move(line));
  base::Status done = write_all(file.number, content.view());
  if (done && (::fchmod(file.number, 0600) != 0 || ::fsync(file.number) != 0)) {
    done = base::Error{system_text(errno)};
  }
  if (done) done = sync_directory_of(path);
  if (!done) {
    ::unlink(path.c_str());  // half a key file must not be taken for a whole one later
    return base::Error{path + ": " + done.error()};
  }
  return true;
}

}  // namespace

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

base::Status sync_directory_of(const std::string& path) {
  const std::string directory = directory_of(path);
  const Descriptor file{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (file.number < 0 || ::fsync(file.number) != 0) {
    return base::Error{directory + ": " + system_text(errno)};
  }
  return {};
}

base::Result<NumberedKeys> read_key_file(const std::string& path, bool may_be_empty) {
  const auto content = read_secret_file(path);
  if (!content) return base::Error{content.error()};
  NumberedKeys keys;
  base::View rest = content->view();
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = std::find(rest.begin(), rest.end(), std::uint8_t{'\n'});
    const auto size = static_cast<std::size_t>(end - rest.begin());
    const base::View line = trimmed(rest.first(size));
    rest = rest.subspan(std::min(size + 1, rest.size()));
    if (line.empty() || line.front() == '#') continue;
    if (const base::Status added = add_key(keys, line); !added) {
      return base::Error{base::cat(path, ":", number, ": ", added.error())};
    }
  }
  if (keys.empty() && !may_be_empty) return base::Error{path + ": holds no key"};
  return keys;
}

base::Result<base::Secret> read_secret_file(const std::string& path) {
  const base::SecretFileState state = base::check_secret_file(path);
  if (state.state != base::SecretFile::good) return base::Error{state.text};
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) return base::Error{path + ": " + system_text(errno)};
  if (!is_private(file.number)) return base::Error{path + ": changed while it was opened"};
  base::Bytes buffer(kLargestFile + 1);  // never grows: no copy is left behind
  std::size_t size = 0;
  ssize_t got = 0;
  do {
    got = ::read(file.number, buffer.data() + size, buffer.size() - size);
    if (got > 0) size += static_cast<std::size_t>(got);
  } while (got > 0 || (got < 0 && errno == EINTR));
  const int error = errno;
  base::Secret whole(std::move(buffer));
  if (got < 0) return base::Error{path + ": " + system_text(error)};
  if (size > kLargestFile) return base::Error{path + ": too large for a secret"};
  base::View content = whole.view().first(size);
  while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) {
    content = content.first(content.size() - 1);
  }
  return base::Secret(content);
}

base::Result<std::vector<std::string>> create_key_files(const KeyFiles& files,
                                                        const FirstNumbers& numbers) {
  const std::tuple<const std::string*, const char*, std::uint32_t> wanted[] = {
      {&files.master_key_file, "master key file", numbers.master},
      {&files.pepper_file, "pepper file", numbers.pepper},
      {&files.audit_key_file, "audit key file", 1},
  };
  std::vector<std::string> created;
  for (const auto& [path, what, number] : wanted) {
    if (path == &files.master_key_file && !files.token.module.empty()) continue;
    const auto made = create_key_file(*path, what, number);
    if (!made) return base::Error{made.error()};
    if (*made) created.push_back(*path);
  }
  return created;
}

void FileKeyRing::read(const KeyFiles& files, std::vector<KeyFault>& faults) {
  files_ = files;
  const bool has_token = !files.token.module.empty();
  NumberedKeys in_file;
  const std::tuple<const char*, NumberedKeys*, const std::string*, const char*> wanted[] = {
      {"master_key_file", &in_file, &files.master_key_file, "master key file"},
      {"pepper_file", &peppers_, &files.pepper_file, "pepper file"},
      {"audit_key_file", &audit_, &files.audit_key_file, "audit key file"},
  };
  for (const auto& [name, keys, path, what] : wanted) {
    const bool beside_token = has_token && keys == &in_file;
    if (path->empty()) {
      if (!beside_token) faults.push_back({name, base::cat("no ", what, " is configured")});
      continue;
    }
    auto loaded = read_key_file(*path, beside_token);
    if (loaded) *keys = loaded.take();
    if (!loaded) faults.push_back({name, loaded.error()});
  }
  // Entries do not name the key that they were made with: a second one would make every chain
  // made under the first look forged.
  if (audit_.size() > 1) {
    faults.push_back({"audit_key_file", files.audit_key_file + ": must hold exactly one key"});
  }
  if (!has_token) {
    master_ = MasterKeys(std::move(in_file));
    return;
  }
  auto master = with_token_keys(files, std::move(in_file));
  if (master) master_ = master.take();
  if (!master) faults.push_back({"pkcs11_module", master.error()});
}

std::vector<KeyFault> FileKeyRing::faults(const KeyFiles& files) {
  std::vector<KeyFault> faults;
  FileKeyRing().read(files, faults);
  return faults;
}

base::Result<std::unique_ptr<FileKeyRing>> FileKeyRing::load(const KeyFiles& files) {
  auto ring = std::make_unique<FileKeyRing>();
  std::vector<KeyFault> faults;
  ring->read(files, faults);
  if (faults.empty()) return ring;
  return base::Error{text_of(faults)};
}

std::string text_of(const std::vector<KeyFault>& faults) {
  std::string all;
  for (const KeyFault& fault : faults) all += (all.empty() ? "" : "; ") + fault.text;
  return all;
}

std::uint32_t FileKeyRing::newest_pepper() const { return peppers_.rbegin()->first; }

std::optional<vault::KeyMac> FileKeyRing::key_mac(std::uint32_t pepper,
                                                  const vault::RecordId& record,
                                                  base::View key_ascii) const {
  const auto found = peppers_.find(pepper);
  if (found == peppers_.end()) return std::nullopt;
  return base::hmac_sha256(found->second.view(), {record, key_ascii});
}

base::Sha256 FileKeyRing::audit_mac(std::initializer_list<base::View> parts) const {
  return base::hmac_sha256(audit_.rbegin()->second.view(), parts);
}

std::string FileKeyRing::document_mac(const std::string& type, base::View number) const {
  constexpr std::size_t kOctets = 8;
  base::Writer head;
  head.text("document").u32(static_cast<std::uint32_t>(type.size())).text(type);
  const base::Sha256 mac =
      base::hmac_sha256(audit_.rbegin()->second.view(), {base::View(head.view()), number});
  return base::to_hex(base::View(mac).first(kOctets));
}

}  // namespace db
