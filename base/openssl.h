// What this folder's users of OpenSSL share. Not for others: it includes OpenSSL's headers.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <new>

namespace base {

template <class T>
T* need(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

inline void need(bool done) {
  if (!done) {
    ERR_clear_error();  // a host thread's error queue must stay as it was: empty
    throw std::bad_alloc();
  }
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

inline CipherContext new_cipher() { return CipherContext(need(EVP_CIPHER_CTX_new())); }

}  // namespace base
