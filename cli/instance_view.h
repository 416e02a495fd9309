// What an instance has written of itself (plugin/observed.h), for people and as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cli/tool.h"
#include "vault/outbox.h"

namespace cli {

std::string instance_date(std::int64_t utc_ms);  // "never" for 0

struct InstanceView {
  std::string text;  // one line, and one for each part of it
  JsonObject json = json_object();
  bool has_smsc = false;
  bool bound = true;  // all its SMSCs are
  bool alarmed = false;
};
// `whole`: listeners, channels, keys and alarms as well, else only its SMSCs.
InstanceView instance_view(const vault::Running& one, bool whole);

// A figure of its report; nothing: it does not tell that.
std::optional<std::int64_t> instance_figure(const vault::InstanceRow& row, std::string_view name);

// bipvault-ops status: the store, all instances and the reminders, as they are now.
CommandSpec status_command();
int show_status(Tool& tool);

}  // namespace cli
