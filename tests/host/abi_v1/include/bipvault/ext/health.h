/* bv.health/1, given by the plugin: what it is doing. */
#ifndef BIPVAULT_EXT_HEALTH_H
#define BIPVAULT_EXT_HEALTH_H

#include "../plugin.h"

#define BV_EXT_HEALTH "bv.health/1"

typedef struct bv_health_1 {
  /* [any] A JSON object: "state", "ports" ({"tcp": 7100}), "sessions", "store", "counters", ...
   * Numbers and names only. TOO_SMALL: call again with out->size octets. */
  bv_status (*snapshot)(bv_plugin *plugin, bv_buffer *out);
} bv_health_1;

#endif
