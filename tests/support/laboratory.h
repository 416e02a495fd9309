// A vault in fake time on a real SQLite store in a temporary folder, and cards that talk to it in
// packets through Session and exchange: everything of the plugin but sockets and threads. What
// happens is narrated on stdout, so that the output of a scenario reads as a protocol trace.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/counters.h"
#include "bip/key_crypto.h"
#include "bip/message.h"
#include "bip/session.h"
#include "db/key_files.h"
#include "db/stores.h"
#include "vault/care_service.h"
#include "vault/card_service.h"

namespace test {

class FakeClock : public base::Clock {
 public:
  base::Now now() const override { return now_; }
  void pass(std::int64_t ms) {
    now_.mono_ms += ms;
    now_.utc_ms += ms;
  }

 private:
  base::Now now_{1'000'000, 1'795'511'100'000};  // 2026-11-24T09:05:00Z
};

// Keeps what is logged; a scenario looks for what must or must not be there.
class KeptLog : public base::Log {
 public:
  void write(base::Severity, std::string_view component, std::string_view text) override;
  bool contains(std::string_view text) const { return all_.find(text) != std::string::npos; }
  const std::string& all() const { return all_; }

 private:
  std::string all_;
};

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// One card key set for every card: which keys a card has is not what scenarios are about.
class OneKeySet : public bip::CardKeySource {
 public:
  std::optional<bip::CardKeys> get(const vault::Iccid& iccid, std::uint8_t key_set) override;
  static bip::CardKeys keys();
};

class Laboratory {
 public:
  explicit Laboratory(const vault::Policy& policy = {});

  void tell(const std::string& text) const;  // narration
  void time_passes(std::int64_t ms, const std::string& how);
  base::Now now() const { return clock.now(); }
  void import(const std::string& iccid, const std::string& msisdn = "",
              const std::string& customer = "");
  vault::CareService care();
  static vault::CareCall call(const std::string& reason = "lost the key");
  vault::Record record(const std::string& iccid);  // a copy, as stored
  bool known(const std::string& iccid);

  TemporaryFolder folder;
  FakeClock clock;
  KeptLog log;
  base::Counters counters;
  std::unique_ptr<db::FileKeyRing> keys;
  std::unique_ptr<vault::StoreFactory> stores;
  std::unique_ptr<vault::Store> store;
  std::unique_ptr<vault::CardService> cards;
  OneKeySet key_source;
  bip::KeyCrypto crypto{key_source};
  std::shared_ptr<bip::Settings> settings = std::make_shared<bip::Settings>();
  vault::Policy policy;
};

// What came back for one command.
struct Answer {
  bip::PacketStatus status = bip::PacketStatus::por_ok;
  bool any = false;  // false: nothing came
  vault::CardResult result = vault::CardResult::done;
  bip::Fields fields;
};

// A card in the hand of a test: says exactly what it is told to say.
class TestCard {
 public:
  TestCard(Laboratory& lab, const std::string& iccid);
  ~TestCard() { hang_up(); }

  void open_channel();  // connects and identifies itself
  void hang_up();       // the link drops: what is under way is closed properly
  Answer ask(bip::Ins ins, bip::Fields fields);
  base::Bytes packet(bip::Ins ins, const bip::Fields& fields);  // the next one, not sent
  Answer send(base::View packet);                               // as it is

  // The usual conversations. `key` as digits, empty: none.
  Answer report(const std::string& previous = "", const std::string& key = "");
  Answer begin(base::View image, const std::string& key = "", std::uint32_t transaction = 1);
  Answer send_data(base::View image, std::size_t from, std::size_t to,
                   std::uint32_t transaction = 1);
  Answer end(std::uint32_t transaction = 1);
  Answer confirm(const std::string& key, std::uint32_t transaction = 1);
  Answer fetch_begin(const std::string& key = "", const std::string& previous = "",
                     std::uint16_t version = 0);
  // BEGIN, all DATA, END, and the key confirmed when one came: returns the answer to END.
  Answer back_up(base::View image, const std::string& key = "", std::uint32_t transaction = 1);
  // FETCH BEGIN and all DATA; empty if refused (`refusal` says how).
  base::Bytes restore(const std::string& key = "", const std::string& previous = "");

  vault::CardResult refusal = vault::CardResult::done;
  std::string key;            // the last one received
  std::uint64_t counter = 0;  // last used
  const std::string iccid;

 private:
  bip::Fields own_fields() const;

  Laboratory& lab_;
  std::unique_ptr<bip::Session> session_;
};

base::Bytes example_image(int entries, char fill);
std::string wrong_key(const std::string& right);     // other digits, good check digit
std::string mistyped_key(const std::string& right);  // one digit changed
const char* name_of(vault::CardResult result);

}  // namespace test
