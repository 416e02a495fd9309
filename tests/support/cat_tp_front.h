// CAT_TP in front of the small vault: datagrams of one card on one side, the vault's stream of
// packets on the other. Loses datagrams as it is told.
#pragma once

#include <functional>

#include "bip/cat_tp_links.h"
#include "tests/support/fake_vault.h"

namespace card_test {

class CatTpFront {
 public:
  explicit CatTpFront(FakeVault& vault);
  ~CatTpFront();

  int connect();               // a new UDP channel: the card's end of a socket pair
  bool serve(base::Now now);   // true: something came, or was sent
  void forget(base::Now now);  // a restart: the link is gone, and nobody is told

  std::function<bool()> lose = [] { return false; };  // asked for each datagram, both ways
  std::size_t datagrams = 0, lost = 0;
  std::size_t largest = 0;  // datagram of the card
  base::Bytes identification;

 private:
  bool receive(base::Now now);
  void events(base::Now now);
  void to_vault(base::View packet);
  bool answers(base::Now now);
  bool send();

  FakeVault& vault_;
  bip::CatTpSettings settings_;
  bip::CatTpLinks links_;
  bip::CatTpLinks::Link* link_ = nullptr;
  bip::SocketPeer card_;
  int datagrams_ = -1;
  int stream_ = -1;
  base::Bytes answers_;
};

}  // namespace card_test
