// A real store whose troubles are decided by chance: away, away after the commit, another writer in
// the middle of an update, the process killed behind a commit. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "tests/sim/chance.h"
#include "tests/sim/defects.h"
#include "vault/ports.h"

namespace sim {

// The process that was at work is dead: unwinds to whoever plays the operating system.
struct Killed {};

// What one run does to all its stores, and counts.
struct StoreTroubles {
  bool on = true;
  Defect defect = Defect::none;
  std::optional<vault::Iccid> stranger;  // for `stray_content`: who gets it
  std::function<void()> meanwhile;       // lets somebody else write
  std::function<void(const char*)> tell;
  int away = 0;
  int unknown = 0;
  int disturbed = 0;
  int killed = 0;
};

class FaultyStore : public vault::Store {
 public:
  // Both outlive the store.
  FaultyStore(std::unique_ptr<vault::Store> real, Chance& chance, StoreTroubles& troubles)
      : real_(std::move(real)), chance_(chance), troubles_(troubles) {}

  vault::Outcome update(base::Now now, const std::function<bool(vault::RecordTx&)>& f) override;
  base::Result<base::Bytes> image(const vault::RecordId& owner,
                                  const vault::ImageInfo& image) override;

  base::Result<std::vector<vault::Record>> find_any(
      const std::vector<vault::Iccid>& spellings,
      const std::optional<vault::Msisdn>& number) override {
    return real_->find_any(spellings, number);
  }
  base::Result<std::vector<vault::Record>> find_customer(const std::string& customer,
                                                         std::size_t limit) override {
    return real_->find_customer(customer, limit);
  }
  base::Result<std::vector<vault::HistoryEntry>> history(
      const vault::HistoryQuery& query) override {
    return real_->history(query);
  }
  base::Status history_heads(
      const std::function<void(const vault::RecordId&, std::string_view, std::uint64_t,
                               const base::Sha256&)>& visit) override {
    return real_->history_heads(visit);
  }
  base::Result<vault::StagedPage> staged_before(std::int64_t utc_ms,
                                                const std::array<std::uint8_t, 16>& from,
                                                std::size_t limit) override {
    return real_->staged_before(utc_ms, from, limit);
  }
  base::Result<std::vector<vault::Iccid>> known(const std::vector<vault::Iccid>& iccids) override {
    return real_->known(iccids);
  }
  base::Result<vault::ImportResult> import(base::Now now,
                                           const std::vector<vault::ImportLine>& lines,
                                           const std::string& actor) override {
    return real_->import(now, lines, actor);
  }
  base::Status check() override { return real_->check(); }
  std::string write_fault() override { return real_->write_fault(); }
  vault::MessageScan& messages() override { return real_->messages(); }

 private:
  std::unique_ptr<vault::Store> real_;
  Chance& chance_;
  StoreTroubles& troubles_;
};

}  // namespace sim
