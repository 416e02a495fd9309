/* bv.ota-keys/1, given by the host: the OTA keys of a card; the plugin does the cryptography. */
#ifndef BIPVAULT_EXT_OTA_KEYS_H
#define BIPVAULT_EXT_OTA_KEYS_H

#include "../plugin.h"

#define BV_EXT_OTA_KEYS "bv.ota-keys/1"

#define BV_ALGORITHM_AES 2  /* KIc/KID low nibble 2: AES-CBC, AES-CMAC; keys of 16, 24 or 32 */
#define BV_ALGORITHM_3DES 5 /* KIc/KID low nibble 5: two-key triple DES; keys of 16 octets */

/* Filled in by the host, wiped by the plugin after use. */
typedef struct bv_ota_key_set {
  uint32_t algorithm; /* BV_ALGORITHM_* */
  uint8_t kic_size;
  uint8_t kid_size;
  uint8_t reserved[2];
  uint8_t kic[32];
  uint8_t kid[32];
} bv_ota_key_set;

typedef struct bv_ota_keys_1 {
  /* [own] `iccid` as in EF_ICCID, key set 1..15. NOT_FOUND: no such card or key set. */
  bv_status (*get)(const bv_host *host, const uint8_t iccid[10], uint8_t key_set,
                   bv_ota_key_set *keys);
} bv_ota_keys_1;

#endif
