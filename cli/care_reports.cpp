// What the end of a service and of its data is answered with.
#include "base/text.h"
#include "cli/care_view.h"

namespace cli {

using base::cat;

int report_service(const Tool& tool, const vault::CareService::Service& done) {
  const std::string until = done.suspended ? base::iso_date(done.kept_until) : "";
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("iccid", done.iccid.digits());
    out.set("suspended", done.suspended);
    if (done.suspended) out.set("kept_until", until);
    tool.print(out);
  } else {
    tool.print(cat(done.iccid.digits(),
                   done.suspended ? " suspended; its data are kept until " : " is in service again",
                   until, "\n"));
  }
  return kDone;
}

std::string erased_text(const vault::CareService::Erased& done) {
  return cat("erased: ", done.iccid.digits(), ", ", done.versions, " versions, ", done.octets,
             " octets. Receipt:\n", done.receipt);
}

int report_erased(const Tool& tool, const vault::CareService::Erased& done) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("iccid", done.iccid.digits());
    out.set("versions", done.versions);
    out.set("octets", done.octets);
    out.set("receipt", done.receipt);
    tool.print(out);
  } else {
    tool.print(erased_text(done) + "\n");
  }
  return kDone;
}

int report_receipt(const Tool& tool, const vault::CareService::ReceiptCheck& check) {
  const bool holds = check.fault.empty();
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("iccid", check.iccid.digits());
    out.set("erased_at", base::iso_date(check.at));
    out.set("versions", check.versions);
    out.set("octets", check.octets);
    if (!check.actor.empty()) out.set("actor", check.actor);
    out.set("holds", holds);
    if (!holds) out.set("fault", check.fault);
    tool.print(out);
  } else {
    tool.print(cat("the receipt is genuine: ", check.iccid.digits(), ", erased ",
                   base::iso_date(check.at), check.actor.empty() ? "" : " by ", check.actor, "\n",
                   holds ? "nothing from before is stored" : check.fault, "\n"));
  }
  return holds ? kDone : kFailed;
}

}  // namespace cli
