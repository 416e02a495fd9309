// What ends a run: something that must hold does not.
#pragma once

#include <stdexcept>

namespace sim {

struct Breach : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace sim
