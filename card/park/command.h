// The command line of `bipvault-card park`.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "card/park/settings.h"

namespace card::park {

// Names of the options, without dashes.
const std::set<std::string>& options();
const std::set<std::string>& flags();
// From what was given; an error says which option is wrong.
base::Result<Settings> settings_of(const std::map<std::string, std::string>& given);

}  // namespace card::park
