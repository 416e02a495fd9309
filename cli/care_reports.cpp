// What a customer's list, the end of a service and of its data are answered with.
#include <Poco/JSON/Array.h>

#include <algorithm>

#include "base/text.h"
#include "cli/care_view.h"

namespace cli {

using base::cat;

namespace {

using Card = vault::CareService::CustomerCard;

JsonObject card_json(const Card& card) {
  JsonObject out = json_object();
  out.set("iccid", card.iccid.digits());
  out.set("state", state_name(card.state));
  if (card.number) out.set("msisdn_provisioned", "+" + card.number->digits());
  if (card.ended) out.set("ended", true);
  if (card.updated_at != 0) out.set("updated_at", base::iso_date(card.updated_at));
  return out;
}

std::string card_text(const Card& card) {
  const auto column = [](std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text + "  ";
  };
  return column(card.iccid.digits(), 20) +
         column(card.number ? "+" + card.number->digits() : "-", 16) +
         column(state_name(card.state), 9) +
         (card.updated_at == 0 ? "never stored" : base::iso_date(card.updated_at)) +
         (card.ended ? "  out of use" : "") + "\n";
}

}  // namespace

int report_cards(const Tool& tool, const std::string& customer,
                 const vault::CareService::CustomerCards& found) {
  if (tool.json()) {
    JsonObject out = json_object();
    out.set("customer", customer);
    Poco::JSON::Array cards;
    for (const Card& card : found.cards) cards.add(card_json(card));
    out.set("cards", cards);
    out.set("more", found.more);
    tool.print(out);
    return kDone;
  }
  std::string text;
  for (const Card& card : found.cards) text += card_text(card);
  tool.print(text + "\nSeveral cards: call again with the ICCID of the one that is meant.\n");
  if (found.more) {
    tool.fail(kDone, cat("the customer has more than ", found.cards.size(),
                         " cards: the rest is left out; ask for the number or the ICCID"));
  }
  return kDone;
}

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
