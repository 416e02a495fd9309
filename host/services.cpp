#include "host/services.h"

#include <algorithm>
#include <string_view>

#include "bipvault/ext/bip.h"
#include "bipvault/ext/alarm.h"
#include "bipvault/ext/clock.h"
#include "bipvault/ext/log.h"
#include "bipvault/ext/ota_keys.h"
#include "bipvault/ext/psk.h"
#include "bipvault/ext/sms.h"

namespace host {

namespace {

const Services& services(const bv_host* host) { return *static_cast<const Services*>(host->ctx); }

std::string_view text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// No exception may cross into the plugin; a line that cannot be kept is lost.
void log_write(const bv_host* host, std::int32_t severity, const char* component,
               const char* text) {
  try {
    const auto known =
        static_cast<base::Severity>(std::clamp<std::int32_t>(severity, BV_LOG_DEBUG, BV_LOG_ERROR));
    services(host).log().write(known, text_or_empty(component), text_or_empty(text));
  } catch (...) {
  }
}

bv_status keys_get(const bv_host* host, const std::uint8_t iccid[10], std::uint8_t key_set,
                   bv_ota_key_set* keys) {
  if (iccid == nullptr || keys == nullptr) return BV_E_INVALID;
  EfIccid ef;
  std::copy(iccid, iccid + ef.size(), ef.begin());
  return services(host).card_key(ef, key_set, keys);
}

bv_status psk_get(const bv_host* host, bv_bytes identity, bv_buffer* psk) {
  if (identity.data == nullptr || psk == nullptr || psk->data == nullptr) return BV_E_INVALID;
  return services(host).card_psk(base::as_text({identity.data, identity.size}), psk);
}

bv_status clock_now(const bv_host* host, std::int64_t* utc_ms, std::int64_t* mono_ms) {
  if (utc_ms == nullptr || mono_ms == nullptr) return BV_E_INVALID;
  const base::Now now = services(host).clock().now();
  *utc_ms = now.utc_ms;
  *mono_ms = now.mono_ms;
  return BV_OK;
}

// A laboratory's alarm board is its log.
void alarm_raise(const bv_host* host, const char* id, std::int32_t severity, const char* text) {
  log_write(host, severity == BV_ALARM_WARNING ? BV_LOG_WARNING : BV_LOG_ERROR, "alarm.raised",
            base::cat(text_or_empty(id), ": ", text_or_empty(text)).c_str());
}
void alarm_clear(const bv_host* host, const char* id) {
  log_write(host, BV_LOG_INFO, "alarm.over", base::cat(text_or_empty(id), " is over").c_str());
}

bv_status bip_send(const bv_host* host, std::uint64_t channel, bv_bytes octets) {
  return services(host).carrier()->send(channel, octets);
}
bv_status bip_close(const bv_host* host, std::uint64_t channel) {
  return services(host).carrier()->close(channel);
}
bv_status bip_pause(const bv_host* host, std::uint64_t channel) {
  return services(host).carrier()->pause(channel, true);
}
bv_status bip_resume(const bv_host* host, std::uint64_t channel) {
  return services(host).carrier()->pause(channel, false);
}

bv_status sms_submit(const bv_host* host, const bv_sms_message* message) {
  if (message == nullptr) return BV_E_INVALID;
  try {
    return services(host).messenger()->submit(*message);
  } catch (...) {  // no memory for a copy
    return BV_E_BUSY;
  }
}
std::uint32_t sms_room(const bv_host* host) { return services(host).messenger()->room(); }
void sms_kept(const bv_host* host, std::uint64_t id, bv_status status) {
  try {
    services(host).messenger()->kept(id, status);
  } catch (...) {  // the SMSC offers it again
  }
}

constexpr bv_bip_1 kBip{bip_send, bip_close, bip_pause, bip_resume};
constexpr bv_sms_1 kSms{sms_submit, sms_room, sms_kept};
constexpr bv_alarm_1 kAlarm{alarm_raise, alarm_clear};
constexpr bv_log_1 kLog{log_write};
constexpr bv_ota_keys_1 kKeys{keys_get};
constexpr bv_psk_1 kPsk{psk_get};
constexpr bv_clock_1 kClock{clock_now};

const void* get_extension(const bv_host* host, const char* id) {
  const std::string_view wanted = text_or_empty(id);
  if (wanted == BV_EXT_BIP && services(host).carrier() != nullptr) return &kBip;
  if (wanted == BV_EXT_SMS && services(host).messenger() != nullptr) return &kSms;
  if (wanted == BV_EXT_LOG) return &kLog;
  if (wanted == BV_EXT_ALARM) return &kAlarm;
  if (wanted == BV_EXT_OTA_KEYS) return &kKeys;
  if (wanted == BV_EXT_PSK && services(host).has_psks()) return &kPsk;
  if (wanted == BV_EXT_CLOCK) return &kClock;
  return nullptr;
}

}  // namespace

Services::Services(base::Log& log, const base::Clock& clock, Carrier* carrier, Messenger* messenger,
                   bool has_psks)
    : log_(log), clock_(clock), carrier_(carrier), messenger_(messenger), has_psks_(has_psks) {
  host_.struct_size = sizeof host_;
  host_.abi_major = BV_ABI_MAJOR;
  host_.abi_minor = BV_ABI_MINOR;
  host_.ctx = this;
  host_.name = "bipvault-host";
  host_.version = BIPVAULT_VERSION;
  host_.get_extension = get_extension;
}

void Services::set_card_keys(CardKeys keys) {
  keys_.with([&](CardKeys& held) { held = std::move(keys); });
}

bv_status Services::card_key(const EfIccid& iccid, std::uint8_t key_set,
                             bv_ota_key_set* out) const {
  return keys_.with([&](const CardKeys& held) {
    const bv_ota_key_set* found = held.find(iccid, key_set);
    if (found == nullptr) return BV_E_NOT_FOUND;
    *out = *found;
    return BV_OK;
  });
}

// The identity is the ICCID's digits; a realm behind '@' is of no interest here.
bv_status Services::card_psk(std::string_view identity, bv_buffer* out) const {
  const auto iccid = ef_iccid(identity.substr(0, identity.find('@')));
  if (!iccid) return BV_E_NOT_FOUND;
  return keys_.with([&](const CardKeys& held) {
    const base::Secret* const found = held.find_psk(*iccid);
    if (found == nullptr) return BV_E_NOT_FOUND;
    out->size = found->size();
    if (found->size() > out->capacity) return BV_E_TOO_SMALL;
    std::copy(found->view().begin(), found->view().end(), out->data);
    return BV_OK;
  });
}

}  // namespace host
