#include "db/pkcs11_module.h"

#include <dlfcn.h>

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "base/log.h"

namespace db {

namespace {

// Their C_Initialize and C_Finalize come one after the other. Modules are as few as files in the
// configuration, and stay.
struct Modules {
  std::mutex mutex;
  std::vector<std::pair<CK_FUNCTION_LIST*, Pkcs11Module*>> all;
};

// Never destroyed: the last user may end after the statics of this library.
Modules& modules() {
  static Modules* const made = new Modules;
  return *made;
}

// Threads that are made meanwhile block all signals, and SIGPIPE is as the host had it.
class QuietStart {
 public:
  QuietStart() {
    ::sigaction(SIGPIPE, nullptr, &pipe_);
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &mask_);
  }
  ~QuietStart() {
    ::sigaction(SIGPIPE, &pipe_, nullptr);
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  QuietStart(const QuietStart&) = delete;

 private:
  struct sigaction pipe_ {};
  sigset_t mask_{};
};

base::Result<CK_FUNCTION_LIST*> functions_of(const std::string& path) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* const why = ::dlerror();
    return base::Error{base::cat("the module cannot be loaded: ", why == nullptr ? path : why)};
  }
  void* const symbol = ::dlsym(library, "C_GetFunctionList");
  CK_FUNCTION_LIST* functions = nullptr;
  if (symbol != nullptr) {
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(symbol);
    if (get(&functions) != CKR_OK) functions = nullptr;
  }
  if (functions == nullptr || functions->version.major < 2) {
    return base::Error{path + " is no PKCS#11 module of version 2 or later"};
  }
  return functions;
}

}  // namespace

std::string pkcs11_text(CK_RV value) {
  static constexpr std::pair<CK_RV, const char*> kNames[] = {
      {CKR_HOST_MEMORY, "out of memory"},
      {CKR_GENERAL_ERROR, "general error"},
      {CKR_FUNCTION_FAILED, "function failed"},
      {CKR_CANT_LOCK, "cannot lock"},
      {CKR_ATTRIBUTE_VALUE_INVALID, "an attribute is refused"},
      {CKR_DEVICE_ERROR, "device error"},
      {CKR_DEVICE_MEMORY, "the device's memory is full"},
      {CKR_DEVICE_REMOVED, "device removed"},
      {CKR_FUNCTION_NOT_SUPPORTED, "not supported"},
      {CKR_KEY_HANDLE_INVALID, "the key is gone"},
      {CKR_KEY_FUNCTION_NOT_PERMITTED, "the key may not be used so"},
      {CKR_MECHANISM_INVALID, "the mechanism is not supported"},
      {CKR_MECHANISM_PARAM_INVALID, "the mechanism's parameters are refused"},
      {CKR_OBJECT_HANDLE_INVALID, "the object is gone"},
      {CKR_PIN_INCORRECT, "PIN incorrect"},
      {CKR_PIN_LEN_RANGE, "PIN too short or too long"},
      {CKR_PIN_EXPIRED, "PIN expired"},
      {CKR_PIN_LOCKED, "PIN locked"},
      {CKR_SESSION_CLOSED, "session closed"},
      {CKR_SESSION_COUNT, "too many sessions"},
      {CKR_SESSION_HANDLE_INVALID, "session lost"},
      {CKR_TOKEN_NOT_PRESENT, "token not present"},
      {CKR_TOKEN_NOT_RECOGNIZED, "token not recognised"},
      {CKR_TOKEN_WRITE_PROTECTED, "token write-protected"},
      {CKR_USER_NOT_LOGGED_IN, "not logged in"},
      {CKR_USER_PIN_NOT_INITIALIZED, "the token has no user PIN"},
      {CKR_CRYPTOKI_NOT_INITIALIZED, "module not initialised"},
  };
  const auto found = std::find_if(std::begin(kNames), std::end(kNames),
                                  [&](const auto& entry) { return entry.first == value; });
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string number;
  for (CK_RV rest = value; rest != 0 || number.empty(); rest >>= 4) {
    number.insert(number.begin(), kHex[rest & 15]);
  }
  return base::cat(found == std::end(kNames) ? "refused" : found->second, " (CKR 0x", number, ")");
}

base::Result<std::shared_ptr<Pkcs11Module>> Pkcs11Module::load(const std::string& path) {
  const QuietStart quiet;
  const auto functions = functions_of(path);
  if (!functions) return base::Error{functions.error()};
  Modules& known = modules();
  const std::lock_guard lock(known.mutex);
  auto found = std::find_if(known.all.begin(), known.all.end(),
                            [&](const auto& entry) { return entry.first == *functions; });
  if (found == known.all.end()) {
    known.all.emplace_back(*functions, new Pkcs11Module(*functions));
    found = known.all.end() - 1;
  }
  if (const CK_RV done = found->second->begin_use(); done != CKR_OK) {
    return base::Error{"C_Initialize: " + pkcs11_text(done)};
  }
  return std::shared_ptr<Pkcs11Module>(found->second, [](Pkcs11Module* module) {
    const std::lock_guard ending(modules().mutex);
    module->end_use();
  });
}

CK_RV Pkcs11Module::begin_use() {
  const std::lock_guard alone(gate_);
  const CK_RV done = users_ == 0 ? initialise() : CKR_OK;
  if (done == CKR_OK) ++users_;
  return done;
}

void Pkcs11Module::end_use() {
  const std::lock_guard alone(gate_);
  if (--users_ > 0 || !std::exchange(ours_, false)) return;
  functions_->C_Finalize(nullptr);
}

CK_RV Pkcs11Module::initialise() {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  const CK_RV done = functions_->C_Initialize(&arguments);
  if (done == CKR_CRYPTOKI_ALREADY_INITIALIZED) return CKR_OK;
  ours_ = done == CKR_OK;
  return done;
}

CK_RV Pkcs11Module::restart() {
  const QuietStart quiet;
  const std::lock_guard alone(gate_);
  if (users_ == 1 && std::exchange(ours_, false)) functions_->C_Finalize(nullptr);
  return initialise();
}

}  // namespace db
