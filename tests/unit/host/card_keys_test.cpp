// The file with the cards' OTA keys is taken whole or not at all, and no message shows a key.
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "host/card_keys.h"

namespace {

using host::CardKeys;

const std::string kHeader = "iccid,key_set,algorithm,kic,kid,psk\n";
const std::string kKic = "000102030405060708090A0B0C0D0E0F";
const std::string kKid = "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF";

std::variant<CardKeys, CardKeys::Faults> read(const std::string& text) {
  base::Lines lines(text);
  return CardKeys::read(lines);
}

std::string first_fault(const std::string& text) {
  auto result = read(text);
  const auto* faults = std::get_if<CardKeys::Faults>(&result);
  return faults == nullptr ? "" : faults->lines.front();
}

}  // namespace

// Proves that digits become EF_ICCID's octets: nibbles swapped, F behind.
BOOST_AUTO_TEST_CASE(iccid_as_in_the_card) {
  const host::EfIccid nineteen{0x98, 0x68, 0x00, 0x21, 0x43, 0x65, 0x87, 0x09, 0x21, 0xF3};
  BOOST_TEST((host::ef_iccid("8986001234567890123") == nineteen));
  BOOST_TEST((host::ef_iccid("8986001234567890123F") == nineteen));
  for (const char* bad : {"", "898600123", "898600123456789012345", "8986 01234567890", "F"}) {
    BOOST_TEST(!host::ef_iccid(bad), bad);
  }
}

// Proves that columns are found by name and keys by card and key set.
BOOST_AUTO_TEST_CASE(keys_are_found) {
  auto result = read("kid;algorithm;iccid;kic;key_set\n" + kKid + ";AES;8986001234567890123;" +
                     kKic + ";1\n" + kKid + ";5;8986001234567890123;" + kKic + ";2\n");
  BOOST_REQUIRE(std::holds_alternative<CardKeys>(result));
  const CardKeys& keys = std::get<CardKeys>(result);
  const bv_ota_key_set* found = keys.find(*host::ef_iccid("8986001234567890123"), 1);
  BOOST_REQUIRE(found != nullptr);
  BOOST_TEST(found->algorithm == BV_ALGORITHM_AES);
  BOOST_TEST(found->kic_size == 16);
  BOOST_TEST(found->kic[15] == 0x0F);
  BOOST_TEST(found->kid[0] == 0xF0);
  BOOST_TEST(keys.find(*host::ef_iccid("8986001234567890123"), 3) == nullptr);
  BOOST_TEST(keys.find(*host::ef_iccid("8986001234567890124"), 1) == nullptr);
}

// Proves each kind of fault by one line, and that none shows the key.
BOOST_AUTO_TEST_CASE(faulty_lines) {
  const std::string card = "8986001234567890123,";
  const std::pair<std::string, const char*> cases[] = {
      {"", "the file is empty: a line with column names is missing"},
      {"iccid,key_set,algorithm,kic\n", "there is no column kid"},
      {kHeader + "89,1,aes," + kKic + "," + kKid + ",\n", "line 2: iccid: not 10 to 20 digits"},
      {kHeader + card + "16,aes," + kKic + "," + kKid + ",\n",
       "line 2: key_set: not a number from 1 to 15"},
      {kHeader + card + "0,aes," + kKic + "," + kKid + ",\n",
       "line 2: key_set: not a number from 1 to 15"},
      {kHeader + card + "1,des," + kKic + "," + kKid + ",\n",
       "line 2: algorithm: neither aes nor 3des"},
      {kHeader + card + "1,aes," + kKic + "00," + kKid + ",\n",
       "line 2: kic must have 16, 24 or 32 octets"},
      {kHeader + card + "1,3des," + kKic + "," + kKid + kKid + ",\n",
       "line 2: kid must have 16 octets"},
      {kHeader + card + "1,aes," + kKic + ",xy,\n", "line 2: kid is not hexadecimal"},
      {kHeader + card + "1,aes," + kKic + "\n", "line 2: 4 fields instead of 6"},
      {kHeader + card + "1,aes," + kKic + "," + kKid + ",\n" + card + "1,aes," + kKic + "," + kKid +
           ",\n",
       "line 3: this card's key set was given before"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string fault = first_fault(text);
    BOOST_TEST(fault == expected);
    BOOST_TEST(fault.find(kKic.substr(0, 8)) == std::string::npos);
  }
}

// Proves that all faults of a file are told, up to twenty.
BOOST_AUTO_TEST_CASE(many_faults) {
  std::string text = kHeader;
  for (int i = 0; i < 30; ++i) text += "x,1,aes,,,\n";
  const auto result = read(text);
  BOOST_REQUIRE(std::holds_alternative<CardKeys::Faults>(result));
  BOOST_TEST(std::get<CardKeys::Faults>(result).lines.size() == 20u);
}

// Proves that a file that others may read is refused.
BOOST_AUTO_TEST_CASE(open_mode_is_refused) {
  char name[] = "/tmp/bipvault-keys-XXXXXX";
  const int file = ::mkstemp(name);
  BOOST_REQUIRE(file >= 0);
  std::ofstream(name) << kHeader;
  BOOST_TEST(std::holds_alternative<CardKeys>(CardKeys::load(name)));
  BOOST_REQUIRE_EQUAL(::chmod(name, 0644), 0);
  BOOST_TEST(std::holds_alternative<CardKeys::Faults>(CardKeys::load(name)));
  std::remove(name);
}
