// Proves the primitives against published vectors (FIPS 180-4, RFC 4231, SP 800-38B) and that a
// changed octet is noticed.
#include <openssl/evp.h>

#include <boost/test/unit_test.hpp>

#include "base/crypto.h"
#include "base/packet_ciphers.h"

using namespace base;

BOOST_AUTO_TEST_SUITE(crypto)

BOOST_AUTO_TEST_CASE(digests) {
  BOOST_TEST(to_hex(sha256(as_bytes("abc"))) ==
             "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
  const Bytes key(20, 0x0B);
  BOOST_TEST(to_hex(hmac_sha256(key, {as_bytes("Hi "), as_bytes("There")})) ==
             "B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7");
}

BOOST_AUTO_TEST_CASE(cmac_of_sp_800_38b) {
  const Bytes key = *from_hex("2b7e151628aed2a6abf7158809cf4f3c");
  BOOST_TEST(to_hex(*aes_cmac(key, {})) == "BB1D6929E95937287FA37D129B756746");
  BOOST_TEST(to_hex(*aes_cmac(key, *from_hex("6bc1bee22e409f96e93d7e117393172a"))) ==
             "070A16B46B4D4144F79BDD9DD04A287C");
  BOOST_TEST(!aes_cmac(Bytes(5), {}));
}

// The same as OpenSSL's own for each length around the blocks and the inner buffer, each size of a
// key and however the data is cut; what was done before leaves nothing behind.
BOOST_AUTO_TEST_CASE(cmac_beside_openssl) {
  const auto theirs = [](View key, const char* cipher, View data) {
    std::array<std::uint8_t, 16> out{};
    std::size_t size = 0;
    EVP_Q_mac(nullptr, "CMAC", nullptr, cipher, nullptr, key.data(), key.size(), data.data(),
              data.size(), out.data(), out.size(), &size);
    return size == out.size() ? to_hex(out) : "failed";
  };
  const std::pair<std::size_t, const char*> sizes[] = {
      {16, "AES-128-CBC"}, {24, "AES-192-CBC"}, {32, "AES-256-CBC"}};
  Bytes data(2100);
  fill_random(data);
  for (const auto& [key_size, cipher] : sizes) {
    Bytes key(key_size);
    fill_random(key);
    for (std::size_t size = 0; size <= data.size(); size += size < 70 ? 1 : 13) {
      const View whole = View(data).first(size);
      const std::size_t cut = size / 3;
      const auto ours = aes_cmac(key, {whole.first(cut), View(), whole.subspan(cut)});
      BOOST_REQUIRE_EQUAL(to_hex(*ours), theirs(key, cipher, whole));
      cbc_encrypt(BlockCipher::aes, key, Bytes(32, 0x55));
    }
  }
  const std::size_t edges[] = {1008, 1009, 1023, 1024, 1025, 1040, 2047, 2048, 2049};
  for (std::size_t size : edges) {
    const View whole = View(data).first(size);
    const Bytes key(16, 0x21);
    BOOST_TEST(to_hex(*aes_cmac(key, whole)) == theirs(key, "AES-128-CBC", whole));
  }
}

// What shares contexts is what stands alone, in any order and with the keys of any algorithm.
BOOST_AUTO_TEST_CASE(ciphers_of_one_packet) {
  for (std::size_t key_size : {16u, 24u, 32u}) {
    Bytes first(key_size), second(key_size), data(112);
    fill_random(first);
    fill_random(second);
    fill_random(data);
    const auto mac = aes_cmac(first, data);
    const auto sealed = cbc_encrypt(BlockCipher::aes, second, data);
    const auto des = cbc_encrypt(BlockCipher::des3, Bytes(16, 0x37), data);
    PacketCiphers ciphers;
    for (int times = 0; times < 2; ++times) {
      Bytes octets = data;
      BOOST_TEST((ciphers.aes_cmac(first, {data}) == mac));
      BOOST_TEST(ciphers.cbc_encrypt(BlockCipher::aes, second, octets));
      BOOST_TEST((octets == *sealed));
      BOOST_TEST(ciphers.cbc_decrypt(BlockCipher::aes, second, octets));
      BOOST_TEST((octets == data));
      BOOST_TEST(ciphers.cbc_encrypt(BlockCipher::des3, Bytes(16, 0x37), octets));
      BOOST_TEST((octets == *des));
    }
    BOOST_TEST(!ciphers.cbc_encrypt(BlockCipher::aes, Bytes(5), data));
    BOOST_TEST(!ciphers.aes_cmac(Bytes(5), {data}));
  }
}

BOOST_AUTO_TEST_CASE(gcm_notices_every_change) {
  const Bytes key(32, 7);
  const Bytes plain = *from_hex("00112233445566778899");
  const Bytes associated = *from_hex("0102");
  const Bytes sealed = gcm_seal(key, plain, associated);
  BOOST_TEST((gcm_open(key, sealed, associated) == plain));
  BOOST_TEST(!gcm_open(key, sealed, *from_hex("0103")));
  BOOST_TEST(!gcm_open(Bytes(32, 8), sealed, associated));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    BOOST_TEST(!gcm_open(key, changed, associated), i);
    BOOST_TEST(!gcm_open(key, View(sealed).first(i), associated), i);
  }
}

