/* A plugin that does nothing but follow the interface, steered by its configuration file:
 *   good          accepted
 *   key EF SET    accepted; start logs whether the host has this key set of the card
 *   busy          accepted; a session that never ends
 *   else          refused, with the file's first line in `why`
 * Compiled with one TINY_* definition, which names its defect. */
#include <stdio.h>
#include <signal.h>
#include <string.h>

#include "bipvault/ext/check.h"
#include "bipvault/ext/clock.h"
#include "bipvault/ext/health.h"
#include "bipvault/ext/log.h"
#include "bipvault/ext/ota_keys.h"
#include "bipvault/plugin.h"

enum state { CREATED, READY, RUNNING, DRAINING };

struct tiny {
  bv_plugin plugin;
  const bv_host *host;
  enum state state;
  char line[128];
};

static struct tiny instances[256];
static unsigned used;

static void say(const struct tiny *tiny, const char *text) {
  const bv_log_1 *log = tiny->host->get_extension(tiny->host, BV_EXT_LOG);
  if (log != NULL) log->write(tiny->host, BV_LOG_INFO, "tiny", text);
}

static void put(bv_buffer *why, const char *text) {
  if (why == NULL || why->capacity == 0) return;
  size_t size = strlen(text);
  if (size >= why->capacity) size = why->capacity - 1;
  memcpy(why->data, text, size);
  why->data[size] = 0;
  why->size = size;
}

static bv_status read_config(const char *path, char line[128], bv_buffer *why) {
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    put(why, "the file cannot be read");
    return BV_E_INVALID;
  }
  memset(line, 0, 128);
  if (fgets(line, 128, file) == NULL) line[0] = 0;
  fclose(file);
  line[strcspn(line, "\n")] = 0;
  if (strcmp(line, "good") == 0 || strcmp(line, "busy") == 0 || strncmp(line, "key ", 4) == 0) {
    return BV_OK;
  }
  put(why, line[0] == 0 ? "the file is empty" : line);
  return BV_E_INVALID;
}

static struct tiny *self(bv_plugin *plugin) { return plugin->self; }

static bv_status init(bv_plugin *plugin, const char *path, bv_buffer *why) {
  if (self(plugin)->state != CREATED) return BV_E_STATE;
  bv_status status = read_config(path, self(plugin)->line, why);
  if (status == BV_OK) self(plugin)->state = READY;
  return status;
}

static void ask_for_key(struct tiny *tiny) {
  const bv_ota_keys_1 *keys = tiny->host->get_extension(tiny->host, BV_EXT_OTA_KEYS);
  uint8_t iccid[10];
  bv_ota_key_set set;
  char text[64];
  for (int i = 0; i < 10; ++i) {
    unsigned octet = 0;
    if (sscanf(tiny->line + 4 + 2 * i, "%2x", &octet) != 1) return;
    iccid[i] = (uint8_t)octet;
  }
  unsigned number = 0;
  if (sscanf(tiny->line + 25, "%u", &number) != 1) return;
  bv_status status = keys->get(tiny->host, iccid, (uint8_t)number, &set);
  snprintf(text, sizeof text, status == BV_OK ? "key of %d octets" : "no key (%d)",
           status == BV_OK ? set.kic_size : status);
  say(tiny, text);
}

static bv_status start(bv_plugin *plugin, bv_buffer *why) {
  (void)why;
  struct tiny *tiny = self(plugin);
  if (tiny->state != READY) return BV_E_STATE;
  tiny->state = RUNNING;
  const bv_clock_1 *clock = tiny->host->get_extension(tiny->host, BV_EXT_CLOCK);
  int64_t utc = 0;
  int64_t mono = 0;
  char text[64];
  if (clock != NULL && clock->now(tiny->host, &utc, &mono) == BV_OK) {
    snprintf(text, sizeof text, "the clock says day %lld", (long long)(utc / 86400000));
    say(tiny, text);
  }
  if (strncmp(tiny->line, "key ", 4) == 0) ask_for_key(tiny);
  return BV_OK;
}

