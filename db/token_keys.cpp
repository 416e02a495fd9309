#include "db/token_keys.h"

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "base/log.h"
#include "db/key_checks.h"
#include "db/sql.h"
#include "db/token_session.h"

namespace db {

namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::size_t kKeySize = 32;

// AES-GCM of one message; the nonce lies in the caller's octets.
class Gcm {
 public:
  Gcm(base::View nonce, base::View associated) {
    params_.pIv = const_cast<std::uint8_t*>(nonce.data());
    params_.ulIvLen = kNonce;
    params_.ulIvBits = kNonce * 8;
    params_.pAAD = const_cast<std::uint8_t*>(associated.data());
    params_.ulAADLen = associated.size();
    params_.ulTagBits = kTag * 8;
  }
  Gcm(const Gcm&) = delete;
  CK_MECHANISM* mechanism() { return &mechanism_; }

 private:
  CK_GCM_PARAMS params_{};
  CK_MECHANISM mechanism_{CKM_AES_GCM, &params_, sizeof params_};
};

CK_RV encrypt(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
              base::View plain, base::View associated, base::Bytes& sealed) {
  sealed.resize(kNonce + plain.size() + kTag);
  const auto nonce = base::random_array<kNonce>();
  std::copy(nonce.begin(), nonce.end(), sealed.begin());
  Gcm gcm(nonce, associated);
  CK_RV done = f.C_EncryptInit(session, gcm.mechanism(), key);
  if (done != CKR_OK) return done;
  CK_ULONG size = sealed.size() - kNonce;
  done = f.C_Encrypt(session, const_cast<std::uint8_t*>(plain.data()), plain.size(),
                     sealed.data() + kNonce, &size);
  if (done == CKR_OK && size != sealed.size() - kNonce) return CKR_FUNCTION_FAILED;
  return done;
}

CK_RV decrypt(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
              base::View sealed, base::View associated, base::Bytes& plain) {
  const base::View body = sealed.subspan(kNonce);
  Gcm gcm(sealed.first(kNonce), associated);
  CK_RV done = f.C_DecryptInit(session, gcm.mechanism(), key);
  if (done != CKR_OK) return done;
  plain.resize(body.size());  // some modules ask for room for the tag as well
  CK_ULONG size = plain.size();
  done = f.C_Decrypt(session, const_cast<std::uint8_t*>(body.data()), body.size(), plain.data(),
                     &size);
  if (done == CKR_OK && size != body.size() - kTag) return CKR_FUNCTION_FAILED;
  if (done == CKR_OK) plain.resize(size);
  return done;
}

// Does the key what the vault asks of it?
CK_RV probe(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  const base::Bytes plain(kKeySize, 0x5A);
  const base::Bytes associated{1, 2, 3};
  base::Bytes sealed;
  base::Bytes again;
  CK_RV done = encrypt(f, session, key, plain, associated, sealed);
  if (done == CKR_OK) done = decrypt(f, session, key, sealed, associated, again);
  return done == CKR_OK && again != plain ? CKR_FUNCTION_FAILED : done;
}

std::array<std::uint8_t, 4> id_of(std::uint32_t number) {
  return {static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
          static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

CK_RV generate(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, std::uint32_t number,
               std::string label, CK_OBJECT_HANDLE& key) {
  CK_OBJECT_CLASS kind = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_AES;
  CK_ULONG size = kKeySize;
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  auto id = id_of(number);
  CK_ATTRIBUTE wanted[] = {
      {CKA_CLASS, &kind, sizeof kind},     {CKA_KEY_TYPE, &type, sizeof type},
      {CKA_VALUE_LEN, &size, sizeof size}, {CKA_TOKEN, &yes, sizeof yes},
      {CKA_PRIVATE, &yes, sizeof yes},     {CKA_SENSITIVE, &yes, sizeof yes},
      {CKA_EXTRACTABLE, &no, sizeof no},   {CKA_ENCRYPT, &yes, sizeof yes},
      {CKA_DECRYPT, &yes, sizeof yes},     {CKA_LABEL, label.data(), label.size()},
      {CKA_ID, id.data(), id.size()}};
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  return f.C_GenerateKey(session, &mechanism, wanted, std::size(wanted), &key);
}

// Whether the token has several keys of that number.
CK_RV look_for_twins(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, std::uint32_t number,
                     std::string label, bool& found) {
  CK_OBJECT_CLASS kind = CKO_SECRET_KEY;
  auto id = id_of(number);
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                           {CKA_LABEL, label.data(), label.size()},
                           {CKA_ID, id.data(), id.size()}};
  CK_RV done = f.C_FindObjectsInit(session, wanted, std::size(wanted));
  if (done != CKR_OK) return done;
  std::array<CK_OBJECT_HANDLE, 2> handles{};
  CK_ULONG count = 0;
  done = f.C_FindObjects(session, handles.data(), handles.size(), &count);
  f.C_FindObjectsFinal(session);
  found = count > 1;
  return done;
}

}  // namespace

class TokenKeys::Parts {
 public:
  explicit Parts(const TokenSettings& settings) : label(settings.key_label), session(settings) {}

