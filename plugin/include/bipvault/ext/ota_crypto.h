/* bv.ota-crypto/1, given by the host: whole secured packets (TS 102 225) are unwrapped and wrapped
 * by the host, for example in an HSM. Preferred over bv.ota-keys/1 when both are there. */
#ifndef BIPVAULT_EXT_OTA_CRYPTO_H
#define BIPVAULT_EXT_OTA_CRYPTO_H

#include "../plugin.h"

#define BV_EXT_OTA_CRYPTO "bv.ota-crypto/1"

#define BV_TRANSPORT_SMS 0
#define BV_TRANSPORT_TCP 1
#define BV_TRANSPORT_CAT_TP 2

/* Packet head, 28 octets. */
typedef struct bv_packet_head {
  uint8_t iccid[10]; /* as in EF_ICCID: nibble-swapped, F filler */
  uint8_t transport; /* BV_TRANSPORT_* */
  uint8_t spi[2];
  uint8_t kic;
  uint8_t kid;
  uint8_t tar[3];
  uint8_t cntr[5];
  uint8_t status; /* response status octet of TS 102 225 table 5 */
  uint32_t flags; /* BV_PACKET_* */
} bv_packet_head;

/* wrap_command: the host counts downlink itself and has put its own counter into cntr. */
#define BV_PACKET_HOST_COUNTS 0x00000001u

typedef struct bv_ota_crypto_1 {
  /* [own] Verifies and deciphers a command packet of a card. In: head (iccid, transport and the
   * clear fields), the whole packet. Out: head->cntr, head->status (00 verified; 01 CC wrong;
   * 05, 06 as TS 102 225), data without padding when 00. The return value is about the call:
   * NOT_FOUND for a card or key set without keys, TIMEOUT, INTERNAL. */
  bv_status (*unwrap_command)(const bv_host *host, bv_packet_head *head, bv_bytes packet,
                              bv_buffer *data);
  /* [own] Protects a response packet as spi[1] of the command in `head` asks. */
  bv_status (*wrap_response)(const bv_host *host, const bv_packet_head *head, bv_bytes data,
                             bv_buffer *packet);
  /* [own] Protects a command to the card (wake-up by SMS: a packet from its CPL on) as spi[0] asks.
   * In: cntr, never given before. Out: cntr and flags of a host that counts by itself. May be NULL
   * together with unwrap_response: then no card is woken. */
  bv_status (*wrap_command)(const bv_host *host, bv_packet_head *head, bv_bytes data,
                            bv_buffer *packet);
  /* [own] Verifies and deciphers a card's response to such a command (PoR, from its RPL on), which
   * spi[1] of the command protects. Out: head->cntr, head->status, data. OK only if its checksum
   * was right; DENIED if it was not. A response in clear is not asked about. */
  bv_status (*unwrap_response)(const bv_host *host, bv_packet_head *head, bv_bytes packet,
                               bv_buffer *data);
} bv_ota_crypto_1;

#endif
