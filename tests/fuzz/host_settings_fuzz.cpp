// host.ini, whatever it holds: settings within their limits, or faults that each name the file.
#include <cstdlib>

#include "base/text.h"
#include "host/settings.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = host::parse_settings(base::as_text({data, size}), "/etc/host.ini");
  if (const auto* faults = std::get_if<std::vector<std::string>>(&read)) {
    check(!faults->empty());
    for (const std::string& fault : *faults) check(fault.starts_with("/etc/host.ini:"));
    return 0;
  }
  const auto& settings = std::get<host::Settings>(read);
  for (const std::string& path : {settings.plugin, settings.plugin_config}) {
    check(path.starts_with('/'));
  }
  for (const std::string& path : {settings.card_keys, settings.ports_file, settings.log_file,
                                  settings.clock_file, settings.smsc.password_file}) {
    check(path.empty() || path.starts_with('/'));
  }
  check(settings.log != host::LogTarget::file || !settings.log_file.empty());
  check(base::parse_host_port(settings.carry_bip_address).has_value());
  check(!settings.carry_sms || base::parse_host_port(settings.smsc.address).has_value());
  check(settings.smsc.system_id.size() <= 15);
  check(settings.drain_deadline_ms >= 0 && settings.drain_deadline_ms <= base::kHourMs);
  return 0;
}
