/* bv.log/1, given by the host: where the plugin's log lines go. Absent: stderr is NOT used; the
 * lines are dropped and counted. */
#ifndef BIPVAULT_EXT_LOG_H
#define BIPVAULT_EXT_LOG_H

#include "../plugin.h"

#define BV_EXT_LOG "bv.log/1"

#define BV_LOG_DEBUG 0
#define BV_LOG_INFO 1
#define BV_LOG_WARNING 2
#define BV_LOG_ERROR 3

typedef struct bv_log_1 {
  /* [any] Must not block. `component` is one of "bip", "smsc", "vault", "db", "metrics", "plugin".
   * `text` ends with the message's identifier: " [db.unavailable]". Never holds a key, a document
   * number or a card's content. */
  void (*write)(const bv_host* host, int32_t severity, const char* component, const char* text);
} bv_log_1;

#endif
