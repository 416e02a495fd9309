// Whether a configuration will do for this host, before anything is built with it.
#include "plugin/application.h"

namespace plugin {

namespace {

// What the configuration needs of a host that this one does not give.
std::vector<config::Problem> missing_of_host(const config::Config& config, const Host& host,
                                             const std::string& path) {
  std::vector<config::Problem> all;
  const auto missing = [&](const char* section, const char* key, const char* text) {
    all.push_back(
        {path, 0, base::cat(section, ".", key), text, config::Problem::Kind::wrong, section});
  };
  const bool laboratory = !config.card_keys.empty();
  if (host.ota_crypto() == nullptr && host.ota_keys() == nullptr && !laboratory) {
    missing("keys", "card_keys",
            "the host gives no card keys (neither bv.ota-crypto/1 nor bv.ota-keys/1) and no "
            "laboratory key file is named");
  }
  if (!config.bip.tls_psk.empty() && host.psk() == nullptr && !laboratory) {
    missing("bip", "tls_psk",
            "the host gives no pre-shared keys (bv.psk/1) and no laboratory key file is named");
  }
  if (config.sms_by_host && host.sms() == nullptr) {
    missing("smsc", "by_host", "the host carries no messages (bv.sms/1)");
  }
  if (!config.has_listener() && host.bip() == nullptr) {
    missing("bip", "tcp",
            "no card could come in: tcp, tls_psk and cat_tp are all empty, and the host carries "
            "no channels (bv.bip/1)");
  }
  return all;
}

std::string joined(const std::vector<config::Problem>& problems) {
  std::string text;
  for (const config::Problem& problem : problems) {
    if (!text.empty()) text += '\n';
    text += problem.to_string();
  }
  return text;
}

}  // namespace

base::Result<config::Config> Application::checked(const std::string& config_path,
                                                  const Host& host) {
  auto loaded = config::load(config_path);
  if (auto* problems = std::get_if<std::vector<config::Problem>>(&loaded)) {
    return base::Error{joined(*problems)};
  }
  config::Config config = std::get<config::Config>(std::move(loaded));
  const std::vector<config::Problem> missing = missing_of_host(config, host, config_path);
  if (!missing.empty()) return base::Error{joined(missing)};
  return config;
}

}  // namespace plugin
