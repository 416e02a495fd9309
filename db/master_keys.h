// The numbered master keys, which wrap the data keys: in a file, in an HSM, or some here and some
// there while a change is under way. The highest number wraps what is new. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace db {

class TokenKeys;
using NumberedKeys = std::map<std::uint32_t, base::Secret>;

class MasterKeys {
 public:
  MasterKeys();  // none yet
  explicit MasterKeys(NumberedKeys file);
  MasterKeys(NumberedKeys file, std::unique_ptr<TokenKeys> token);
  ~MasterKeys();
  MasterKeys(MasterKeys&&) noexcept;
  MasterKeys& operator=(MasterKeys&&) noexcept;

  std::uint32_t newest() const;  // there is at least one
  bool contains(std::uint32_t number) const;
  std::set<std::uint32_t> numbers() const;
  bool in_token(std::uint32_t number) const { return in_token_.contains(number); }

  // It was in the HSM at the start, and has been destroyed there since.
  bool gone(std::uint32_t number) const;

  bool has_token() const { return token_ != nullptr; }
  // TokenKeys::generation(); without a token always the same.
  std::uint64_t token_generation() const;

  // A data key under that master key, which must be there. Throws SqlError `keys` when the HSM
  // cannot be used.
  base::Bytes wrap(std::uint32_t number, base::View key, base::View binding) const;
  // Nothing: not authentic, or there is no such master key. Throws as above.
  std::optional<base::Secret> unwrap(std::uint32_t number, base::View wrapped,
                                     base::View binding) const;
  // Whether all that is needed can be used just now.
  base::Status check() const;
  // Leaves the HSM until the next call. No other call may be under way.
  void release() const;

 private:
  NumberedKeys file_;
  std::unique_ptr<TokenKeys> token_;
  std::set<std::uint32_t> in_token_;
};

}  // namespace db
