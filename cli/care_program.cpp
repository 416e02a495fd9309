#include "cli/care.h"

namespace cli {

namespace {

constexpr std::size_t kReceiptWords = 12;  // it may come unquoted

constexpr char kProof[] =
    "\n\nEvery call that is done is kept in the history: agent, reason, and the identity document\n"
    "that the customer showed; one that is refused is not. The document's number is asked for\n"
    "without echo, or read from the first line of standard input when that is no terminal; it is\n"
    "kept as a keyed digest and its last four characters, and a reason that holds it is refused.\n"
    "What is missing of the rest is asked for on a terminal, refused otherwise.";

OptionSpec agent_option() { return {"agent", "NAME", "who calls: letters, digits and . _ - @"}; }
constexpr char kCustomer[] = "customer";

OptionSpec customer_option() {
  return {kCustomer, "REF", "in place of WHO: the customer, as import has named him"};
}
OptionSpec reason_option() { return {"reason", "TEXT", "why"}; }

std::vector<OptionSpec> with_proof(const std::vector<OptionSpec>& more) {
  std::vector<OptionSpec> options{
      agent_option(),
      reason_option(),
      {"document", "TYPE", "kind of identity document shown: passport, id-card, ..."}};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

// A call about one record, which the customer's reference may name as well.
CommandSpec of_record(std::string name, std::string summary, std::string text,
                      std::vector<OptionSpec> more = {}) {
  more.push_back(customer_option());
  CommandSpec spec{std::move(name), "WHO",           1, 1, std::move(summary),
                   text + kProof,   with_proof(more)};
  spec.instead = kCustomer;
  return spec;
}

CommandSpec proven(std::string name, std::string arguments, std::string summary, std::string text,
                   const std::vector<OptionSpec>& more = {}) {
  return {std::move(name), std::move(arguments), 1, 1, std::move(summary),
          text + kProof,   with_proof(more)};
}

ProgramSpec make_program() {
  return {
      "bipvault-care",
      "Customer care of a Bipvault. Cards are named by ICCID, in any spelling, by the provisioned\n"
      "number (+...), or by --customer and the operator's reference of a customer who has one "
      "card\n"
      "only. Keys are never shown, content goes into files only.",
      common_options(),
      {of_record(
           "show", "show state, dates, attempts, history and what to tell the customer",
           "Shows what is known of the record of WHO, an ICCID or a phone number (+...), and\n"
           "what to tell the customer. If several records fit, they are listed. --customer REF\n"
           "finds a customer's card; of several, 50 at most are listed with number, state and\n"
           "date, and the ICCID of one of them shows more. The ICCID of a card whose record has\n"
           "moved on to another one finds it here, which is said first; calls that change\n"
           "something are refused for it."),
       of_record(
           "unlock", "open a locked record",
           "Takes the lock away and gives all attempts back, those for another card's record\n"
           "(change of card) as well; what other cards have tried for this record stays counted\n"
           "for 30 days, and confirm-move is what moves it. With --reset-key the card's next\n"
           "session within 24 hours is given a fresh key without being asked for the old one.",
           {{"reset-key", "", "the customer has lost the key: give a new one"}}),
       proven("confirm-move", "NEW", "confirm a pending change to the card NEW",
              "The customer has shown that both cards are his: the record of the old card goes to\n"
              "the card NEW."),
       proven("reject-move", "NEW", "reject a pending change to the card NEW",
              "The claim of the card NEW on another card's record is dropped."),
       of_record(
           "opt-out", "no reminders for this subscriber",
           "The subscriber of the record of WHO gets no more reminders, until START or opt-in."),
       of_record("opt-in", "reminders again for this subscriber",
                 "Takes an opt-out back, whether it came from care or by STOP."),
       of_record(
           "export", "hand the stored content over as a file",
           "Writes the content of the record of WHO into a new file of mode 0600, for a customer\n"
           "who takes it home. The vCard forms hold the contacts, text and csv the messages and\n"
           "memos as well; raw is what the card has sent. An entry that is damaged is left out\n"
           "and named. FILE - is standard output, unless that is a terminal.",
           {{"format", "FORM", "vcard4, vcard3, text, raw or csv"},
            {"output", "FILE", "where to; it must not exist yet"},
            {"copy", "N", "an older version, as show lists them (default 0, the newest)"}}),
       of_record(
           "suspend", "the service has ended for this card",
           "The card of WHO is answered that the service has ended. Its data are kept for the\n"
           "retention time ([vault] retention); resume puts everything on again."),
       of_record("resume", "the service is on again for this card",
                 "Takes a suspend back: content, key and attempts are as before."),
       of_record(
           "erase", "erase everything that is stored, for good",
           "Erases content, all its versions, numbers, customer, key and reminder of the record\n"
           "of WHO. Nobody can bring it back. Prints a receipt, which erase verify checks. On a\n"
           "terminal it asks once more."),
       {"request", "CALL WHO", 2, 2, "ask for a call that a second agent has to approve",
        std::string(
            "CALL is unlock, export, erase or confirm-move; WHO is as there. Where the\n"
            "configuration wants it ([vault] two_person, [care] approve), these calls are made "
            "when\n"
            "another agent has approved them. Prints the number of the request, which ends after\n"
            "[care] request_life. If the record is locked, unlocked, moved or erased meanwhile, "
            "it\n"
            "cannot be approved any more.") +
            kProof,
        with_proof({{"reset-key", "", "unlock: the customer has lost the key: give a new one"},
                    {"format", "FORM", "export: vcard4, vcard3, text, raw or csv"},
                    {"copy", "N", "export: an older version, as show lists them"},
                    customer_option()}),
        kCustomer},
       proven(
           "approve", "NUMBER", "approve another agent's request",
           "Approves the request NUMBER, as pending lists them, and by that makes the call, once.\n"
           "Nobody approves his own request. The document is the one of the request: the customer\n"
           "has shown it, or its number was read out. Of an export, who has asked takes the\n"
           "content then, by export. On a terminal it shows the request and asks once more."),
       {"reject",
        "NUMBER",
        1,
        1,
        "end a request",
        "Who has asked withdraws the request NUMBER by it, any other agent rejects it.",
        {agent_option(), reason_option()}},
       {"pending",
        "[NUMBER]",
        0,
        1,
        "list the requests that wait",
        "Lists all requests that wait for an approval, and approved exports that were not taken;\n"
        "or the request NUMBER, also when it is over, with what came of it. Looking is kept in "
        "the\n"
        "vault's own history.",
        {agent_option()}},
       {"erase verify",
        "RECEIPT",
        1,
        kReceiptWords,
        "check the receipt of an erasure",
        "Checks that RECEIPT, the line that erase has printed, was made by this vault, that the\n"
        "history knows the erasure, and that nothing from before it is stored. Exit code 1 if\n"
        "not. Looking is kept in the vault's own history.",
        {operator_option()}},
       {"audit",
        "[WHO]",
        0,
        1,
        "show the history by card, agent or day",
        "Shows the history of WHO, or of all records. Times and days are UTC. Looking is kept in\n"
        "the history as well: of the record, or of the vault itself.",
        {{"agent", "NAME", "only what this agent did"},
         {"day", "YYYY-MM-DD", "only what happened on this day"},
         customer_option(),
         operator_option()},
        kCustomer},
       {"audit verify",
        "",
        0,
        0,
        "check that the history is whole",
        "Checks every entry of every record against its keyed digest and each record's head:\n"
        "changed, removed and cut off entries are found. Exit code 1 if there are any. With a\n"
        "sealed head, the history up to its date must also be what it was then: that finds what\n"
        "was removed together with a record's own head.",
        {{"sealed-head", "LINE", "a line 'sealed history head ...' of the plugin's log"},
         operator_option()}}}};
}

}  // namespace

const ProgramSpec& care_program() {
  static const ProgramSpec kProgram = make_program();
  return kProgram;
}

}  // namespace cli