  const std::string label;
  TokenSession session;
};

TokenKeys::TokenKeys(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TokenKeys::~TokenKeys() = default;

base::Result<std::unique_ptr<TokenKeys>> TokenKeys::open(const TokenSettings& settings) {
  std::unique_ptr<TokenKeys> made(new TokenKeys(std::make_unique<Parts>(settings)));
  if (const base::Status opened = made->parts_->session.open(); !opened) {
    return base::Error{opened.error()};
  }
  return made;
}

std::set<std::uint32_t> TokenKeys::numbers() const { return parts_->session.numbers(); }

bool TokenKeys::holds(std::uint32_t number) const { return parts_->session.holds(number); }

std::uint64_t TokenKeys::generation() const { return parts_->session.generation(); }

base::Bytes TokenKeys::seal(std::uint32_t number, base::View plain, base::View associated) const {
  base::Bytes sealed;
  const CK_RV done = parts_->session.use(
      number, [&](CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
        return encrypt(f, session, key, plain, associated, sealed);
      });
  if (done != CKR_OK) throw SqlError(SqlError::Kind::keys, 0, "HSM: " + pkcs11_text(done));
  return sealed;
}

// Modules tell octets that are not authentic by all kinds of codes, also by those of a device that
// fails: where the key still works it was the octets.
std::optional<base::Secret> TokenKeys::open(std::uint32_t number, base::View sealed,
                                            base::View associated) const {
  if (sealed.size() < kNonce + kTag) return std::nullopt;
  base::Bytes plain;
  plain.reserve(sealed.size());  // never grows: no copy is left behind
  const CK_RV done = parts_->session.use(
      number, [&](CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
        const CK_RV opened = decrypt(f, session, key, sealed, associated, plain);
        if (opened == CKR_OK) return opened;
        return probe(f, session, key) == CKR_OK ? CK_RV{CKR_ENCRYPTED_DATA_INVALID} : opened;
      });
  if (done != CKR_OK) return std::nullopt;
  return base::Secret(std::move(plain));
}

void TokenKeys::release() const { parts_->session.release(); }

base::Status TokenKeys::check() const {
  const auto known = numbers();
  if (known.empty()) return {};
  try {
    parts_->session.use(*known.rbegin(), probe);
    return {};
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
}

// No HSM minds two keys of one number. Each host looks after it has made its own, so at least the
// later one sees both; where both see both, both go.
base::Status TokenKeys::create(std::uint32_t number) {
  CK_OBJECT_HANDLE made = 0;
  bool twins = false;
  try {
    parts_->session.write([&](CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE) {
      CK_RV done = generate(f, session, number, parts_->label, made);
      if (done != CKR_OK) return done;
      done = probe(f, session, made);
      if (done == CKR_OK) done = look_for_twins(f, session, number, parts_->label, twins);
      if (done == CKR_OK && !twins) return done;
      const CK_RV gone = f.C_DestroyObject(session, made);
      return done == CKR_OK ? gone : done;
    });
    if (twins) {
      return base::Error{parts_->session.named(taken_back_text(number, true))};
    }
    parts_->session.add(number, made);
    return {};
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
}

base::Status TokenKeys::destroy(std::uint32_t number) {
  CK_OBJECT_HANDLE gone = 0;
  try {
    parts_->session.use(number, [&](CK_FUNCTION_LIST&, CK_SESSION_HANDLE, CK_OBJECT_HANDLE key) {
      gone = key;
      return CK_RV{CKR_OK};
    });
    parts_->session.write([&](CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE) {
      return f.C_DestroyObject(session, gone);
    });
    parts_->session.remove(number);
    return {};
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
}

}  // namespace db
