// Proves the primitives against published vectors (FIPS 180-4, RFC 4231, SP 800-38B) and that a
// changed octet is noticed.
#include <boost/test/unit_test.hpp>

#include "base/crypto.h"

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

BOOST_AUTO_TEST_SUITE_END()
