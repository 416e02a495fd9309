#include "tests/support/card_world.h"

#include "card/image.h"

namespace card_test {

card::Card test_card(const char* iccid, const card::Sizes& sizes) {
  card::Card card = card::make_card(*card::iccid_octets(iccid), sizes, "+491701234567");
  card.keys.kic = base::Secret(*base::from_hex("404142434445464748494A4B4C4D4E4F"));
  card.keys.kid = base::Secret(*base::from_hex("505152535455565758595A5B5C5D5E5F"));
  return card;
}

World::World(card::Card card_in) : card(std::move(card_in)), vault(card.keys) { power_on(); }

void World::power_on() {
  const card::Report report = [this](const card::Event& event) { events.push_back(event); };
  applet = std::make_unique<card::Applet>(
      card, [this] { ++commits; }, report);
  uicc = std::make_unique<card::Uicc>(card, *applet);
  card::TerminalSettings settings;
  settings.connect = [this](const card::ServerAddress&) {
    return reachable ? vault.connect() : -1;
  };
  settings.connect_datagrams = [this](const card::ServerAddress&) {
    return reachable && connect_datagrams ? connect_datagrams() : -1;
  };
  settings.most_buffer = most_buffer;
  settings.submit = [this](base::View tpdu) { submitted.emplace_back(tpdu.begin(), tpdu.end()); };
  settings.delivered = [this](std::optional<base::View> data) {
    delivered.push_back(data ? std::optional(base::Bytes(data->begin(), data->end()))
                             : std::nullopt);
  };
  terminal = std::make_unique<card::Terminal>(*uicc, phone, std::move(settings), nullptr, report);
  terminal->power_on(now);
  run();
}

void World::run() {
  for (;;) {
    if (serve_early && also_serve) also_serve();
    if (terminal->step(now)) continue;
    if (const auto& prompt = terminal->prompt()) {
      if (prompt->kind == card::Prompt::Kind::acknowledge) {
        acknowledge ? terminal->acknowledge() : terminal->ignore();
        continue;
      }
      if (answers.empty()) return;
      const auto answer = answers.front();
      answers.pop_front();
      if (!answer || !terminal->answer(*answer)) terminal->cancel();
      continue;
    }
    const bool served = also_serve ? also_serve() : vault.serve();
    if (!served) return;
  }
}

void World::menu(card::Applet::Item item) {
  terminal->select(item);
  run();
}

void World::advance(std::int64_t by_ms) {
  const std::int64_t end = now.mono_ms + by_ms;
  run();
  while (now.mono_ms < end) {
    const std::int64_t step = std::min(*terminal->deadline(), end) - now.mono_ms;
    now.mono_ms += step;
    now.utc_ms += step;
    run();
  }
}

bool World::shown(const std::string& part) const {
  for (const auto& event : events) {
    if ((event.kind == "screen" || event.kind == "input") &&
        event.text.find(part) != std::string::npos) {
      return true;
    }
  }
  return false;
}

std::string World::outcome() const {
  for (auto it = events.rbegin(); it != events.rend(); ++it) {
    if (it->kind == "outcome") return it->text;
  }
  return {};
}

base::Bytes World::image() const { return card::encode_image(card::take_image(card.files)); }

std::string World::shown_key() const {
  for (auto it = events.rbegin(); it != events.rend(); ++it) {
    const std::size_t at = it->text.find("Your key: ");
    if (it->kind == "screen" && at != std::string::npos) return it->text.substr(at + 10, 9);
  }
  return {};
}

}  // namespace card_test
