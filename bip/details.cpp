#include "bip/details.h"

#include <array>

#include "base/log.h"
#include "base/time.h"

namespace bip {

namespace {

// By Ins from 1, by Transport and by CardResult: words of the file, which never change.
constexpr std::array<std::string_view, 10> kOperations{
    "report", "store",      "store_data", "store",  "key_confirm",
    "fetch",  "fetch_data", "erase",      "status", "fetch_report"};
constexpr std::array<std::string_view, 3> kTransports{"sms", "tcp", "cat_tp"};
constexpr std::array<std::string_view, 17> kResults{
    "done",           "key_required", "wrong_key",       "locked",      "unknown_card",
    "nothing_stored", "wrong_offset", "digest_mismatch", "too_large",   "try_later",
    "move_pending",   "conflict",     "malformed",       "unsupported", "no_such_transaction",
    "mistyped_key",   "suspended"};

template <std::size_t N>
std::string_view word(const std::array<std::string_view, N>& words, std::size_t place) {
  return place < N ? words[place] : std::string_view("other");
}

}  // namespace

bool has_detail(Ins operation, vault::CardResult result) {
  if (operation == Ins::store_data || operation == Ins::fetch_data) return false;
  if (operation == Ins::status) return false;
  return operation != Ins::store_begin || result != vault::CardResult::done;
}

std::string detail_line(const Detail& detail, std::string_view instance) {
  return base::cat(base::iso_date(detail.utc_ms), ",", instance, ",", detail.card.digits(), ",",
                   detail.over_tls ? std::string_view("tls")
                                   : word(kTransports, static_cast<std::size_t>(detail.transport)),
                   ",", word(kOperations, static_cast<std::size_t>(detail.operation) - 1), ",",
                   word(kResults, static_cast<std::size_t>(detail.result)), ",",
                   detail.transaction ? base::cat(*detail.transaction) : std::string(), ",",
                   detail.octets, ",", detail.took_ms);
}

}  // namespace bip
