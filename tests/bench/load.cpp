// bench_load: the cards of bench-store, in a process of their own. Takes commands on standard
// input and answers each with one line of JSON:
//
//   prepare PORT            every card stores once and confirms its key
//   run SIDE PORT N SECONDS N cards at once, each doing complete stores in a loop; SIDE is `real`
//                           or `bare`
//
// A complete store: connect, identification, STORE BEGIN with the key, its answer, STORE DATA in
// blocks of 700 octets without waiting (SPI 16 1A), STORE END, its answer, close. Each packet is
// one piece: one send. Packets are ciphered before the clock starts and answers read after it has
// stopped, so that the generator does the same little for both sides.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

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
#include "tests/support/test_card.h"
#include "vault/record.h"

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
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
};

// One complete store, ready to be sent, and what came back.
struct Parcel {
  BenchCard* owner = nullptr;
  base::Bytes octets;
  std::vector<std::size_t> ends;  // of the pieces; the first two go before the first answer
  base::Bytes answers[2];
  double took_ms = 0;
  bool cut = false;  // the connection failed
};

Parcel make_parcel(BenchCard& owner, base::View image) {
  Parcel parcel;
  parcel.owner = &owner;
  const auto piece = [&](const base::Bytes& packet) {
    parcel.octets.insert(parcel.octets.end(), packet.begin(), packet.end());
    parcel.ends.push_back(parcel.octets.size());
  };
  support::TestCard& card = owner.card;
  const std::uint32_t transaction = ++owner.transaction;
  piece(card.identification());
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

Parcel make_confirm(BenchCard& owner) {
  Parcel parcel;
  parcel.owner = &owner;
  parcel.octets = owner.card.identification();
  parcel.ends.push_back(parcel.octets.size());
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

  Slot(boost::asio::io_context& context, std::uint16_t port, Next next)
      : socket_(context),
        server_(boost::asio::ip::address_v4::loopback(), port),
        next_(std::move(next)) {}

  void go() {
    parcel_ = next_();
    if (parcel_ == nullptr) return;
    began_ = Clock::now();
    answer_ = 0;
    piece_ = sent_ = 0;
    error_code error;
    socket_.open(tcp::v4(), error);
    if (error) die("socket: " + error.message());
    socket_.async_connect(server_, [this](const error_code& failed) {
      if (failed) return finish(true);
      error_code ignored;
      socket_.non_blocking(true, ignored);
      socket_.set_option(tcp::no_delay(true), ignored);
      send();
    });
  }

 private:
  std::size_t last_piece() const { return answer_ == 0 ? 2 : parcel_->ends.size(); }

  void send() {
    while (piece_ < last_piece()) {
      error_code error;
      const std::size_t end = parcel_->ends[piece_];
      sent_ += socket_.write_some(boost::asio::buffer(parcel_->octets.data() + sent_, end - sent_),
                                  error);
      if (error == boost::asio::error::would_block) {
        return socket_.async_wait(tcp::socket::wait_write, [this](const error_code& failed) {
          failed ? finish(true) : send();
        });
      }
      if (error) return finish(true);
      if (sent_ == end) ++piece_;
    }
    receive();
  }

  void receive() {
    socket_.async_wait(tcp::socket::wait_read, [this](const error_code& failed) {
      if (failed) return finish(true);
      base::Bytes& answer = parcel_->answers[answer_];
      std::uint8_t octets[2048];
      error_code error;
      const std::size_t got = socket_.read_some(boost::asio::buffer(octets), error);
      if (error && error != boost::asio::error::would_block) return finish(true);
      answer.insert(answer.end(), octets, octets + got);
      if (!whole(answer)) return receive();
      ++answer_;
      if (piece_ == parcel_->ends.size()) return finish(false);
      send();
    });
  }

  static bool whole(base::View answer) {
    base::Reader reader(answer);
    reader.u8();
    reader.take(reader.ber_length());
    return reader.ok();
  }

  void finish(bool cut) {
    parcel_->cut = cut;
    parcel_->took_ms = std::chrono::duration<double, std::milli>(Clock::now() - began_).count();
    error_code ignored;
    socket_.close(ignored);
    go();
  }

  tcp::socket socket_;
  tcp::endpoint server_;
  Next next_;
  Parcel* parcel_ = nullptr;
  Clock::time_point began_;
  std::size_t piece_ = 0;
  std::size_t sent_ = 0;
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
  Load(std::size_t cards, bool random) : images_(random, 1) {
    for (const std::string& digits : bench::all_cards(cards)) {
      cards_.push_back(std::make_unique<BenchCard>(digits));
    }
  }

  void prepare(std::uint16_t port) {
    parcels_.clear();
    for (const auto& card : cards_) parcels_.push_back(make_parcel(*card, images_.make()));
    drive(port, 8, [] { return true; });
    std::size_t sizes[2] = {};
    for (Parcel& parcel : parcels_) {
      const auto answer = verified(parcel, 1);
      if (!answer || !answer->fields.key) die("prepare: a first store has failed");
      parcel.owner->key = std::string(base::as_text(answer->fields.key->view()));
    }
    std::deque<Parcel> confirms;
    for (const auto& card : cards_) confirms.push_back(make_confirm(*card));
    parcels_.swap(confirms);
    drive(port, 8, [] { return true; });
    for (Parcel& parcel : parcels_) {
      if (!verified(parcel, 0)) die("prepare: a key could not be confirmed");
    }
    // One common store tells the sizes of its packets and answers.
    parcels_.clear();
    parcels_.push_back(make_parcel(*cards_[0], images_.make()));
    drive(port, 1, [] { return true; });
    if (!verified(parcels_[0], 1)) die("prepare: a second store has failed");
    sizes[0] = parcels_[0].answers[0].size();
    sizes[1] = parcels_[0].answers[1].size();
    const auto& ends = parcels_[0].ends;
    std::printf(
        "{\"begin\": %zu, \"store\": %zu, \"answer1\": %zu, \"answer2\": %zu, "
        "\"pieces\": %zu}\n",
        ends[1] - ends[0], ends.back(), sizes[0], sizes[1], ends.size());
  }

  void run(bool real, std::uint16_t port, std::size_t at_once, double seconds) {
    double& expected = expected_[real ? 0 : 1];
    make_parcels(static_cast<std::size_t>(seconds * expected * 1.5) + 4 * at_once);
    const auto started = Clock::now();
    const auto until = started + std::chrono::duration<double>(seconds);
    const double cpu = cpu_seconds();
    const std::size_t sent = drive(port, at_once, [&] { return Clock::now() < until; });
    const double took = std::chrono::duration<double>(Clock::now() - started).count();
    const double cpu_used = cpu_seconds() - cpu;
    const bool ran_out = sent == parcels_.size();
    parcels_.resize(sent);
    expected = static_cast<double>(sent) / took;
    report(real, took, cpu_used, ran_out);
  }

 private:
  void make_parcels(std::size_t count) {
    parcels_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      parcels_.push_back(make_parcel(*cards_[next_card_], images_.make()));
      next_card_ = (next_card_ + 1) % cards_.size();
    }
  }

  // Sends the parcels in their order as long as `more` says so; how many were sent.
  std::size_t drive(std::uint16_t port, std::size_t at_once, const std::function<bool()>& more) {
    boost::asio::io_context context(1);
    std::size_t sent = 0;
    const auto next = [&]() -> Parcel* {
      return sent < parcels_.size() && more() ? &parcels_[sent++] : nullptr;
    };
    std::deque<Slot> slots;
    for (std::size_t i = 0; i < at_once; ++i) slots.emplace_back(context, port, next).go();
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
  std::deque<Parcel> parcels_;
  double expected_[2] = {2000, 5000};  // stores per second of the last block of each side
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) die("CARDS random|book");
  Load load(std::stoul(arguments[1]), std::string(arguments[2]) == "random");
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
