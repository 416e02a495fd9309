#include "db/token_session.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "db/key_files.h"
#include "db/sql.h"

namespace db {

using base::cat;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kPauseAfterFailure{1};
constexpr std::size_t kIdOctets = 4;
constexpr CK_ULONG kMostKeys = 64;

[[noreturn]] void away(const std::string& text) { throw SqlError(SqlError::Kind::keys, 0, text); }

// A label as the token tells it: padded with blanks.
bool is_label(const CK_UTF8CHAR (&padded)[32], const std::string& label) {
  std::string text(reinterpret_cast<const char*>(padded), sizeof padded);
  text.erase(text.find_last_not_of(' ') + 1);
  return text == label;
}

// A PIN that was refused once is refused again, and each try brings the token nearer to its lock.
bool refuses_pin(CK_RV value) {
  constexpr CK_RV kAll[] = {CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE,
                            CKR_PIN_EXPIRED,   CKR_PIN_LOCKED,  CKR_USER_PIN_NOT_INITIALIZED};
  return std::find(std::begin(kAll), std::end(kAll), value) != std::end(kAll);
}

}  // namespace

TokenSession::~TokenSession() { release(); }

void TokenSession::release() {
  const std::lock_guard lock(mutex_);
  if (module_ == nullptr) return;
  disconnect();
  module_.reset();
}

std::string TokenSession::named(const std::string& text) const {
  return cat("HSM token '", settings_.token, "': ", text);
}

base::Status TokenSession::open() {
  const std::lock_guard lock(mutex_);
  std::string fault = connect();
  if (!fault.empty()) return base::Error{std::move(fault)};
  connected_ = opened_ = true;
  for (const auto& [number, key] : keys_) known_.insert(number);
  return {};
}

std::set<std::uint32_t> TokenSession::numbers() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

bool TokenSession::holds(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  return keys_.contains(number);
}

std::uint64_t TokenSession::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

void TokenSession::add(std::uint32_t number, CK_OBJECT_HANDLE key) {
  const std::lock_guard lock(mutex_);
  keys_[number] = key;
  known_.insert(number);
}

void TokenSession::remove(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  keys_.erase(number);
  known_.erase(number);
}

CK_RV TokenSession::use(std::uint32_t number, const Call& call) {
  for (bool again = true;; again = false) {
    const Lease lease = take(number);
    const CK_RV done =
        lease.module->call([&](CK_FUNCTION_LIST& f) { return call(f, lease.session, lease.key); });
    if (done == CKR_OK || done == CKR_ENCRYPTED_DATA_INVALID) {
      give_back(lease);
      return done;
    }
    lost(lease, done, !again);
    if (!again) away(named(pkcs11_text(done)));
  }
}

void TokenSession::write(const Call& call) {
  const std::lock_guard lock(mutex_);
  must_be_connected();
  const CK_SESSION_HANDLE session = new_session(CKF_RW_SESSION);
  const CK_RV done = module_->call([&](CK_FUNCTION_LIST& f) { return call(f, session, 0); });
  close(session);
  if (done != CKR_OK) away(named(pkcs11_text(done)));
}

TokenSession::Lease TokenSession::take(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  must_be_connected();
  const auto key = keys_.find(number);
  if (key == keys_.end()) away(named(cat("holds no master key ", number)));
  Lease lease{0, key->second, generation_, module_};
  if (idle_.empty()) {
    lease.session = new_session(0);
  } else {
    lease.session = idle_.back();
    idle_.pop_back();
  }
  return lease;
}

void TokenSession::give_back(const Lease& lease) {
  const std::lock_guard lock(mutex_);
  if (lease.generation == generation_) {
    idle_.push_back(lease.session);
  } else {
    close(lease.session);
  }
}

void TokenSession::lost(const Lease& lease, CK_RV why, bool pause) {
  const std::lock_guard lock(mutex_);
  close(lease.session);
  if (lease.generation != generation_) return;  // somebody has seen it already
  disconnect();
  if (!pause) return;
  fault_ = named(pkcs11_text(why));
  not_before_ = Clock::now() + kPauseAfterFailure;
}

void TokenSession::must_be_connected() {
  if (connected_) return;
  if (Clock::now() < not_before_) away(fault_);
  fault_ = connect();
  connected_ = fault_.empty();
  if (connected_) return;
  disconnect();
  not_before_ = Clock::now() + kPauseAfterFailure;
  away(fault_);
}

CK_SESSION_HANDLE TokenSession::new_session(CK_FLAGS flags) {
  CK_SESSION_HANDLE session = 0;
  const CK_RV done = module_->call([&](CK_FUNCTION_LIST& f) {
    return f.C_OpenSession(slot_, CKF_SERIAL_SESSION | flags, nullptr, nullptr, &session);
  });
  if (done == CKR_OK) return session;
  // Too many of them is no reason to give up those that work.
  if (done != CKR_SESSION_COUNT) {
    disconnect();
    fault_ = named(pkcs11_text(done));
    not_before_ = Clock::now() + kPauseAfterFailure;
  }
  away(named(pkcs11_text(done)));
}

void TokenSession::close(CK_SESSION_HANDLE session) {
  (void)module_->call([&](CK_FUNCTION_LIST& f) { return f.C_CloseSession(session); });
}

