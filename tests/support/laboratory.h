// A vault in fake time on a real SQLite store in a temporary folder, and cards that talk to it in
// packets through Session and exchange: everything of the plugin but sockets and threads. What
// happens is narrated on stdout, so that the output of a scenario reads as a protocol trace.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "bip/key_crypto.h"
#include "bip/message.h"
#include "bip/session.h"
#include "tests/support/test_card.h"
#include "tests/support/test_vault.h"
#include "vault/care_service.h"

namespace support {

class Laboratory : public TestVault {
 public:
  explicit Laboratory(const vault::Policy& policy = {});

  void tell(const std::string& text) const;  // narration
  void time_passes(std::int64_t ms, const std::string& how);
  // Of two instances on the same database the other one serves from now on. What is not in the
  // database only one of them remembers.
  void other_instance_serves();
  base::Now now() const { return clock.now(); }
  void import(const std::string& iccid, const std::string& msisdn = "",
              const std::string& customer = "");
  vault::CareService care();
  static vault::CareCall call(const std::string& reason = "lost the key");
  vault::Record record(const std::string& iccid);  // a copy, as stored
  bool known(const std::string& iccid);

  std::unique_ptr<vault::Store> store;
  TestKeySource key_source;
  bip::KeyCrypto crypto{key_source};
  std::shared_ptr<bip::Settings> settings = std::make_shared<bip::Settings>();
  vault::Policy policy;

 private:
  struct {
    std::unique_ptr<vault::StoreFactory> stores;
    std::unique_ptr<vault::CardService> cards;
    std::unique_ptr<vault::Store> store;
  } other_;
};

// What came back for one command.
struct Answer {
  bip::PacketStatus status = bip::PacketStatus::por_ok;
  bool any = false;  // false: nothing came
  vault::CardResult result = vault::CardResult::done;
  bip::Fields fields;
};

// A card in the hand of a test: says exactly what it is told to say.
class CardInHand {
 public:
  CardInHand(Laboratory& lab, const std::string& iccid);
  ~CardInHand() { hang_up(); }

  void open_channel();  // connects and identifies itself
  void hang_up();       // the link drops: what is under way is closed properly
  Answer ask(bip::Ins ins, bip::Fields fields);
  Answer send(base::View packet);  // as it is

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
  std::string key;  // the last one received
  const std::string iccid;
  TestCard card;  // its counter is the last one used

 private:
  bip::Fields own_fields() const;

  Laboratory& lab_;
  std::unique_ptr<bip::Session> session_;
};

// What customer care was given; throws what it was told instead.
template <class T>
const T& good(const vault::CareResult<T>& result) {
  if (const auto* failure = std::get_if<vault::CareFailure>(&result)) {
    throw std::runtime_error(failure->text);
  }
  return std::get<T>(result);
}

base::Bytes example_image(int entries, char fill);
std::string wrong_key(const std::string& right);     // other digits, good check digit
std::string mistyped_key(const std::string& right);  // one digit changed
const char* name_of(vault::CardResult result);

}  // namespace support
