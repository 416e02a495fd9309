// One member of a JSON object, as it stands in the text: all that the host needs of the plugin's
// health. Bounded by the text; a malformed text gives nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace host {

// "{"ports": {"tcp": 1}}", "ports" -> "{"tcp": 1}". Names are compared without unescaping.
// The result is a part of `object`, which must outlive it.
std::optional<std::string_view> json_member(std::string_view object, std::string_view name);
std::optional<std::string_view> json_member(std::string&& object, std::string_view name) = delete;

}  // namespace host
