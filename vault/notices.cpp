#include "vault/notices.h"

#include <algorithm>

namespace vault {

namespace {

struct Info {
  std::string_view counter;
  base::Severity severity;
  std::string_view text;
};

constexpr std::array kInfo{
    Info{"vault.unknown_card", base::Severity::warning, "no record of a proven card: not imported"},
    Info{"vault.too_large", base::Severity::warning, "upload over max_image_bytes refused"},
    Info{"vault.digest_mismatch", base::Severity::warning,
         "what was sent has another digest than was announced: nothing stored"},
    Info{"vault.offset_gaps", base::Severity::warning, "a piece of an upload is missing"},
    Info{"vault.offset_repeats", base::Severity::info, "octets of an upload came again, ignored"},
    Info{"vault.upload_cut", base::Severity::info, "channel ended within an upload"},
    Info{"vault.staging_full", base::Severity::warning,
         "staging_bytes used up: answered `try later`"},
    Info{"vault.staging_disk_full", base::Severity::warning,
         "staging_disk used up: an upload that is cut has to begin anew"},
    Info{"vault.pepper_missing", base::Severity::error,
         "a pepper is not in the key file, a key cannot be checked: answered `try later`"},
};

}  // namespace

void Notices::happened(std::string_view counter, const Iccid& card, base::Now now,
                       std::string_view detail) {
  counters_.add(counter);
  static_assert(kInfo.size() == kKinds);
  const auto found = std::find_if(kInfo.begin(), kInfo.end(),
                                  [&](const Info& info) { return info.counter == counter; });
  if (found == kInfo.end()) return;
  const auto left_out = kinds_.with([&](auto& kinds) {
    return kinds[static_cast<std::size_t>(found - kInfo.begin())].happened(now);
  });
  if (!left_out) return;
  std::string line = base::cat(found->text, ": card ", card.digits());
  if (!detail.empty()) line += base::cat(", ", detail);
  log_.write(found->severity, found->counter, line + base::told_left_out(*left_out));
}

}  // namespace vault
