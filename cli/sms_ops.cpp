#include "cli/sms_ops.h"

#include <Poco/JSON/Array.h>

#include <algorithm>

#include "base/text.h"
#include "cli/care_view.h"
#include "cli/instance_view.h"
#include "cli/phone_number.h"
#include "vault/care_service.h"
#include "vault/outbox.h"
#include "vault/reminder_service.h"

namespace cli {

namespace {

using base::cat;
using Preview = vault::ReminderService::Preview;

constexpr std::int64_t kDefaultLimit = 10'000;
constexpr std::int64_t kMostLimit = 1'000'000;

// Numbers that may be cut off.
std::string count(std::uint64_t number, bool more) { return cat(number, more ? " or more" : ""); }

base::Result<Preview> preview_of(Tool& tool, vault::Store& store, std::int64_t limit) {
  const config::Config& config = *tool.config(false);
  return vault::ReminderService::preview(config.reminder, config.vault, store,
                                         static_cast<std::size_t>(limit), tool.now());
}

void set_preview(JsonObject& out, const Preview& preview) {
  out.set("due", preview.due);
  out.set("to_write", preview.to_write);
  out.set("more", preview.more);
  out.set("inside_hours", preview.inside_hours);
  out.set("opens_at", base::iso_date(preview.opens_at));
}

std::string preview_text(const Preview& preview) {
  return cat("due              ", count(preview.due, preview.more), "\n", "would be written ",
             count(preview.to_write, preview.more), "\n", "allowed hours    ",
             preview.inside_hours ? "now" : "from " + base::iso_date(preview.opens_at), "\n");
}

int preview(Tool& tool) {
  std::int64_t limit = kDefaultLimit;
  if (tool.line().has("limit")) {
    const auto given = base::parse_integer(tool.line().get("limit"));
    if (!given || *given < 1 || *given > kMostLimit) {
      return tool.fail(kUsage, cat("--limit must be a number from 1 to ", kMostLimit));
    }
    limit = *given;
  }
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const auto found = preview_of(tool, *store, limit);
  if (!found) return tool.fail(kUnavailable, found.error());
  if (tool.json()) {
    JsonObject out = json_object();
    set_preview(out, *found);
    tool.print(out);
  } else {
    tool.print(preview_text(*found));
  }
  return kDone;
}

std::string instances_text(const std::vector<vault::Running>& instances) {
  std::string text;
  for (const vault::Running& one : instances) {
    text += cat("instance         ", one.row.name, one.alive ? " runs" : " is silent", ", seen ",
                instance_date(one.row.seen_at), "\n");
  }
  return text.empty() ? "instance         none has reported\n" : text;
}

int status(Tool& tool) {
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const vault::ReminderSettings& settings = tool.config(false)->reminder;
  const auto job = vault::reminder_job(*store, tool.now());
  if (!job) return tool.fail(kUnavailable, job.error());
  const auto found = preview_of(tool, *store, kDefaultLimit);
  if (!found) return tool.fail(kUnavailable, found.error());
  const auto instances = vault::running_instances(*store, tool.now());
  if (!instances) return tool.fail(kUnavailable, instances.error());
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("enabled", settings.enabled);
    out.set("last_run", job->ran_at == 0 ? "" : base::iso_date(job->ran_at));
    out.set("last_run_by", job->owner);
    out.set("seen_up_to", job->after_date == 0 ? "" : base::iso_date(job->after_date));
    set_preview(out, *found);
    Poco::JSON::Array list;
    for (const vault::Running& one : *instances) {
      JsonObject item = json_object();
      item.set("name", one.row.name);
      item.set("alive", one.alive);
      item.set("seen_at", base::iso_date(one.row.seen_at));
      list.add(item);
    }
    out.set("instances", list);
    tool.print(out);
    return kDone;
  }
  tool.print(cat("reminders        ", settings.enabled ? "on" : "off ([reminder] enabled)", "\n",
                 "last run         ", instance_date(job->ran_at),
                 job->owner.empty() ? "" : ", begun by " + job->owner, "\n", "dates seen up to ",
                 instance_date(job->after_date), "\n", preview_text(*found),
                 instances_text(*instances)));
  return kDone;
}

bool good_wait(const Tool& tool) {
  const auto wait = base::parse_duration(tool.line().get("wait"));
  return !tool.line().has("wait") || (wait && *wait >= 0 && *wait <= base::kHourMs);
}

int ask(Tool& tool, vault::OutboxItem item) {
  if (const auto refused = operator_refused(tool)) return *refused;
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  item.asked_by = "ops:" + operator_name(tool);
  const auto id = vault::ask(*store, std::move(item), tool.now());
  if (!id) return tool.fail(kUnavailable, id.error());
  return wait_for(tool, *store, *id, json_object());
}

int run_reminders(Tool& tool) {
  vault::OutboxItem item;
  item.kind = vault::OutboxItem::Kind::run_reminders;
  return ask(tool, std::move(item));
}

int send_test(Tool& tool) {
  const std::vector<std::string>& arguments = tool.line().arguments;
  vault::OutboxItem item;
  item.kind = vault::OutboxItem::Kind::test_sms;
  TypedNumber typed = read_number(arguments[0]);
  if (!typed.number) return tool.fail(kUsage, arguments[0] + " " + typed.fault);
  item.number = std::move(typed.number);
  item.text = arguments.size() > 1 ? arguments[1] : "This is a test of Bipvault.";
  if (!base::valid_utf8(item.text) || item.text.empty()) {
    return tool.fail(kUsage, "the text is empty or not UTF-8");
  }
  item.detail = tool.line().get("smsc");
  const config::Config* const config = tool.config(false);
  if (config == nullptr) return tool.code();
  const bool known = item.detail.empty() || std::any_of(config->smscs.begin(), config->smscs.end(),
                                                        [&](const config::Smsc& smsc) {
                                                          return smsc.settings.name == item.detail;
                                                        });
  if (!known) return tool.fail(kUsage, "there is no section [smsc." + item.detail + "]");
  return ask(tool, std::move(item));
}

int wake(Tool& tool) {
  const std::string given = tool.line().get("reason");
  if (!given.empty() && given != "update" && given != "identity") {
    return tool.fail(kUsage, "--reason must be update or identity");
  }
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  vault::CareService care(tool.config(false)->vault, tool.keys(), *store, tool.log());
  const auto asked = care.wake(
      operator_name(tool), tool.line().arguments[0],
      given == "identity" ? vault::WakeReason::identity : vault::WakeReason::update, tool.now());
  if (const auto* failure = std::get_if<vault::CareFailure>(&asked)) {
    return report_failure(tool, *failure);
  }
  const auto& done = std::get<vault::CareService::Asked>(asked);
  JsonObject about = json_object();
  about.set("iccid", done.iccid.digits());
  return wait_for(tool, *store, done.request, about);
}

int smsc_status(Tool& tool) {
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const auto instances = vault::running_instances(*store, tool.now());
  if (!instances) return tool.fail(kUnavailable, instances.error());
  bool alive = false;  // one with an SMSC
  bool bound = true;
  std::string text;
  Poco::JSON::Array list;
  for (const vault::Running& one : *instances) {
    const InstanceView view = instance_view(one, false);
    if (!view.has_smsc) continue;
    alive = alive || one.alive;
    bound = bound && (!one.alive || view.bound);
    text += view.text;
    list.add(view.json);
  }
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("instances", list);
    tool.print(out);
  } else {
    tool.print(text.empty() ? "no instance with an SMSC has reported\n" : text);
  }
  return alive && bound ? kDone : kFailed;
}

}  // namespace

int run_sms_ops(Tool& tool) {
  const std::string& name = tool.line().command->name;
  if (!good_wait(tool)) return tool.fail(kUsage, "--wait must be a duration of at most 1h");
  if (name == "reminders preview") return preview(tool);
  if (name == "reminders status") return status(tool);
  if (name == "reminders run") return run_reminders(tool);
  if (name == "wake") return wake(tool);
  if (name == "smsc status") return smsc_status(tool);
  return send_test(tool);
}

}  // namespace cli
