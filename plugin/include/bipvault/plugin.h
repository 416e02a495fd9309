/* The C border between an OTA platform (the host) and the Bipvault plugin: version 1.0.
 *
 * Reading order: this file, then the headers in ext/ that your platform can serve. The guide for
 * whoever writes a host or an adapter is docs/host-guide.md.
 *
 * Every function carries its thread class:
 *   [main]     lifecycle calls, one at a time, on any operating system thread
 *   [any]      concurrently from everywhere; never blocks
 *   [own]      called by the plugin only on threads that it made; may block up to its deadline
 *   [session]  one at a time for each card channel, on any thread; never blocks
 * Ownership: who allocates frees. Borrowed input is valid during the call only; output goes into
 * the caller's buffer. Text is UTF-8 and NUL-terminated. No exception crosses in either direction.
 */
#ifndef BIPVAULT_PLUGIN_H
#define BIPVAULT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BV_EXPORT __attribute__((visibility("default")))
#else
#define BV_EXPORT
#endif

#define BV_ABI_MAJOR 1u
#define BV_ABI_MINOR 0u
#define BV_ENTRY_MAGIC 0x42495056u /* "BIPV" */

/* Result of every call. Numbers are never reused. */
typedef int32_t bv_status;
#define BV_OK 0
#define BV_E_INVALID (-1)     /* an argument is not acceptable */
#define BV_E_UNSUPPORTED (-2) /* this build or this host does not offer it */
#define BV_E_NOT_FOUND (-3)
#define BV_E_BUSY (-4)
#define BV_E_TIMEOUT (-5)
#define BV_E_DENIED (-6)
#define BV_E_TOO_SMALL (-7)   /* bv_buffer.size says what is needed */
#define BV_E_STATE (-8)       /* wrong state for this call; nothing has changed */
#define BV_E_INTERNAL (-9)

/* Octets lent for the duration of a call. */
typedef struct bv_bytes {
  const uint8_t *data;
  size_t size;
} bv_bytes;

/* The caller's memory. The callee writes at most `capacity` octets and sets `size` to what it
 * wrote, or with BV_E_TOO_SMALL to what it would need. */
typedef struct bv_buffer {
  uint8_t *data;
  size_t capacity;
  size_t size;
} bv_buffer;

typedef struct bv_host bv_host;
typedef struct bv_plugin bv_plugin;

/* Given by the host; valid and unchanged until destroy() has returned. Grows at the end only and
 * is read up to struct_size. */
struct bv_host {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  void *ctx; /* the host's own */
  const char *name;
  const char *version;
  /* [any] Table of an extension by its id ("bv.log/1"), or NULL. The table lives as long as the
   * host struct. */
  const void *(*get_extension)(const bv_host *host, const char *id);
};

/* Given by create(); ends with destroy(). `why` may be NULL; else it receives what is wrong for the
 * operator, one line each ("file:line: [section] key: problem"), truncated to fit and always
 * terminated, and empty when the call succeeds.
 *
 *   created --init--> ready --start--> running --drain--> draining
 *                       ^                 |                  |
 *                       +------ stop -----+------- stop -----+
 *
 * A call in the wrong state answers BV_E_STATE and changes nothing. After an internal failure the
 * state is `failed`: only stop and destroy are accepted. start - stop - start works. */
struct bv_plugin {
  uint32_t struct_size;
  uint32_t reserved;
  void *self; /* the plugin's own */

  /* [main] created -> ready. Reads and checks configuration and key files, fetches extensions.
   * No thread, no socket, no database traffic. At most 2 s. */
  bv_status (*init)(bv_plugin *plugin, const char *config_path, bv_buffer *why);
  /* [main] ready -> running. Opens listeners, makes threads. Fails for a taken port, not because a
   * database is away. At most 2 s. */
  bv_status (*start)(bv_plugin *plugin, bv_buffer *why);
  /* [main] running. Checks the new file wholly, then swaps; on any error the old configuration
   * stays whole. Running sessions are not closed. */
  bv_status (*reload)(bv_plugin *plugin, const char *config_path, bv_buffer *why);
  /* [main] running -> draining. Returns at once: listeners closed, newcomers answered "try later",
   * transfers under way may end. bv.health/1 tells when nothing is left; deadline_ms is how long
   * the host means to wait before it calls stop. */
  bv_status (*drain)(bv_plugin *plugin, uint32_t deadline_ms);
  /* [main] running or draining -> ready. Ends the rest and joins every thread of the plugin.
   * BV_E_TIMEOUT: a host call has not returned; the state is `stopping`, call again. */
  bv_status (*stop)(bv_plugin *plugin, uint32_t deadline_ms);
  /* [main] created, ready or failed. Frees everything; the host is called for nothing but log. */
  void (*destroy)(bv_plugin *plugin);
  /* [any] Table of one of the plugin's extensions ("bv.health/1"), or NULL. Valid until
   * destroy(). */
  const void *(*get_extension)(bv_plugin *plugin, const char *id);
};

/* Static and constant. */
typedef struct bv_entry {
  uint32_t magic; /* BV_ENTRY_MAGIC */
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t pointer_size; /* sizeof(void *) of the build */
  uint32_t reserved;
  const char *id; /* "bipvault" */
  const char *name;
  const char *vendor;
  const char *version;
  /* [main] Allocates only: no host call, no file, no thread. NULL: another major version, a host
   * struct that is too small, or a NULL function in it. */
  bv_plugin *(*create)(const bv_host *host);
} bv_entry;

/* [any] The only exported symbol. Does nothing but return the entry. */
BV_EXPORT const bv_entry *bipvault_entry(void);

#ifdef __cplusplus
}
#endif

#endif
