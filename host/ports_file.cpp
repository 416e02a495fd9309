#include "host/ports_file.h"

#include <unistd.h>

#include <utility>

#include "base/files.h"
#include "base/log.h"

namespace host {

void PortsFile::begin() {
  if (wanted()) ::unlink(path_.c_str());
}

base::Status PortsFile::write(std::string_view ports) {
  told_ = base::cat(ports, "\n");
  return base::write_file_atomically(path_, told_, 0644);
}

void PortsFile::remove() {
  const std::string told = std::exchange(told_, {});
  if (told.empty()) return;
  const auto there = base::read_text_file(path_, told.size());
  if (there && *there == told) ::unlink(path_.c_str());
}

}  // namespace host
