// Questions about single values that the table's types do not answer. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace config {

// Digits, "+" before them or not.
bool is_number(std::string_view text);

// An access point name, or empty.
bool is_apn(std::string_view text);

// Whether two addresses cannot both be listened on: the same port (0 is a free one) of addresses
// that are the same, or of which one stands for all. The wildcard of IPv6 takes IPv4 as well.
bool same_place(const std::string& first, const std::string& second);

// What is wrong with TLS suites, where 1.3 is the newest version or 1.2; empty: nothing. OpenSSL
// refuses every handshake, older ones too, when it has no suite of the newest version.
std::string suites_fault(const std::vector<std::string>& suites, bool tls13);

// What is wrong with the name of a language; empty: it is written as records keep it.
std::string language_fault(const std::string& name);

}  // namespace config
