#include "bip/faults.h"

namespace bip {

namespace {

struct Info {
  std::string_view counter;
  base::Severity severity;
  std::string_view text;
};

constexpr std::array<Info, kFaults> kInfo{{
    {"bip.wrong_cc", base::Severity::warning, "checksum does not verify, or no keys for this card"},
    {"bip.keys_away", base::Severity::error, "the key service failed: nobody can prove himself"},
    {"bip.counter_low", base::Severity::warning, "replay counter not higher than the last one"},
    {"bip.counter_blocked", base::Severity::error,
     "ALARM: replay counter exhausted or jumped beyond reason"},
    {"bip.tar_unknown", base::Severity::warning, "packet for another application (TAR)"},
    {"bip.insufficient_security", base::Severity::warning, "SPI asks for too little security"},
    {"bip.security_error", base::Severity::warning, "KIc/KID refused or packet unreadable"},
    {"bip.malformed", base::Severity::warning, "message not understood"},
    {"bip.unsupported", base::Severity::warning, "unknown instruction"},
    {"bip.other_iccid", base::Severity::warning, "message names another card than the channel"},
    {"bip.wrap_failed", base::Severity::error, "an answer could not be protected: no keys"},
    {"bip.bad_identification", base::Severity::warning, "no identification packet"},
    {"bip.never_identified", base::Severity::info, "no identification in time"},
    {"bip.never_proven", base::Severity::info, "identified, but no packet proved it in time"},
    {"bip.second_identification", base::Severity::warning, "identified a second time"},
    {"bip.bad_packet", base::Severity::warning, "not a packet: channel closed"},
    {"bip.packet_too_large", base::Severity::warning, "packet over max_packet: channel closed"},
    {"bip.cut_packet", base::Severity::info, "channel ended within a packet"},
    {"bip.superseded", base::Severity::info, "two channels of one card: the older one is closed"},
    {"bip.timeouts", base::Severity::info, "time-out"},
    {"bip.limited", base::Severity::warning, "too many failures from this address or card: closed"},
    {"bip.tls_failed", base::Severity::warning, "TLS failed"},
    {"bip.cat_tp_malformed", base::Severity::info, "no CAT_TP PDU"},
    {"bip.cat_tp_refused", base::Severity::info, "a SYN opened no CAT_TP link"},
    {"bip.cat_tp_displaced", base::Severity::warning,
     "more half-open CAT_TP links than [bip] half_open: the oldest make room"},
    {"bip.cat_tp_unopened", base::Severity::info, "nothing followed a SYN in time"},
    {"bip.sessions_full", base::Severity::warning, "session limit reached, not accepting"},
    {"bip.accept_paused", base::Severity::warning, "out of descriptors, accepting paused"},
    {"bip.accept_failed", base::Severity::warning, "accept failed"},
    {"bip.worker_failed", base::Severity::error, "a batch failed in the worker: channel closed"},
}};

}  // namespace

std::string_view counter_name(Fault fault) {
  return kInfo[static_cast<std::size_t>(fault)].counter;
}

void FaultLog::write(Fault fault, std::string_view about, std::int64_t left_out) {
  const Info& info = kInfo[static_cast<std::size_t>(fault)];
  log_.write(info.severity, info.counter,
             base::cat(info.text, about.empty() ? "" : ": ", about, base::told_left_out(left_out)));
}

}  // namespace bip
