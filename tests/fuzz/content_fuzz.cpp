// A stored image that customer care exports: whatever the octets, everything that is written is
// UTF-8, and vCard lines are no longer than they may be.
#include <cstdlib>

#include "base/text.h"
#include "cli/content_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cli::Content content = cli::read_content({data, size});
  if (!base::valid_utf8(cli::to_text(content)) || !base::valid_utf8(cli::to_csv(content))) {
    std::abort();
  }
  const std::string cards = cli::to_vcards(content, cli::VCard::v4, "1");
  if (!base::valid_utf8(cards)) std::abort();
  for (std::size_t at = 0; at < cards.size();) {
    const std::size_t end = cards.find("\r\n", at);
    if (end == std::string::npos || end - at > 75) std::abort();
    at = end + 2;
  }
  return 0;
}
