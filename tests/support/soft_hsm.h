// A token of Debian's softhsm2 in a directory of its own, for tests of what uses an HSM. It is the
// one that the module finds from here on: the environment of this process names it. Not beside
// another one.
#pragma once

#include <dlfcn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "base/bytes.h"
#include "db/settings.h"

namespace support {

class SoftHsm {
 public:
  static constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";

  SoftHsm() {
    char name[] = "/tmp/bv-hsm-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
    path = name;
    std::filesystem::create_directories(path + "/tokens");
    std::ofstream(path + "/softhsm2.conf") << "directories.tokendir = " << path << "/tokens\n"
                                           << "objectstore.backend = file\nlog.level = ERROR\n";
    ::setenv("SOFTHSM2_CONF", (path + "/softhsm2.conf").c_str(), 1);
    make_token();
    write_pin("123456");
  }
  ~SoftHsm() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  SoftHsm(const SoftHsm&) = delete;

  db::TokenSettings settings() const {
    return {kModule, "vault", path + "/pin", "bipvault-master"};
  }
  void write_pin(const std::string& pin) const {
    std::ofstream(path + "/pin") << pin << "\n";
    std::filesystem::permissions(
        path + "/pin", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  // The token is away, and there again.
  void take_away() const {
    std::filesystem::rename(path + "/tokens", path + "/away");
    std::filesystem::create_directory(path + "/tokens");
  }
  void bring_back() const {
    std::filesystem::remove_all(path + "/tokens");
    std::filesystem::rename(path + "/away", path + "/tokens");
  }

  // Instead of the one that is away: of the same name, with a key of its own of that number.
  void put_another(std::uint8_t number) const {
    make_token();
    std::ofstream(path + "/key") << "another key of 32 octets, not it";
    util("--import " + path + "/key --aes --token vault --label bipvault-master --id 000000" +
         base::to_hex(base::View(&number, 1)) + " --pin 123456");
  }

  std::string path;

 private:
  void make_token() const {
    util("--init-token --free --label vault --so-pin 87654321 --pin 123456");
  }
  void util(const std::string& arguments) const {
    const int ended =
        std::system(("softhsm2-util " + arguments + " > " + path + "/out 2>&1").c_str());
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) throw std::runtime_error("softhsm2-util");
  }
};

}  // namespace support
