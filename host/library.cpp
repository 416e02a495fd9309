#include "host/library.h"

#include <dlfcn.h>

#include <algorithm>

#include "base/log.h"

namespace host {

using base::cat;

std::string entry_fault(const bv_entry* entry) {
  if (entry == nullptr) return "bipvault_entry() gave no entry";
  if (entry->magic != BV_ENTRY_MAGIC) return "the entry's magic number is not BIPV";
  if (entry->abi_major != BV_ABI_MAJOR) {
    return cat("it speaks version ", entry->abi_major, ".", entry->abi_minor,
               " of the plugin interface, this host version ", BV_ABI_MAJOR, ".", BV_ABI_MINOR,
               ": the first numbers must be equal");
  }
  if (entry->struct_size < sizeof(bv_entry)) {
    return cat("its entry has ", entry->struct_size, " octets, at least ", sizeof(bv_entry),
               " are needed");
  }
  if (entry->pointer_size != sizeof(void*)) {
    return cat("it was built for pointers of ", entry->pointer_size, " octets, not ",
               sizeof(void*));
  }
  for (const char* text : {entry->id, entry->name, entry->vendor, entry->version}) {
    if (text == nullptr || *text == '\0') return "its entry lacks id, name, vendor or version";
  }
  if (entry->create == nullptr) return "its entry has no create function";
  return {};
}

std::string plugin_fault(const bv_plugin* plugin) {
  if (plugin == nullptr) return "create() refused this host";
  if (plugin->struct_size < sizeof(bv_plugin)) {
    return cat("its function table has ", plugin->struct_size, " octets, at least ",
               sizeof(bv_plugin), " are needed");
  }
  const bool complete = plugin->init != nullptr && plugin->start != nullptr &&
                        plugin->reload != nullptr && plugin->drain != nullptr &&
                        plugin->stop != nullptr && plugin->destroy != nullptr &&
                        plugin->get_extension != nullptr;
  return complete ? std::string() : "a function is missing in its table";
}

base::Result<Library> Library::load(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return base::Error{reason == nullptr ? "cannot be loaded" : reason};
  }
  void* symbol = ::dlsym(handle, "bipvault_entry");
  if (symbol == nullptr) {
    ::dlclose(handle);
    return base::Error{"it is no Bipvault plugin: it does not export bipvault_entry"};
  }
  const auto entry = reinterpret_cast<const bv_entry* (*)()>(symbol);
  const bv_entry* given = entry();
  if (const std::string fault = entry_fault(given); !fault.empty()) return base::Error{fault};
  return Library(given);
}

std::string Why::text() const {
  const std::size_t size = std::min(buffer_.size, memory_.size());
  const std::string text(reinterpret_cast<const char*>(memory_.data()), size);
  return text.substr(0, text.find('\0'));
}

std::string status_name(bv_status status) {
  switch (status) {
    case BV_OK:
      return "OK";
    case BV_E_INVALID:
      return "INVALID";
    case BV_E_UNSUPPORTED:
      return "UNSUPPORTED";
    case BV_E_NOT_FOUND:
      return "NOT_FOUND";
    case BV_E_BUSY:
      return "BUSY";
    case BV_E_TIMEOUT:
      return "TIMEOUT";
    case BV_E_DENIED:
      return "DENIED";
    case BV_E_TOO_SMALL:
      return "TOO_SMALL";
    case BV_E_STATE:
      return "STATE";
    case BV_E_INTERNAL:
      return "INTERNAL";
    default:
      return cat("status ", status);
  }
}

}  // namespace host
