// A card survives being written down: the same files, keys and memory come back. Damaged files are
// refused with a reason that holds nothing of them, and OTA keys are found by ICCID.
#include "card/card_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "base/files.h"
#include "card/image.h"
#include "tests/support/card_world.h"

using namespace card;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/card-file-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() {
    for (const char* file : {"/a.card", "/p.phone", "/keys.csv"}) {
      ::unlink((path + file).c_str());
    }
    ::rmdir(path.c_str());
  }
  void write(const std::string& name, std::string_view content) const {
    BOOST_REQUIRE(base::write_file_atomically(path + name, content, 0600).ok());
  }
  std::string path;
};

constexpr const char* kKic = "404142434445464748494A4B4C4D4E4F";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(card_file, Folder)

BOOST_AUTO_TEST_CASE(everything_comes_back) {
  Card card = card_test::test_card(card_test::kIccid);
  fill_card(card, {40, 6, 2}, 9);
  card.server = {{10, 0, 0, 7}, 7200};
  card.memory.counter = 0xFFFFFFFFF0;
  card.memory.previous = *iccid_octets(card_test::kOtherIccid);
  card.memory.upload = OpenUpload{0x7FFFFFFF, 16384, base::sha256({}), 3};
  card.memory.use_ms = 5'000'000'000;
  BOOST_REQUIRE(save_card(path + "/a.card", card).ok());
  struct stat state {};
  BOOST_REQUIRE(::stat((path + "/a.card").c_str(), &state) == 0);
  BOOST_TEST((state.st_mode & 0777) == 0600u);
  const auto back = load_card(path + "/a.card");
  BOOST_REQUIRE(back.ok());
  BOOST_TEST(encode_image(take_image(back->files)) == encode_image(take_image(card.files)));
  BOOST_TEST(base::to_hex(back->keys.kic.view()) == kKic);
  BOOST_TEST(to_string(back->server) == "10.0.0.7:7200");
  BOOST_TEST(back->memory.counter == card.memory.counter);
  BOOST_TEST(back->memory.use_ms == card.memory.use_ms);
  BOOST_CHECK(back->memory.previous == card.memory.previous);
  BOOST_TEST(back->memory.upload.value().transaction == 0x7FFFFFFFu);
  BOOST_CHECK(back->memory.upload.value().digest == card.memory.upload.value().digest);
}

BOOST_AUTO_TEST_CASE(damaged_files_are_refused_without_telling_their_content) {
  const Card card = card_test::test_card(card_test::kIccid);
  BOOST_REQUIRE(save_card(path + "/a.card", card).ok());
  const std::string good = base::read_text_file(path + "/a.card", 1 << 20).take();
  for (std::size_t size = 0; size + 2 < good.size(); size += 61) {
    write("/a.card", std::string_view(good).substr(0, size));
    const auto loaded = load_card(path + "/a.card");
    BOOST_REQUIRE(!loaded.ok());
    BOOST_REQUIRE(loaded.error().find(kKic) == std::string::npos);
  }
  for (const char* bad : {"", "null", "[]", "{}", "{\"version\":1}", "{\"version\":\"x\"}"}) {
    write("/a.card", bad);
    BOOST_TEST(!load_card(path + "/a.card").ok());
    write("/p.phone", bad);
    BOOST_TEST(!load_phone(path + "/p.phone").ok());
  }
}

BOOST_AUTO_TEST_CASE(a_phone_that_does_not_exist_is_new) {
  auto phone = load_phone(path + "/p.phone");
  BOOST_REQUIRE(phone.ok());
  BOOST_CHECK(phone->last_iccid == kNoIccid);
  phone->last_iccid = *iccid_octets(card_test::kIccid);
  BOOST_REQUIRE(save_phone(path + "/p.phone", *phone).ok());
  BOOST_CHECK(load_phone(path + "/p.phone")->last_iccid == phone->last_iccid);
}

BOOST_AUTO_TEST_CASE(ota_keys_are_found_by_iccid) {
  const std::string header = "iccid,key_set,algorithm,kic,kid,psk\n";
  const std::string kid = "505152535455565758595A5B5C5D5E5F";
  const IccidOctets iccid = *iccid_octets(card_test::kIccid);
  write("/keys.csv", header + "8944351002100001111,1,aes,00,00,\n" + card_test::kIccid +
                         ",3,3des," + kKic + "," + kid + ",\n");
  const auto keys = read_ota_keys(path + "/keys.csv", iccid);
  BOOST_REQUIRE(keys.ok());
  BOOST_TEST(int{keys->key_set} == 3);
  BOOST_CHECK(keys->family == bip::Family::des3);
  BOOST_TEST(base::to_hex(keys->kid.view()) == kid);
  for (const std::string& row :
       {",0,aes," + std::string(kKic) + "," + kid, ",16,aes," + std::string(kKic) + "," + kid,
        ",1,rot13," + std::string(kKic) + "," + kid, ",1,aes,4041," + kid,
        ",1,3des," + std::string(kKic) + "5051525354555657," + kid}) {
    write("/keys.csv", header + card_test::kIccid + row + ",\n");
    const auto bad = read_ota_keys(path + "/keys.csv", iccid);
    BOOST_REQUIRE(!bad.ok());
    BOOST_TEST(bad.error().find(kKic) == std::string::npos);
  }
  // Whose row that would have been nobody knows.
  write("/keys.csv",
        header + "89443510021,1,aes\n" + card_test::kIccid + ",1,aes," + kKic + "," + kid + ",\n");
  const auto torn = read_ota_keys(path + "/keys.csv", iccid);
  BOOST_REQUIRE(!torn.ok());
  BOOST_TEST(torn.error().find("line 2: ") != std::string::npos);
  write("/keys.csv", header);
  BOOST_TEST(!read_ota_keys(path + "/keys.csv", iccid).ok());
  write("/keys.csv", "iccid,kic\n");
  BOOST_TEST(!read_ota_keys(path + "/keys.csv", iccid).ok());
}

BOOST_AUTO_TEST_CASE(servers_are_numeric_addresses_with_a_port) {
  BOOST_TEST(to_string(parse_server("127.0.0.1:7100").value()) == "127.0.0.1:7100");
  for (const char* bad : {"", "1.2.3:4", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536",
                          "256.1.1.1:1", "1.2.3.4:5x", "a.b.c.d:1"}) {
    BOOST_TEST(!parse_server(bad).has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
