// The file in which db check keeps how far it has come: nothing, or a state that its own text gives
// back.
#include <cstdlib>

#include "cli/db_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto state = cli::read_check_state(base::as_text({data, size}), 42);
  if (!state) return 0;
  const auto again = cli::read_check_state(cli::check_state_text(42, *state), 42);
  if (!again || *again != *state) std::abort();
  return 0;
}
