// Waits for a condition that another thread brings about; gives up after ten seconds.
#pragma once

#include <chrono>
#include <thread>

namespace support {

template <class Condition>
bool until(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace support
