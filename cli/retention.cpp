#include "cli/retention.h"

#include <Poco/JSON/Array.h>

#include "cli/care_view.h"
#include "cli/progress.h"
#include "db/suspended_scan.h"
#include "vault/retention.h"

namespace cli {

namespace {

using base::cat;

struct Swept {
  std::uint64_t seen = 0;
  std::uint64_t due = 0;  // suspended for long enough; some may hold nothing any more
  std::uint64_t erased = 0;
  Poco::JSON::Array receipts;  // with --json, else they are printed as they are made
};

JsonObject receipt_json(const Tool& tool, const vault::ErasureReceipt& one) {
  JsonObject item = json_object();
  item.set("iccid", one.iccid.digits());
  item.set("versions", one.versions);
  item.set("octets", one.octets);
  item.set("receipt", vault::receipt_line(tool.keys(), one));
  return item;
}

// Nothing: done. Else why it ended before.
std::optional<std::string> sweep(Tool& tool, vault::Store& store, db::SuspendedScan& scan,
                                 bool dry_run, Swept& swept) {
  const vault::Policy& policy = tool.config(false)->vault;
  const std::string actor = "ops:" + operator_name(tool);
  const std::int64_t before = tool.now().utc_ms - policy.retention;
  ProgressBar bar("records");
  base::Bytes after;
  for (bool done = false; !done;) {
    const auto page = scan.page(after, before);
    if (!page) return page.error();
    swept.seen += page->seen;
    swept.due += page->records.size();
    bar.show(walked(page->after), kWalkedAll, swept.seen);
    for (const vault::RecordId& id : page->records) {
      if (dry_run) continue;
      const auto receipt =
          vault::erase_after_retention(store, tool.keys(), policy, id, actor, tool.now());
      if (!receipt) return receipt.error();
      if (!*receipt) continue;
      ++swept.erased;
      if (tool.json()) {
        swept.receipts.add(receipt_json(tool, **receipt));
      } else {
        bar.clear();
        tool.print(vault::receipt_line(tool.keys(), **receipt) + "\n");
      }
    }
    after = page->after;
    done = page->done;
  }
  return std::nullopt;
}

void print_swept(Tool& tool, const Swept& swept, bool dry_run) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("dry_run", dry_run);
    out.set("seen", swept.seen);
    out.set("due", swept.due);
    out.set("erased", swept.receipts);
    tool.print(out);
    return;
  }
  tool.print(cat("looked at ", with_commas(swept.seen), " records: ", with_commas(swept.due),
                 " suspended for longer than [vault] retention, ",
                 dry_run ? "none touched (dry run)" : with_commas(swept.erased) + " erased now",
                 "\n"));
}

}  // namespace

CommandSpec retention_command() {
  return {
      "retention",
      "",
      0,
      0,
      "erase what suspended cards have stored, after [vault] retention",
      "Erases for good what is kept of every card whose service ended longer ago than [vault]\n"
      "retention: content, numbers, customer, key, reminder. The card stays suspended, its\n"
      "history stays. Each erasure is a transaction and an entry of its own, and prints its\n"
      "receipt at once (with --json: all at the end). Repeating it is safe. No subscriber is "
      "told.\n"
      "\n"
      "The instances do the same once a day, without receipts ([vault] retention_hour). Call it\n"
      "after a back-up was restored, or where the receipts are wanted.",
      {{"dry-run", "", "count only, erase nothing"}, operator_option()}};
}

int run_retention(Tool& tool) {
  if (const auto refused = operator_refused(tool)) return *refused;
  vault::Store* const store = tool.store();
  if (store == nullptr) return tool.code();
  const auto scan = db::SuspendedScan::open(tool.config(false)->store);
  if (!scan) return tool.fail(kUnavailable, scan.error());
  const bool dry_run = tool.line().has("dry-run");
  Swept swept;
  const auto fault = sweep(tool, *store, **scan, dry_run, swept);
  print_swept(tool, swept, dry_run);
  return fault ? tool.fail(kUnavailable, *fault) : kDone;
}

}  // namespace cli
