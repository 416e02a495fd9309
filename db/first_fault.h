// The first failure of the reads that an update's function makes. After it nothing is read any
// more: the function is to see "nothing" quickly, and the update ends with that failure.
#pragma once

#include <exception>

#include "db/sql.h"

namespace db {

class FirstFault {
 public:
  template <class F>
  void guarded(F&& read) {
    if (fault_) return;
    try {
      read();
    } catch (const SqlError&) {
      fault_ = std::current_exception();
    }
  }
  bool happened() const { return fault_ != nullptr; }
  void rethrow() const {
    if (fault_) std::rethrow_exception(fault_);
  }

 private:
  std::exception_ptr fault_;
};

}  // namespace db
