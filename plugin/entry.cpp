// The C functions of the border and nothing else: each body is one guarded call.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "bipvault/ext/bip.h"
#include "bipvault/ext/check.h"
#include "bipvault/ext/health.h"
#include "plugin/lifecycle.h"

namespace {

using plugin::Host;
using plugin::Lifecycle;

constexpr std::uint32_t kLeastAnswerRoom = 128;  // what every answer but FETCH DATA has room in

// One object for both sides: the struct that the host sees and what is behind it.
struct Instance {
  explicit Instance(const bv_host* host) : lifecycle(host) {}
  bv_plugin table{};
  Lifecycle lifecycle;
};

Lifecycle& lifecycle_of(bv_plugin* self) { return static_cast<Instance*>(self->self)->lifecycle; }

// The text into the caller's buffer: truncated at a whole UTF-8 character, always terminated.
void tell(bv_buffer* why, std::string_view text) {
  if (why == nullptr || why->data == nullptr || why->capacity == 0) return;
  const std::size_t size = base::cut_text(text, why->capacity - 1).size();
  std::memcpy(why->data, text.data(), size);
  why->data[size] = 0;
  why->size = size;
}

// Nothing leaves as an exception. What nobody expected ends the service, not the host.
template <class F>
bv_status guarded(bv_plugin* self, bv_buffer* why, F&& f) {
  if (self == nullptr || self->self == nullptr) return BV_E_INVALID;
  try {
    std::string text;
    const bv_status status = f(lifecycle_of(self), text);
    tell(why, text);
    return status;
  } catch (const std::exception& error) {
    lifecycle_of(self).fail();
    tell(why, error.what());
    try {
      lifecycle_of(self).log_error(std::string("internal failure: ") + error.what());
    } catch (...) {
    }
    return BV_E_INTERNAL;
  } catch (...) {
    lifecycle_of(self).fail();
    return BV_E_INTERNAL;
  }
}

bv_status do_init(bv_plugin* self, const char* path, bv_buffer* why) {
  return guarded(self, why, [&](Lifecycle& l, std::string& text) { return l.init(path, text); });
}
bv_status do_start(bv_plugin* self, bv_buffer* why) {
  return guarded(self, why, [](Lifecycle& l, std::string& text) { return l.start(text); });
}
bv_status do_reload(bv_plugin* self, const char* path, bv_buffer* why) {
  return guarded(self, why, [&](Lifecycle& l, std::string& text) { return l.reload(path, text); });
}
bv_status do_drain(bv_plugin* self, uint32_t deadline_ms) {
  return guarded(self, nullptr, [&](Lifecycle& l, std::string&) { return l.drain(deadline_ms); });
}
bv_status do_stop(bv_plugin* self, uint32_t deadline_ms) {
  return guarded(self, nullptr, [&](Lifecycle& l, std::string&) { return l.stop(deadline_ms); });
}
void do_destroy(bv_plugin* self) {
  guarded(self, nullptr, [&](Lifecycle& l, std::string&) {
    if (!l.may_be_destroyed()) return BV_E_STATE;
    delete static_cast<Instance*>(self->self);
    return BV_OK;
  });
}
bv_status do_check(bv_plugin* self, const char* path, bv_buffer* why) {
  return guarded(self, why, [&](Lifecycle& l, std::string& text) { return l.check(path, text); });
}
bv_status do_snapshot(bv_plugin* self, bv_buffer* out) {
  return guarded(self, nullptr, [&](Lifecycle& l, std::string&) {
    if (out == nullptr || (out->data == nullptr && out->capacity > 0)) return BV_E_INVALID;
    const std::string text = l.health();
    out->size = text.size() + 1;
    if (out->capacity < text.size() + 1) return BV_E_TOO_SMALL;
    std::memcpy(out->data, text.c_str(), text.size() + 1);
    out->size = text.size();
    return BV_OK;
  });
}

using Inbox = bip::CarriedInbox;

bv_status status_of(Inbox::Taken taken) {
  switch (taken) {
    case Inbox::Taken::yes:
      return BV_OK;
    case Inbox::Taken::busy:
      return BV_E_BUSY;
    case Inbox::Taken::unknown:
      return BV_E_NOT_FOUND;
    case Inbox::Taken::invalid:
      return BV_E_INVALID;
    case Inbox::Taken::stopped:
      return BV_E_STATE;
  }
  return BV_E_INTERNAL;
}

// A call about one channel; out of memory, that one fails and nothing else.
template <class F>
bv_status sink(bv_plugin* self, F f) {
  if (self == nullptr || self->self == nullptr) return BV_E_INVALID;
  try {
    return lifecycle_of(self).with_inbox([&](Inbox& inbox) { return status_of(f(inbox)); });
  } catch (...) {
    return BV_E_INTERNAL;
  }
}

// Nothing: not acceptable.
std::optional<Inbox::Opening> opening_of(const bv_bip_channel* channel) {
  if (channel == nullptr) return std::nullopt;
  const bool transport =
      channel->transport == BV_TRANSPORT_TCP || channel->transport == BV_TRANSPORT_CAT_TP;
  const bool room = channel->answer_room == 0 || channel->answer_room >= kLeastAnswerRoom;
  if (!transport || !room || (channel->flags & ~BV_BIP_IDENTIFIED) != 0) return std::nullopt;
  Inbox::Opening opening;
  opening.id = channel->id;
  std::copy(std::begin(channel->address), std::end(channel->address), opening.address.begin());
  opening.transport = static_cast<bip::Transport>(channel->transport);
  opening.answer_room = static_cast<std::uint16_t>(std::min(channel->answer_room, 0xFFFFu));
  if ((channel->flags & BV_BIP_IDENTIFIED) == 0) return opening;
  opening.iccid = vault::Iccid::from_ef(channel->iccid);
  return opening.iccid ? std::optional(opening) : std::nullopt;
}

bv_status do_on_open(bv_plugin* self, const bv_bip_channel* channel) {
  return sink(self, [&](Inbox& inbox) {
    auto opening = opening_of(channel);
    return opening ? inbox.open(std::move(*opening)) : Inbox::Taken::invalid;
  });
}
bv_status do_on_data(bv_plugin* self, uint64_t channel, bv_bytes octets) {
  if (octets.data == nullptr && octets.size > 0) return BV_E_INVALID;
  return sink(self, [&](Inbox& inbox) { return inbox.feed(channel, {octets.data, octets.size}); });
}
bv_status do_on_writable(bv_plugin* self, uint64_t channel) {
  return sink(self, [&](Inbox& inbox) { return inbox.writable(channel); });
}
bv_status do_on_closed(bv_plugin* self, uint64_t channel, uint32_t how) {
  if (how != BV_BIP_ENDED && how != BV_BIP_GONE) return BV_E_INVALID;
  return sink(self, [&](Inbox& inbox) { return inbox.ended(channel, how == BV_BIP_GONE); });
}

template <class F>
bv_status sms_sink(bv_plugin* self, F f) {
  if (self == nullptr || self->self == nullptr) return BV_E_INVALID;
  try {
    return lifecycle_of(self).with_sms(f);
  } catch (...) {
    return BV_E_INTERNAL;
  }
}

bv_status do_on_result(bv_plugin* self, const bv_sms_result* result) {
  return sms_sink(self, [&](plugin::HostSms& sms) { return sms.on_result(result); });
}
bv_status do_on_receipt(bv_plugin* self, const bv_sms_receipt* receipt) {
  return sms_sink(self, [&](plugin::HostSms& sms) { return sms.on_receipt(receipt); });
}
bv_status do_on_message(bv_plugin* self, const bv_sms_incoming* message) {
  return sms_sink(self, [&](plugin::HostSms& sms) { return sms.on_message(message); });
}
bv_status do_on_room(bv_plugin* self) {
  return sms_sink(self, [](plugin::HostSms& sms) { return sms.on_room(); });
}
bv_status do_on_reachable(bv_plugin* self, bv_bytes number) {
  if (number.data == nullptr) return BV_E_INVALID;
  return sms_sink(self, [&](plugin::HostSms& sms) {
    return sms.on_reachable(base::as_text({number.data, number.size}));
  });
}

constexpr bv_sms_sink_1 kSmsSink{do_on_result, do_on_receipt, do_on_message, do_on_room,
                                 do_on_reachable};
constexpr bv_bip_sink_1 kBipSink{do_on_open, do_on_data, do_on_writable, do_on_closed};
constexpr bv_health_1 kHealth{do_snapshot};
constexpr bv_check_1 kCheck{do_check};

const void* do_get_extension(bv_plugin*, const char* id) {
  if (id == nullptr) return nullptr;
  if (std::strcmp(id, BV_EXT_HEALTH) == 0) return &kHealth;
  if (std::strcmp(id, BV_EXT_CHECK) == 0) return &kCheck;
  if (std::strcmp(id, BV_EXT_BIP_SINK) == 0) return &kBipSink;
  if (std::strcmp(id, BV_EXT_SMS_SINK) == 0) return &kSmsSink;
  return nullptr;
}

bv_plugin* do_create(const bv_host* host) {
  try {
    if (Host::refusal(host)) return nullptr;
    auto* instance = new (std::nothrow) Instance(host);
    if (instance == nullptr) return nullptr;
    instance->table =
        bv_plugin{sizeof(bv_plugin), 0,        instance, do_init,    do_start,
                  do_reload,         do_drain, do_stop,  do_destroy, do_get_extension};
    return &instance->table;
  } catch (...) {
    return nullptr;
  }
}

constexpr bv_entry kEntry{
    BV_ENTRY_MAGIC, sizeof(bv_entry), BV_ABI_MAJOR, BV_ABI_MINOR,     sizeof(void*), 0,
    "bipvault",     "Bipvault",       "Bipvault",   BIPVAULT_VERSION, do_create};

}  // namespace

extern "C" const bv_entry* bipvault_entry(void) { return &kEntry; }
