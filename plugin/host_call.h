// How the host is called: nothing that it throws travels through our threads.
#pragma once

#include "base/fiber.h"
#include "bipvault/plugin.h"

namespace plugin {

// On the stack of the thread: a host in Java, for one, looks for its bounds.
template <class F>
bv_status call(F&& f) {
  bv_status status = BV_E_INTERNAL;
  base::Fiber::on_thread_stack([&] {
    try {
      status = f();
    } catch (...) {
      status = BV_E_INTERNAL;
    }
  });
  return status;
}

}  // namespace plugin
