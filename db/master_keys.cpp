#include "db/master_keys.h"

#include <algorithm>

#include "base/crypto.h"
#include "db/token_keys.h"

namespace db {

MasterKeys::MasterKeys() = default;
MasterKeys::MasterKeys(NumberedKeys file) : file_(std::move(file)) {}
MasterKeys::MasterKeys(NumberedKeys file, std::unique_ptr<TokenKeys> token)
    : file_(std::move(file)), token_(std::move(token)) {
  if (token_ != nullptr) in_token_ = token_->numbers();
}
MasterKeys::~MasterKeys() = default;
MasterKeys::MasterKeys(MasterKeys&&) noexcept = default;
MasterKeys& MasterKeys::operator=(MasterKeys&&) noexcept = default;

std::uint32_t MasterKeys::newest() const {
  const std::uint32_t file = file_.empty() ? 0 : file_.rbegin()->first;
  const std::uint32_t token = in_token_.empty() ? 0 : *in_token_.rbegin();
  return std::max(file, token);
}

bool MasterKeys::contains(std::uint32_t number) const {
  return file_.contains(number) || in_token(number);
}

bool MasterKeys::gone(std::uint32_t number) const {
  return in_token(number) && !token_->holds(number);
}

std::uint64_t MasterKeys::token_generation() const {
  return token_ == nullptr ? 0 : token_->generation();
}

std::set<std::uint32_t> MasterKeys::numbers() const {
  std::set<std::uint32_t> all = in_token_;
  for (const auto& [number, key] : file_) all.insert(number);
  return all;
}

base::Bytes MasterKeys::wrap(std::uint32_t number, base::View key, base::View binding) const {
  if (in_token(number)) return token_->seal(number, key, binding);
  return base::gcm_seal(file_.at(number).view(), key, binding);
}

std::optional<base::Secret> MasterKeys::unwrap(std::uint32_t number, base::View wrapped,
                                               base::View binding) const {
  if (in_token(number)) return token_->open(number, wrapped, binding);
  const auto master = file_.find(number);
  if (master == file_.end()) return std::nullopt;
  auto opened = base::gcm_open(master->second.view(), wrapped, binding);
  if (!opened) return std::nullopt;
  return base::Secret(std::move(*opened));
}

void MasterKeys::release() const {
  if (token_ != nullptr) token_->release();
}

base::Status MasterKeys::check() const {
  return token_ == nullptr ? base::Status() : token_->check();
}

}  // namespace db
