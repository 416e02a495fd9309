// A plugin's library: loaded with dlopen, its entry checked before anything of it is called.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bipvault/plugin.h"

namespace host {

// What is wrong with an entry, in words for whoever built the library; empty: nothing.
std::string entry_fault(const bv_entry* entry);
// What is wrong with what create() gave; empty: nothing.
std::string plugin_fault(const bv_plugin* plugin);

// Stays loaded until the process ends: threads or exit handlers of the libraries behind a plugin
// may outlive it.
class Library {
 public:
  static base::Result<Library> load(const std::string& path);
  const bv_entry& entry() const { return *entry_; }

 private:
  explicit Library(const bv_entry* entry) : entry_(entry) {}
  const bv_entry* entry_;
};

// Text that a plugin writes: `why` of its calls.
class Why {
 public:
  Why() : memory_(4096) { buffer_ = {memory_.data(), memory_.size(), 0}; }
  bv_buffer* out() { return &buffer_; }
  // Up to the NUL or the size, whichever comes first.
  std::string text() const;

 private:
  std::vector<std::uint8_t> memory_;
  bv_buffer buffer_{};
};

std::string status_name(bv_status status);

}  // namespace host
