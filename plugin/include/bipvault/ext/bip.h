/* Card channels that the platform carries: it ends BIP (and, if it likes, TLS or CAT_TP) itself and
 * hands over octets. bv.bip/1 is given by the host, bv.bip-sink/1 by the plugin.
 *
 * A channel is one stream of octets each way, named by the host's number. [session] calls come one
 * at a time for each channel, on any thread, and never block; those of several channels may come
 * at once. The plugin calls the host from a thread of its own, holding no lock: a call of the sink
 * from inside is allowed. Nothing is parsed on a host's thread.
 *
 * Both ways a full buffer answers BV_E_BUSY and takes nothing; the word to go on is resume() to the
 * host and on_writable() to the plugin. It may come before the call that answered BUSY has
 * returned: mark the channel first, then call, or look again after it. */
#ifndef BIPVAULT_EXT_BIP_H
#define BIPVAULT_EXT_BIP_H

#include "../plugin.h"

#define BV_EXT_BIP "bv.bip/1"
#define BV_EXT_BIP_SINK "bv.bip-sink/1"

#define BV_BIP_PIECE 16384u /* most octets of one on_data */

/* bv_bip_channel.flags */
#define BV_BIP_IDENTIFIED 0x00000001u /* the platform knows the card: iccid is given */

/* How a channel has ended. */
#define BV_BIP_ENDED 1u /* the card sends no more; what it is owed may still be sent to it */
#define BV_BIP_GONE 2u  /* it hears nothing any more */

/* Filled in by the host, borrowed for the call. */
typedef struct bv_bip_channel {
  uint64_t id;         /* never used again, as long as the plugin object lives */
  uint8_t address[16]; /* where the card is seen: IPv6, or IPv4 as ::ffff:a.b.c.d; zeros: not
                        * known, and bad_per_ip does not count it */
  uint8_t iccid[10];   /* with BV_BIP_IDENTIFIED, as in EF_ICCID; without it the card's first
                        * packet is the identification packet of TS 102 225 */
  uint8_t transport;   /* BV_TRANSPORT_TCP (TLS as well) or BV_TRANSPORT_CAT_TP, see ota_crypto.h:
                        * what the card speaks; tells bv.ota-crypto/1, nothing else */
  uint8_t reserved;
  uint32_t flags;      /* BV_BIP_IDENTIFIED */
  uint32_t answer_room; /* octets of the largest answer that the channel takes whole (a record, an
                         * SDU), 128 or more; 0: any */
  uint32_t reserved2;
} bv_bip_channel;

typedef struct bv_bip_1 {
  /* [any] Octets for the card: one answer, whole. They are copied or written before it returns.
   * OK: all taken. BUSY: none; on_writable follows. Anything else: the card cannot be reached, the
   * channel is given up and closed. */
  bv_status (*send)(const bv_host *host, uint64_t channel, bv_bytes octets);
  /* [any] The plugin has ended the channel; no call for it follows. What send has taken still goes
   * to the card. Not called for a channel that is GONE. */
  bv_status (*close)(const bv_host *host, uint64_t channel);
  /* [any] No on_data until resume; who calls all the same is answered BUSY when it is too much. */
  bv_status (*pause)(const bv_host *host, uint64_t channel);
  /* [any] After pause, and after each on_data that was answered BUSY. */
  bv_status (*resume)(const bv_host *host, uint64_t channel);
} bv_bip_1;

typedef struct bv_bip_sink_1 {
  /* [session] A card has opened a channel. BUSY: no room (`sessions`) or draining; INVALID: a
   * number that is in use, an ICCID that is none; STATE: the plugin is not running; UNSUPPORTED:
   * the host gives no bv.bip/1. */
  bv_status (*on_open)(bv_plugin *plugin, const bv_bip_channel *channel);
  /* [session] Octets of the card, at most BV_BIP_PIECE. OK: all taken. BUSY: none, keep them until
   * resume. NOT_FOUND: the plugin has ended the channel, or never knew it. */
  bv_status (*on_data)(bv_plugin *plugin, uint64_t channel, bv_bytes octets);
  /* [session] There is room again after a send that was answered BUSY. */
  bv_status (*on_writable)(bv_plugin *plugin, uint64_t channel);
  /* [session] The channel has ended: BV_BIP_ENDED (the plugin closes it when the card has got
   * what it is owed; GONE may follow) or BV_BIP_GONE. Calls of the plugin that were on their way
   * may still come: answer NOT_FOUND. */
  bv_status (*on_closed)(bv_plugin *plugin, uint64_t channel, uint32_t how);
} bv_bip_sink_1;

#endif
