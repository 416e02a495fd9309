#include "smsc/status.h"

#include <algorithm>
#include <iterator>

namespace smsc {

namespace {

struct Row {
  std::uint32_t status;
  Reaction reaction;
  const char* name;
};

constexpr Row kTable[] = {
    {0x00, Reaction::ok, "no error"},
    {0x01, Reaction::refused, "invalid message length"},
    {0x02, Reaction::refused, "invalid command length"},
    {0x03, Reaction::refused, "invalid command id"},
    {0x04, Reaction::rebind, "wrong bind status"},
    {0x05, Reaction::rebind, "already bound"},
    {0x06, Reaction::refused, "invalid priority"},
    {0x07, Reaction::refused, "invalid registered_delivery"},
    {0x08, Reaction::retry, "system error"},
    {0x0A, Reaction::bad_source, "invalid source address"},
    {0x0B, Reaction::bad_number, "invalid destination address"},
    {0x0C, Reaction::refused, "invalid message id"},
    {0x0D, Reaction::refused, "bind failed"},
    {0x0E, Reaction::refused, "invalid password"},
    {0x0F, Reaction::refused, "invalid system_id"},
    {0x11, Reaction::refused, "cancel_sm failed"},
    {0x13, Reaction::refused, "replace_sm failed"},
    {0x14, Reaction::queue_full, "message queue full"},
    {0x15, Reaction::refused, "invalid service type"},
    {0x33, Reaction::refused, "invalid number of destinations"},
    {0x34, Reaction::refused, "invalid distribution list"},
    {0x40, Reaction::refused, "invalid destination flag"},
    {0x42, Reaction::refused, "invalid submit with replace"},
    {0x43, Reaction::refused, "invalid esm_class"},
    {0x44, Reaction::refused, "cannot submit to distribution list"},
    {0x45, Reaction::retry_slowly, "submit failed"},
    {0x48, Reaction::bad_source, "invalid source TON"},
    {0x49, Reaction::bad_source, "invalid source NPI"},
    {0x50, Reaction::bad_number, "invalid destination TON"},
    {0x51, Reaction::bad_number, "invalid destination NPI"},
    {0x53, Reaction::refused, "invalid system_type"},
    {0x54, Reaction::refused, "invalid replace_if_present"},
    {0x55, Reaction::refused, "invalid number of messages"},
    {0x58, Reaction::throttled, "throttled"},
    {0x61, Reaction::refused, "invalid schedule"},
    {0x62, Reaction::refused, "invalid validity period"},
    {0x63, Reaction::refused, "invalid predefined message"},
    {0x64, Reaction::retry, "temporary receiver error"},
    {0x65, Reaction::refused, "permanent receiver error"},
    {0x66, Reaction::refused, "rejected by the receiver"},
    {0x67, Reaction::refused, "query_sm failed"},
    {0xC0, Reaction::refused, "error in the optional part"},
    {0xC1, Reaction::refused, "parameter not allowed"},
    {0xC2, Reaction::refused, "invalid parameter length"},
    {0xC3, Reaction::refused, "parameter missing"},
    {0xC4, Reaction::refused, "invalid parameter value"},
    {0xFE, Reaction::retry, "delivery failure"},
    {0xFF, Reaction::retry, "unknown error"},
};

struct Name {
  Reaction reaction;
  std::string_view name;
};
constexpr Name kNames[] = {
    {Reaction::ok, "ok"},
    {Reaction::refused, "refused"},
    {Reaction::bad_number, "bad_number"},
    {Reaction::bad_source, "bad_source"},
    {Reaction::rebind, "rebind"},
    {Reaction::retry, "retry"},
    {Reaction::retry_slowly, "retry_slowly"},
    {Reaction::queue_full, "queue_full"},
    {Reaction::throttled, "throttled"},
};

const Row* row_of(std::uint32_t status) {
  const auto found = std::find_if(std::begin(kTable), std::end(kTable),
                                  [&](const Row& row) { return row.status == status; });
  return found == std::end(kTable) ? nullptr : found;
}

bool vendors_own(std::uint32_t status) { return status >= 0x400 && status <= 0x4FF; }

}  // namespace

Reaction reaction_of(std::uint32_t status, const std::map<std::uint32_t, Reaction>& overrides) {
  const auto own = overrides.find(status);
  if (own != overrides.end()) return own->second;
  if (const Row* const row = row_of(status)) return row->reaction;
  return vendors_own(status) ? Reaction::retry : Reaction::refused;
}

std::optional<Reaction> parse_reaction(std::string_view text) {
  for (const Name& entry : kNames) {
    if (entry.name == text) return entry.reaction;
  }
  return std::nullopt;
}

std::string_view name_of(Reaction reaction) {
  for (const Name& entry : kNames) {
    if (entry.reaction == reaction) return entry.name;
  }
  return "?";
}

std::string_view name_of_status(std::uint32_t status) {
  if (const Row* const row = row_of(status)) return row->name;
  return vendors_own(status) ? "the vendor's own" : "reserved";
}

}  // namespace smsc
