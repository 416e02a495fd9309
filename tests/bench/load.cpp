// bench_load: the cards of bench-store and bench-sessions, in a process of their own. Takes
// commands on standard input and answers each with one line of JSON:
//
//   prepare PORT            every card stores once and confirms its key
//   run SIDE PORT N SECONDS N cards at once, each doing complete stores in a loop; SIDE is `real`
//                           for the product, any other name for a limit
//   arrive SIDE PORT RATE SECONDS
//                           open loop: complete stores that begin at random moments, RATE a second
//                           on average, whether those before have ended or not; the same moments
//                           for each side. A store's time counts from the moment at which it was
//                           due, also when it began late
//
// over TCP, or what the third argument says (tls_psk, cat_tp).
//
// A complete store: connect, identification, STORE BEGIN with the key, its answer, STORE DATA in
// blocks of 700 octets without waiting (SPI 16 1A), STORE END, its answer, close. Each packet is
// one piece: one send. Packets are ciphered before the clock starts and answers read after it has
// stopped, so that the generator does the same little for both sides.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "bip/message.h"
#include "tests/bench/cards.h"
#include "tests/bench/images.h"
#include "tests/bench/parcels.h"
#include "tests/bench/wire.h"
#include "tests/support/test_card.h"
#include "vault/record.h"

namespace {

using bench::BenchCard;
using bench::Clock;
using bench::make_confirm;
using bench::make_parcel;
using bench::Parcel;
using bench::Slot;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_load: %s\n", what.c_str());
  std::exit(1);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Load {
 public:
  Load(std::size_t cards, bool random, bench::Channel channel)
      : images_(random, 1), channel_(channel) {
    for (const std::string& digits : bench::all_cards(cards)) {
      cards_.push_back(std::make_unique<BenchCard>(digits));
    }
  }

  void prepare(std::uint16_t port) {
    parcels_.clear();
    for (const auto& card : cards_) parcels_.push_back(make_store(*card));
    drive(true, port, 8, [] { return true; });
    std::size_t sizes[2] = {};
    for (Parcel& parcel : parcels_) {
      const auto answer = verified(parcel, 1);
      if (!answer || !answer->fields.key) die("prepare: a first store has failed");
      parcel.owner->key = std::string(base::as_text(answer->fields.key->view()));
    }
    std::deque<Parcel> confirms;
    for (const auto& card : cards_) confirms.push_back(make_confirm(*card, identifies()));
    parcels_.swap(confirms);
    drive(true, port, 8, [] { return true; });
    for (Parcel& parcel : parcels_) {
      if (!verified(parcel, 0)) die("prepare: a key could not be confirmed");
    }
    // One common store tells the sizes of its packets and answers.
    parcels_.clear();
    parcels_.push_back(make_store(*cards_[0]));
    recording_.clear();
    drive(
        true, port, 1, [] { return true; }, &recording_);
    if (!verified(parcels_[0], 1)) die("prepare: a second store has failed");
    sizes[0] = parcels_[0].answers[0].size();
    sizes[1] = parcels_[0].answers[1].size();
    const auto& ends = parcels_[0].ends;
    std::printf(
        "{\"first\": %zu, \"begin\": %zu, \"store\": %zu, \"answer1\": %zu, \"answer2\": %zu, "
        "\"pieces\": %zu}\n",
        ends[head() - 1], ends[1] - ends[0], ends.back(), sizes[0], sizes[1], ends.size());
  }

  void run(const std::string& side, std::uint16_t port, std::size_t at_once, double seconds) {
    const bool real = side == "real";
    double& expected = expected_.try_emplace(side, real ? 2000 : 5000).first->second;
    make_parcels(static_cast<std::size_t>(seconds * expected * 2) + 4 * at_once);
    const auto started = Clock::now();
    const auto until = started + std::chrono::duration<double>(seconds);
    const double cpu = cpu_seconds();
    const std::size_t sent = drive(real, port, at_once, [&] { return Clock::now() < until; });
    const double took = std::chrono::duration<double>(Clock::now() - started).count();
    const double cpu_used = cpu_seconds() - cpu;
    const bool ran_out = sent == parcels_.size();
    std::erase_if(parcels_, [](const Parcel& parcel) { return !parcel.sent; });
    expected = static_cast<double>(sent) / took;
    report(real, took, cpu_used, ran_out);
  }

  void arrive(bool real, std::uint16_t port, double rate, double seconds) {
    std::mt19937 generator(1);
    std::exponential_distribution<double> gap(rate);
    std::vector<double> moments;
    for (double at = gap(generator); at < seconds; at += gap(generator)) moments.push_back(at);
    make_parcels(moments.size());
    const auto started = Clock::now();
    const double cpu = cpu_seconds();
    drive_open(real, port, moments);
    const double took = std::chrono::duration<double>(Clock::now() - started).count();
    report(real, took, cpu_seconds() - cpu, false);
  }

 private:
  void make_parcels(std::size_t count) {
    parcels_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      parcels_.push_back(make_store(*cards_[next_card_]));
      next_card_ = (next_card_ + 1) % cards_.size();
    }
  }

