// bipvault-ops db check: all that is stored is looked at (db/store_check.h), with a bar, and with a
// file that keeps how far it has come.
#pragma once

#include <Poco/JSON/Array.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/tool.h"
#include "db/store_check.h"

namespace cli {

// What a check or a rotation of keys has found: for --json, and a line each.
Poco::JSON::Array faults_json(const std::vector<db::CheckFault>& faults);
std::string faults_text(const std::vector<db::CheckFault>& faults);

CommandSpec db_check_command();
int db_check(Tool& tool);

// What the file holds: which store (db::StoreCheck::store_mark) and how far.
std::string check_state_text(std::int64_t store, const db::CheckState& state);
// Nothing: it is none, or of another store.
std::optional<db::CheckState> read_check_state(std::string_view text, std::int64_t store);

}  // namespace cli
