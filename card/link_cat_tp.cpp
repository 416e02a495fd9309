// The link's way over CAT_TP: one packet is one SDU, one PDU one datagram of the BIP channel.
#include <algorithm>

#include "base/crypto.h"
#include "card/commands.h"
#include "card/link.h"

namespace card {
namespace {

constexpr std::size_t kSendChunk = 240;  // FETCH answers stay below 256 octets

std::uint16_t random_number() {
  const auto octets = base::random_array<2>();
  return static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
}

}  // namespace

Task<bool> Link::establish() {
  cat_tp_.emplace(cat_tp_port_, buffer_, random_number(), card_.iccid);
  co_await let_go();
  for (bool more = true; more && !cat_tp_->open();) more = co_await wait();
  co_return cat_tp_->open();
}

Task<bool> Link::send_sdu(base::View packet) {
  for (bool more = true; cat_tp_->busy() && !dropped_;) {
    if (!more) co_return false;
    more = co_await wait();
  }
  if (!cat_tp_->send(packet)) co_return false;
  co_await let_go();
  co_return !dropped_;
}

// Everything that the machine has to say, and the timer that it needs.
Task<> Link::let_go() {
  while (const auto next = cat_tp_->next_datagram()) {
    const base::Bytes octets(next->begin(), next->end());
    const bool sent = co_await send_datagram(octets);
    if (!sent) co_return;
  }
  if (cat_tp_->ended()) dropped_ = true;
  if (!ticking_ && !dropped_ && cat_tp_->needs_ticks()) {
    ticking_ = true;
    const Command timer = commands::start_timer(kCatTpTimer, CatTpEnd::kTickSeconds);
    co_await proactive_.issue(timer);
  }
}

// Into the terminal's Tx buffer, which is empty and large enough; the last piece lets it go.
Task<bool> Link::send_datagram(base::View octets) {
  while (!octets.empty()) {
    const std::size_t size = std::min(octets.size(), kSendChunk);
    const bool immediate = size == octets.size();
    const Command command = commands::send_data(channel_, octets.first(size), immediate);
    const Response response = co_await proactive_.issue(command);
    if (!response.ok()) {
      dropped_ = true;
      co_return false;
    }
    octets_up_ += size;
    octets = octets.subspan(size);
  }
  progress_ = true;
  co_return true;
}

Task<> Link::take_datagram() {
  cat_tp_->datagram(datagram_);
  datagram_.clear();
  while (const auto sdu = cat_tp_->next_sdu()) {
    received_.insert(received_.end(), sdu->begin(), sdu->end());
  }
  co_await let_go();
}

Task<> Link::take_tick() {
  tick_due_ = false;
  cat_tp_->tick();
  co_await let_go();
}

// A timer that was started for an earlier link is not waited for.
void Link::on_cat_tp_timer() {
  ticking_ = false;
  if (cat_tp_) tick_due_ = true;
}

}  // namespace card