  bool identifies() const { return channel_ == bench::Channel::tcp; }
  std::size_t head() const { return identifies() ? 2 : 1; }
  Parcel make_store(BenchCard& owner) { return make_parcel(owner, images_.make(), identifies()); }

  // Marks the next parcel whose card is free as sent; null: there is none.
  Parcel* take() {
    while (first_ < parcels_.size() && parcels_[first_].sent) ++first_;
    for (std::size_t i = first_; i < parcels_.size(); ++i) {
      Parcel& parcel = parcels_[i];
      if (parcel.sent || parcel.owner->busy) continue;
      return parcel.sent = parcel.owner->busy = true, &parcel;
    }
    return nullptr;
  }

  Slot::Connect connector(boost::asio::io_context& context, bool real, std::uint16_t port,
                          bench::Recording* recording = nullptr) {
    const bool replay = !real && channel_ == bench::Channel::cat_tp;
    return [=, this, &context](const Parcel& parcel) {
      return replay ? bench::make_replay(context, port, recording_)
                    : bench::make_wire(context, channel_, port, parcel.owner->card, recording);
    };
  }

  // Sends the parcels in their order as long as `more` says so; how many were sent.
  std::size_t drive(bool real, std::uint16_t port, std::size_t at_once,
                    const std::function<bool()>& more, bench::Recording* recording = nullptr) {
    boost::asio::io_context context(1);
    first_ = 0;
    std::size_t sent = 0;
    const auto next = [&]() -> Parcel* {
      Parcel* const parcel = more() ? take() : nullptr;
      if (parcel != nullptr) ++sent;
      return parcel;
    };
    const Slot::Connect connect = connector(context, real, port, recording);
    std::deque<Slot> slots;
    for (std::size_t i = 0; i < at_once; ++i) slots.emplace_back(head(), connect, next).go();
    context.run();
    return sent;
  }

