// What the benches that run in one process print: the rates of each side's blocks, as JSON.
#pragma once

#include <cstdio>
#include <vector>

namespace bench {

inline void print(const char* name, const std::vector<double>& rates, const char* behind) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    std::printf("%s%.1f", i == 0 ? "" : ", ", rates[i]);
  }
  std::printf("]%s", behind);
}

// A short warm-up of both, then `pairs` blocks of each in turn. block(side, seconds) gives a rate.
template <class Ours, class Bare, class Block>
void print_in_turn(Ours& ours, Bare& bare, double seconds, int pairs, Block block) {
  std::vector<double> rates, limits;
  block(ours, seconds / 4);
  block(bare, seconds / 4);
  for (int i = 0; i < pairs; ++i) {
    rates.push_back(block(ours, seconds));
    limits.push_back(block(bare, seconds));
  }
  std::printf("{");
  print("ours", rates, ", ");
  print("bare", limits, "}\n");
}

}  // namespace bench
