// What `show` prints of a record.
#include <Poco/JSON/Array.h>

#include "cli/care_view.h"
#include "cli/imei.h"
#include "cli/progress.h"

namespace cli {

namespace {

using base::cat;

const char* key_state_name(vault::KeyState state) {
  switch (state) {
    case vault::KeyState::none:
      return "none";
    case vault::KeyState::issued:
      return "issued, not confirmed by the card";
    case vault::KeyState::active:
      return "active";
  }
  return "";
}

std::string date(std::int64_t utc_ms) { return utc_ms == 0 ? "" : base::iso_date(utc_ms); }

std::string number(const std::optional<vault::Msisdn>& msisdn) {
  return msisdn ? "+" + msisdn->digits() : "";
}

// One row of the table; nothing when there is nothing to say.
void row(std::string& out, std::string name, const std::string& value) {
  if (value.empty()) return;
  name.resize(18, ' ');
  out += name + value + "\n";
}

void add_versions(std::string& out, const vault::CareView& view) {
  if (view.versions.empty()) return;
  out += "\nStored versions\n";
  int i = 0;
  for (const vault::ImageInfo& image : view.versions) {
    out += cat("  ", i++, "  ", base::iso_date(image.stored_at), "  ", image.bytes, " octets, ",
               image.entries, " entries",
               image.pinned_until == 0 ? "" : ", kept until " + date(image.pinned_until),
               image.for_care ? ", only after unlock --reset-key" : "", "\n");
  }
}

void add_moves(std::string& out, const vault::CareView& view) {
  if (view.moves.empty()) return;
  out += "\nChanges of card that wait for proof\n";
  for (const vault::PendingMove& move : view.moves) {
    out += cat("  ", base::iso_date(move.at), "  ", move.old_iccid.digits(), " -> ",
               move.new_iccid.digits(), "\n");
  }
}

JsonObject image_json(const vault::ImageInfo& image) {
  JsonObject out = json_object();
  out.set("stored_at", base::iso_date(image.stored_at));
  out.set("bytes", image.bytes);
  out.set("entries", image.entries);
  set_text(out, "kept_until", date(image.pinned_until));
  if (image.for_care) out.set("for_care", true);
  return out;
}

void set_reminders(JsonObject& out, const vault::CareView& view) {
  set_text(out, "reminders_off_since", date(view.reminder.opted_out_at));
  set_text(out, "reminders_off_by", view.reminder.opted_out_by);
  set_text(out, "last_reminder", date(view.reminder.last_sent_at));
  set_text(out, "last_answer", view.reminder.answer);
  set_text(out, "number_unreachable_since", date(view.reminder.unreachable_at));
  if (!view.wake_up) return;
  set_text(out, "last_wake_up", date(view.wake_up->sent_at));
  if (view.wake_up->last_status >= 0) out.set("last_wake_up_status", view.wake_up->last_status);
}

void add_reminders(std::string& out, const vault::CareView& view) {
  const vault::Reminder& reminder = view.reminder;
  if (reminder.opted_out_at != 0) {
    row(out, "Reminders off", date(reminder.opted_out_at) + " by " + reminder.opted_out_by);
  }
  row(out, "Last reminder", date(reminder.last_sent_at));
  row(out, "Last answer", reminder.answer);
  row(out, "Unreachable", date(reminder.unreachable_at));
  if (view.wake_up) row(out, "Last wake-up", date(view.wake_up->sent_at));
}

void add_foreign(std::string& out, const vault::ForeignKeys& keys) {
  if (keys.given > 0) {
    row(out, "Another's key",
        cat(keys.given, " wrong by this card for another card's record, ", keys.left, " left"));
  }
  if (keys.taken > 0) {
    row(out, "Key by others",
        cat(keys.taken, " wrong by other cards for this record, forgotten ",
            date(keys.taken_until)));
  }
}

void set_foreign(JsonObject& out, const vault::ForeignKeys& keys) {
  if (keys.given > 0) {
    out.set("foreign_wrong_keys", keys.given);
    out.set("foreign_keys_left", keys.left);
  }
  if (keys.taken > 0) out.set("stranger_wrong_keys", keys.taken);
  set_text(out, "stranger_keys_until", date(keys.taken_until));
  set_text(out, "claim_barred_until", date(keys.claim_barred_until));
}

// Entries are numbered from 1 and never deleted.
std::uint64_t older_entries(const vault::CareView& view) {
  return view.history.empty() ? 0 : view.history.front().seq - 1;
}

}  // namespace

JsonObject view_json(const vault::CareView& view) {
  const vault::Record& record = view.record;
  JsonObject out = json_object();
  if (view.former_card) {
    out.set("asked_for", view.former_card->digits());
    out.set("moved_at", date(record.moved_at));
  }
  out.set("iccid", record.iccid.digits());
  out.set("state", state_name(view.state));
  set_text(out, "locked_at", date(record.locked_at));
  set_text(out, "locked_until", date(record.locked_until));
  set_text(out, "lock_reason", record.lock_reason);
  set_text(out, "suspended_at", date(record.suspended_at));
  out.set("attempts_left", view.attempts_left);
  set_foreign(out, view.foreign);
  set_text(out, "msisdn_provisioned", number(record.msisdn_provisioned));
  set_text(out, "msisdn_reported", number(record.msisdn_reported));
  set_text(out, "customer", record.customer);
  if (record.ended) out.set("ended", true);
  set_text(out, "language", record.language);
  out.set("key", record.key_state == vault::KeyState::none     ? "none"
                 : record.key_state == vault::KeyState::issued ? "issued"
                                                               : "active");
  set_text(out, "key_issued_at", date(record.key_issued_at));
  set_text(out, "key_reset_until", date(record.reset_until));
  set_text(out, "first_stored_at", date(record.first_stored_at));
  set_text(out, "updated_at", date(record.updated_at));
  set_text(out, "reported_at", date(record.identity_at));
  set_reminders(out, view);
  set_text(out, "imei", imei_of(record.handset));
  set_text(out, "last_error", record.last_error);
  if (record.upload) {
    JsonObject upload = json_object();
    upload.set("received", record.upload->staged);
    upload.set("total", record.upload->total);
    out.set("upload", upload);
  }
  Poco::JSON::Array versions;
  for (const vault::ImageInfo& image : view.versions) versions.add(image_json(image));
  out.set("versions", versions);
  Poco::JSON::Array moves;
  for (const vault::PendingMove& move : view.moves) {
    JsonObject item = json_object();
    item.set("at", base::iso_date(move.at));
    item.set("old_iccid", move.old_iccid.digits());
    item.set("new_iccid", move.new_iccid.digits());
    moves.add(item);
  }
  out.set("pending_moves", moves);
  Poco::JSON::Array history;
  for (const vault::HistoryEntry& entry : view.history) history.add(entry_json(entry));
  out.set("history", history);
  if (const auto older = older_entries(view); older > 0) out.set("older_entries", older);
  out.set("advice", view.advice);
  return out;
}

std::string view_text(const vault::CareView& view) {
  const vault::Record& record = view.record;
  std::string out;
  if (view.former_card) {
    out = cat("The back-up of card ", view.former_card->digits(), " belongs to card ",
              record.iccid.digits(), " since ", date(record.moved_at), ".\n\n");
  }
  row(out, "ICCID", record.iccid.digits());
  row(out, "State", state_name(view.state));
  row(out, "Locked since", date(record.locked_at));
  row(out, "Locked until", date(record.locked_until));
  row(out, "Lock reason", record.lock_reason);
  row(out, "Suspended since", date(record.suspended_at));
  row(out, "Attempts left", std::to_string(view.attempts_left));
  add_foreign(out, view.foreign);
  row(out, "Number", number(record.msisdn_provisioned));
  row(out, "Number (card)", number(record.msisdn_reported));
  row(out, "Customer", record.customer);
  row(out, "Card", record.ended ? "out of use, says provisioning" : "");
  row(out, "Language", record.language);
  row(out, "Key", key_state_name(record.key_state));
  row(out, "Key issued", date(record.key_issued_at));
  row(out, "New key until", date(record.reset_until));
  row(out, "First stored", date(record.first_stored_at));
  row(out, "Updated", date(record.updated_at));
  row(out, "Last report", date(record.identity_at));
  add_reminders(out, view);
  row(out, "IMEI", imei_of(record.handset));
  row(out, "Last error", record.last_error);
  if (record.upload) {
    row(out, "Upload", cat(record.upload->staged, " of ", record.upload->total, " octets"));
  }
  add_versions(out, view);
  add_moves(out, view);
  out += "\nHistory\n";
  if (const std::uint64_t older = older_entries(view); older > 0) {
    out +=
        cat("  (", with_commas(older), " older entries are left out: audit by day shows them)\n");
  }
  for (const vault::HistoryEntry& entry : view.history) out += "  " + entry_text(entry) + "\n";
  return out + "\n" + view.advice + "\n";
}

int report_view(const Tool& tool, const vault::CareView& view) {
  if (tool.json()) {
    tool.print(view_json(view));
  } else {
    tool.print(view_text(view));
  }
  return kDone;
}

}  // namespace cli