  // Sends a parcel at each of the moments, in seconds from now.
  void drive_open(bool real, std::uint16_t port, const std::vector<double>& moments) {
    boost::asio::io_context context(1);
    boost::asio::steady_timer timer(context);
    first_ = 0;
    const auto started = Clock::now();
    const auto moment = [&](std::size_t i) {
      return started +
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(moments[i]));
    };
    const Slot::Connect connect = connector(context, real, port);
    std::deque<Slot> slots;
    const std::function<void()> go_on = [&] {
      for (; slots.size() < moments.size() && moment(slots.size()) <= Clock::now();
           slots.back().go()) {
        Parcel* parcel = take();
        if (parcel == nullptr) die("arrive: every card is busy");
        parcel->due = moment(slots.size());
        slots.emplace_back(head(), connect,
                           [parcel]() mutable { return std::exchange(parcel, nullptr); });
      }
      if (slots.size() == moments.size()) return;
      timer.expires_at(moment(slots.size()));
      timer.async_wait([&](const boost::system::error_code&) { go_on(); });
    };
    go_on();
    context.run();
  }

  static std::optional<bip::Message> verified(const Parcel& parcel, std::size_t which) {
    if (parcel.cut) return std::nullopt;
    base::Bytes octets = parcel.answers[which];
    auto answer = parcel.owner->card.take_answer(octets);
    const bool good = answer && answer->status == bip::PacketStatus::por_ok && octets.empty() &&
                      answer->message.code == static_cast<std::uint8_t>(vault::CardResult::done);
    if (!good) return std::nullopt;
    return std::move(answer->message);
  }

  // Why a store has failed; what the vault answered last.
  static const char* fault_of(const Parcel& parcel) {
    if (parcel.cut) return "cut";
    for (const base::Bytes& octets : parcel.answers) {
      base::Bytes copy = octets;
      const auto answer = parcel.owner->card.take_answer(copy);
      if (!answer || answer->status != bip::PacketStatus::por_ok) return "refused";
      const auto result = static_cast<vault::CardResult>(answer->message.code);
      if (result == vault::CardResult::try_later) return "try_later";
      if (result != vault::CardResult::done) return "refused";
    }
    return nullptr;
  }

  void report(bool real, double took, double cpu, bool ran_out) {
    std::size_t cut = 0;
    std::size_t try_later = 0;
    std::size_t refused = 0;
    std::vector<double> times;
    for (const Parcel& parcel : parcels_) {
      times.push_back(parcel.took_ms);
      const char* const fault = real ? fault_of(parcel) : parcel.cut ? "cut" : nullptr;
      if (fault == nullptr) continue;
      const std::string_view name = fault;
      ++(name == "cut" ? cut : name == "try_later" ? try_later : refused);
    }
    std::sort(times.begin(), times.end());
    const auto at = [&](double part) {
      return times.empty()
                 ? 0.0
                 : times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
    };
    std::printf(
        "{\"stores\": %zu, \"seconds\": %.3f, \"rate\": %.1f, \"p50_ms\": %.2f, "
        "\"p99_ms\": %.2f, \"cpu\": %.3f, \"cut\": %zu, \"try_later\": %zu, "
        "\"refused\": %zu, \"ran_out\": %s}\n",
        times.size(), took, static_cast<double>(times.size()) / took, at(0.5), at(0.99), cpu, cut,
        try_later, refused, ran_out ? "true" : "false");
  }

  std::vector<std::unique_ptr<BenchCard>> cards_;
  std::size_t next_card_ = 0;
  bench::ImageMaker images_;
  const bench::Channel channel_;
  bench::Recording recording_;  // of one store over CAT_TP
  std::deque<Parcel> parcels_;
  std::size_t first_ = 0;              // of the parcels: those before it were sent
  std::map<std::string, double> expected_;  // stores per second of the last block of each side
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 && count != 4) die("CARDS random|book [tcp|tls_psk|cat_tp]");
  const std::string name = count == 4 ? arguments[3] : "tcp";
  const auto channel = name == "cat_tp"    ? bench::Channel::cat_tp
                       : name == "tls_psk" ? bench::Channel::tls_psk
                                           : bench::Channel::tcp;
  Load load(std::stoul(arguments[1]), std::string(arguments[2]) == "random", channel);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::string side;
    std::uint16_t port = 0;
    std::size_t at_once = 0;
    double rate = 0;
    double seconds = 0;
    words >> command;
    if (command == "prepare" && words >> port) {
      load.prepare(port);
    } else if (command == "run" && words >> side >> port >> at_once >> seconds) {
      load.run(side, port, at_once, seconds);
    } else if (command == "arrive" && words >> side >> port >> rate >> seconds) {
      load.arrive(side == "real", port, rate, seconds);
    } else {
      die("not understood: " + line);
    }
    std::fflush(stdout);
  }
  return 0;
}
