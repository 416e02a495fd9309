// Whether this runs on the stack that the system gave to the thread. By the frame: what is local
// may lie elsewhere under a sanitizer.
#pragma once

#include <pthread.h>

#include <cstddef>

namespace support {

inline bool on_thread_stack() {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &bottom, &size);
  const auto* const here = static_cast<const char*>(__builtin_frame_address(0));
  const auto* const lowest = static_cast<const char*>(bottom);
  const bool inside = here >= lowest && here < lowest + size;
  pthread_attr_destroy(&attributes);
  return inside;
}

}  // namespace support
