// Checks between the keys of a configuration, and of the files that they name.
#pragma once

#include <string>
#include <vector>

#include "base/ini.h"
#include "config/config.h"

namespace config {

// The values of one section [smsc.NAME], where they stand.
struct SmscValues {
  std::string name;
  int line = 0;
  std::vector<base::IniValue> values;
};

// `values` in the order of the table, `smscs` in the order of config.smscs.
struct Read {
  const Config& config;
  const std::vector<base::IniValue>& values;
  const std::vector<SmscValues>& smscs;
  const std::string& path;
};
void check_keys(const Read& read, std::vector<Problem>& problems);
void check_files(const Read& read, std::vector<Problem>& problems);

}  // namespace config
