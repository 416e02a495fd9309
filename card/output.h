// What a run prints: one line an event, or one JSON object a line. Keys are masked unless asked
// for. Also remembers what a script may expect. One thread.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "base/secret.h"
#include "card/report.h"

namespace card {

class Output {
 public:
  struct Settings {
    bool json = false;
    bool show_keys = false;
  };
  Output(std::FILE* file, const Settings& settings) : file_(file), settings_(settings) {}

  void event(const Event& event);
  // A text of screen, input or outcome that was shown after the one found last time.
  bool find_text(const std::string& expression);
  const std::string& last_result() const { return last_result_; }
  // The digits of the key shown last; empty: none.
  base::View shown_key() const { return shown_key_.view(); }
  void forget_key() { shown_key_.clear(); }

 private:
  void print(const Event& event) const;

  std::FILE* file_;
  Settings settings_;
  std::vector<std::string> texts_;
  std::size_t searched_ = 0;
  std::string last_result_;
  base::Secret shown_key_;
};

}  // namespace card
