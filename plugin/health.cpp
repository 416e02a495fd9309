#include <string_view>

#include "plugin/json.h"
#include "plugin/observed.h"

namespace plugin {

namespace {

std::string json_of(const std::vector<vault::SmscState>& smscs) {
  std::string list;
  for (const vault::SmscState& state : smscs) {
    JsonObject one;
    one.add("name", state.name);
    one.add_raw("bound", state.bound ? "true" : "false");
    one.add("binds", state.binds);
    one.add("waiting", state.waiting);
    one.add("in_flight", state.in_flight);
    one.add("rate", state.rate);
    one.add("trouble", state.trouble);
    list += (list.empty() ? "" : ", ") + one.text();
  }
  return "[" + list + "]";
}

}  // namespace

std::vector<Gauge> gauges_of(const bip::Gateway::Health& gateway,
                             const std::vector<vault::SmscState>& smscs, std::size_t alarms) {
  std::int64_t bound = 0;
  std::int64_t waiting = 0;
  for (const vault::SmscState& smsc : smscs) {
    bound += smsc.bound ? 1 : 0;
    waiting += smsc.waiting + smsc.in_flight;
  }
  return {{"sessions", gateway.sessions, "Open channels of cards."},
          {"proven_sessions", gateway.proven, "Open channels whose card has proved itself."},
          {"sessions_waiting", gateway.sessions_waiting, "Channels that wait for a worker."},
          {"cat_tp_links", gateway.cat_tp_links, "Open CAT_TP links."},
          {"cat_tp_half_open", gateway.cat_tp_half_open, "CAT_TP links half open."},
          {"carried_channels", gateway.carried, "Open channels that the platform carries."},
          {"jobs_queued", gateway.jobs_queued, "Batches in the workers' queue."},
          {"staging_bytes", static_cast<std::int64_t>(gateway.staging_bytes),
           "Octets of uploads held in memory."},
          {"smscs_bound", bound, "SMSCs to which there is a connection."},
          {"sms_waiting", waiting, "Segments that wait, or wait for their answer."},
          {"alarms", static_cast<std::int64_t>(alarms), "Alarms raised now."}};
}

std::string health_json(const Observed& observed, const std::string& state) {
  JsonObject ports;
  for (const auto& [name, port] : observed.ports) ports.add(name, port);
  JsonObject alarms;
  for (const auto& [id, text] : observed.alarms) alarms.add(id, text);
  JsonObject counters;
  for (const auto& [name, value] : observed.counters) counters.add(name, value);
  const std::string& fault = observed.store_fault;
  JsonObject all;
  const bool well = fault.empty() && observed.hsm_fault.value_or("").empty();
  all.add("state", well || state != "running" ? state : "degraded");
  all.add_raw("ports", ports.text());
  for (const Gauge& gauge : observed.gauges) {
    if (std::string_view(gauge.name) != "alarms") all.add(gauge.name, gauge.value);
  }
  all.add_raw("smsc", json_of(observed.smscs));
  all.add("store", fault.empty() ? "ok" : fault);
  if (observed.hsm_fault) all.add("hsm", observed.hsm_fault->empty() ? "ok" : *observed.hsm_fault);
  all.add_raw("alarms", alarms.text());
  all.add("log_lines_dropped", static_cast<std::int64_t>(observed.log_lines_dropped));
  all.add_raw("counters", counters.text());
  return all.text();
}

}  // namespace plugin
