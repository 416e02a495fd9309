// A key file that a tool changes: the other lines stay, and what must not be is refused.
#include "db/key_file_edit.h"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "db/key_files.h"

namespace {
bool folders_cannot_be_locked = false;
}  // namespace

// What locks of this program come to: NFS refuses an exclusive one on what is not open for writing.
extern "C" int flock(int descriptor, int operation) noexcept {
  struct stat info {};
  if (folders_cannot_be_locked && ::fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
    errno = EBADF;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_flock, descriptor, operation));
}

namespace {

const std::string kFirst = "1 " + std::string(64, 'a');
const std::string kSeventh = "  7\t" + std::string(64, 'b');

struct File {
  File() {
    char name[] = "/tmp/bv-edit-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/master";
    write("# ours\n" + kFirst + "\n\n" + kSeventh + "\n");
  }
  ~File() { std::filesystem::remove_all(folder); }

  void write(const std::string& text) {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
  }
  std::string text() const {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder;
  std::string path;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(key_file_edit, File)

// Proves that a new key gets the next number, differs each time, and leaves the rest as it was.
BOOST_AUTO_TEST_CASE(added) {
  BOOST_TEST(*db::add_key(path) == 8u);
  BOOST_TEST(*db::add_key(path) == 9u);
  BOOST_TEST(text().starts_with("# ours\n" + kFirst + "\n\n" + kSeventh + "\n8 "));
  struct stat info {};
  BOOST_REQUIRE(::stat(path.c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0600u);
  const auto keys = db::read_key_file(path);
  BOOST_REQUIRE(keys.ok());
  BOOST_TEST(keys->size() == 4u);
  BOOST_TEST(base::to_hex(keys->at(8).view()) != base::to_hex(keys->at(9).view()));
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
}

// Proves that only the one line goes, and neither the newest nor one that is not there.
BOOST_AUTO_TEST_CASE(dropped) {
  BOOST_TEST(!db::drop_key(path, 7).ok());
  BOOST_TEST(!db::drop_key(path, 2).ok());
  BOOST_TEST(db::drop_key(path, 1).ok());
  BOOST_TEST(text() == "# ours\n\n" + kSeventh + "\n");
  BOOST_TEST(!db::drop_key(path, 7).ok());
}

// Proves that a file that is not in order stays as it is, and that no error shows its keys.
BOOST_AUTO_TEST_CASE(refused) {
  for (const std::string& wrong :
       {std::string(), std::string("1 ab\n"), kFirst + "\n" + kFirst + "\n",
        "999999999 " + std::string(64, 'c') + "\n"}) {
    write(wrong);
    const auto added = db::add_key(path);
    BOOST_REQUIRE(!added.ok());
    BOOST_TEST(added.error().find(std::string(8, 'a')) == std::string::npos);
    BOOST_TEST(text() == wrong);
  }
  write(kFirst + "\n");
  ::chmod(path.c_str(), 0644);
  BOOST_TEST(!db::add_key(path).ok());
  ::chmod(path.c_str(), 0600);
  const std::string link = folder + "/link";
  std::filesystem::create_symlink(path, link);
  BOOST_TEST(!db::add_key(link).ok());
  BOOST_TEST(!db::drop_key(link, 1).ok());
  BOOST_TEST(text() == kFirst + "\n");
}

// Proves that one at a time has the lock, also where folders cannot be locked: by a file then,
// which is private, is no key, and is never opened through a link.
BOOST_AUTO_TEST_CASE(one_at_a_time) {
  const auto held_by_another = [&](const std::string& what) {
    const int other = ::open(what.c_str(), O_RDONLY | O_CLOEXEC);
    const bool free = ::syscall(SYS_flock, other, LOCK_EX | LOCK_NB) == 0;
    ::close(other);
    return !free;
  };
  const std::string file = folder + "/" + db::kKeyLockName;
  {
    const auto lock = db::KeyFileLock::take(path);
    BOOST_REQUIRE(lock.ok());
    BOOST_TEST(held_by_another(folder));
  }
  BOOST_TEST(!held_by_another(folder));
  BOOST_TEST(!std::filesystem::exists(file));

  folders_cannot_be_locked = true;
  for (int again = 0; again < 2; ++again) {
    const auto lock = db::KeyFileLock::take(path);
    BOOST_REQUIRE(lock.ok());
    BOOST_TEST(held_by_another(file));
  }
  BOOST_TEST(!held_by_another(file));
  struct stat info {};
  BOOST_TEST((::stat(file.c_str(), &info) == 0 && (info.st_mode & 07777) == 0600));
  std::filesystem::remove(file);
  std::filesystem::create_symlink(folder + "/elsewhere", file);
  const auto refused = db::KeyFileLock::take(path);
  folders_cannot_be_locked = false;
  BOOST_TEST(!refused.ok());
  BOOST_TEST(!std::filesystem::exists(folder + "/elsewhere"));
}

BOOST_AUTO_TEST_SUITE_END()
