#include "config/value_checks.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "vault/reminder_settings.h"

namespace config {

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_apn(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  constexpr std::size_t kLongestLabel = 63;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    if (label.empty() || label.size() > kLongestLabel || text.size() > kLongest) return false;
    rest.remove_prefix(std::min(rest.size(), label.size() + 1));
  }
  return true;
}

bool same_place(const std::string& first, const std::string& second) {
  const auto a = base::parse_host_port(first);
  const auto b = base::parse_host_port(second);
  if (!a || !b || a->port == 0 || a->port != b->port) return false;
  const auto octets = [](const std::string& host) {
    std::string address(16, '\0');
    if (::inet_pton(AF_INET, host.c_str(), address.data()) == 1) address.resize(4);
    if (address.size() == 16) ::inet_pton(AF_INET6, host.c_str(), address.data());
    return address;
  };
  const auto all = [](const std::string& address) {
    return address.find_first_not_of('\0') == std::string::npos;
  };
  const std::string left = octets(a->host);
  const std::string right = octets(b->host);
  if (left.size() == right.size()) return left == right || all(left) || all(right);
  return all(left.size() > right.size() ? left : right);
}

std::string suites_fault(const std::vector<std::string>& suites, bool tls13) {
  const auto is_of_13 = [](const std::string& name) { return name.starts_with("TLS_"); };
  if (tls13 && std::none_of(suites.begin(), suites.end(), is_of_13)) {
    return "names no suite of TLS 1.3, and tls_max is 1.3: every handshake would fail";
  }
  if (!tls13 && std::all_of(suites.begin(), suites.end(), is_of_13)) {
    return "names no suite of TLS 1.2, and tls_max is 1.2";
  }
  return "";
}

std::string language_fault(const std::string& name) {
  const std::string code = vault::language_code(name);
  if (code == name) return "";
  if (code.empty()) return base::cat("'", name, "' is no language's code such as en or pt-BR");
  return base::cat("'", name, "' is written ", code);
}

}  // namespace config
