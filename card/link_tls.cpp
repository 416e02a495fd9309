// The link's way over TLS: the UICC does TLS itself above a TCP channel of the terminal, and the
// PSK identity says who calls.
#include "card/link.h"

namespace card {

Task<bool> Link::shake_hands() {
  if (card_.keys.psk.empty()) co_return false;
  tls_ = std::make_unique<TlsEnd>(iccid_digits(card_.iccid), card_.keys.psk.view());
  bool more = co_await send_records();
  while (more && !tls_->open() && !tls_->ended()) more = co_await wait();
  co_return tls_->open();
}

// What TLS has to say.
Task<bool> Link::send_records() {
  const base::Bytes octets = tls_->take_output();
  if (octets.empty()) co_return true;
  co_return co_await send_octets(octets);
}

Task<> Link::take_records() {
  const base::Bytes octets = std::exchange(records_, {});
  tls_->feed(octets);
  const base::Bytes plain = tls_->take_plain();
  received_.insert(received_.end(), plain.begin(), plain.end());
  co_await send_records();
  if (tls_->ended()) give_up();
}

}  // namespace card
