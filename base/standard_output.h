// Whether what a program has printed has arrived: a full disk or a closed pipe at the other end is
// a failure like any other. For the programs' last step; one thread.
#pragma once

#include "base/result.h"

namespace base {

// Called after something was printed, with errno 0 before it: the first fault's reason is kept for
// the end, where nobody else knows it any more.
void keep_output_fault();

// To standard output, as std::fputs, and keeps the reason of a fault.
void print(const char* text);

// Writes what the C library still holds of standard output (std::cout's as well, unless it was
// told not to share it). The error says why it, or anything before, could not be written.
Status end_standard_output();

// A descriptor from 0 to 2 that is closed would be the next file that is opened, and be written to
// in its place. Called first: writing to such a one fails from then on.
void hold_standard_descriptors();

}  // namespace base
