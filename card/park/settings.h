// What a park of cards is to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "card/profile.h"

namespace card::park {

// What a card does in one go on its channel.
enum class Step : std::uint8_t { status, store, fetch };
inline constexpr std::size_t kSteps = 3;

struct Settings {
  static constexpr std::size_t kMostCards = 1'000'000;
  static constexpr std::size_t kMostProcesses = 64;

  std::string cards;  // CSV of iccid, key_set, algorithm, kic, kid, psk
  std::string state;  // counters and keys of the cards between runs; empty: not kept
  ServerAddress server;
  Carrier carrier = Carrier::tcp;

  std::vector<Step> steps{Step::status, Step::store};  // of a visit
  std::size_t least_size = 2048;                       // of an image; sizes are log-uniform
  std::size_t most_size = 2048;
  double rate = 0;            // visits a second in all, by chance; 0: at_once always run
  std::size_t at_once = 100;  // most visits under way, in all
  std::size_t visits = 0;     // in all; 0: no bound
  double seconds = 0;         // since the first visit, or since all are open; 0: no bound
  bool stay = false;          // all cards open a channel first, and keep it
  double open_rate = 2000;    // channels a second, with `stay`
  bool wait = false;          // with `stay`: tells when all are open, goes on at a line of input
  std::int64_t think_ms = 0;  // mean between the steps of a visit
  std::int64_t delay_ms = 0;  // the network's, there and back
  double loss = 0;            // part of the datagrams, each way
  double cut = 0;             // part of the steps in which the card's link drops, at any moment
  std::size_t processes = 1;
  std::size_t sources = 1;  // addresses from 127.0.0.2 on; 1: the system's choice
  bool confirm = true;      // no: issued keys are not confirmed, so that none is ever needed
  std::int64_t timeout_ms = 60'000;  // of a step
  std::string json;                  // file of the summary; empty: standard output
  bool quiet = false;                // no progress
};

}  // namespace card::park
