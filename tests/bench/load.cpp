// bench_load: the cards of bench-store and bench-sessions, in a process of their own. Takes
// commands on standard input and answers each with one line of JSON:
//
//   prepare PORT            every card stores once and confirms its key
//   run SIDE PORT N SECONDS N cards at once, each doing complete stores in a loop; SIDE is `real`
//                           or `bare`
//
// over TCP, or what the third argument says (tls_psk, cat_tp).
//
// A complete store: connect, identification, STORE BEGIN with the key, its answer, STORE DATA in
// blocks of 700 octets without waiting (SPI 16 1A), STORE END, its answer, close. Each packet is
// one piece: one send. Packets are ciphered before the clock starts and answers read after it has
// stopped, so that the generator does the same little for both sides.
#include <utility>

#include <boost/asio/io_context.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "bip/message.h"
#include "tests/bench/cards.h"
#include "tests/bench/images.h"
#include "tests/bench/wire.h"
#include "tests/support/test_card.h"
#include "vault/record.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBlock = 700;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_load: %s\n", what.c_str());
  std::exit(1);
}

// One card's state over all runs.
struct BenchCard {
  explicit BenchCard(const std::string& digits) : card(digits) {}
  support::TestCard card;
  std::string key;
  std::uint32_t transaction = 0;
  bool busy = false;  // a parcel of it is under way: its next one waits, for the counters' sake
};

// One complete store, ready to be sent, and what came back.
struct Parcel {
  BenchCard* owner = nullptr;
  base::Bytes octets;
  std::vector<std::size_t> ends;  // of the pieces; the first two go before the first answer
  base::Bytes answers[2];
  double took_ms = 0;
  bool cut = false;  // the connection failed
  bool sent = false;
};

// Only TCP begins with an identification packet: the other channels tell by themselves.
Parcel make_parcel(BenchCard& owner, base::View image, bool identify) {
  Parcel parcel;
  parcel.owner = &owner;
  const auto piece = [&](const base::Bytes& packet) {
    parcel.octets.insert(parcel.octets.end(), packet.begin(), packet.end());
    parcel.ends.push_back(parcel.octets.size());
  };
  support::TestCard& card = owner.card;
  const std::uint32_t transaction = ++owner.transaction;
  if (identify) piece(card.identification());
  bip::Message begin = card.store_begin(image, transaction);
  if (!owner.key.empty()) begin.fields.key = base::Secret(base::as_bytes(owner.key));
  piece(card.packet(begin));
  for (std::size_t at = 0; at < image.size(); at += kBlock) {
    const auto offset = static_cast<std::uint32_t>(at);
    piece(card.packet(card.store_data(image, transaction, offset, kBlock), 0x1A));
  }
  piece(card.packet(card.plain(bip::Ins::store_end, transaction)));
  return parcel;
}

Parcel make_confirm(BenchCard& owner, bool identify) {
  Parcel parcel;
  parcel.owner = &owner;
  if (identify) {
    parcel.octets = owner.card.identification();
    parcel.ends.push_back(parcel.octets.size());
  }
  bip::Message confirm = owner.card.plain(bip::Ins::key_confirm, owner.transaction);
  confirm.fields.key = base::Secret(base::as_bytes(owner.key));
  const base::Bytes packet = owner.card.packet(confirm);
  parcel.octets.insert(parcel.octets.end(), packet.begin(), packet.end());
  parcel.ends.push_back(parcel.octets.size());
  return parcel;
}

// One of the N cards at once: sends the next parcel whenever it has finished one.
class Slot {
 public:
  using Next = std::function<Parcel*()>;
  using Connect = std::function<std::shared_ptr<bench::Wire>(const Parcel& parcel)>;

  Slot(std::size_t head, Connect connect, Next next)
      : head_(head), connect_(std::move(connect)), next_(std::move(next)) {}

  void go() {
    parcel_ = next_();
    if (parcel_ == nullptr) return;
    began_ = Clock::now();
    answer_ = piece_ = 0;
    wire_ = connect_(*parcel_);
    wire_->open([this] { on_event(); });
  }

 private:
  void on_event() {
    if (wire_->failed()) return finish(true);
    if (!wire_->is_open()) return;
    if (piece_ == 0) send(head_);
    while (answer_ < 2) {
      auto answer = wire_->answer();
      if (!answer) return;
      parcel_->answers[answer_++] = std::move(*answer);
      if (piece_ == parcel_->ends.size()) return finish(false);
      send(parcel_->ends.size());
    }
  }

  void send(std::size_t last_piece) {
    for (; piece_ < last_piece; ++piece_) {
      const std::size_t begin = piece_ == 0 ? 0 : parcel_->ends[piece_ - 1];
      wire_->send(base::View(parcel_->octets).subspan(begin, parcel_->ends[piece_] - begin));
    }
  }

  void finish(bool cut) {
    parcel_->cut = cut;
    parcel_->owner->busy = false;
    parcel_->took_ms = std::chrono::duration<double, std::milli>(Clock::now() - began_).count();
    const std::shared_ptr<bench::Wire> done = std::move(wire_);  // it is calling us
    done->close();
    go();
  }

  const std::size_t head_;  // pieces before the first answer
  Connect connect_;
  Next next_;
  std::shared_ptr<bench::Wire> wire_;
  Parcel* parcel_ = nullptr;
  Clock::time_point began_;
  std::size_t piece_ = 0;
  std::size_t answer_ = 0;
};

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

  void run(bool real, std::uint16_t port, std::size_t at_once, double seconds) {
    double& expected = expected_[real ? 0 : 1];
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

  // Sends the parcels in their order as long as `more` says so; how many were sent.
  std::size_t drive(bool real, std::uint16_t port, std::size_t at_once,
                    const std::function<bool()>& more, bench::Recording* recording = nullptr) {
    boost::asio::io_context context(1);
    std::size_t sent = 0;
    std::size_t first = 0;  // that was not sent yet
    const auto next = [&]() -> Parcel* {
      if (!more()) return nullptr;
      while (first < parcels_.size() && parcels_[first].sent) ++first;
      for (std::size_t i = first; i < parcels_.size(); ++i) {
        Parcel& parcel = parcels_[i];
        if (parcel.sent || parcel.owner->busy) continue;
        ++sent;
        return parcel.sent = parcel.owner->busy = true, &parcel;
      }
      return nullptr;
    };
    const bool replay = !real && channel_ == bench::Channel::cat_tp;
    const auto connect = [&](const Parcel& parcel) {
      return replay ? bench::make_replay(context, port, recording_)
                    : bench::make_wire(context, channel_, port, parcel.owner->card, recording);
    };
    std::deque<Slot> slots;
    for (std::size_t i = 0; i < at_once; ++i) slots.emplace_back(head(), connect, next).go();
    context.run();
    return sent;
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
  double expected_[2] = {2000, 5000};  // stores per second of the last block of each side
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
    double seconds = 0;
    words >> command;
    if (command == "prepare" && words >> port) {
      load.prepare(port);
    } else if (command == "run" && words >> side >> port >> at_once >> seconds) {
      load.run(side == "real", port, at_once, seconds);
    } else {
      die("not understood: " + line);
    }
    std::fflush(stdout);
  }
  return 0;
}
