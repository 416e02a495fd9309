// A line that anybody on the machine sends to bipvault-cared: a refusal, or a request whose own
// line is read back as the same request.
#include <cstdlib>

#include "cli/care.h"
#include "cli/care_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = cli::read_request(base::as_text({data, size}));
  const auto* request = std::get_if<cli::CareRequest>(&read);
  if (request == nullptr) return 0;
  (void)cli::command_line_of(*request, cli::care_program());
  const auto again = cli::read_request(cli::to_line(*request));
  const auto* same = std::get_if<cli::CareRequest>(&again);
  // Escapes may make the line longer than it may be.
  if (same == nullptr) return size > cli::kLongestRequest / 6 ? 0 : (std::abort(), 0);
  if (same->command != request->command || same->options != request->options ||
      same->arguments != request->arguments) {
    std::abort();
  }
  return 0;
}
