// A host for tests of the border: loads the plugin with dlopen, gives it the services that a test
// wants, well-behaved or not, and calls it through the C tables only. Needs nothing but libdl, so
// that a process that uses it shows what the plugin itself does to a process.
#pragma once

#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bipvault/ext/bip.h"
#include "bipvault/ext/check.h"
#include "bipvault/ext/clock.h"
#include "bipvault/ext/health.h"
#include "bipvault/ext/log.h"
#include "bipvault/ext/ota_crypto.h"
#include "bipvault/ext/ota_keys.h"
#include "bipvault/plugin.h"

namespace support {

// The plugin's entry, or null (dlerror says why). Never unloaded.
inline const bv_entry* load_plugin(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  void* symbol = dlsym(library, "bipvault_entry");
  if (symbol == nullptr) return nullptr;
  using Entry = const bv_entry* (*)();
  Entry entry;
  static_assert(sizeof entry == sizeof symbol);
  std::memcpy(&entry, &symbol, sizeof entry);
  return entry();
}

// The services. Every hook may be replaced before init; it then runs on the plugin's threads.
class MinimalHost {
 public:
  struct Line {
    int severity;
    std::string component;
    std::string text;
  };

  // Gives a log; the other services on request.
  MinimalHost() {
    table.struct_size = sizeof table;
    table.abi_major = BV_ABI_MAJOR;
    table.abi_minor = BV_ABI_MINOR;
    table.ctx = this;
    table.name = "minimal host";
    table.version = "1";
    table.get_extension = get_extension;
    log.write = write;
    give(BV_EXT_LOG, &log);
  }
  MinimalHost(const MinimalHost&) = delete;
  MinimalHost& operator=(const MinimalHost&) = delete;

  void give(const std::string& id, const void* extension) { extensions_[id] = extension; }
  void give_keys() {
    keys.get = get_keys;
    give(BV_EXT_OTA_KEYS, &keys);
  }
  void give_clock() {
    clock.now = now;
    give(BV_EXT_CLOCK, &clock);
  }
  // Both functions that the plugin needs; hooks must be set.
  void give_crypto() {
    crypto.unwrap_command = unwrap;
    crypto.wrap_response = wrap;
    give(BV_EXT_OTA_CRYPTO, &crypto);
  }

  // Carries channels; hooks that are not set answer OK.
  void give_bip() {
    bip.send = bip_send;
    bip.close = bip_close;
    bip.pause = bip_pause;
    bip.resume = bip_resume;
    give(BV_EXT_BIP, &bip);
  }

  std::vector<Line> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  // How many lines at or above a severity hold the text.
  int logged(std::string_view text, int severity = BV_LOG_DEBUG) const {
    std::lock_guard lock(mutex_);
    int count = 0;
    for (const Line& line : lines_) {
      count += line.severity >= severity && line.text.find(text) != std::string::npos ? 1 : 0;
    }
    return count;
  }

  bv_host table{};
  bv_log_1 log{};
  bv_clock_1 clock{};
  bv_ota_keys_1 keys{};
  bv_ota_crypto_1 crypto{};
  bv_bip_1 bip{};

  std::function<const void*(const char* id)> on_get_extension;
  std::function<void(const char* text)> on_log;
  std::function<bv_status(int64_t* utc_ms, int64_t* mono_ms)> on_now;
  std::function<bv_status(const uint8_t* iccid, uint8_t key_set, bv_ota_key_set* keys)> on_keys;
  std::function<bv_status(bv_packet_head* head, bv_bytes packet, bv_buffer* data)> on_unwrap;
  std::function<bv_status(const bv_packet_head* head, bv_bytes data, bv_buffer* packet)> on_wrap;
  std::function<bv_status(uint64_t channel, bv_bytes octets)> on_send;
  std::function<bv_status(uint64_t channel)> on_close;
  std::function<bv_status(uint64_t channel)> on_pause;
  std::function<bv_status(uint64_t channel)> on_resume;

 private:
  static MinimalHost& self(const bv_host* host) { return *static_cast<MinimalHost*>(host->ctx); }

  static const void* get_extension(const bv_host* host, const char* id) {
    MinimalHost& me = self(host);
    if (me.on_get_extension) return me.on_get_extension(id);
    const auto found = me.extensions_.find(id);
    return found == me.extensions_.end() ? nullptr : found->second;
  }
  static void write(const bv_host* host, int32_t severity, const char* component,
                    const char* text) {
    MinimalHost& me = self(host);
    {
      std::lock_guard lock(me.mutex_);
      me.lines_.push_back({severity, component, text});
    }
    if (me.on_log) me.on_log(text);
  }
  static bv_status now(const bv_host* host, int64_t* utc_ms, int64_t* mono_ms) {
    return self(host).on_now(utc_ms, mono_ms);
  }
  static bv_status get_keys(const bv_host* host, const uint8_t* iccid, uint8_t key_set,
                            bv_ota_key_set* keys) {
    return self(host).on_keys ? self(host).on_keys(iccid, key_set, keys) : BV_E_NOT_FOUND;
  }
  static bv_status unwrap(const bv_host* host, bv_packet_head* head, bv_bytes packet,
                          bv_buffer* data) {
    return self(host).on_unwrap(head, packet, data);
  }
  static bv_status wrap(const bv_host* host, const bv_packet_head* head, bv_bytes data,
                        bv_buffer* packet) {
    return self(host).on_wrap(head, data, packet);
  }

