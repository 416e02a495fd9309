/* bv.metrics/1, given by the host: the plugin's figures for the platform's own collection. Absent:
 * they are in bv.health/1 only. */
#ifndef BIPVAULT_EXT_METRICS_H
#define BIPVAULT_EXT_METRICS_H

#include "../plugin.h"

#define BV_EXT_METRICS "bv.metrics/1"

#define BV_METRIC_COUNTER 1   /* add */
#define BV_METRIC_GAUGE 2     /* set */
#define BV_METRIC_HISTOGRAM 3 /* observe */

typedef struct bv_metrics_1 {
  /* [any] A handle for the calls below, 0: not wanted. `name` begins with "bipvault_" and has small
   * letters, digits and '_'. The same name again gives the same handle. */
  uint64_t (*define)(const bv_host *host, const char *name, int32_t kind, const char *help);
  /* [any] None of these may block. */
  void (*add)(const bv_host *host, uint64_t handle, int64_t amount);
  void (*set)(const bv_host *host, uint64_t handle, int64_t value);
  void (*observe)(const bv_host *host, uint64_t handle, int64_t value);
} bv_metrics_1;

#endif
