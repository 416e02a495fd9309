// A PKCS#11 module: the library of an HSM's maker, loaded into this process, which may be somebody
// else's. It is loaded once for each file, however many users it has, and stays loaded, since such
// libraries leave thread-local data behind; C_Finalize is called with the last user, but only by
// who has called C_Initialize: where the host has done so the module is the host's. Signals are
// blocked while it starts, so that threads of its own take none of the host's. Private to db.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "base/result.h"

namespace db {

// "PIN incorrect (CKR 0xA0)".
std::string pkcs11_text(CK_RV value);

// Any thread.
class Pkcs11Module {
 public:
  static base::Result<std::shared_ptr<Pkcs11Module>> load(const std::string& path);
  Pkcs11Module(const Pkcs11Module&) = delete;

  // Calls f with the module's functions, while no restart is under way.
  template <class F>
  CK_RV call(F&& f) {
    const std::shared_lock inside(gate_);
    return f(*functions_);
  }
  // C_Finalize and C_Initialize: how many modules find a device that has come back. All sessions
  // of this process end by it. Where it has several users, or is the host's, only what somebody has
  // ended begins anew.
  CK_RV restart();

 private:
  explicit Pkcs11Module(CK_FUNCTION_LIST* functions) : functions_(functions) {}
  // Under the lock of all modules.
  CK_RV begin_use();
  void end_use();
  CK_RV initialise();

  CK_FUNCTION_LIST* const functions_;
  std::shared_mutex gate_;
  int users_ = 0;
  bool ours_ = false;  // C_Initialize was our call
};

}  // namespace db
