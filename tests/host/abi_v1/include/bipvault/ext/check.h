/* bv.check/1, given by the plugin: a dry run of init. */
#ifndef BIPVAULT_EXT_CHECK_H
#define BIPVAULT_EXT_CHECK_H

#include "../plugin.h"

#define BV_EXT_CHECK "bv.check/1"

typedef struct bv_check_1 {
  /* [main] any state. Everything that init would refuse, one line each in `why`; nothing changes.
   * OK or INVALID. */
  bv_status (*check)(bv_plugin *plugin, const char *config_path, bv_buffer *why);
} bv_check_1;

#endif
