// Who failed too often within a minute, by source address and by claimed ICCID. No sockets, no
// clock. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace bip {

// IPv6, or IPv4 mapped into it (::ffff:a.b.c.d). All zeros: not known, and nobody's failures.
using Address = std::array<std::uint8_t, 16>;

std::optional<Address> parse_address(std::string_view text);

// "10.0.0.0/8", "2001:db8::/32", or one address.
class AddressRange {
 public:
  static base::Result<AddressRange> parse(std::string_view cidr);
  bool contains(const Address& address) const;

 private:
  AddressRange(const Address& network, int bits) : network_(network), bits_(bits) {}
  Address network_;
  int bits_;  // of 128
};

// A failure stays counted for a minute from the first of its window. Tables are bounded: when
// full, windows that are over go first, then any.
class Limiter {
 public:
  static constexpr std::size_t kMostEntries = 65'536;

  // 0: no limit. Ranges that do not parse are left out: config has checked them.
  void configure(int per_address, int per_card, const std::vector<std::string>& exempt);

  bool address_allowed(const Address& address, base::Now now) const;
  bool card_allowed(const std::string& iccid_digits, base::Now now) const;
  // One failed identification, proof or CC; `iccid_digits` is empty when none was named.
  void failed(const Address& address, const std::string& iccid_digits, base::Now now);
  std::size_t entries() const { return addresses_.size() + cards_.size(); }

 private:
  struct Window {
    std::int64_t begin = 0;  // mono_ms
    int failures = 0;
  };
  using Table = std::unordered_map<std::string, Window>;

  static bool allowed(const Table& table, const std::string& key, int limit, base::Now now);
  static void count(Table& table, const std::string& key, base::Now now);
  bool exempt(const Address& address) const;

  int per_address_ = 0;
  int per_card_ = 0;
  std::vector<AddressRange> exempt_;
  Table addresses_;
  Table cards_;
};

}  // namespace bip
