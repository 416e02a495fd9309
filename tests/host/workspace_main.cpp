// host_workspace DIR [SOCKET]: what an operator prepares before the plugin can start, for tests
// whose process must not hold any code of the plugin: bipvault.ini (port 0, two workers), key
// files, a store with its schema, card keys, and packet.bin: an identification and one REPORT of
// the card whose keys these are. SOCKET: the store is a MariaDB server; "-": one that is not there;
// "hsm": SQLite, with the master key in the token "vault" of softhsm2 that the environment names.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/log.h"
#include "bip/message.h"
#include "bip/secured_packet.h"
#include "db/key_files.h"
#include "db/stores.h"
#include "db/token_keys.h"
#include "tests/host/test_card.h"
#include "tests/support/soft_hsm.h"

namespace {

void need(const base::Status& status) {
  if (status) return;
  std::fprintf(stderr, "host_workspace: %s\n", status.error().c_str());
  std::exit(1);
}
template <class T>
void need(const base::Result<T>& result) {
  if (!result) need(base::Status(base::Error{result.error()}));
}

bool on_sqlite(const std::string& socket) { return socket.empty() || socket == "hsm"; }

std::string store_of(const std::string& socket) {
  if (on_sqlite(socket)) return "engine = sqlite\npath = bipvault.db\n";
  if (socket == "-") return "engine = mysql\nhost = 127.0.0.1\nport = 1\n";
  return "engine = mysql\nsocket = " + socket + "\nuser = root\n";
}

db::Settings settings_of(const std::string& path, const std::string& socket) {
  db::Settings settings;
  settings.engine = on_sqlite(socket) ? db::Engine::sqlite : db::Engine::mysql;
  settings.path = path;
  settings.socket = socket;
  settings.user = "root";
  return settings;
}

std::string ini(const std::string& socket) {
  return "[store]\n" + store_of(socket) + "\n[keys]\n" +
         (socket == "hsm" ? "pkcs11_module = " + std::string(support::SoftHsm::kModule) +
                                "\npkcs11_token = vault\npkcs11_pin_file = hsm.pin\n"
                          : "master_key_file = master.keys\n") +
         "pepper_file = pepper.keys\n"
         "audit_key_file = audit.keys\n"
         "card_keys = cards.csv\n"
         "\n[bip]\n"
         "tcp = 127.0.0.1:0\n"
         "workers = 2\n"
         "bad_per_ip = 0\n"
         "bad_per_iccid = 0\n"
         "\n[vault]\n"
         "accept_unknown = yes\n"
         // Nobody is there: what the ESME does to the process is to be seen all the same.
         "\n[smsc.away]\n"
         "host = 127.0.0.1\n"
         "port = 1\n"
         "system_id = bipvault\n"
         "source = 12345\n"
         "reconnect_min = 100ms\n"
         "\n[metrics]\nlisten = 127.0.0.1:0\n"
         "\n[reminder]\n"
         "enabled = yes\n";
}

// The token is there; its key is not.
void make_token_key(const std::string& pin) {
  need(base::write_file_atomically(pin, "123456", 0600));
  const auto token =
      db::TokenKeys::open({support::SoftHsm::kModule, "vault", pin, "bipvault-master"});
  need(token);
  need((*token)->create(1));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  const std::filesystem::path directory = arguments[1];
  const std::string socket = count > 2 ? arguments[2] : "";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const auto at = [&](const char* name) { return (directory / name).string(); };

  need(base::write_file_atomically(at("bipvault.ini"), ini(socket), 0600));
  need(db::create_key_files({at("master.keys"), at("pepper.keys"), at("audit.keys"), {}}));
  if (socket == "hsm") make_token_key(at("hsm.pin"));
  if (socket != "-") need(db::schema_init(settings_of(at("bipvault.db"), socket)));
  const support::TestCard card;
  need(base::write_file_atomically(at("cards.csv"), card.csv(), 0600));
  base::Writer octets;
  octets.bytes(card.identification()).bytes(card.report(1));
  need(base::write_file_atomically(at("packet.bin"), base::as_text(octets.view()), 0600));
  return 0;
}
