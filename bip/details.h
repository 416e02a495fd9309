// Detail records: for each transaction of a card one line of who, when, what, how much and with
// what result, for billing and disputes. Never a key, a number of an identity document or content.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bip/message.h"
#include "bip/ports.h"
#include "vault/record.h"
#include "vault/types.h"

namespace bip {

struct Detail {
  std::int64_t utc_ms = 0;
  vault::Iccid card;
  Transport transport = Transport::tcp;
  Ins operation = Ins::report;
  vault::CardResult result = vault::CardResult::done;
  std::optional<std::uint32_t> transaction;
  std::uint32_t octets = 0;  // of the card's content; 0: none is meant
  std::int64_t took_ms = 0;  // a store: from BEGIN on this channel; else serving it
  bool over_tls = false;
};

// Not the pieces of content, nor what only opens a store or asks for the state.
bool has_detail(Ins operation, vault::CardResult result);

// Without the end of line.
std::string detail_line(const Detail& detail, std::string_view instance);
inline constexpr std::string_view kDetailHeader =
    "time,instance,iccid,transport,operation,result,transaction,octets,milliseconds";

// Any thread; must not block: what cannot be kept is the receiver's trouble, never the card's.
class DetailSink {
 public:
  virtual ~DetailSink() = default;
  virtual void take(const Detail& detail) = 0;
};

}  // namespace bip
