// What the applet tells the simulator's user, not the phone's.
#include "card/applet.h"
#include "card/results.h"

namespace card {

void Applet::tell_outcome(const std::string& text) const { report_({"outcome", text, {}}); }

void Applet::tell_image(std::size_t octets, const base::Sha256& digest) const {
  const std::string size = std::to_string(octets), hex = base::to_hex(digest);
  report_({"image", size + " octets, digest " + hex, {{"octets", size}, {"digest", hex}}});
}

void Applet::tell_restored(const Restored& counts) const {
  const std::string written = std::to_string(counts.written);
  const std::string skipped = std::to_string(counts.skipped);
  report_({"restored",
           written + " written, " + skipped + " did not fit",
           {{"written", written}, {"skipped", skipped}}});
}

void Applet::tell_refused_data(const Answer& answer) const {
  const std::string name = answer.status == bip::PacketStatus::por_ok
                               ? result::name(answer.message.code)
                               : "security status";
  report_({"message", "FETCH DATA -> " + name, {{"command", "FETCH DATA"}, {"result", name}}});
}

void Applet::tell_identity() const {
  const auto& previous = card_.memory.previous;
  report_({"identity",
           previous ? "changed from " + iccid_digits(*previous) : "this phone now knows the card",
           {}});
}

void Applet::tell_wake_up(bip::PacketStatus status, std::uint8_t reason) const {
  const auto code = static_cast<std::uint8_t>(status);
  const std::string words = status != bip::PacketStatus::por_ok ? "refused"
                            : reason == 0x01                    ? "to update"
                            : reason == 0x02                    ? "to report"
                                                                : "without a reason";
  const std::string hex = base::to_hex({&code, 1});
  report_({"wake-up", words + ", status " + hex, {{"status", hex}}});
}

void Applet::tell_script(const bip::CommandHead& head, base::View response) const {
  const std::string tar = base::to_hex(head.tar), hex = base::to_hex(response);
  report_({"script", "to " + tar + ": " + hex, {{"tar", tar}, {"response", hex}}});
}

}  // namespace card
