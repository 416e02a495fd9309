/* bv.alarm/1, given by the host: what somebody must see to, until it is over. Absent: the lines of
 * bv.log/1, which come in any case. */
#ifndef BIPVAULT_EXT_ALARM_H
#define BIPVAULT_EXT_ALARM_H

#include "../plugin.h"

#define BV_EXT_ALARM "bv.alarm/1"

#define BV_ALARM_WARNING 1  /* service is given */
#define BV_ALARM_CRITICAL 2 /* cards or subscribers are not served */

typedef struct bv_alarm_1 {
  /* [any] Must not block. `id`: "store", "smsc.NAME" and more (docs/messages.md); the same again
   * replaces the text. */
  void (*raise)(const bv_host *host, const char *id, int32_t severity, const char *text);
  /* [any] It is over; also for what was never raised. All are cleared before stop returns. */
  void (*clear)(const bv_host *host, const char *id);
} bv_alarm_1;

#endif
