/* bv.psk/1, given by the host: the pre-shared keys of cards that speak TLS. */
#ifndef BIPVAULT_EXT_PSK_H
#define BIPVAULT_EXT_PSK_H

#include "../plugin.h"

#define BV_EXT_PSK "bv.psk/1"

#define BV_PSK_LEAST 16 /* octets of a key */
#define BV_PSK_MOST 64

typedef struct bv_psk_1 {
  /* [own] The key of a PSK identity as the card sent it: the ICCID's decimal digits, optionally
   * followed by '@' and a realm; at most 128 octets, not terminated. Into `psk` go 16 to 64
   * octets, which the plugin wipes after use. NOT_FOUND: no such card, or it has no key; to be
   * answered in the time that a known card takes. */
  bv_status (*get)(const bv_host *host, bv_bytes identity, bv_buffer *psk);
} bv_psk_1;

#endif