  static bv_status bip_send(const bv_host* host, uint64_t channel, bv_bytes octets) {
    return self(host).on_send ? self(host).on_send(channel, octets) : BV_OK;
  }
  static bv_status bip_close(const bv_host* host, uint64_t channel) {
    return self(host).on_close ? self(host).on_close(channel) : BV_OK;
  }
  static bv_status bip_pause(const bv_host* host, uint64_t channel) {
    return self(host).on_pause ? self(host).on_pause(channel) : BV_OK;
  }
  static bv_status bip_resume(const bv_host* host, uint64_t channel) {
    return self(host).on_resume ? self(host).on_resume(channel) : BV_OK;
  }

  std::map<std::string, const void*> extensions_;
  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

// A plugin object and what a host does with it. Texts that go in are freed at return, and `why`
// stands in memory of exactly its size, so that ASan sees whoever keeps or overruns them.
class Guest {
 public:
  struct Answer {
    bv_status status;
    std::string why;
  };

  Guest() = default;
  Guest(const bv_entry& entry, const MinimalHost& host) : table_(entry.create(&host.table)) {}
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() {
    if (table_ == nullptr) return;
    for (int i = 0; i < 100 && table_->stop(table_, 10'000) == BV_E_TIMEOUT; ++i) {
    }
    table_->destroy(table_);
  }

  bv_plugin* table() { return table_; }

  Answer init(const std::string& config) {
    return with_path(
        config, [&](const char* path, bv_buffer* why) { return table_->init(table_, path, why); });
  }
  Answer reload(const std::string& config) {
    return with_path(config, [&](const char* path, bv_buffer* why) {
      return table_->reload(table_, path, why);
    });
  }
  Answer check(const std::string& config) {
    const auto* table = static_cast<const bv_check_1*>(extension(BV_EXT_CHECK));
    return with_path(
        config, [&](const char* path, bv_buffer* why) { return table->check(table_, path, why); });
  }
  Answer start() {
    return with_path("", [&](const char*, bv_buffer* why) { return table_->start(table_, why); });
  }
  bv_status drain(uint32_t deadline_ms) { return table_->drain(table_, deadline_ms); }
  bv_status stop(uint32_t deadline_ms = 10'000) { return table_->stop(table_, deadline_ms); }
  void destroy() {
    table_->destroy(table_);
    table_ = nullptr;
  }
  const void* extension(const char* id) { return table_->get_extension(table_, id); }

  // bv.health/1 as a host reads it: asks for the size, then for the text.
  std::string health() {
    const auto* table = static_cast<const bv_health_1*>(extension(BV_EXT_HEALTH));
    std::vector<uint8_t> room;
    for (int i = 0; i < 10; ++i) {
      bv_buffer out{room.data(), room.size(), 0};
      const bv_status status = table->snapshot(table_, &out);
      if (status == BV_OK) return {reinterpret_cast<const char*>(room.data()), out.size};
      if (status != BV_E_TOO_SMALL) return "status " + std::to_string(status);
      room.assign(out.size, 0);
    }
    return "always too small";
  }
  // A number of the health text ("tcp", "sessions"), or -1.
  long number(const std::string& name) {
    const std::string text = health();
    const std::size_t at = text.find("\"" + name + "\": ");
    return at == std::string::npos ? -1 : std::atol(text.c_str() + at + name.size() + 4);
  }
  std::string state() {
    const std::string text = health();
    const std::size_t at = text.find("\"state\": \"");
    if (at == std::string::npos) return text;
    return text.substr(at + 10, text.find('"', at + 10) - at - 10);
  }

 private:
  template <class Call>
  Answer with_path(const std::string& path, Call call) {
    const auto path_copy = copy_of(path);
    std::vector<uint8_t> why_room(4096);
    bv_buffer why{why_room.data(), why_room.size(), 0};
    const bv_status status = call(path_copy.get(), &why);
    return {status, {reinterpret_cast<const char*>(why_room.data()), why.size}};
  }
  static std::unique_ptr<char[]> copy_of(const std::string& text) {
    auto copy = std::make_unique<char[]>(text.size() + 1);
    std::memcpy(copy.get(), text.c_str(), text.size() + 1);
    return copy;
  }

  bv_plugin* table_ = nullptr;
};

// Waits for a condition, at most `seconds`; false when it did not come.
template <class Condition>
bool wait_for(Condition condition, int seconds = 20) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace support
