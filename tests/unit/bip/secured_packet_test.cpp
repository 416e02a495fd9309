// Proves that secured packets are built and read octet by octet as independent implementations do
// (worked vectors of TS 102 225 / TS 31.115), and that no lie in a packet is believed.
#include "bip/secured_packet.h"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

#include "base/crypto.h"
#include "base/packet_ciphers.h"

namespace {

using namespace bip;

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

struct OwnedKeys {
  base::Bytes kic;
  base::Bytes kid;
  KeyView view() const { return {kic, kid}; }
};

OwnedKeys keys(std::string_view kic, std::string_view kid) { return {hex(kic), hex(kid)}; }

CommandHead head(std::string_view octets) {
  const base::Bytes o = hex(octets);
  return {{o.at(0), o.at(1)}, o.at(2), o.at(3), {o.at(4), o.at(5), o.at(6)}};
}

struct CommandVector {
  const char* name;
  Carrier carrier;
  const char* head;  // SPI KIc KID TAR
  std::uint64_t counter;
  const char* kic;
  const char* kid;
  const char* data;
  const char* packet;
};

constexpr const char* kOwn3desKic = "A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8";
constexpr const char* kOwn3desKid = "C1C2C3C4C5C6C7C8D1D2D3D4D5D6D7D8";
constexpr const char* kOwnAesKic = "404142434445464748494A4B4C4D4E4F";
constexpr const char* kOwnAesKid = "505152535455565758595A5B5C5D5E5F";
constexpr const char* kGsm0348Key = "11223344556677889910111213141516";

const CommandVector kCommands[] = {
    {"pysim 3des", Carrier::sms, "06193535B00011", 0, "300102030405060708090a0b0c0d0e0f",
     "301102030405060708090a0b0c0d0e0f", "00A40004023F00",
     "00201506193535b00011ae733256918d050b87c94fbfe12e4dc402f262c41cf67f2f"},
    {"pysim aes", Carrier::sms, "06192222B00011", 0, "200102030405060708090a0b0c0d0e0f",
     "201102030405060708090a0b0c0d0e0f", "00A40004023F00",
     "00281506192222b00011e87cceebb2d93083011ce294f93fc4d8de80da1abae8c37ca3e72ec4432e5058"},
    {"gsm0348 aes sms", Carrier::sms, "06211212010203", 0, kGsm0348Key, kGsm0348Key, "AABB",
     "001815062112120102034814CE84CBDEBC1A0DF20A5EE20E74C6"},
    {"gsm0348 aes cat_tp", Carrier::bip, "06211212010203", 0, kGsm0348Key, kGsm0348Key, "AABB",
     "01181506211212010203E66898201308DA27D2A8F23145A6F7C3"},
    {"gsm0348 clear 3des cc", Carrier::sms, "12211015B00010", 0x156C, "", kGsm0348Key,
     "A0A40000022F05A0D6000001AA",
     "00231512211015B00010000000156C008C75DF0CCB3B7628A0A40000022F05A0D6000001AA"},
    {"gsm0348 nothing", Carrier::sms, "00220000010203", 0, "", "", "AABB",
     "00100D00220000010203000000000000AABB"},
    {"own 3des", Carrier::sms, "16391515B20101", 1, kOwn3desKic, kOwn3desKid,
     "80EC01011E35010339020578470908696E7465726E65743C030117703E05210A000001"
     "80EC0102113C03002328360A98445301200100103246",
     "00501516391515B201011D4C843DDDE9686D96B42DC9479B8043C5F17716A6A4A53876C47D094B229C2BE7CE88C3"
     "B802FD474EBE3835762E78B47E9B4F6F6CC6D50F278762DA2AE03DDA9F36ABF973E6DEAF"},
    {"own aes sms", Carrier::sms, "16391212B20101", 2, kOwnAesKic, kOwnAesKid, "00A40004023F00",
     "00281516391212B2010178B7E14258FE8085F774303B8E7069BCF6A93811F14FB15EA006BE7B70FCB63D"},
    {"own aes cat_tp", Carrier::bip, "16191212B20101", 2, kOwnAesKic, kOwnAesKid, "00A40004023F00",
     "01281516191212B20101D5CE6F21F57558A74E638925C33A686B78226859A915F38676B0FC395D218EF1"},
};

struct ResponseVector {
  const char* name;
  Carrier carrier;
  const char* head;  // of the command
  std::uint64_t counter;
  const char* kic;
  const char* kid;
  PacketStatus status;
  const char* data;
  const char* packet;
};

const ResponseVector kResponses[] = {
    {"pysim 3des ciphered", Carrier::sms, "06193535B00011", 0, "300102030405060708090a0b0c0d0e0f",
     "301102030405060708090a0b0c0d0e0f", PacketStatus::por_ok, "016132",
     "001c12b000118bb989492c632529326a2f4681feb37c825bc9021c9f6d0b"},
    {"pysim 3des clear cc", Carrier::sms, "06093535B00011", 0, "300102030405060708090a0b0c0d0e0f",
     "301102030405060708090a0b0c0d0e0f", PacketStatus::por_ok, "016132",
     "001612b0001100000000000000b5bcd6353a421fae016132"},
    {"pysim clear", Carrier::sms, "06013535B00011", 0, "", "", PacketStatus::por_ok, "016132",
     "000e0ab0001100000000000000016132"},
    {"pysim aes ciphered", Carrier::sms, "06192222B00011", 0, "200102030405060708090a0b0c0d0e0f",
     "201102030405060708090a0b0c0d0e0f", PacketStatus::por_ok, "016132",
     "002412b00011ebc6b497e2cad7aedf36ace0e3a29b38853f0fe9ccde81913be5702b73abce1f"},
    {"gsm0348 aes clear cc", Carrier::sms, "06091212000001", 0, "", kGsm0348Key,
     PacketStatus::por_ok, "AB0780010123029000",
     "001C1200000100000000000000F5AB90FE3AABB6C3AB0780010123029000"},
    {"gsm0348 cat_tp clear", Carrier::bip, "06011212B00001", 0, "", "", PacketStatus::por_ok,
     "026101", "020E0AB0000100000000000000026101"},
    {"own 3des", Carrier::sms, "16391515B20101", 1, kOwn3desKic, kOwn3desKid, PacketStatus::por_ok,
     "029000", "001C12B201014EEDBCB9B51554BB47F152ACE7702804C872F3A146D6D7E3"},
    {"own aes cat_tp", Carrier::bip, "16191212B20101", 2, kOwnAesKic, kOwnAesKid,
     PacketStatus::por_ok, "019000",
     "022412B201011DB8A75920CC276EDB8E38C6AA43CE1E390197C0619F8A8D9836872B06A2ABAB"},
};

// A command packet on BIP with chosen plain octets after the TAR, really ciphered (AES).
base::Bytes forged(std::string_view plain_after_tar) {
  const base::Bytes sealed =
      base::cbc_encrypt(base::BlockCipher::aes, hex(kOwnAesKic), hex(plain_after_tar)).value();
  base::Writer writer;
  writer.u8(1).ber_length(8 + sealed.size()).u8(0x15).bytes(hex("16191212BFFF01"));
  return writer.bytes(sealed).take();
}

// The same with a right CC over what was chosen, so that only the padding rules can refuse it.
base::Bytes forged_with_cc(std::uint8_t pcntr, std::string_view data_and_padding) {
  const base::Bytes tail = hex(data_and_padding);
  base::Writer covered;
  covered.u8(1).ber_length(8 + 14 + tail.size()).u8(0x15).bytes(hex("16191212BFFF01"));
  covered.u40(7).u8(pcntr).bytes(tail);
  const auto cc = base::aes_cmac(hex(kOwnAesKid), covered.view()).value();
  base::Writer plain;
  plain.u40(7).u8(pcntr).bytes(base::View(cc).first(8)).bytes(tail);
  return forged(base::to_hex(plain.view()));
}

base::Bytes good_packet(std::size_t data_size) {
  CommandPacket packet{head("16191212BFFF01"), 5, base::Bytes(data_size, 0x5A)};
  return wrap_command(Carrier::bip, packet, keys(kOwnAesKic, kOwnAesKid).view()).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(secured_packet)

BOOST_AUTO_TEST_CASE(command_vectors_both_ways) {
  for (const CommandVector& v : kCommands) {
    BOOST_TEST_CONTEXT(v.name) {
      const OwnedKeys k = keys(v.kic, v.kid);
      const CommandPacket wanted{head(v.head), v.counter, hex(v.data)};
      const auto packet = wrap_command(v.carrier, wanted, k.view());
      BOOST_REQUIRE(packet);
      BOOST_TEST(base::to_hex(*packet) == base::to_hex(hex(v.packet)));
      const auto read = unwrap_command(v.carrier, hex(v.packet), k.view());
      BOOST_REQUIRE(read);
      BOOST_TEST(read->counter == v.counter);
      BOOST_TEST(base::to_hex(read->data) == base::to_hex(wanted.data));
      BOOST_TEST(base::to_hex(read->head.tar) == base::to_hex(wanted.head.tar));
    }
  }
}

BOOST_AUTO_TEST_CASE(response_vectors_both_ways) {
  for (const ResponseVector& v : kResponses) {
    BOOST_TEST_CONTEXT(v.name) {
      const OwnedKeys k = keys(v.kic, v.kid);
      const CommandHead command = head(v.head);
      const ResponsePacket wanted{command.tar, v.counter, v.status, hex(v.data)};
      const auto packet = wrap_response(v.carrier, command, wanted, k.view());
      BOOST_REQUIRE(packet);
      BOOST_TEST(base::to_hex(*packet) == base::to_hex(hex(v.packet)));
      const auto read = unwrap_response(v.carrier, command, hex(v.packet), k.view());
      BOOST_REQUIRE(read);
      BOOST_TEST(read->counter == v.counter);
      BOOST_TEST((read->status == v.status));
      BOOST_TEST(base::to_hex(read->data) == base::to_hex(wanted.data));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_clear_refusal_is_read_but_never_its_data) {
  const CommandHead command = head("16391515B20101");
  const OwnedKeys k = keys(kOwn3desKic, kOwn3desKid);
  const auto low = hex("000B0AB2010100000000010002");
  BOOST_TEST(clear_response(Carrier::sms, command.tar, 1, PacketStatus::counter_low) == low);
  const auto read = unwrap_response(Carrier::sms, command, low, k.view());
  BOOST_REQUIRE(read);
  BOOST_TEST((read->status == PacketStatus::counter_low));
  // The same with data: the data are not believed.
  const auto chatty =
      unwrap_response(Carrier::sms, command, hex("000D0AB20101000000000100020102"), k.view());
  BOOST_REQUIRE(chatty);
  BOOST_TEST(chatty->data.empty());
  // A clear "all is well" where a protected one was ordered is nothing.
  BOOST_TEST(
      !unwrap_response(Carrier::sms, command, hex("000D0AB20101000000000100000102"), k.view()));
  BOOST_TEST(clear_response(Carrier::bip, command.tar, 1, PacketStatus::tar_unknown) ==
             hex("020B0AB2010100000000010009"));
}

BOOST_AUTO_TEST_CASE(aes_256_and_every_length_survive_the_way_there_and_back) {
  const OwnedKeys big = keys("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
                             "202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F");
  const OwnedKeys des = keys(kOwn3desKic, kOwn3desKid);
  for (std::size_t size = 0; size < 300; ++size) {
    for (const auto& [octets, k] : {std::pair{"16193232BFFF01", &big}, {"16191515BFFF01", &des}}) {
      const CommandPacket sent{head(octets), 0xFFFFFFFFFE, base::Bytes(size, 0xC3)};
      const auto packet = wrap_command(Carrier::bip, sent, k->view());
      BOOST_REQUIRE(packet);
      const auto read = unwrap_command(Carrier::bip, *packet, k->view());
      BOOST_REQUIRE(read);
      BOOST_TEST(read->data == sent.data);
      BOOST_TEST(read->counter == sent.counter);
      const ResponsePacket answer{sent.head.tar, 9, PacketStatus::por_ok, sent.data};
      const auto reply = wrap_response(Carrier::bip, sent.head, answer, k->view());
      BOOST_REQUIRE(reply);
      const auto read_answer = unwrap_response(Carrier::bip, sent.head, *reply, k->view());
      BOOST_REQUIRE(read_answer);
      BOOST_TEST(read_answer->data == sent.data);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_flipped_bit_verifies) {
  const OwnedKeys k = keys(kOwnAesKic, kOwnAesKid);
  const base::Bytes good = good_packet(20);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    base::Bytes bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1u << bit % 8));
    // Bits of the SPI that ask for another answer are covered by the CC like everything else.
    BOOST_TEST(!unwrap_command(Carrier::bip, bad, k.view()), "bit " << bit);
  }
}

BOOST_AUTO_TEST_CASE(truncated_or_extended_at_every_length_is_refused) {
  for (const CommandVector& v : kCommands) {
    const OwnedKeys k = keys(v.kic, v.kid);
    base::Bytes packet = hex(v.packet);
    for (std::size_t size = 0; size < packet.size(); ++size) {
      const base::View cut = base::View(packet).first(size);
      BOOST_TEST(!unwrap_command(v.carrier, cut, k.view()));
      BOOST_TEST(!read_command_head(v.carrier, cut));
    }
    packet.push_back(0);
    BOOST_TEST(!unwrap_command(v.carrier, packet, k.view()));
  }
  for (const ResponseVector& v : kResponses) {
    const OwnedKeys k = keys(v.kic, v.kid);
    base::Bytes packet = hex(v.packet);
    for (std::size_t size = 0; size < packet.size(); ++size) {
      BOOST_TEST(
          !unwrap_response(v.carrier, head(v.head), base::View(packet).first(size), k.view()));
    }
    packet.push_back(0);
    BOOST_TEST(!unwrap_response(v.carrier, head(v.head), packet, k.view()));
  }
}

BOOST_AUTO_TEST_CASE(lying_header_lengths_are_refused) {
  const OwnedKeys none;
  // CHL says less than the fixed part, more than the packet, or another CC than the SPI.
  for (int chl = 0; chl < 256; ++chl) {
    base::Bytes packet = hex("00100D00220000010203000000000000AABB");
    packet[2] = static_cast<std::uint8_t>(chl);
    BOOST_TEST(unwrap_command(Carrier::sms, packet, none.view()).has_value() == (chl == 0x0D));
    base::Bytes reply = hex("020E0AB0000100000000000000026101");
    reply[2] = static_cast<std::uint8_t>(chl);
    BOOST_TEST(
        unwrap_response(Carrier::bip, head("06011212B00001"), reply, none.view()).has_value() ==
        (chl == 0x0A));
  }
  // The head can be read whatever the checksum is, so that it can be answered.
  BOOST_TEST(read_command_head(Carrier::bip, hex("0114110119222201020300000000000000AABBCCDDEE"))
                 .has_value());
  BOOST_TEST(!read_command_head(Carrier::bip, hex("010E0C00000000BFFF0100000000000000")));
}

BOOST_AUTO_TEST_CASE(ber_lengths_are_read_in_every_form) {
  const OwnedKeys none;
  for (const char* packet :
       {"010E0D00000000BFFF01000000000000", "01810E0D00000000BFFF01000000000000",
        "0182000E0D00000000BFFF01000000000000", "010F810D00000000BFFF01000000000000"}) {
    BOOST_TEST(unwrap_command(Carrier::bip, hex(packet), none.view()).has_value(), packet);
  }
  BOOST_TEST(
      !unwrap_command(Carrier::bip, hex("018300000E0D00000000BFFF01000000000000"), none.view()));
  BOOST_TEST(!unwrap_command(Carrier::bip, hex("01800D00000000BFFF01000000000000"), none.view()));
}

BOOST_AUTO_TEST_CASE(padding_counters_that_lie_are_refused) {
  const OwnedKeys k = keys(kOwnAesKic, kOwnAesKid);
  // 18 octets after the CC: 2 of data, 16 the most that a block cipher could need.
  const char* tail = "AABB000000000000000000000000000000FF";
  for (int pcntr = 0; pcntr < 256; ++pcntr) {
    const auto read = unwrap_command(
        Carrier::bip, forged_with_cc(static_cast<std::uint8_t>(pcntr), tail), k.view());
    BOOST_TEST(read.has_value() == (pcntr < 16), "PCNTR " << pcntr);
    if (read) BOOST_TEST(read->data.size() == 18u - static_cast<unsigned>(pcntr));
  }
  // Only two octets after the CC: what PCNTR counts beyond them is a lie.
  BOOST_TEST(unwrap_command(Carrier::bip, forged_with_cc(2, "0000"), k.view())->data.empty());
  BOOST_TEST(!unwrap_command(Carrier::bip, forged_with_cc(3, "0000"), k.view()));
}

BOOST_AUTO_TEST_CASE(a_ciphered_part_that_is_no_whole_block_is_refused) {
  const OwnedKeys k = keys(kOwnAesKic, kOwnAesKid);
  base::Bytes packet = good_packet(10);
  packet.pop_back();
  packet[1] = static_cast<std::uint8_t>(packet[1] - 1);
  BOOST_TEST(!unwrap_command(Carrier::bip, packet, k.view()));
}

BOOST_AUTO_TEST_CASE(unknown_algorithms_and_misfit_keys_are_refused) {
  const OwnedKeys k = keys(kOwnAesKic, kOwnAesKid);
  for (const char* octets :
       {"16191111BFFF01", "16191010BFFF01", "16191919BFFF01", "15191212BFFF01", "17191212BFFF01"}) {
    BOOST_TEST(!wrap_command(Carrier::bip, {head(octets), 1, {}}, k.view()), octets);
  }
  const OwnedKeys shorter = keys("00112233", "00112233");
  BOOST_TEST(!wrap_command(Carrier::bip, {head("16191212BFFF01"), 1, {}}, shorter.view()));
  BOOST_TEST(!unwrap_command(Carrier::bip, good_packet(10), shorter.view()));
  BOOST_TEST(!unwrap_command(Carrier::bip, good_packet(10), KeyView{}));
  const base::Bytes long_key(24, 7);
  BOOST_TEST(!wrap_command(Carrier::bip, {head("16191515BFFF01"), 1, {}}, {long_key, long_key}));
}

BOOST_AUTO_TEST_CASE(random_octets_never_verify) {
  std::mt19937 random(1);
  const OwnedKeys k = keys(kOwnAesKic, kOwnAesKid);
  for (int round = 0; round < 20000; ++round) {
    base::Bytes octets(random() % 80);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    if (octets.size() > 10 && round % 2 == 0) {  // get past the lengths
      octets[0] = 1;
      octets[1] = static_cast<std::uint8_t>(octets.size() - 2);
      octets[2] = 0x15;
      octets[3] = 0x16;
      octets[4] = 0x19;
      octets[5] = octets[6] = 0x12;
    }
    BOOST_TEST(!unwrap_command(Carrier::bip, octets, k.view()));
    BOOST_TEST(!unwrap_response(Carrier::bip, head("16191212BFFF01"), octets, k.view()));
  }
}

BOOST_AUTO_TEST_SUITE_END()
