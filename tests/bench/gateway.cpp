// bench_gateway: the gateway with everything above the store, which is in memory (quick_store.h),
// on TCP, TLS-PSK and CAT_TP; for bench-sessions.
//   bench_gateway PORTS_FILE CARDS   serves the cards of cards.h until it is killed
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "base/clock.h"
#include "bip/gateway.h"
#include "bip/key_crypto.h"
#include "tests/bench/cards.h"
#include "tests/support/quick_store.h"
#include "tests/support/test_card.h"
#include "tests/support/test_vault.h"

namespace {

class Psks : public bip::PskSource {
 public:
  base::Result<std::optional<base::Secret>> get(std::string_view identity) override {
    const auto iccid = vault::Iccid::from_digits(identity);
    if (!iccid) return std::optional<base::Secret>();
    return std::optional(base::Secret(support::TestCard(iccid->digits()).psk()));
  }
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  support::QuickStores stores;
  support::TestKeySource keys;
  for (const std::string& digits : bench::all_cards(std::stoul(arguments[2]))) {
    const support::TestCard card(digits);
    keys.add(card);
    stores.rows.add(card.iccid);
  }
  const support::TestVault parts;  // for its key files
  base::NoLog log;
  base::Counters counters;
  const base::SystemClock clock;
  vault::CardService service({}, *parts.keys, log, counters);
  bip::KeyCrypto crypto(keys);
  Psks psks;
  bip::Settings settings;
  settings.tcp = settings.tls_psk = settings.cat_tp = "127.0.0.1:0";
  settings.cat_tp_link.half_open_per_ip = settings.cat_tp_link.half_open;
  bip::Gateway gateway(settings, {crypto, service, stores, clock, log, counters, &psks});
  if (const auto started = gateway.start(); !started) {
    std::fprintf(stderr, "bench_gateway: %s\n", started.error().c_str());
    return 1;
  }
  const std::string path = arguments[1];
  std::ofstream(path + ".new") << base::cat("{\"tcp\": ", gateway.tcp_port(),
                                            ", \"tls_psk\": ", gateway.tls_psk_port(),
                                            ", \"cat_tp\": ", gateway.cat_tp_port(), "}\n");
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) return 1;
  for (;;) ::pause();
}
