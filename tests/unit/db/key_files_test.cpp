// Key files: what is accepted, what is refused, and that no error repeats key material.
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/crypto.h"
#include "db/key_files.h"

namespace {

const std::string kHex(64, 'a');

struct Directory {
  Directory() {
    char name[] = "/tmp/bv-keys-XXXXXX";
    path = ::mkdtemp(name);
    files = {path + "/master", path + "/pepper", path + "/audit"};
  }
  ~Directory() { std::filesystem::remove_all(path); }

  void write(const std::string& file, const std::string& text, mode_t mode = 0600) {
    std::ofstream(file) << text;
    ::chmod(file.c_str(), mode);
  }
  void write_all() {
    for (const auto* file : {&files.master_key_file, &files.pepper_file, &files.audit_key_file}) {
      write(*file, "1 " + kHex + "\n");
    }
  }
  std::string error() {
    const auto loaded = db::FileKeyRing::load(files);
    return loaded.ok() ? "" : loaded.error();
  }

  std::string path;
  db::KeyFiles files;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(key_files, Directory)

// Created files are private, differ from each other, can be loaded, and stay as they are when the
// command is given again.
BOOST_AUTO_TEST_CASE(created_once) {
  const auto created = db::create_key_files(files);
  BOOST_REQUIRE(created.ok());
  BOOST_TEST(created->size() == 3u);
  for (const std::string& file : *created) {
    struct stat info {};
    BOOST_REQUIRE(::stat(file.c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 07777) == 0600u);
  }
  const auto ring = db::FileKeyRing::load(files);
  BOOST_REQUIRE(ring.ok());
  BOOST_TEST((*ring)->newest_pepper() == 1u);
  BOOST_TEST((*ring)->master_keys().numbers().size() == 1u);
  const auto content = db::read_secret_file(files.master_key_file);
  const auto other = db::read_secret_file(files.pepper_file);
  BOOST_TEST(!base::equal_constant_time(content->view(), other->view()));
  ::unlink(files.pepper_file.c_str());
  const auto again = db::create_key_files(files);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST((*again == std::vector<std::string>{files.pepper_file}));
  BOOST_TEST(base::equal_constant_time(content->view(),
                                       db::read_secret_file(files.master_key_file)->view()));
}

// A symbolic link in a key file's place is refused: the key is not written where it points.
BOOST_AUTO_TEST_CASE(no_creation_through_a_link) {
  const std::string target = path + "/target";
  BOOST_REQUIRE(::symlink(target.c_str(), files.master_key_file.c_str()) == 0);
  const auto created = db::create_key_files(files);
  BOOST_REQUIRE(!created.ok());
  BOOST_TEST(contains(created.error(), files.master_key_file));
  BOOST_TEST(::access(target.c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(no_creation_without_a_directory) {
  files.master_key_file = path + "/none/master";
  BOOST_TEST(!db::create_key_files(files).ok());
}

// Comments, blank lines, CRLF, both cases of hex and any order are accepted; the highest number is
// the newest.
BOOST_AUTO_TEST_CASE(accepted) {
  write_all();
  write(files.pepper_file,
        "# peppers\r\n\r\n7  " + std::string(64, 'B') + "\r\n\t2 " + kHex + "  \n\n# end");
  const auto ring = db::FileKeyRing::load(files);
  BOOST_REQUIRE_MESSAGE(ring.ok(), (ring.ok() ? "" : ring.error()));
  BOOST_TEST((*ring)->newest_pepper() == 7u);
  const vault::RecordId record{};
  BOOST_TEST((*ring)->key_mac(2, record, base::as_bytes("123")).has_value());
  BOOST_TEST(!(*ring)->key_mac(3, record, base::as_bytes("123")).has_value());
}

// Faulty lines are named by file and line, and nothing of them is repeated.
BOOST_AUTO_TEST_CASE(faulty_lines) {
  const std::string secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
  for (const std::string& line :
       std::vector<std::string>{secret + "f", "0 " + secret + "f", "1 " + secret,
                                "1 " + secret + "ff", "1 " + secret + "g", "x " + secret + "f",
                                "-1 " + secret + "f", "1", "1 ", "4294967296 " + secret + "f",
                                "1 " + secret.substr(0, 31) + " " + secret.substr(31) + "f"}) {
    write_all();
    write(files.pepper_file, "# comment\n" + line + "\n");
    const std::string text = error();
    BOOST_TEST(contains(text, files.pepper_file + ":2: "), line);
    BOOST_TEST(!contains(text, "0123456789"), text);
  }
  write_all();
  write(files.pepper_file, "1 " + kHex + "\n1 " + kHex + "\n");
  BOOST_TEST(contains(error(), files.pepper_file + ":2: key number 1 is given twice"));
}

// Any prefix of a file is an error or loads: it never crashes, and half a key is never a key.
BOOST_AUTO_TEST_CASE(truncated_everywhere) {
  const std::string whole = "1 " + kHex + "\n2 " + kHex;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_all();
    write(files.master_key_file, whole.substr(0, size));
    BOOST_TEST((error().empty()) == (size == 66 || size == 67), size);
  }
}

BOOST_AUTO_TEST_CASE(random_octets) {
  for (int i = 0; i < 200; ++i) {
    write_all();
    const auto octets = base::random_array<200>();
    write(files.audit_key_file, std::string(octets.begin(), octets.end()));
    BOOST_TEST(!error().empty());
  }
}

// Files that others can read, directories, pipes, missing ones and oversized ones are refused,
// without waiting.
BOOST_AUTO_TEST_CASE(refused_files) {
  write_all();
  for (const mode_t mode : {0644, 0640, 0660, 0700, 0604}) {
    ::chmod(files.master_key_file.c_str(), mode);
    BOOST_TEST(contains(error(), files.master_key_file), mode);
  }
  ::chmod(files.master_key_file.c_str(), 0400);
  BOOST_TEST(error() == "");
  ::unlink(files.master_key_file.c_str());
  BOOST_TEST(contains(error(), files.master_key_file));
  BOOST_REQUIRE(::mkfifo(files.master_key_file.c_str(), 0600) == 0);
  BOOST_TEST(contains(error(), files.master_key_file));
  ::unlink(files.master_key_file.c_str());
  BOOST_REQUIRE(::mkdir(files.master_key_file.c_str(), 0700) == 0);
  BOOST_TEST(contains(error(), files.master_key_file));
  ::rmdir(files.master_key_file.c_str());
  write(files.master_key_file, std::string(70'000, '#'));
  BOOST_TEST(contains(error(), "too large"));
  write(files.master_key_file, "# nothing\n");
  BOOST_TEST(contains(error(), "no key"));
}

// Two audit keys would make old chains look forged: refused.
BOOST_AUTO_TEST_CASE(one_audit_key_only) {
  write_all();
  write(files.audit_key_file, "1 " + kHex + "\n2 " + kHex + "\n");
  BOOST_TEST(contains(error(), "exactly one key"));
}

// Root is not told to make somebody's key file its own: the service could not read it any more.
BOOST_AUTO_TEST_CASE(root_is_told_to_be_the_owner) {
  if (::geteuid() != 0) return;
  write_all();
  BOOST_REQUIRE(::chown(files.pepper_file.c_str(), 65534, 65534) == 0);
  BOOST_TEST(contains(error(), "run this as its owner (runuser -u OWNER -- ...)"));
  BOOST_TEST(!contains(error(), "chown"));
}

// A password file gives what it holds without the line end.
BOOST_AUTO_TEST_CASE(secret_without_line_end) {
  const std::string file = path + "/password";
  write(file, "p\xC3\xA4ss word \r\n\n");
  const auto secret = db::read_secret_file(file);
  BOOST_REQUIRE(secret.ok());
  BOOST_TEST((base::as_text(secret->view()) == "p\xC3\xA4ss word "));
}

// The same key under two records, peppers or types gives different macs; the same gives the same.
BOOST_AUTO_TEST_CASE(macs_tell_apart) {
  write_all();
  write(files.pepper_file, "1 " + kHex + "\n2 " + std::string(64, 'b') + "\n");
  const auto ring = db::FileKeyRing::load(files).take();
  vault::RecordId one{};
  vault::RecordId two{};
  two[15] = 1;
  const auto key = base::as_bytes("123456789");
  BOOST_TEST((ring->key_mac(1, one, key) == ring->key_mac(1, one, key)));
  BOOST_TEST((ring->key_mac(1, one, key) != ring->key_mac(1, two, key)));
  BOOST_TEST((ring->key_mac(1, one, key) != ring->key_mac(2, one, key)));
  const std::string mac = ring->document_mac("passport", base::as_bytes("C01X00T47"));
  BOOST_TEST(mac.size() == 16u);
  BOOST_TEST(mac == ring->document_mac("passport", base::as_bytes("C01X00T47")));
  BOOST_TEST(mac != ring->document_mac("id card", base::as_bytes("C01X00T47")));
  BOOST_TEST(ring->document_mac("a", base::as_bytes("bc")) !=
             ring->document_mac("ab", base::as_bytes("c")));
}

BOOST_AUTO_TEST_SUITE_END()
