#include "vault/sealed_head.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

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

// The next word; empty at the end.
std::string_view word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view found = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return found;
}

std::optional<std::int64_t> whole_date(std::string_view text) {
  if (text.size() != 20) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(base::parse_integer(text.substr(at, size)).value_or(-1));
  };
  const std::int64_t date = base::from_civil(
      {number(0, 4), number(5, 2), number(8, 2), number(11, 2), number(14, 2), number(17, 2)});
  if (base::iso_date(date) != text) return std::nullopt;
  return date;
}

std::optional<base::Sha256> hash(std::string_view hex) {
  const auto octets = base::from_hex(hex);
  base::Sha256 value{};
  if (!octets || octets->size() != value.size()) return std::nullopt;
  std::copy(octets->begin(), octets->end(), value.begin());
  return value;
}

}  // namespace

std::string sealed_line(const KeyRing& keys, const HeadSum& sum) {
  return base::cat(kWords, base::iso_date(sum.until), " entries ", sum.entries, " sum ",
                   base::to_hex(sum.sum), " seal ", base::to_hex(seal_of(keys, sum)));
}

std::optional<HeadSum> read_sealed(const KeyRing& keys, std::string_view line) {
  const std::size_t at = line.find(kWords);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kWords.size());
  line = line.substr(0, line.find_first_of("\r\n"));
  const auto until = whole_date(word(line));
  if (word(line) != "entries") return std::nullopt;
  const auto entries = base::parse_integer(word(line));
  if (word(line) != "sum") return std::nullopt;
  const auto sum = hash(word(line));
  if (word(line) != "seal") return std::nullopt;
  const auto seal = hash(base::trim(word(line)));
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
