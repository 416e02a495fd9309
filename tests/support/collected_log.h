// A log that a test can read. Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/log.h"

namespace support {

class CollectedLog : public base::Log {
 public:
  void write(base::Severity, std::string_view component, std::string_view text) override {
    lines_.with([&](std::vector<std::string>& lines) {
      lines.push_back(base::cat(component, ": ", text));
    });
  }
  std::size_t count(std::string_view part) const {
    return lines_.with([&](const std::vector<std::string>& lines) {
      std::size_t found = 0;
      for (const std::string& line : lines) found += line.find(part) != std::string::npos ? 1 : 0;
      return found;
    });
  }
  std::string all() const {
    return lines_.with([](const std::vector<std::string>& lines) {
      std::string text;
      for (const std::string& line : lines) text += line + "\n";
      return text;
    });
  }

 private:
  base::Guarded<std::vector<std::string>> lines_;
};

}  // namespace support
