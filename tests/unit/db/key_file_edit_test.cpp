// A key file that a tool changes: the other lines stay, and what must not be is refused.
#include "db/key_file_edit.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "db/key_files.h"

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

BOOST_AUTO_TEST_SUITE_END()
