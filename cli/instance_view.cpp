#include "cli/instance_view.h"

#include <Poco/JSON/Array.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "vault/reminder_settings.h"

namespace cli {

namespace {

using base::cat;

// Values by name, "smsc.NAME.FIELD" apart by NAME and FIELD.
using Fields = std::map<std::string, std::string, std::less<>>;
struct Report {
  Fields values;
  std::map<std::string, Fields> smscs;
  std::map<std::string, std::string> alarms;
};

Report read_report(std::string_view health) {
  constexpr std::string_view kSmsc = "smsc.";
  constexpr std::string_view kAlarm = "alarm.";
  Report report;
  while (!health.empty()) {
    const std::string_view line = health.substr(0, health.find('\n'));
    health.remove_prefix(std::min(health.size(), line.size() + 1));
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, blank);
    const std::string value(line.substr(blank + 1));
    const std::size_t dot = name.rfind('.');
    if (name.starts_with(kAlarm)) {
      report.alarms[std::string(name.substr(kAlarm.size()))] = value;
    } else if (name.starts_with(kSmsc) && dot > kSmsc.size()) {
      const std::string smsc(name.substr(kSmsc.size(), dot - kSmsc.size()));
      report.smscs[smsc][std::string(name.substr(dot + 1))] = value;
    } else {
      report.values[std::string(name)] = value;
    }
  }
  return report;
}

std::string value_of(const Fields& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

std::string smsc_text(const std::string& name, const Fields& fields) {
  const auto field = [&](const char* key) { return value_of(fields, key); };
  std::string text =
      cat("  ", name, ": ", field("bound") == "1" ? "bound" : "not bound", ", connections ",
          field("binds"), ", waiting ", field("waiting"), ", in flight ", field("in_flight"));
  if (field("rate") != "0") text += ", " + field("rate") + " a second";
  if (!field("trouble").empty()) text += "; " + field("trouble");
  return text + "\n";
}

void set(JsonObject& object, const std::string& key, const std::string& value) {
  const auto number = base::parse_integer(value);
  if (number && key == "bound") {
    object.set(key, *number != 0);
  } else if (number && key != "trouble") {
    object.set(key, *number);
  } else {
    object.set(key, value);
  }
}

JsonObject smsc_json(const std::string& name, const Fields& fields) {
  JsonObject smsc = json_object();
  smsc.set("name", name);
  for (const auto& [key, value] : fields) set(smsc, key, value);
  return smsc;
}

std::string channels_text(const Fields& values) {
  std::string ports;
  for (const auto& [name, value] : values) {
    if (name.starts_with("port.")) ports += ", " + name.substr(5) + " on port " + value;
  }
  const auto field = [&](const char* key) {
    const std::string value = value_of(values, key);
    return value.empty() ? std::string("?") : value;
  };
  return cat("  channels: ", field("sessions"), " open, ", field("proven_sessions"), " proven, ",
             field("sessions_waiting"), " waiting", ports, "\n  keys: master ",
             field("keys.master"), ", pepper ", field("keys.pepper"), "\n");
}

void add_whole(InstanceView& view, const Report& report) {
  JsonObject figures = json_object();
  for (const auto& [name, value] : report.values) set(figures, name, value);
  view.json.set("figures", figures);
  JsonObject alarms = json_object();
  for (const auto& [id, text] : report.alarms) alarms.set(id, text);
  view.json.set("alarms", alarms);
  view.text += channels_text(report.values);
}

std::string reminders_text(const config::Config& config, const vault::JobRow& job) {
  return cat("reminders ", config.reminder.enabled ? "on" : "off", ", last run ",
             instance_date(job.ran_at), job.owner.empty() ? "" : ", begun by " + job.owner, "\n");
}

}  // namespace

std::string instance_date(std::int64_t utc_ms) {
  return utc_ms == 0 ? "never" : base::iso_date(utc_ms);
}

InstanceView instance_view(const vault::Running& one, bool whole) {
  const vault::InstanceRow& row = one.row;
  const Report report = read_report(row.health);
  InstanceView view;
  view.json.set("name", row.name);
  view.json.set("alive", one.alive);
  view.json.set("version", row.product);
  view.json.set("started_at", base::iso_date(row.started_at));
  view.json.set("seen_at", base::iso_date(row.seen_at));
  view.text =
      cat("instance ", row.name, one.alive ? ": runs" : ": silent", ", version ", row.product,
          ", started ", instance_date(row.started_at), ", seen ", instance_date(row.seen_at), "\n");
  if (whole) add_whole(view, report);
  Poco::JSON::Array smscs;
  for (const auto& [name, fields] : report.smscs) {
    smscs.add(smsc_json(name, fields));
    view.text += smsc_text(name, fields);
    view.bound = view.bound && value_of(fields, "bound") == "1";
  }
  view.json.set("smscs", smscs);
  view.has_smsc = !report.smscs.empty();
  view.alarmed = !report.alarms.empty();
  if (!whole) return view;
  for (const auto& [id, text] : report.alarms) view.text += cat("  ALARM ", id, ": ", text, "\n");
  return view;
}

std::optional<std::int64_t> instance_figure(const vault::InstanceRow& row, std::string_view name) {
  return base::parse_integer(value_of(read_report(row.health).values, name));
}

CommandSpec status_command() {
  return {"status",
          "",
          0,
          0,
          "show how the vault is: store, instances, reminders",
          "Shows from the store every instance that has reported: whether it runs (each writes a "
          "row\n"
          "every 5 seconds; one that was silent for 20 does not), its channels, listeners, keys,\n"
          "SMSCs and alarms; and when reminders last ran. Exit code 1: no instance runs, or one "
          "that\n"
          "runs has an alarm.",
          {}};
}

int show_status(Tool& tool) {
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const auto instances = vault::running_instances(*store, tool.now());
  if (!instances) return tool.fail(kUnavailable, instances.error());
  const auto job = vault::reminder_job(*store, tool.now());
  if (!job) return tool.fail(kUnavailable, job.error());
  std::size_t running = 0;
  bool alarmed = false;
  std::string text;
  Poco::JSON::Array list;
  for (const vault::Running& one : *instances) {
    const InstanceView view = instance_view(one, true);
    running += one.alive ? 1 : 0;
    alarmed = alarmed || (one.alive && view.alarmed);
    text += view.text;
    list.add(view.json);
  }
  const config::Config& config = *tool.config(false);
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("running", running);
    out.set("alarmed", alarmed);
    out.set("instances", list);
    out.set("reminders", config.reminder.enabled);
    out.set("last_reminders", job->ran_at == 0 ? "" : base::iso_date(job->ran_at));
    tool.print(out);
  } else {
    if (text.empty()) text = "no instance has reported\n";
    tool.print(text + reminders_text(config, *job));
  }
  return running > 0 && !alarmed ? kDone : kFailed;
}

}  // namespace cli
