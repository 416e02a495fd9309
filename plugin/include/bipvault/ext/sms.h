/* Messages that the platform carries: it has connections to SMSCs of its own. bv.sms/1 is given by
 * the host, bv.sms-sink/1 by the plugin; used with `[smsc] by_host = yes`, and then instead of the
 * plugin's own SMPP.
 *
 * Everything here is [any] and never blocks: what the host tells is copied into bounded queues, and
 * the plugin works on it in a thread of its own, from which it calls the host with no lock held. */
#ifndef BIPVAULT_EXT_SMS_H
#define BIPVAULT_EXT_SMS_H

#include "../plugin.h"

#define BV_EXT_SMS "bv.sms/1"
#define BV_EXT_SMS_SINK "bv.sms-sink/1"

#define BV_SMS_SEGMENTS 64u /* most of one message */

/* What became of a segment. */
#define BV_SMS_ACCEPTED 1u  /* an SMSC has it */
#define BV_SMS_REFUSED 2u   /* an SMSC said no, for good */
#define BV_SMS_UNCERTAIN 3u /* written to an SMSC, and never answered */
#define BV_SMS_NOT_SENT 4u  /* certainly never written */

/* What a receipt says. */
#define BV_SMS_DELIVERED 1u
#define BV_SMS_FAILED 2u
#define BV_SMS_BUFFERED 3u /* not final */

/* bv_sms_result.flags */
#define BV_SMS_BAD_NUMBER 0x00000001u /* refused because of the number */

/* A message to a phone or card. Numbers are ASCII digits, international, without '+'. */
typedef struct bv_sms_message {
  uint64_t ref; /* of the message, not 0; the same when it is tried again */
  bv_bytes number;
  bv_bytes text;   /* UTF-8; empty: `packet` */
  bv_bytes packet; /* secured packet (TS 102 225) from its CPL on, for the card: SMS-PP data
                    * download, PID 7F, DCS F6, UDHI; the user data headers are yours */
  uint64_t accepted;    /* bit n-1: segment n was accepted before, it is not to be sent again */
  uint64_t validity_ms; /* 0: as you like */
} bv_sms_message;

/* Outcome of one segment: exactly one for each that was taken. */
typedef struct bv_sms_result {
  uint64_t ref;
  uint32_t segment;  /* 1 to segments */
  uint32_t segments; /* as you have cut it, at most BV_SMS_SEGMENTS */
  uint32_t outcome;  /* BV_SMS_ACCEPTED to BV_SMS_NOT_SENT */
  uint32_t status;   /* SMPP command_status, 0: none */
  uint32_t flags;    /* BV_SMS_BAD_NUMBER */
  uint32_t reserved;
  bv_bytes message_id; /* by which receipts name it; may be empty */
} bv_sms_result;

typedef struct bv_sms_receipt {
  uint64_t id; /* yours, for kept() */
  bv_bytes message_id;
  bv_bytes number; /* the subscriber's; may be empty */
  bv_bytes error;  /* for people; may be empty */
  uint32_t outcome; /* BV_SMS_DELIVERED to BV_SMS_BUFFERED */
  uint32_t reserved;
} bv_sms_receipt;

/* A message from a phone or card, or one part of it. */
typedef struct bv_sms_incoming {
  uint64_t id; /* yours, for kept() */
  int64_t sent_at_ms; /* the SMSC's date (UTC), 0: none. The same message offered again has the same
                       * id and date; no other one has both */
  bv_bytes from;
  bv_bytes to;
  bv_bytes text;      /* UTF-8 without header, or */
  bv_bytes user_data; /* binary: TP-UD with its header, at most 140 octets */
  uint32_t reference; /* of `parts` under this reference it is number `part` */
  uint32_t parts;     /* 1: whole */
  uint32_t part;
  uint32_t reserved;
} bv_sms_incoming;

typedef struct bv_sms_1 {
  /* OK: on_result follows for each segment, perhaps before this returns. BUSY: nothing was taken,
   * on_room says when there is room. INVALID: it can never be sent. */
  bv_status (*submit)(const bv_host *host, const bv_sms_message *message);
  /* Segments that would be taken now. */
  uint32_t (*room)(const bv_host *host);
  /* Once for each receipt and message that was taken. OK: it is in the store, acknowledge it to the
   * SMSC. BUSY: it is not, offer it again later. */
  void (*kept)(const bv_host *host, uint64_t id, bv_status status);
} bv_sms_1;

/* STATE: the plugin is not running, or by_host is off; BUSY: no room, offer it again; INVALID: what
 * was told makes no sense; NOT_FOUND: no such message under way. */
typedef struct bv_sms_sink_1 {
  bv_status (*on_result)(bv_plugin *plugin, const bv_sms_result *result);
  bv_status (*on_receipt)(bv_plugin *plugin, const bv_sms_receipt *receipt);
  bv_status (*on_message)(bv_plugin *plugin, const bv_sms_incoming *message);
  /* There is room after a submit that was answered BUSY, or a connection has come up. */
  bv_status (*on_room)(bv_plugin *plugin);
  /* The network says that the phone is back (SMPP alert_notification). */
  bv_status (*on_reachable)(bv_plugin *plugin, bv_bytes number);
} bv_sms_sink_1;

#endif
