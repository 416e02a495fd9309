// The way to a token of a PKCS#11 module: found by its label, logged in, its master keys looked up,
// and a session for every call under way. What was lost is reached anew, once a second at most.
// Any thread. Private to db.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "db/pkcs11_module.h"
#include "db/settings.h"

namespace db {

class TokenSession {
 public:
  using Call = std::function<CK_RV(CK_FUNCTION_LIST&, CK_SESSION_HANDLE, CK_OBJECT_HANDLE key)>;

  explicit TokenSession(TokenSettings settings) : settings_(std::move(settings)) {}
  ~TokenSession();
  TokenSession(const TokenSession&) = delete;

  // Loads the module and connects: call once, first.
  base::Status open();
  // Ends all sessions and gives the module back; the next call connects anew. No call may be under
  // way.
  void release();
  std::set<std::uint32_t> numbers() const;
  bool holds(std::uint32_t number) const;
  // Another one whenever the token was lost: what is reached then may be another token.
  std::uint64_t generation() const;

  // One call with a session and the key of that number. CKR_OK and CKR_ENCRYPTED_DATA_INVALID are
  // given back; after anything else the token is reached anew and the call made once more. Throws
  // SqlError `keys`.
  CK_RV use(std::uint32_t number, const Call& call);
  // One call with a session that may write, without a key. CKR_OK, or SqlError `keys`.
  void write(const Call& call);
  void add(std::uint32_t number, CK_OBJECT_HANDLE key);
  void remove(std::uint32_t number);
  // A text for people, with the token's name before it.
  std::string named(const std::string& text) const;

 private:
  struct Lease {
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE key = 0;
    std::uint64_t generation = 0;
    std::shared_ptr<Pkcs11Module> module = nullptr;
  };

  Lease take(std::uint32_t number);
  void give_back(const Lease& lease);
  void lost(const Lease& lease, CK_RV why, bool pause);
  // Below: under the mutex. Texts are empty when all went well.
  void must_be_connected();
  std::string connect();
  std::string try_connect();
  bool find_slot();
  std::string log_in(CK_SESSION_HANDLE session);
  std::string find_keys(CK_SESSION_HANDLE session);
  CK_SESSION_HANDLE new_session(CK_FLAGS flags);
  void close(CK_SESSION_HANDLE session);
  void disconnect();

  const TokenSettings settings_;

  mutable std::mutex mutex_;
  std::shared_ptr<Pkcs11Module> module_;  // null: released
  bool connected_ = false;
  CK_SLOT_ID slot_ = 0;
  CK_FLAGS token_flags_ = 0;
  std::uint64_t generation_ = 0;  // of the sessions; those of an earlier one are of no use
  std::vector<CK_SESSION_HANDLE> idle_;
  std::map<std::uint32_t, CK_OBJECT_HANDLE> keys_;
  std::set<std::uint32_t> known_;  // the newest must be there whenever it is reached anew
  bool opened_ = false;
  std::string fault_;
  std::string pin_refused_;  // not empty: why no PIN is given any more
  std::chrono::steady_clock::time_point not_before_{};
};

}  // namespace db
