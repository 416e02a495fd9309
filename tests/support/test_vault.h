// A whole vault on an SQLite file in a directory of its own, which goes with it; or on an empty
// database of a server.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/counters.h"
#include "db/key_files.h"
#include "db/stores.h"
#include "tests/support/collected_log.h"
#include "tests/support/fake_clock.h"
#include "vault/card_service.h"

namespace support {

class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "bipvault-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class TestVault {
 public:
  explicit TestVault(const vault::Policy& policy = {}) : TestVault(db::Settings{}, policy) {}
  // `store`: where, unless it is SQLite.
  explicit TestVault(const db::Settings& store, const vault::Policy& policy) : settings_(store) {
    db::KeyFiles files;
    files.master_key_file = directory_ / "master";
    files.pepper_file = directory_ / "pepper";
    files.audit_key_file = directory_ / "audit";
    must(db::create_key_files(files).ok());
    auto ring = db::FileKeyRing::load(files);
    must(ring.ok());
    keys = ring.take();
    if (settings_.engine == db::Engine::sqlite) settings_.path = directory_ / "vault.db";
    must(db::schema_init(settings_).ok());
    stores = more_stores();
    cards = std::make_unique<vault::CardService>(policy, *keys, log, counters);
  }

  // Another instance's, on the same database.
  std::unique_ptr<vault::StoreFactory> more_stores() {
    auto factory = db::make_store_factory(settings_, *keys, log, counters);
    must(factory.ok());
    return factory.take();
  }

  void import(const std::vector<vault::Iccid>& iccids) {
    std::vector<vault::ImportLine> lines;
    for (const vault::Iccid& iccid : iccids) lines.push_back({iccid, std::nullopt, "", ""});
    must(stores->open()->import(clock.now(), lines, "ops:test").ok());
  }
  vault::Record record(const vault::Iccid& iccid) {
    auto found = stores->open()->find_any({iccid}, std::nullopt);
    must(found.ok() && found->size() == 1);
    return found->front();
  }

  FakeClock clock;
  CollectedLog log;
  base::Counters counters;

 private:
  static void must(bool done) {
    if (!done) throw std::runtime_error("test vault could not be made");
  }

  TestDirectory directory_;
  db::Settings settings_;

 public:
  std::unique_ptr<db::FileKeyRing> keys;
  std::unique_ptr<vault::StoreFactory> stores;
  std::unique_ptr<vault::CardService> cards;
};

}  // namespace support
