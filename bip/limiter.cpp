#include "bip/limiter.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace bip {

namespace {

constexpr int kMappedBits = 96;

bool is_v4(const Address& address) {
  static constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::equal(std::begin(kPrefix), std::end(kPrefix), address.begin());
}

// Whoever has one IPv6 address has its /64.
std::string key_of(const Address& address) {
  const std::size_t size = is_v4(address) ? 16 : 8;
  return std::string(reinterpret_cast<const char*>(address.data()), size);
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;  // inet_pton would end there
  Address address{};
  if (inet_pton(AF_INET6, copy.c_str(), address.data()) == 1) return address;
  std::array<std::uint8_t, 4> v4{};
  if (inet_pton(AF_INET, copy.c_str(), v4.data()) != 1) return std::nullopt;
  address.fill(0);
  address[10] = address[11] = 0xFF;
  std::copy(v4.begin(), v4.end(), address.begin() + 12);
  return address;
}

// Exactly what the configuration's check takes.
base::Result<AddressRange> AddressRange::parse(std::string_view cidr) {
  if (!base::valid_network(cidr)) return base::Error{base::cat("not a network: ", cidr)};
  const std::string_view address = cidr.substr(0, cidr.find('/'));
  // A range written with an IPv4 address counts its bits from there.
  const bool dotted = address.find(':') == std::string_view::npos;
  std::int64_t bits = dotted ? 32 : 128;
  if (address.size() < cidr.size()) {
    bits = base::parse_integer(cidr.substr(address.size() + 1)).value();
  }
  return AddressRange(parse_address(address).value(),
                      static_cast<int>(dotted ? kMappedBits + bits : bits));
}

bool AddressRange::contains(const Address& address) const {
  const std::size_t whole = static_cast<std::size_t>(bits_) / 8;
  if (!std::equal(network_.begin(), network_.begin() + static_cast<long>(whole), address.begin())) {
    return false;
  }
  const int rest = bits_ % 8;
  if (rest == 0) return true;
  return (network_[whole] ^ address[whole]) >> (8 - rest) == 0;
}

void Limiter::configure(int per_address, int per_card, const std::vector<std::string>& exempt) {
  per_address_ = per_address;
  per_card_ = per_card;
  exempt_.clear();
  for (const std::string& cidr : exempt) {
    if (auto range = AddressRange::parse(cidr)) exempt_.push_back(*range);
  }
}

bool Limiter::exempt(const Address& address) const {
  if (address == Address{}) return true;
  return std::any_of(exempt_.begin(), exempt_.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

bool Limiter::allowed(const Table& table, const std::string& key, int limit, base::Now now) {
  if (limit <= 0 || table.empty()) return true;
  const auto found = table.find(key);
  if (found == table.end()) return true;
  const Window& window = found->second;
  return now.mono_ms - window.begin >= base::kMinuteMs || window.failures < limit;
}

void Limiter::count(Table& table, const std::string& key, base::Now now) {
  if (table.size() >= kMostEntries && !table.contains(key)) {
    std::erase_if(table, [&](const auto& entry) {
      return now.mono_ms - entry.second.begin >= base::kMinuteMs;
    });
    if (table.size() >= kMostEntries) table.erase(table.begin());
  }
  Window& window = table[key];
  if (window.failures == 0 || now.mono_ms - window.begin >= base::kMinuteMs) {
    window = {now.mono_ms, 0};
  }
  ++window.failures;
}

bool Limiter::address_allowed(const Address& address, base::Now now) const {
  if (per_address_ <= 0 || addresses_.empty()) return true;
  return allowed(addresses_, key_of(address), per_address_, now) || exempt(address);
}

bool Limiter::card_allowed(const std::string& iccid_digits, base::Now now) const {
  return allowed(cards_, iccid_digits, per_card_, now);
}

void Limiter::failed(const Address& address, const std::string& iccid_digits, base::Now now) {
  if (per_address_ > 0 && !exempt(address)) count(addresses_, key_of(address), now);
  if (per_card_ > 0 && !iccid_digits.empty()) count(cards_, iccid_digits, now);
}

}  // namespace bip
