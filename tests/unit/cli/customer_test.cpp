// A customer's reference in place of a card, by the tool: what it takes, refuses and prints.
#include "cli/care.h"
#include "cli/care_intent.h"
#include "cli/care_protocol.h"
#include "tests/unit/cli/tools.h"

using namespace tools;

namespace {

const std::string kCard = "8986001234567890120";

struct Customers : Laboratory {
  Customers() {
    set_up();
    const Ended imported = ops({"import", "-"},
                               "iccid,msisdn,customer\n"
                               "8986001234567890120,+8613800000001,\" C-1 \"\n"
                               "8986001234567890138,+8613800000002,\"Shop, 2\"\n"
                               "8986001234567890146,,\"Shop, 2\"\n");
    BOOST_REQUIRE_MESSAGE(imported.code == 0, imported.output);
  }
};

std::variant<cli::CommandLine, std::string> over_the_wire(const std::string& command,
                                                          std::vector<std::string> arguments,
                                                          bool customer) {
  cli::CareRequest request;
  request.command = command;
  request.arguments = std::move(arguments);
  if (customer) request.options["customer"] = "C-1";
  return cli::command_line_of(request, cli::care_program());
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(customer, Customers)

// Proves that one card is shown and several are listed, in both forms.
BOOST_AUTO_TEST_CASE(one_and_several) {
  const Ended one = care(proven({"show", "--customer", "C-1"}));
  BOOST_TEST(one.code == 0);
  BOOST_TEST(contains(one, "ICCID             " + kCard), one.output);
  BOOST_TEST(contains(one, "Customer          C-1\n"), "without the blanks of the import");
  const Ended several = care(proven({"show", "--customer=Shop, 2"}));
  BOOST_TEST(several.code == 0);
  BOOST_TEST(contains(several, "8986001234567890138   +8613800000002    empty      never stored\n"),
             several.output);
  BOOST_TEST(contains(several, "8986001234567890146   -"), several.output);
  BOOST_TEST(contains(several, "\nSeveral cards: call again with the ICCID"), several.output);
  BOOST_TEST(!contains(several, kCard), several.output);
  const Ended json = care(proven({"show", "--json", "--customer", "Shop, 2"}));
  BOOST_TEST(contains(json, "\"customer\": \"Shop, 2\""), json.output);
  BOOST_TEST(contains(json, "\"msisdn_provisioned\": \"+8613800000002\""), json.output);
  BOOST_TEST(contains(json, "\"more\": false"), json.output);
  const Ended history = care({"audit", "--customer", "C-1"}, "");
  BOOST_TEST(contains(history, "shown  agent:ann"), history.output);
  BOOST_TEST(contains(care({"audit", "8986001234567890146"}, ""), "listed  agent:ann"));
}

// Proves the exit code and the sentence of each refusal.
BOOST_AUTO_TEST_CASE(refused) {
  const auto in_vain = [&](Arguments arguments, int code, const std::string& text) {
    const Ended ended = care(proven(arguments));
    BOOST_TEST(ended.code == code, ended.output);
    BOOST_TEST(contains(ended, text), ended.output);
  };
  in_vain({"show", "--customer", "C-2"}, 5, "no record fits");
  in_vain({"suspend", "--customer", "Shop, 2"}, 5, "name the one that is meant by its ICCID");
  in_vain({"show", "--customer", "C-1", kCard}, 2, "--customer stands in the place of WHO");
  in_vain({"show"}, 2, "bipvault-care: an argument is missing: WHO\nUsage: bipvault-care");
  in_vain({"show", "--customer", ""}, 2, "--customer has no value");
  in_vain({"show", "--customer", " "}, 2, "the customer's reference is empty");
  in_vain({"show", "C-1"}, 5, "neither an ICCID nor a phone number");
  in_vain({"confirm-move", "--customer", "C-1"}, 2, "unknown option --customer");
  in_vain({"request", "confirm-move", "--customer", "C-1"}, 2, "takes the new card's ICCID");
  in_vain({"request", "unlock", "--customer", "C-1"}, 1, "this needs no second agent");
  const Ended audit = care({"audit", "--customer", "C-1", kCard}, "");
  BOOST_TEST(audit.code == 2, audit.output);
  BOOST_TEST(contains(audit, "--customer stands in the place of [WHO]"), audit.output);
}

// Proves that a call that changes something does it to the customer's only card.
BOOST_AUTO_TEST_CASE(changed) {
  const Ended suspended = care(proven({"suspend", "--customer", "C-1"}));
  BOOST_TEST(suspended.output.starts_with(kCard + " suspended"), suspended.output);
  const Ended erased = care(proven({"erase", "--customer", "C-1"}));
  BOOST_TEST(erased.code == 0, erased.output);
  BOOST_TEST(care(proven({"show", "--customer", "C-1"})).code == 5);
}

// Proves that what is told before a change names the customer.
BOOST_AUTO_TEST_CASE(told) {
  const auto line = std::get<cli::CommandLine>(over_the_wire("suspend", {}, true));
  BOOST_TEST(cli::what_happens(line).starts_with("The service of customer C-1 ends:"));
}

// Proves that over the socket a request holds the one or the other, too.
BOOST_AUTO_TEST_CASE(over_the_socket) {
  const auto taken = [](const std::string& command, std::vector<std::string> arguments,
                        bool named) {
    return over_the_wire(command, std::move(arguments), named).index() == 0;
  };
  BOOST_TEST(taken("show", {}, true));
  BOOST_TEST(!taken("show", {}, false));
  BOOST_TEST(!taken("show", {kCard}, true));
  BOOST_TEST(taken("request", {"unlock"}, true));
  BOOST_TEST(!taken("request", {}, true));
  BOOST_TEST(!taken("request", {"unlock", kCard}, true));
  BOOST_TEST(taken("audit", {}, true));
  BOOST_TEST(taken("audit", {}, false));
  BOOST_TEST(!taken("audit", {kCard}, true));
  BOOST_TEST(!taken("confirm-move", {}, true));
  BOOST_TEST(!taken("pending", {}, true));
}

BOOST_AUTO_TEST_SUITE_END()
