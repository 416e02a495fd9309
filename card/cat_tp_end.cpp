#include "card/cat_tp_end.h"

#include <algorithm>

namespace card {
namespace {

constexpr std::uint16_t kOwnPort = 1;
constexpr std::size_t kMostPdu = 1400;
constexpr int kRepetitions = 8;

}  // namespace

bip::CatTpSettings CatTpEnd::settings_for(std::size_t buffer) {
  bip::CatTpSettings settings;
  settings.max_pdu = static_cast<std::uint16_t>(std::min(buffer, kMostPdu));
  settings.rto_min = settings.rto_initial;  // ticks tell no shorter round trips
  settings.rto_max = 5 * settings.rto_initial;
  settings.retries = kRepetitions;
  settings.ack_delay = 0;           // a whole tick would be too long
  settings.challenge_interval = 0;  // nor does time pass while the card waits
  return settings;
}

CatTpEnd::CatTpEnd(std::uint16_t port, std::size_t buffer, std::uint16_t first,
                   base::View identification)
    : settings_(settings_for(buffer)), ports_{kOwnPort, port}, machine_(settings_, ports_) {
  machine_.open(identification, first, now(), out_);
}

void CatTpEnd::datagram(base::View octets) {
  const auto pdu = bip::decode_cat_tp(octets);
  if (!pdu || pdu->version() != 0) return;
  if (pdu->source != ports_.peer || pdu->destination != ports_.own) return;
  machine_.feed(*pdu, now(), out_);
}

void CatTpEnd::tick() {
  now_ms_ += kTickSeconds * base::kSecondMs;
  if (now_ms_ >= machine_.deadline()) machine_.on_deadline(now(), out_);
}

std::optional<base::View> CatTpEnd::next_datagram() {
  if (taken_ < out_.count()) return out_[taken_++];
  out_.clear();
  taken_ = 0;
  return std::nullopt;
}

}  // namespace card
