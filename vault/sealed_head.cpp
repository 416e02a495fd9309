#include "vault/sealed_head.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "vault/line_words.h"

namespace vault {

namespace {

constexpr std::string_view kWords = "sealed history head ";
constexpr std::size_t kPage = 1000;
// A page of a slice is sorted out of all its entries: they should not be too many.
constexpr std::int64_t kSlice = 5 * base::kMinuteMs;

void add(base::Sha256& sum, const base::Sha256& value) {
  unsigned carry = 0;
  for (std::size_t i = sum.size(); i-- > 0;) {
    carry += unsigned{sum[i]} + value[i];
    sum[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

void subtract(base::Sha256& sum, const base::Sha256& value) {
  unsigned borrow = 0;
  for (std::size_t i = sum.size(); i-- > 0;) {
    const unsigned less = value[i] + borrow;
    borrow = sum[i] < less ? 1 : 0;
    sum[i] = static_cast<std::uint8_t>(sum[i] - less);
  }
}

base::Sha256 seal_of(const KeyRing& keys, const HeadSum& sum) {
  base::Writer out;
  out.text(kWords).u64(static_cast<std::uint64_t>(sum.until)).u64(sum.entries).bytes(sum.sum);
  return keys.audit_mac({out.take()});
}

}  // namespace

std::string sealed_line(const KeyRing& keys, const HeadSum& sum) {
  return base::cat(kWords, base::iso_date(sum.until), " entries ", sum.entries, " sum ",
                   base::to_hex(sum.sum), " seal ", base::to_hex(seal_of(keys, sum)));
}

bool names_sealed(std::string_view line) { return line.find(kWords) != std::string_view::npos; }

std::optional<HeadSum> read_sealed(const KeyRing& keys, std::string_view line) {
  const std::size_t at = line.find(kWords);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kWords.size());
  line = line.substr(0, line.find_first_of("\r\n"));
  const auto until = read_date(next_word(line));
  if (next_word(line) != "entries") return std::nullopt;
  const auto entries = base::parse_integer(next_word(line));
  if (next_word(line) != "sum") return std::nullopt;
  const auto sum = read_hash(next_word(line));
  if (next_word(line) != "seal") return std::nullopt;
  const auto seal = read_hash(base::trim(next_word(line)));
  if (!until || !entries || *entries < 0 || !sum || !seal) return std::nullopt;
  const HeadSum found{*until, static_cast<std::uint64_t>(*entries), *sum};
  if (!base::equal_constant_time(*seal, seal_of(keys, found))) return std::nullopt;
  return found;
}

// The chain's newest mac takes the place of the one that it had before these entries.
base::Status HeadSummer::end_chain(Store& store, State& state) const {
  if (!state.chain) return {};
  const Chain chain = *state.chain;
  state.chain.reset();
  if (sum_.until > 0) {
    HistoryQuery query;
    query.record = chain.record;
    query.until = sum_.until;
    query.limit = 1;
    query.newest_first = true;
    const auto before = store.history(query);
    if (!before) return base::Error{before.error()};
    if (!before->empty()) {
      // Clocks may differ: an entry dated later can stand further ahead in its chain.
      if (before->front().seq > chain.seq) return {};
      subtract(state.sum, before->front().mac);
    }
  }
  add(state.sum, chain.mac);
  return {};
}

base::Result<bool> HeadSummer::advance(Store& store, std::int64_t until) {
  if (until <= sum_.until) return true;
  if (target_ <= sum_.until) {
    target_ = sum_.until == 0 ? until : std::min(until, sum_.until + kSlice);
    state_ = {sum_.entries, sum_.sum, std::nullopt};
  }
  State state = state_;
  HistoryQuery query;
  query.from = sum_.until;
  query.until = target_;
  query.limit = kPage;
  if (state.chain) query.after = {state.chain->record, state.chain->seq};
  const auto page = store.history(query);
  if (!page) return base::Error{page.error()};
  for (const HistoryEntry& entry : *page) {
    if (state.chain && state.chain->record != entry.record) {
      if (const base::Status ended = end_chain(store, state); !ended) {
        return base::Error{ended.error()};
      }
    }
    state.chain = Chain{entry.record, entry.seq, entry.mac};
    ++state.entries;
  }
  if (page->size() < kPage) {
    if (const base::Status ended = end_chain(store, state); !ended) {
      return base::Error{ended.error()};
    }
    sum_ = {target_, state.entries, state.sum};
  }
  state_ = state;
  return until <= sum_.until;
}

}  // namespace vault
