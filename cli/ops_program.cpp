#include "cli/card_export.h"
#include "cli/db_check.h"
#include "cli/instance_view.h"
#include "cli/keys_ops.h"
#include "cli/ops.h"
#include "cli/retention.h"
#include "cli/sms_ops.h"

namespace cli {

namespace {

CommandSpec import_command() {
  return {
      "import",
      "FILE",
      1,
      1,
      "create or complete records from a file of cards",
      "Reads cards from FILE (- is standard input) and creates an empty record for each ICCID "
      "that\n"
      "is not there yet, or completes what provisioning knows of it. Repeating an import changes\n"
      "nothing.\n"
      "\n"
      "csv     A header line names the columns, in any order, separated by comma, semicolon or\n"
      "        tab. iccid must be there; msisdn (international), customer and language (en,\n"
      "        zh-CN) may be; other columns are not looked at.\n"
      "vendor  Output file of a card vendor: comment lines (*, #, ;), a header of 'Key: value'\n"
      "        lines, then one card a line. A Quantity (Qty, Count, Amount) in the header must\n"
      "        be the number of cards, else nothing is imported. 'var_out: ser_nb/imsi/...'\n"
      "        (also Columns, Fields, Format, Layout) or a line of names before the first card\n"
      "        names the columns; 'ICCID[1-20]' gives a column's place. Without names the first\n"
      "        field that looks like an ICCID is it. Keys and codes of the cards are not kept.\n"
      "auto    csv if the first line has a column iccid, else vendor; standard input is csv.\n"
      "\n"
      "An ICCID may be written with blanks, dashes, F at either end or swapped nibbles; a wrong\n"
      "check digit is a warning. A msisdn is +86..., 0086... or 86...; how many there were of the\n"
      "last kind is told at the end. One that begins with a single 0 is national, and a bad line\n"
      "unless --country-code tells of which country. Bad lines are reported by number and left\n"
      "out, and the exit code is 1; with --all-or-nothing a bad line keeps everything out, and\n"
      "the import is one transaction. When the store fails in between (exit code 4), what was\n"
      "imported before stays; repeating is safe.",
      {{"dry-run", "", "tell what would be done, store nothing"},
       {"format", "FORMAT", "auto, csv or vendor (default: auto)"},
       {"all-or-nothing", "", "import all lines in one transaction, or none"},
       {"country-code", "CC", "numbers that begin with 0 are national ones of +CC"},
       {"batch", "N", "cards per transaction, 1 to 10000 (default: 5000)"},
       operator_option()}};
}

std::vector<CommandSpec> other_commands() {
  return {
      {"keys init",
       "",
       0,
       0,
       "create the key files that do not exist",
       "Creates master_key_file, pepper_file and audit_key_file of section [keys], each with one\n"
       "random key and mode 0600; where an HSM is configured the master key is made there instead\n"
       "of in a file. Files that exist are left alone. Keep copies of them apart from\n"
       "the database's backup: without the master keys stored content cannot be read again.\n"
       "\n"
       "Refused when only some of the files are missing, or when the database has a schema\n"
       "already: then keys have been lost, and their copy is what is needed. With --force the\n"
       "database forgets by what it knew the lost ones: stop all instances first.",
       {{"force", "", "create them nevertheless"}}},
      {"db init",
       "",
       0,
       0,
       "create the schema in an empty database",
       "Creates the tables of this version. Refused if there is a schema already.",
       {}},
      {"db upgrade",
       "",
       0,
       0,
       "bring the schema to this version",
       "Runs the steps that the database does not have yet. Stop the plugins first, or let them\n"
       "answer 'try later' in the meantime. An index on millions of records takes minutes; on a\n"
       "server it waits for those who still use the table.",
       {}},
      {"db status",
       "",
       0,
       0,
       "show the schema's version",
       "Shows the schema that the database has and the one that this version needs. Exit code 1\n"
       "if they differ.",
       {}},
      db_check_command(),
      {"config check",
       "",
       0,
       0,
       "check the configuration and its files",
       "Prints every fault of the file at once, with line and key, or that it is good. Checks the\n"
       "key and password files, too, and logs in to the HSM, if there is one, to try its keys.\n"
       "Where the database can be reached, the keys must be those that it was used with.",
       {}},
      {"config defaults",
       "",
       0,
       0,
       "print a commented configuration with all defaults",
       "Needs no --config.",
       {}},
      {"config reference", "", 0, 0, "print all keys as Markdown tables", "Needs no --config.", {}},
      {"swap",
       "OLD NEW",
       2,
       2,
       "move a record to the customer's new card",
       "An order of provisioning: the record of the card OLD belongs to the card NEW from now on.\n"
       "ICCIDs in any spelling; NEW must have been imported. A lock stays. If NEW has content of\n"
       "its own, the old content becomes its older versions. Refused (exit code 5) when the\n"
       "record of OLD has moved on to another card: the order then takes it from nobody.",
       {operator_option()}},
      {"ended",
       "CARD",
       1,
       1,
       "tell that a card is out of use",
       "Provisioning's word that the card CARD (ICCID in any spelling) is out of use. When "
       "another\n"
       "card of the same customer (column customer of the import) then reports it as its\n"
       "predecessor, the record moves at once, without the key. The card itself is served as\n"
       "before. With --in-use the word is taken back.",
       {{"in-use", "", "the card is in use after all"}, operator_option()}},
  };
}

ProgramSpec make_program() {
  ProgramSpec program{"bipvault-ops",
                      "Operations of a Bipvault: cards, keys, database, configuration, SMS.",
                      common_options(),
                      {import_command(), export_command()}};
  for (CommandSpec& command : other_commands()) program.commands.push_back(std::move(command));
  for (CommandSpec& command : key_commands()) program.commands.push_back(std::move(command));
  program.commands.push_back(retention_command());
  program.commands.push_back(status_command());
  for (CommandSpec& command : sms_commands()) program.commands.push_back(std::move(command));
  return program;
}

}  // namespace

const ProgramSpec& ops_program() {
  static const ProgramSpec kProgram = make_program();
  return kProgram;
}

}  // namespace cli
