// Where scripts read the ports that were chosen, as long as somebody listens at them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace host {

class PortsFile {
 public:
  explicit PortsFile(std::string path) : path_(std::move(path)) {}  // empty: none
  ~PortsFile() { remove(); }
  PortsFile(const PortsFile&) = delete;
  PortsFile& operator=(const PortsFile&) = delete;

  // What is there is of a process that did not end well, or of one that shares the file.
  void begin();
  bool wanted() const { return !path_.empty(); }
  base::Status write(std::string_view ports);
  // Not what another host has written there meanwhile.
  void remove();

 private:
  const std::string path_;
  std::string told_;
};

}  // namespace host