void TokenSession::disconnect() {
  for (const CK_SESSION_HANDLE session : idle_) close(session);
  idle_.clear();
  connected_ = false;
  ++generation_;
}

std::string TokenSession::connect() {
  if (!pin_refused_.empty()) return pin_refused_;
  if (module_ == nullptr) {
    auto module = Pkcs11Module::load(settings_.module);
    if (!module) return "HSM: " + module.error();
    module_ = module.take();
  }
  std::string fault = try_connect();
  if (fault.empty() || !opened_ || !pin_refused_.empty()) return fault;
  // Many modules find a device that was away only when they are initialised.
  if (const CK_RV done = module_->restart(); done != CKR_OK) {
    return named("C_Initialize: " + pkcs11_text(done));
  }
  return try_connect();
}

std::string TokenSession::try_connect() {
  if (!find_slot()) return named("there is no such token, or it cannot be reached");
  CK_SESSION_HANDLE session = 0;
  const CK_RV done = module_->call([&](CK_FUNCTION_LIST& f) {
    return f.C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
  });
  if (done != CKR_OK) return named("C_OpenSession: " + pkcs11_text(done));
  std::string fault = log_in(session);
  if (fault.empty()) fault = find_keys(session);
  if (fault.empty()) {
    idle_.push_back(session);
  } else {
    close(session);
  }
  return fault;
}

bool TokenSession::find_slot() {
  std::vector<CK_SLOT_ID> slots;
  const CK_RV listed = module_->call([&](CK_FUNCTION_LIST& f) {
    CK_ULONG count = 0;
    CK_RV done = f.C_GetSlotList(CK_TRUE, nullptr, &count);
    slots.resize(count);
    if (done == CKR_OK && count > 0) done = f.C_GetSlotList(CK_TRUE, slots.data(), &count);
    slots.resize(std::min<std::size_t>(slots.size(), count));
    return done;
  });
  if (listed != CKR_OK) return false;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    const CK_RV told =
        module_->call([&](CK_FUNCTION_LIST& f) { return f.C_GetTokenInfo(slot, &info); });
    if (told != CKR_OK || !is_label(info.label, settings_.token)) continue;
    slot_ = slot;
    token_flags_ = info.flags;
    return true;
  }
  return false;
}

std::string TokenSession::log_in(CK_SESSION_HANDLE session) {
  if ((token_flags_ & CKF_USER_PIN_LOCKED) != 0) return named("its PIN is locked");
  if ((token_flags_ & CKF_USER_PIN_FINAL_TRY) != 0) {
    return named(
        "one try of its PIN is left, which the vault does not take: log in once with the "
        "HSM's own tool");
  }
  auto pin = read_secret_file(settings_.pin_file);
  if (!pin) return "HSM: the PIN: " + pin.error();
  const CK_RV done = module_->call([&](CK_FUNCTION_LIST& f) {
    return f.C_Login(session, CKU_USER, const_cast<CK_UTF8CHAR*>(pin->view().data()), pin->size());
  });
  if (done == CKR_OK || done == CKR_USER_ALREADY_LOGGED_IN) return {};
  std::string fault = named("C_Login: " + pkcs11_text(done));
  if (refuses_pin(done)) pin_refused_ = fault += "; it is not tried again until a restart";
  return fault;
}

std::string TokenSession::find_keys(CK_SESSION_HANDLE session) {
  std::map<std::uint32_t, CK_OBJECT_HANDLE> found;
  std::string fault;
  const CK_RV done = module_->call([&](CK_FUNCTION_LIST& f) {
    CK_OBJECT_CLASS kind = CKO_SECRET_KEY;
    std::string label = settings_.key_label;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                             {CKA_LABEL, label.data(), label.size()}};
    CK_RV result = f.C_FindObjectsInit(session, wanted, std::size(wanted));
    if (result != CKR_OK) return result;
    std::array<CK_OBJECT_HANDLE, kMostKeys> handles{};
    CK_ULONG count = 0;
    result = f.C_FindObjects(session, handles.data(), kMostKeys, &count);
    f.C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; result == CKR_OK && i < count; ++i) {
      std::array<std::uint8_t, 64> id{};
      CK_ATTRIBUTE asked{CKA_ID, id.data(), id.size()};
      result = f.C_GetAttributeValue(session, handles[i], &asked, 1);
      std::uint32_t number = 0;
      for (std::size_t at = 0; at < kIdOctets; ++at) number = number << 8 | id[at];
      const bool good = result == CKR_OK && asked.ulValueLen == kIdOctets && number > 0;
      if (result == CKR_OK && !good) fault = "a key with its label has an id that is no number";
      if (good && !found.emplace(number, handles[i]).second) {
        fault = cat("two keys have the number ", number);
      }
    }
    return result;
  });
  if (done != CKR_OK) return named("looking for keys: " + pkcs11_text(done));
  if (!fault.empty()) return named(fault);
  // An old one may have been destroyed since: nothing needs it. Without the newest it is not ours.
  if (!known_.empty() && !found.contains(*known_.rbegin())) {
    return named(cat("holds no master key ", *known_.rbegin(), " any more"));
  }
  // What others have made since counts from the next start on, as with a key file.
  if (opened_) std::erase_if(found, [&](const auto& key) { return !known_.contains(key.first); });
  keys_ = std::move(found);
  return {};
}

}  // namespace db
