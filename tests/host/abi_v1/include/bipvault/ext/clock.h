/* bv.clock/1, given by the host: a laboratory moves time. A platform need not give it. */
#ifndef BIPVAULT_EXT_CLOCK_H
#define BIPVAULT_EXT_CLOCK_H

#include "../plugin.h"

#define BV_EXT_CLOCK "bv.clock/1"

typedef struct bv_clock_1 {
  /* [any] UTC in milliseconds since 1970, and a monotonic clock in milliseconds. */
  bv_status (*now)(const bv_host *host, int64_t *utc_ms, int64_t *mono_ms);
} bv_clock_1;

#endif