BOOST_AUTO_TEST_CASE(cbc_wants_whole_blocks_and_known_keys) {
  const Bytes key(16, 1);
  const Bytes block(16, 2);
  BOOST_TEST(
      (cbc_decrypt(BlockCipher::aes, key, *cbc_encrypt(BlockCipher::aes, key, block)) == block));
  BOOST_TEST(
      (cbc_decrypt(BlockCipher::des3, key, *cbc_encrypt(BlockCipher::des3, key, block)) == block));
  BOOST_TEST(!cbc_encrypt(BlockCipher::aes, key, Bytes(15)));
  BOOST_TEST(!cbc_encrypt(BlockCipher::aes, Bytes(17), block));
  BOOST_TEST(!cbc_encrypt(BlockCipher::des3, Bytes(32), block));
}

BOOST_AUTO_TEST_CASE(random_below_stays_below_and_covers) {
  std::array<int, 10> seen{};
  for (int i = 0; i < 10'000; ++i) seen[random_below(10)] += 1;
  for (int count : seen) BOOST_TEST((count > 700 && count < 1300), count);
}

// Ciphers that are kept give what fresh ones give, whichever packet, key, direction and algorithm
// came before.
BOOST_AUTO_TEST_CASE(kept_ciphers_remember_nothing_of_the_packet_before) {
  std::vector<Bytes> keys;
  for (const std::size_t size : {16, 16, 24, 32}) {
    keys.emplace_back(size);
    fill_random(keys.back());
  }
  PacketCiphers kept(true);
  PacketCiphers shared;
  for (int i = 0; i < 6000; ++i) {
    PacketCiphers& ciphers = i % 2 == 0 ? kept : shared;
    const Bytes& key = keys[random_below(4)];
    Bytes octets(16 * random_below(80));
    fill_random(octets);
    const auto cipher =
        key.size() != 32 && random_below(3) == 0 ? BlockCipher::des3 : BlockCipher::aes;
    Bytes changed = octets;
    switch (random_below(3)) {
      case 0:
        BOOST_TEST(ciphers.cbc_encrypt(cipher, key, changed));
        BOOST_TEST((changed == *cbc_encrypt(cipher, key, octets)));
        break;
      case 1:
        BOOST_TEST(ciphers.cbc_decrypt(cipher, key, changed));
        BOOST_TEST((changed == *cbc_decrypt(cipher, key, octets)));
        break;
      default:
        octets.resize(octets.size() - std::min<std::size_t>(octets.size(), random_below(16)));
        BOOST_TEST((ciphers.aes_cmac(key, {View(octets)}) == aes_cmac(key, octets)));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
