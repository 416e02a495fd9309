/* Proves that a host built from the headers of version 1.0 runs the newest plugin: the whole
 * lifecycle, twice, through every table that existed then. The headers beside this file are a
 * copy and are never changed. Arguments: plugin, directory made by host_workspace. */
#include <bipvault/ext/check.h>
#include <bipvault/ext/clock.h>
#include <bipvault/ext/health.h>
#include <bipvault/ext/log.h>
#include <bipvault/ext/ota_crypto.h>
#include <bipvault/ext/ota_keys.h>
#include <bipvault/plugin.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int failures;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                             \
    }                                                                         \
  } while (0)

struct services {
  bv_log_1 log;
  bv_clock_1 clock;
  bv_ota_keys_1 keys;
  int lines;
};

static void write_line(const bv_host *host, int32_t severity, const char *component,
                       const char *text) {
  (void)host;
  printf("%d %s: %s\n", severity, component, text);
}

static bv_status now(const bv_host *host, int64_t *utc_ms, int64_t *mono_ms) {
  struct timespec at;
  (void)host;
  clock_gettime(CLOCK_REALTIME, &at);
  *utc_ms = (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
  clock_gettime(CLOCK_MONOTONIC, &at);
  *mono_ms = (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
  return BV_OK;
}

static bv_status get_keys(const bv_host *host, const uint8_t iccid[10], uint8_t key_set,
                          bv_ota_key_set *keys) {
  (void)host;
  if (iccid[0] != 0x98 || key_set != 1) return BV_E_NOT_FOUND;
  keys->algorithm = BV_ALGORITHM_AES;
  keys->kic_size = keys->kid_size = 16;
  memset(keys->kic, 0x4B, 16);
  memset(keys->kid, 0x1D, 16);
  return BV_OK;
}

static const void *get_extension(const bv_host *host, const char *id) {
  const struct services *services = host->ctx;
  if (strcmp(id, BV_EXT_LOG) == 0) return &services->log;
  if (strcmp(id, BV_EXT_CLOCK) == 0) return &services->clock;
  if (strcmp(id, BV_EXT_OTA_KEYS) == 0) return &services->keys;
  return NULL;
}

static void report(const char *call, bv_status status, const bv_buffer *why) {
  if (status != BV_OK) fprintf(stderr, "%s: %d: %s\n", call, status, (const char *)why->data);
  CHECK(status == BV_OK);
}

static void run(const bv_entry *entry, const bv_host *host, const char *config) {
  uint8_t why_room[512] = {0}, health_room[4096];
  bv_buffer why = {why_room, sizeof why_room, 0};
  bv_buffer health = {health_room, sizeof health_room, 0};
  bv_plugin *plugin = entry->create(host);
  CHECK(plugin != NULL);
  if (plugin == NULL) return;
  CHECK(plugin->struct_size >= 72);

  const bv_check_1 *check = plugin->get_extension(plugin, BV_EXT_CHECK);
  const bv_health_1 *state = plugin->get_extension(plugin, BV_EXT_HEALTH);
  CHECK(check != NULL && state != NULL);
  report("check", check->check(plugin, config, &why), &why);
  report("init", plugin->init(plugin, config, &why), &why);
  report("start", plugin->start(plugin, &why), &why);
  report("reload", plugin->reload(plugin, config, &why), &why);
  report("health", state->snapshot(plugin, &health), &why);
  CHECK(strstr((const char *)health_room, "\"state\": \"running\"") != NULL);
  CHECK(strstr((const char *)health_room, "\"tcp\": ") != NULL);
  report("drain", plugin->drain(plugin, 1000), &why);
  report("stop", plugin->stop(plugin, 10000), &why);
  plugin->destroy(plugin);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  char config[4096];
  snprintf(config, sizeof config, "%s/bipvault.ini", arguments[2]);
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const bv_entry *(*entry_of)(void) = NULL;
  *(void **)&entry_of = dlsym(library, "bipvault_entry");
  CHECK(entry_of != NULL);
  if (entry_of == NULL) return 1;
  const bv_entry *entry = entry_of();
  CHECK(entry->magic == BV_ENTRY_MAGIC);
  CHECK(entry->struct_size >= 64);
  CHECK(entry->abi_major == 1);
  CHECK(entry->pointer_size == sizeof(void *));

  struct services services = {{write_line}, {now}, {get_keys}, 0};
  bv_host host = {sizeof host, BV_ABI_MAJOR, BV_ABI_MINOR, 0,
                  &services,   "first host", "1.0",        get_extension};
  run(entry, &host, config);
  run(entry, &host, config);
  return failures == 0 ? 0 : 1;
}