static bv_status reload(bv_plugin *plugin, const char *path, bv_buffer *why) {
  char line[128];
  if (self(plugin)->state != RUNNING) return BV_E_STATE;
  bv_status status = read_config(path, line, why);
  if (status == BV_OK) memcpy(self(plugin)->line, line, sizeof line);
  return status;
}

static bv_status drain(bv_plugin *plugin, uint32_t deadline_ms) {
  (void)deadline_ms;
  if (self(plugin)->state != RUNNING) return BV_E_STATE;
  self(plugin)->state = DRAINING;
  say(self(plugin), "drain\nwith two lines");
  return BV_OK;
}

static bv_status stop(bv_plugin *plugin, uint32_t deadline_ms) {
  (void)deadline_ms;
  if (self(plugin)->state != RUNNING && self(plugin)->state != DRAINING) return BV_E_STATE;
  self(plugin)->state = READY;
  say(self(plugin), "stop");
  return BV_OK;
}

static void destroy(bv_plugin *plugin) { self(plugin)->host = NULL; }

static bv_status check(bv_plugin *plugin, const char *path, bv_buffer *why) {
  char line[128];
  (void)plugin;
  return read_config(path, line, why);
}

static bv_status snapshot(bv_plugin *plugin, bv_buffer *out) {
  const struct tiny *tiny = self(plugin);
  char text[128];
  int size = snprintf(text, sizeof text,
                      "{\"state\": %d, \"ports\": {\"tcp\": 4711}, \"sessions\": %d}",
                      (int)tiny->state, strcmp(tiny->line, "busy") == 0);
  out->size = (size_t)size;
  if (out->size > out->capacity) return BV_E_TOO_SMALL;
  memcpy(out->data, text, out->size);
  return BV_OK;
}

static const bv_check_1 check_table = {check};
static const bv_health_1 health_table = {snapshot};

static const void *get_extension(bv_plugin *plugin, const char *id) {
  (void)plugin;
  if (id == NULL) return NULL;
  if (strcmp(id, BV_EXT_CHECK) == 0) return &check_table;
  if (strcmp(id, BV_EXT_HEALTH) == 0) return &health_table;
  return NULL;
}

static bv_plugin *create(const bv_host *host) {
#ifdef TINY_CRASHES
  raise(SIGSEGV);
#endif
  if (host == NULL || host->struct_size < sizeof *host || host->abi_major != BV_ABI_MAJOR ||
      host->get_extension == NULL) {
    return NULL;
  }
  struct tiny *tiny = &instances[used++ % 256];
  memset(tiny, 0, sizeof *tiny);
  tiny->host = host;
  tiny->plugin.struct_size = sizeof tiny->plugin;
  tiny->plugin.self = tiny;
  tiny->plugin.init = init;
  tiny->plugin.start = start;
  tiny->plugin.reload = reload;
  tiny->plugin.drain = drain;
  tiny->plugin.stop = stop;
  tiny->plugin.destroy = destroy;
  tiny->plugin.get_extension = get_extension;
#ifdef TINY_NO_PLUGIN
  return NULL;
#endif
  return &tiny->plugin;
}

static const bv_entry entry = {
    .magic = BV_ENTRY_MAGIC,
    .struct_size = sizeof(bv_entry),
    .abi_major = BV_ABI_MAJOR,
    .abi_minor = BV_ABI_MINOR,
    .pointer_size = sizeof(void *),
    .id = "tiny",
    .name = "Tiny",
    .vendor = "the tests",
    .version = "1.0",
    .create = create,
};

const bv_entry *bipvault_entry(void) {
#if defined(TINY_GOOD) || defined(TINY_NO_PLUGIN) || defined(TINY_CRASHES)
  return &entry;
#else
  static bv_entry changed;
  changed = entry;
#ifdef TINY_OTHER_MAJOR
  changed.abi_major = BV_ABI_MAJOR + 1;
#elif defined(TINY_BAD_MAGIC)
  changed.magic = 0;
#elif defined(TINY_WRONG_POINTERS)
  changed.pointer_size = 4;
#elif defined(TINY_NO_CREATE)
  changed.create = NULL;
#endif
  return &changed;
#endif
}
