// What comes from bipvault-cared, or from who listens in its place: a refusal, or an answer whose
// own line is read back as the same answer.
#include <cstdlib>

#include "cli/care_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = cli::read_answer(base::as_text({data, size}));
  const auto* answer = std::get_if<cli::CareAnswer>(&read);
  if (answer == nullptr) return 0;
  const auto again = cli::read_answer(cli::to_line(*answer));
  const auto* same = std::get_if<cli::CareAnswer>(&again);
  if (same == nullptr || same->code != answer->code || same->out != answer->out ||
      same->err != answer->err || same->content != answer->content) {
    std::abort();
  }
  return 0;
}
