// Proves that the border has the written-down layout in a host of C++20, and the signatures and
// ids that belong to it.
#define BV_ASSERT(condition, text) static_assert(condition, text)
#include "abi_layout.inc"

#include <string_view>
#include <type_traits>

namespace {

using std::is_same_v;

static_assert(
    is_same_v<decltype(bv_host::get_extension), const void* (*)(const bv_host*, const char*)>);
static_assert(
    is_same_v<decltype(bv_plugin::init), bv_status (*)(bv_plugin*, const char*, bv_buffer*)>);
static_assert(is_same_v<decltype(bv_plugin::start), bv_status (*)(bv_plugin*, bv_buffer*)>);
static_assert(
    is_same_v<decltype(bv_plugin::reload), bv_status (*)(bv_plugin*, const char*, bv_buffer*)>);
static_assert(is_same_v<decltype(bv_plugin::drain), bv_status (*)(bv_plugin*, uint32_t)>);
static_assert(is_same_v<decltype(bv_plugin::stop), bv_status (*)(bv_plugin*, uint32_t)>);
static_assert(is_same_v<decltype(bv_plugin::destroy), void (*)(bv_plugin*)>);
static_assert(
    is_same_v<decltype(bv_plugin::get_extension), const void* (*)(bv_plugin*, const char*)>);
static_assert(is_same_v<decltype(bv_entry::create), bv_plugin* (*)(const bv_host*)>);
static_assert(is_same_v<decltype(&bipvault_entry), const bv_entry* (*)()>);
static_assert(is_same_v<decltype(bv_alarm_1::raise),
                        void (*)(const bv_host*, const char*, int32_t, const char*)>);
static_assert(is_same_v<decltype(bv_alarm_1::clear), void (*)(const bv_host*, const char*)>);
static_assert(is_same_v<decltype(bv_metrics_1::define),
                        uint64_t (*)(const bv_host*, const char*, int32_t, const char*)>);
using OnMetric = void (*)(const bv_host*, uint64_t, int64_t);
static_assert(is_same_v<decltype(bv_metrics_1::add), OnMetric>);
static_assert(is_same_v<decltype(bv_metrics_1::set), OnMetric>);
static_assert(is_same_v<decltype(bv_metrics_1::observe), OnMetric>);
using OnChannel = bv_status (*)(const bv_host*, uint64_t);
static_assert(
    is_same_v<decltype(bv_bip_1::send), bv_status (*)(const bv_host*, uint64_t, bv_bytes)>);
static_assert(is_same_v<decltype(bv_bip_1::close), OnChannel>);
static_assert(is_same_v<decltype(bv_bip_1::pause), OnChannel>);
static_assert(is_same_v<decltype(bv_bip_1::resume), OnChannel>);
static_assert(is_same_v<decltype(bv_bip_sink_1::on_open),
                        bv_status (*)(bv_plugin*, const bv_bip_channel*)>);
static_assert(
    is_same_v<decltype(bv_bip_sink_1::on_data), bv_status (*)(bv_plugin*, uint64_t, bv_bytes)>);
static_assert(
    is_same_v<decltype(bv_bip_sink_1::on_writable), bv_status (*)(bv_plugin*, uint64_t)>);
static_assert(
    is_same_v<decltype(bv_bip_sink_1::on_closed), bv_status (*)(bv_plugin*, uint64_t, uint32_t)>);
static_assert(
    is_same_v<decltype(bv_check_1::check), bv_status (*)(bv_plugin*, const char*, bv_buffer*)>);
static_assert(
    is_same_v<decltype(bv_clock_1::now), bv_status (*)(const bv_host*, int64_t*, int64_t*)>);
static_assert(is_same_v<decltype(bv_health_1::snapshot), bv_status (*)(bv_plugin*, bv_buffer*)>);
static_assert(is_same_v<decltype(bv_log_1::write),
                        void (*)(const bv_host*, int32_t, const char*, const char*)>);
using Unwrap = bv_status (*)(const bv_host*, bv_packet_head*, bv_bytes, bv_buffer*);
static_assert(is_same_v<decltype(bv_ota_crypto_1::unwrap_command), Unwrap>);
static_assert(
    is_same_v<decltype(bv_ota_crypto_1::wrap_response),
              bv_status (*)(const bv_host*, const bv_packet_head*, bv_bytes, bv_buffer*)>);
static_assert(is_same_v<decltype(bv_ota_crypto_1::wrap_command), Unwrap>);
static_assert(is_same_v<decltype(bv_ota_crypto_1::unwrap_response), Unwrap>);
static_assert(is_same_v<decltype(bv_ota_keys_1::get),
                        bv_status (*)(const bv_host*, const uint8_t*, uint8_t, bv_ota_key_set*)>);
static_assert(is_same_v<decltype(bv_psk_1::get),
                        bv_status (*)(const bv_host*, bv_bytes, bv_buffer*)>);

static_assert(std::string_view(BV_EXT_BIP) == "bv.bip/1");
static_assert(std::string_view(BV_EXT_BIP_SINK) == "bv.bip-sink/1");
static_assert(std::string_view(BV_EXT_CHECK) == "bv.check/1");
static_assert(std::string_view(BV_EXT_CLOCK) == "bv.clock/1");
static_assert(std::string_view(BV_EXT_HEALTH) == "bv.health/1");
static_assert(std::string_view(BV_EXT_LOG) == "bv.log/1");
static_assert(std::string_view(BV_EXT_OTA_CRYPTO) == "bv.ota-crypto/1");
static_assert(std::string_view(BV_EXT_OTA_KEYS) == "bv.ota-keys/1");
static_assert(std::string_view(BV_EXT_PSK) == "bv.psk/1");

}  // namespace
