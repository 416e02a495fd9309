// Master keys in an HSM: AES-256 keys of a PKCS#11 token that never leave it. They bear one label;
// CKA_ID, four octets, is their number. Data keys are sealed with CKM_AES_GCM, in the same form as
// under a key of a file: nonce, cipher text, tag.
//
// A session per call under way, kept for the next. When the HSM is lost every call fails at once
// and one a second tries to reach it anew. A refused PIN is never tried again, and none where one
// try is left: the vault does not lock the token. Any thread; calls may take as long as the module
// likes. Errors are SqlError `keys`: no PIN, key or content in any text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "db/settings.h"

namespace db {

class TokenKeys {
 public:
  // Loads the module, logs in and finds the keys; none is not an error. The text of an error says
  // what to do.
  static base::Result<std::unique_ptr<TokenKeys>> open(const TokenSettings& settings);
  ~TokenKeys();
  TokenKeys(const TokenKeys&) = delete;

  // Those that were there when it was opened, and those made since by this object.
  std::set<std::uint32_t> numbers() const;
  // False: that key was no longer there when the HSM was reached last.
  bool holds(std::uint32_t number) const;
  // Another one whenever the HSM was lost: what is there afterwards may be another token.
  std::uint64_t generation() const;

  // Both throw SqlError `keys` when the HSM cannot be used, or has no such key (any more).
  base::Bytes seal(std::uint32_t number, base::View plain, base::View associated) const;
  // Nothing: not authentic.
  std::optional<base::Secret> open(std::uint32_t number, base::View sealed,
                                   base::View associated) const;
  // Whether the HSM can be used just now, tried with the newest key.
  base::Status check() const;

  // Ends all sessions and gives the module back; the next call reaches it anew. No call may be
  // under way.
  void release() const;

  // A new key; tried before it is told. Nothing is left of one that does not work, or whose number
  // another process has given to a key at the same moment.
  base::Status create(std::uint32_t number);
  // Destroyed in the token: for ever.
  base::Status destroy(std::uint32_t number);

 private:
  class Parts;
  explicit TokenKeys(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace db
