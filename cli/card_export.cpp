#include "cli/card_export.h"

#include "base/time.h"
#include "cli/care_view.h"
#include "cli/export.h"
#include "cli/progress.h"
#include "db/card_list.h"

namespace cli {

namespace {

using base::cat;

constexpr std::string_view kHeader = "iccid,msisdn,customer,language,state,stored,octets\n";
constexpr std::size_t kPiece = std::size_t{4} * 1024 * 1024;

std::string field(const std::string& text) {
  if (text.find_first_of(",;\t\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// kDone, or what went wrong and `why`. `seen` counts.
ExitCode write_all(Tool& tool, db::CardList& list, ExportFile& file, std::uint64_t& seen,
                   std::string& why) {
  ProgressBar bar("cards");
  std::string text(kHeader);
  base::Bytes after;
  bool again = true;
  for (bool done = false; !done;) {
    auto page = list.page(after);
    if (!page && std::exchange(again, false)) continue;  // by a new connection
    if (!page) {
      why = page.error();
      return kUnavailable;
    }
    again = true;
    for (const vault::Record& record : page->records) text += card_line(record, tool.now());
    seen += page->records.size();
    after = page->after;
    done = page->done;
    bar.show(walked(after), kWalkedAll, seen);
    if (text.size() < kPiece && !done) continue;
    if (const base::Status put = file.write(base::as_bytes(text)); !put) {
      why = put.error();
      return kFailed;
    }
    text.clear();
  }
  bar.clear();
  if (const base::Status kept = file.keep(); !kept) {
    why = kept.error();
    return kFailed;
  }
  return kDone;
}

}  // namespace

std::string card_line(const vault::Record& record, base::Now now) {
  const bool stored = record.image.has_value();
  return cat(record.iccid.digits(), ",",
             record.msisdn_provisioned ? "+" + record.msisdn_provisioned->digits() : "", ",",
             field(record.customer), ",", field(record.language), ",",
             state_name(vault::state_of(record, now)), ",",
             stored ? base::iso_date(record.image->stored_at) : "", ",",
             stored ? cat(record.image->bytes) : "", "\n");
}

CommandSpec export_command() {
  return {
      "export",
      "FILE",
      1,
      1,
      "write the list of all cards",
      "Writes one line of CSV for each card to FILE (a new file of mode 0600; - is standard\n"
      "output): iccid, msisdn, customer and language as provisioning told them, which import\n"
      "reads again, then how its record stands (empty, held, locked, suspended), when it was\n"
      "stored last and how many octets. No content, no key. Page by page while the vault goes\n"
      "on working: cards that are imported meanwhile may be missing. With --json FILE stays CSV\n"
      "and what was written is told as JSON; not together with -.",
      {}};
}

int run_card_export(Tool& tool) {
  if (tool.json() && tool.line().arguments[0] == "-") {
    return tool.fail(kUsage, "--json: the list is CSV; name a FILE and its counts are JSON");
  }
  if (tool.store() == nullptr) return tool.code();
  const auto list = db::CardList::open(tool.config(false)->store);
  if (!list) return tool.fail(kUnavailable, list.error());
  ExportFile file(tool.line().arguments[0]);
  if (const base::Status made = file.made(); !made) return tool.fail(kFailed, made.error());
  std::uint64_t seen = 0;
  std::string why;
  const ExitCode code = write_all(tool, **list, file, seen, why);
  if (code != kDone) return tool.fail(code, why + "; the list is not complete");
  if (file.to_stdout()) return kDone;
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("file", tool.line().arguments[0]);
    out.set("cards", seen);
    tool.print(out);
  } else {
    tool.print(cat("wrote ", with_commas(seen), " cards\n"));
  }
  return kDone;
}

}  // namespace cli
