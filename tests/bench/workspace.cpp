// bench_workspace DIR CARDS sqlite|mysql [SOCKET]: what bench-store's platform needs: keys, a store
// with the cards' records, bipvault.ini and host.ini (port 0), and cards.txt with all ICCIDs.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "db/key_files.h"
#include "db/stores.h"
#include "tests/bench/cards.h"
#include "tests/support/test_card.h"

namespace {

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_workspace: %s\n", what.c_str());
  std::exit(1);
}
void need(const base::Status& status) {
  if (!status) die(status.error());
}
template <class T>
T need(base::Result<T> result) {
  if (!result) die(result.error());
  return result.take();
}

void write(const std::string& path, std::string_view text) {
  need(base::write_file_atomically(path, text, 0600));
}

std::string ini(const db::Settings& store) {
  const std::string where =
      store.engine == db::Engine::sqlite
          ? "engine = sqlite\npath = " + store.path + "\n"
          : "engine = mysql\nsocket = " + store.socket + "\nuser = root\ndatabase = bipvault\n";
  return "[store]\n" + where +
         "[keys]\nmaster_key_file = master.keys\npepper_file = pepper.keys\n"
         "audit_key_file = audit.keys\n[bip]\ntcp = 127.0.0.1:0\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) die("DIR CARDS ENGINE [SOCKET]");
  const std::string directory = std::string(arguments[1]) + "/";
  const std::vector<std::string> digits = bench::all_cards(std::stoul(arguments[2]));
  db::Settings store;
  store.user = "root";
  if (std::string(arguments[3]) == "mysql") {
    store.engine = db::Engine::mysql;
    store.socket = count > 4 ? arguments[4] : "";
  } else {
    store.path = directory + "bipvault.db";
  }
  const db::KeyFiles files{directory + "master.keys", directory + "pepper.keys",
                           directory + "audit.keys"};
  need(db::create_key_files(files));
  const auto keys = need(db::FileKeyRing::load(files));
  need(db::schema_init(store));

  std::string card_keys = "iccid,key_set,algorithm,kic,kid\n";
  std::string list;
  std::vector<vault::ImportLine> lines;
  for (const std::string& number : digits) {
    const support::TestCard card(number);
    const bip::CardKeys of_card = card.keys();
    card_keys += number + ",1,aes," + base::to_hex(of_card.kic.view()) + "," +
                 base::to_hex(of_card.kid.view()) + "\n";
    list += number + "\n";
    lines.push_back({card.iccid, std::nullopt, "", ""});
  }
  write(directory + "cards.csv", card_keys);
  write(directory + "cards.txt", list);
  write(directory + "bipvault.ini", ini(store));
  write(directory + "host.ini", "[host]\nplugin = " + std::string(BIPVAULT_PLUGIN) +
                                    "\nplugin_config = bipvault.ini\ncard_keys = cards.csv\n"
                                    "ports_file = ports.json\nlog_level = warning\n");
  base::NoLog log;
  base::Counters counters;
  const auto factory = need(db::make_store_factory(store, *keys, log, counters));
  need(factory->open()->import(base::SystemClock().now(), lines, "ops:bench"));
  return 0;
}
