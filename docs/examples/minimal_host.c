/* The smallest useful host: what an adapter has to do, in the order in which it has to do it.
 *
 *   minimal_host PLUGIN CONFIG
 *
 * Loads the plugin, starts it and obeys its standard input: "health" prints the plugin's health,
 * "reload" has CONFIG read again, the end of the input stops. Knows the keys of one laboratory card
 * (ICCID 8986012345678901239, key set 1). C11; links nothing but libdl.
 */
#include <bipvault/ext/health.h>
#include <bipvault/ext/log.h>
#include <bipvault/ext/ota_keys.h>
#include <bipvault/plugin.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- What the host gives ------------------------------------------------------------------- */

/* [any] Comes from every thread of the plugin. A real host puts the line into a queue: this
 * function must not block. */
static void write_log(const bv_host *host, int32_t severity, const char *component,
                      const char *text) {
  static const char *const names[] = {"debug", "info", "warning", "error"};
  (void)host;
  fprintf(stderr, "%s %s: %s\n", names[severity & 3], component, text);
}

/* [own] A real host asks its key store or HSM here, and answers within a deadline of its own. */
static bv_status get_keys(const bv_host *host, const uint8_t iccid[10], uint8_t key_set,
                          bv_ota_key_set *keys) {
  static const uint8_t card[10] = {0x98, 0x68, 0x10, 0x32, 0x54, 0x76, 0x98, 0x10, 0x32, 0xF9};
  (void)host;
  if (memcmp(iccid, card, sizeof card) != 0 || key_set != 1) return BV_E_NOT_FOUND;
  keys->algorithm = BV_ALGORITHM_AES;
  keys->kic_size = 16;
  keys->kid_size = 16;
  memset(keys->kic, 0x4B, 16);
  memset(keys->kid, 0x1D, 16);
  return BV_OK;
}

static const bv_log_1 log_table = {write_log};
static const bv_ota_keys_1 keys_table = {get_keys};

/* [any] Unknown ids are absent; that is how versions of both sides get along. */
static const void *get_extension(const bv_host *host, const char *id) {
  (void)host;
  if (strcmp(id, BV_EXT_LOG) == 0) return &log_table;
  if (strcmp(id, BV_EXT_OTA_KEYS) == 0) return &keys_table;
  return NULL;
}

/* Outlives the plugin. */
static const bv_host this_host = {
    sizeof(bv_host), BV_ABI_MAJOR, BV_ABI_MINOR, 0, NULL, "minimal host", "1.0", get_extension};

/* --- Loading ------------------------------------------------------------------------------- */

static const bv_entry *load(const char *path) {
  const bv_entry *(*entry_of)(void) = NULL;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = library == NULL ? NULL : dlsym(library, "bipvault_entry");
  if (symbol == NULL) {
    fprintf(stderr, "%s: %s\n", path, dlerror());
    return NULL;
  }
  memcpy(&entry_of, &symbol, sizeof entry_of);
  const bv_entry *entry = entry_of();
  if (entry == NULL || entry->magic != BV_ENTRY_MAGIC || entry->abi_major != BV_ABI_MAJOR ||
      entry->struct_size < sizeof(bv_entry) || entry->pointer_size != sizeof(void *)) {
    fprintf(stderr, "%s: not a plugin for this host\n", path);
    return NULL;
  }
  return entry;
}

/* --- Using --------------------------------------------------------------------------------- */

/* False: refused. `why` is for the operator: one line for each thing that is wrong. */
static int accepted(const char *call, bv_status status, const bv_buffer *why) {
  if (status == BV_OK) return 1;
  fprintf(stderr, "%s refused (%d): %s\n", call, (int)status, (const char *)why->data);
  return 0;
}

/* Asks for the size first, since it may grow in between. */
static void print_health(bv_plugin *plugin) {
  const bv_health_1 *health = plugin->get_extension(plugin, BV_EXT_HEALTH);
  bv_buffer out = {NULL, 0, 0};
  bv_status status = health == NULL ? BV_E_UNSUPPORTED : health->snapshot(plugin, &out);
  while (status == BV_E_TOO_SMALL) {
    free(out.data);
    out.capacity = out.size + 256;
    out.data = malloc(out.capacity);
    if (out.data == NULL) return;
    status = health->snapshot(plugin, &out);
  }
  if (status == BV_OK) printf("%.*s\n", (int)out.size, (const char *)out.data);
  fflush(stdout);
  free(out.data);
}

static void serve(bv_plugin *plugin, const char *config, bv_buffer *why) {
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (strcmp(line, "health\n") == 0) print_health(plugin);
    if (strcmp(line, "reload\n") == 0) {
      accepted("reload", plugin->reload(plugin, config, why), why);
    }
  }
}

/* A host that may wait calls drain and stops when health says "sessions": 0. */
static int stop(bv_plugin *plugin) {
  bv_status status = BV_E_TIMEOUT;
  for (int i = 0; i < 3 && status == BV_E_TIMEOUT; ++i) status = plugin->stop(plugin, 10000);
  return status == BV_OK;
}

int main(int count, char **arguments) {
  uint8_t room[1024] = {0};
  bv_buffer why = {room, sizeof room, 0};
  if (count != 3) {
    fprintf(stderr, "usage: minimal_host PLUGIN CONFIG\n");
    return 2;
  }
  const bv_entry *entry = load(arguments[1]);
  if (entry == NULL) return 1;
  bv_plugin *plugin = entry->create(&this_host);
  if (plugin == NULL) {
    fprintf(stderr, "create refused this host\n");
    return 1;
  }
  int good = accepted("init", plugin->init(plugin, arguments[2], &why), &why) &&
             accepted("start", plugin->start(plugin, &why), &why);
  if (good) {
    serve(plugin, arguments[2], &why);
    /* Threads of the plugin may still run after a stop that failed: then it is not destroyed. */
    if (!stop(plugin)) return 1;
  }
  plugin->destroy(plugin);
  return good ? 0 : 1;
}
