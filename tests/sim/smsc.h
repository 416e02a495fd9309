// The SMSC of a run as one instance sees it: takes messages or is busy, answers later, refuses, is
// silent, loses what it was handed. What it has delivered is for the oracle to judge.
#pragma once

#include <functional>
#include <vector>

#include "tests/sim/chance.h"
#include "vault/sms_ports.h"

namespace sim {

class Smsc : public vault::SmsOut {
 public:
  struct Taken {
    vault::OutgoingSms sms;
    vault::SmsOutcome::Kind told = vault::SmsOutcome::Kind::accepted;
    bool arrives = true;  // at the phone
  };
  // `trouble` and `taken` outlive the object.
  Smsc(Chance& chance, const bool& trouble, std::function<void(const Taken&)> taken)
      : chance_(chance), trouble_(trouble), taken_(std::move(taken)) {}

  vault::SmsOut::Taken submit(const vault::OutgoingSms& sms) override {
    using Kind = vault::SmsOutcome::Kind;
    if (trouble_ && chance_.one_in(10)) return vault::SmsOut::Taken::busy;
    const std::uint64_t dice = trouble_ ? chance_.below(100) : 0;
    const Kind told = dice < 75   ? Kind::accepted
                      : dice < 82 ? Kind::refused
                      : dice < 94 ? Kind::uncertain
                                  : Kind::not_sent;
    const bool unsure = told == Kind::uncertain && chance_.one_in(2);
    taken_({sms, told, told == Kind::accepted || unsure});
    return vault::SmsOut::Taken::yes;
  }
  std::size_t room() const override { return 10; }
  std::vector<vault::SmscState> state() const override { return {}; }

 private:
  Chance& chance_;
  const bool& trouble_;
  std::function<void(const Taken&)> taken_;
};

}  // namespace sim
