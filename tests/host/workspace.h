// A directory that host_workspace has prepared, removed at the end, and changes to its INI.
#pragma once

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/support/minimal_host.h"

namespace support {

inline const bv_entry& plugin_entry() {
  static const bv_entry* const entry = load_plugin(BIPVAULT_PLUGIN);
  if (entry == nullptr) {
    const char* const fault = dlerror();
    BOOST_FAIL("the plugin cannot be loaded: " << (fault != nullptr ? fault : "no entry"));
  }
  return *entry;
}

class Workspace {
 public:
  Workspace() {
    std::string name = (std::filesystem::temp_directory_path() / "bipvault-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    directory_ = name;
    const std::string command = std::string(BIPVAULT_WORKSPACE " ") + name;
    BOOST_REQUIRE_EQUAL(std::system(command.c_str()), 0);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { std::filesystem::remove_all(directory_); }

  std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  std::string config() const { return path("bipvault.ini"); }

  // Replaces a text that must be there.
  void change(std::string_view from, std::string_view to, std::string_view name = "bipvault.ini") {
    std::string text = read_file(path(name));
    const std::size_t at = text.find(from);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, "no '" << from << "' in " << name);
    text.replace(at, from.size(), to);
    write_file(path(name), text);
  }
  void without_card_keys() { change("card_keys = cards.csv\n", ""); }
  // A private file with this content.
  void put(std::string_view name, std::string_view content, mode_t mode = 0600) {
    std::filesystem::remove(path(name));
    write_file(path(name), content);
    BOOST_REQUIRE_EQUAL(chmod(path(name).c_str(), mode), 0);
  }

 private:
  std::string directory_;
};

}  // namespace support
