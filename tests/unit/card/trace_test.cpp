// A trace is GSMTAP as tshark reads it and never holds a key.
#include "card/trace.h"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>

#include "card/commands.h"
#include "card/script.h"
#include "tests/support/card_world.h"
#include "tests/support/torment.h"

using namespace card;

namespace {

std::string packet(const base::Bytes& command, const base::Bytes& answer) {
  return std::string(base::as_text(gsmtap_packet(command, answer, 0x9000)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trace)

BOOST_AUTO_TEST_CASE(the_header_is_that_of_gsmtap_sim) {
  const base::Bytes bytes = gsmtap_packet(base::from_hex("80F2000C00").value(), {}, 0x9000);
  BOOST_TEST(base::to_hex(bytes) ==
             "02040400000000000000000000000000"
             "80F2000C00"
             "9000");
}

BOOST_AUTO_TEST_CASE(a_key_on_the_screen_is_masked) {
  const base::Bytes text =
      encode(commands::display_text("Your key: 123456789 Write 250 down", Clear::by_user));
  const base::Bytes fetch{0x80, 0x12, 0x00, 0x00, static_cast<std::uint8_t>(text.size())};
  const std::string bytes = packet(fetch, text);
  BOOST_TEST(bytes.find("123456789") == std::string::npos);
  BOOST_TEST(bytes.find("Your key: ********* Write 250 down") != std::string::npos);
  BOOST_TEST(bytes.size() == 16 + 5 + text.size() + 2);
}

BOOST_AUTO_TEST_CASE(a_typed_key_is_masked_in_every_coding) {
  for (const char* value : {"0431323334353637", "0800310032003300340035003600370038"}) {
    Response response;
    response.type = CommandType::get_input;
    response.objects.add(tag::kText | tag::kCr, base::from_hex(value).value());
    const base::Bytes data = encode(response);
    base::Bytes apdu{0x80, 0x14, 0x00, 0x00, static_cast<std::uint8_t>(data.size())};
    apdu.insert(apdu.end(), data.begin(), data.end());
    const std::string bytes = packet(apdu, {});
    BOOST_TEST(bytes.size() == 16 + apdu.size() + 2);
    for (char digit = '1'; digit <= '8'; ++digit) {
      BOOST_TEST(bytes.substr(16 + 5 + 13).find(digit) == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(only_long_runs_of_digits_are_masked) {
  BOOST_TEST(mask_digits("250 contacts, 123456") == "250 contacts, 123456");
  BOOST_TEST(mask_digits("key 1234567.") == "key *******.");
  BOOST_TEST(mask_digits("") == "");
}

BOOST_AUTO_TEST_CASE(anything_can_be_traced) {
  const base::Bytes good = encode(commands::display_text("Your key: 123456789", Clear::by_user));
  card_test::torment(good, [](base::View data) {
    base::Bytes fetch{0x80, 0x12, 0x00, 0x00, 0x00}, response{0x80, 0x14, 0x00, 0x00, 0x00};
    response.insert(response.end(), data.begin(), data.end());
    BOOST_REQUIRE(gsmtap_packet(fetch, data, 0x9000).size() == 16 + 5 + data.size() + 2);
    BOOST_REQUIRE(gsmtap_packet(response, {}, 0x9000).size() == 16 + response.size() + 2);
    (void)gsmtap_packet(data, {}, 0x9000);
  });
}

// The header goes into the file at once, so that a disk that is full already is told of before
// anything happens; what becomes full later is told at the end.
BOOST_AUTO_TEST_CASE(a_file_that_takes_no_more_is_told) {
  Trace full;
  const auto opened = full.write_pcap("/dev/full");
  BOOST_REQUIRE(!opened.ok());
  BOOST_TEST(opened.error() == "/dev/full: No space left on device");

  const base::Bytes status = base::from_hex("80F2000C00").value();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const std::string path =
      std::filesystem::temp_directory_path() / ("trace-" + std::to_string(::getpid()) + ".pcap");
  Trace trace;
  BOOST_REQUIRE(trace.write_pcap(path).ok());
  const rlimit small{200, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  for (int i = 0; i < 5; ++i) trace.exchange(status, {}, 0x9000, 1'000);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  trace.exchange(status, {}, 0x9000, 1'000);  // behind half a packet: it would not be read
  const auto ended = trace.end();
  BOOST_REQUIRE(!ended.ok());
  BOOST_TEST(ended.error() == path + ": File too large");
  BOOST_TEST(std::filesystem::file_size(path) <= 200u);
  std::filesystem::remove(path);
}

BOOST_AUTO_TEST_CASE(scripts_are_read_and_faults_named_by_line) {
  const auto lines = parse_script(
      "# a story\n\nadvance 12h\nmenu Back up\r\nkey @key file\ncut after 0 sent\n"
      "cut after 17 received\nexpect text Wrong key\\. \\d\nexpect result key required\nok\nrun\n"
      "await text Reply\nreply Y please\nlisten\nback\n");
  BOOST_REQUIRE(lines.ok());
  BOOST_TEST(lines->size() == 13u);
  BOOST_TEST(lines->at(10).argument == "Y please");
  BOOST_TEST(lines->at(0).number == 12 * base::kHourMs);
  BOOST_TEST(lines->at(1).argument == "Back up");
  BOOST_TEST(lines->at(2).argument == "@key file");
  BOOST_TEST(lines->at(4).number == 17);
  for (const char* bad : {"advance", "advance soon", "menu", "cut after sent", "cut after x sent",
                          "ok then", "dance", "expect text [", "expect", "keys 1", "reply",
                          "await text [", "await Reply", "listen on", "back 1"}) {
    const auto parsed = parse_script(std::string("run\n") + bad);
    BOOST_TEST(!parsed.ok());
    if (!parsed.ok()) BOOST_TEST(parsed.error().find("line 2") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
