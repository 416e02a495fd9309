// A small honest vault for tests of the applet: packets and messages as the wire protocol says
// them, one record, everything in memory. Speaks over a socket that serve() looks at.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "bip/message.h"
#include "bip/secured_packet.h"
#include "card/number.h"
#include "card/profile.h"

namespace card_test {

int damm(std::string_view digits);  // 0: the last digit is the check digit

class FakeVault {
 public:
  explicit FakeVault(const card::OtaKeys& keys) : keys_(keys) {}
  ~FakeVault() { hang_up(); }

  int connect();  // a new channel: the card's end of a socket pair
  bool serve();   // reads and answers what has come; true: something came
  void hang_up();

  // What tests look at or set.
  base::Bytes image;
  std::vector<base::Bytes> older;  // images before it, newest first
  std::string key;                 // empty: none was issued
  bool key_active = false;
  int attempts_left = 3;
  bool locked = false;
  std::optional<card::IccidOctets> holder;  // card whose record this is
  std::vector<std::string> log;             // "STORE BEGIN done", ...
  std::vector<bip::Message> commands;
  std::size_t connections = 0;
  std::uint64_t highest_counter = 0;
  bool counter_rose = true;  // for every packet
  // Faults.
  std::optional<std::uint8_t> refuse_with;  // result of every BEGIN, REPORT
  std::size_t lose_block = 0;               // the nth STORE DATA is forgotten
  bool forget_transaction = false;          // once, at the next DATA or END
  bool wrong_digest = false;                // of the fetched image
  std::uint16_t max_data = 1024;
  std::uint32_t fetch_limit = 1024;  // octets per FETCH DATA answer

 private:
  void packet(base::View octets);
  bip::Message answer(const bip::Message& command);
  bip::Message report(const bip::Message& command);
  bip::Message store_begin(const bip::Message& command);
  bip::Message store_data(const bip::Message& command);
  bip::Message store_end(const bip::Message& command);
  bip::Message key_confirm(const bip::Message& command);
  bip::Message fetch_begin(const bip::Message& command);
  bip::Message fetch_data(const bip::Message& command);
  bip::Message erase(const bip::Message& command);
  const base::Bytes& version(std::size_t back) const { return back == 0 ? image : older[back - 1]; }
  std::optional<bip::Message> check_key(const bip::Message& command);
  void issue_key(bip::Message& message);

  const card::OtaKeys& keys_;
  int socket_ = -1;
  bool identified_ = false;
  base::Bytes input_;
  std::optional<std::uint32_t> transaction_;
  std::uint32_t total_ = 0;
  base::Bytes staged_;
  std::optional<base::Bytes> digest_;
  bool ended_ = false;
  bool gap_told_ = false;
  std::size_t blocks_ = 0;
  std::uint32_t fetch_ = 0;
  std::size_t version_ = 0;  // of that fetch
  int issued_ = 0;
};

}  // namespace card_test
