// Whatever records come behind a finished handshake, in whatever pieces: what is read is the
// beginning of what the client has written, and all of it as long as nothing is forged; the same
// the other way; no record is larger than a card takes; nothing is asked for or waited for any
// more, and answers that nobody fetches keep their limit.
//
// Input: first octet: b1 TLS 1.3; b2 the client wants fragments of 512; b3 records are sealed by
// hand; b4 CBC in TLS 1.2. Then pieces: an octet (what, in its low three bits; b4 the client does
// not fetch what the vault says; the rest: in how small pieces it comes, 0: whole), an octet (how
// many follow) and so many octets.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bip/tls_psk.h"
#include "tests/support/tls_client.h"
#include "tests/support/tls_sealer.h"

namespace {

using bip::TlsPsk;
using support::TlsClient;
using Phase = TlsPsk::Phase;

constexpr std::uint8_t kTls13 = 1, kFragments = 2, kByHand = 4, kCbc = 8;
constexpr std::size_t kMostHeld = 16 * 1024;    // octets that the vault writes to who does not read
constexpr std::size_t kMostOutput = 40 * 1024;  // those, and TLS's answers to one record
const base::Bytes kKey(16, 0x5A);

void check(bool holds) {
  if (!holds) std::abort();
}

bip::Settings settings(std::uint8_t mode) {
  bip::Settings settings;
  settings.tls13 = (mode & kTls13) != 0;
  if ((mode & kCbc) != 0) settings.tls_suites = {"PSK-AES128-CBC-SHA256", "TLS_AES_128_GCM_SHA256"};
  return settings;
}

std::shared_ptr<const bip::TlsContext> context(std::uint8_t mode) {
  static std::shared_ptr<const bip::TlsContext> made[16];
  auto& one = made[mode & (kTls13 | kCbc)];
  if (!one) one = bip::TlsContext::make(settings(mode)).take();
  return one;
}

TlsClient::Options client_options(std::uint8_t mode) {
  TlsClient::Options options;
  options.identity = "8944351002100001236";
  options.psk = kKey;
  options.suites13 = "TLS_AES_128_GCM_SHA256";
  if ((mode & kTls13) != 0) options.least_version = options.most_version = TLS1_3_VERSION;
  if ((mode & kFragments) != 0) options.max_fragment = TLSEXT_max_fragment_length_512;
  return options;
}

void append(base::Bytes& all, base::View more) { all.insert(all.end(), more.begin(), more.end()); }

class World {
 public:
  explicit World(std::uint8_t mode)
      : mode_(mode),
        settings_(settings(mode)),
        client_(client_options(mode)),
        vault_(context(mode), settings_, base::Now{}) {
    for (int i = 0; i < 4; ++i) {
      client_.handshake();
      vault_.feed(client_.output());
      if (vault_.phase() == Phase::wants_psk) vault_.give_psk(base::Secret(base::View(kKey)));
      fetch();
    }
    check(vault_.opened() && vault_.phase() == Phase::open);
    if ((mode & kByHand) != 0 && ((mode & kTls13) != 0 || (mode & kCbc) == 0)) {
      sealer_.emplace(client_);
    }
  }

  void piece(std::uint8_t control, base::View octets) {
    switch (control & 7) {
      case 0:
        honest_ = honest_ && octets.empty();
        append(under_way_, octets);
        break;
      case 1:
        sealer_ ? seal(SSL3_RT_APPLICATION_DATA, octets) : client_writes(octets);
        break;
      case 2:
        changed(octets);
        break;
      case 3:
        vault_writes(octets);
        break;
      case 4:
        another_handshake();
        break;
      case 5:
        client_closes();
        break;
      case 6:
        if (sealer_ && !octets.empty()) seal(octets[0], octets.subspan(1));
        break;
      default:
        vault_.on_deadline(base::Now{INT64_MAX / 2, 0});
    }
    deliver(static_cast<std::size_t>(control >> 4));
    if ((control & 8) == 0) fetch();
    holds();
  }

  // At last everything is fetched, and what waited for that comes.
  void end() {
    fetch();
    for (std::size_t left = SIZE_MAX; under_way_.size() < left;) {
      left = under_way_.size();
      deliver(0);
      fetch();
    }
    holds();
    if (honest_ && !closing_) check(read_ == written_ && under_way_.empty());
    if (honest_) check(said_ == client_read_);
    vault_.close();
    check(vault_.phase() == Phase::ended && vault_.end() != TlsPsk::End::none);
    check(vault_.room() == 0 && read() == 0);
  }

 private:
  void client_writes(base::View octets) {
    if (octets.empty()) return;
    ERR_clear_error();
    const int done = SSL_write(client_.ssl(), octets.data(), static_cast<int>(octets.size()));
    if (done > 0) append(written_, octets);
    append(under_way_, client_.output());
  }

  void seal(std::uint8_t type, base::View octets) {
    if (type != SSL3_RT_APPLICATION_DATA || octets.empty()) honest_ = false;
    if (type == SSL3_RT_APPLICATION_DATA) append(written_, octets);
    append(under_way_, sealer_->record(type, octets));
  }

  // A record of which the first octet says what octet is changed, and the second how.
  void changed(base::View octets) {
    if (octets.size() < 3 || octets[1] == 0) return;
    const std::size_t before = under_way_.size();
    sealer_ ? seal(SSL3_RT_APPLICATION_DATA, octets) : client_writes(octets);
    if (under_way_.size() == before) return;
    under_way_[before + octets[0] % (under_way_.size() - before)] ^= octets[1];
    honest_ = false;
  }

  void vault_writes(base::View octets) {
    if (vault_.phase() != Phase::open || vault_.output().size() > kMostHeld) return;
    const base::View piece = octets.first(std::min(octets.size(), vault_.record_room()));
    vault_.write(piece);
    if (vault_.phase() == Phase::open) return append(said_, piece);
    check(!honest_);  // a hello that stops: OpenSSL would have the rest of it first
  }

  void another_handshake() {
    const bool tls13 = (mode_ & kTls13) != 0;
    if (sealer_ && tls13) {
      constexpr std::uint8_t kKeyUpdate[] = {24, 0, 0, 1, 1};
      append(under_way_, sealer_->record(SSL3_RT_HANDSHAKE, kKeyUpdate));
      return sealer_->update();
    }
    if (sealer_) return;
    if (tls13) SSL_key_update(client_.ssl(), SSL_KEY_UPDATE_REQUESTED);
    if (!tls13) SSL_renegotiate(client_.ssl());
    honest_ = honest_ && tls13;  // it is refused, and OpenSSL's client gives up
    client_.handshake();
    append(under_way_, client_.output());
  }

  void client_closes() {
    if (sealer_) return;
    closing_ = true;
    ERR_clear_error();
    SSL_shutdown(client_.ssl());
    append(under_way_, client_.output());
  }

  void deliver(std::size_t at_once) {
    std::size_t done = 0;
    while (done < under_way_.size() && vault_.room() > 0) {
      std::size_t size = std::min(under_way_.size() - done, vault_.room());
      if (at_once > 0) size = std::min(size, at_once);
      vault_.feed(base::View(under_way_).subspan(done, size));
      done += size;
      while (read() > 0) {
      }
    }
    under_way_.erase(under_way_.begin(), under_way_.begin() + static_cast<std::ptrdiff_t>(done));
    if (vault_.phase() == Phase::ended) under_way_.clear();
  }

  std::size_t read() {
    std::uint8_t plain[100];
    const std::size_t size = vault_.read(plain);
    append(read_, base::View(plain).first(size));
    return size;
  }

  void fetch() {
    base::View left = vault_.output();
    for (base::View rest = left; vault_.opened() && was_open_ && !rest.empty();) {
      bool broken = false;
      const auto record = bip::next_record(rest, broken);
      check(record && record->size <= rest.size() && record->size <= settings_.tls_record);
      rest = rest.subspan(record->size);
    }
    was_open_ = vault_.opened();
    client_.feed(left);
    vault_.consume(left.size());
    if (was_open_) append(client_read_, client_.read());
    append(under_way_, client_.output());
  }

  void holds() {
    const auto begins = [](const base::Bytes& whole, const base::Bytes& part) {
      return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
    };
    check(begins(written_, read_) && begins(said_, client_read_));
    check(vault_.opened() && vault_.deadline() == TlsPsk::kNever);
    check(vault_.identity() == "8944351002100001236");
    check(vault_.output().size() <= kMostOutput);
    if (vault_.phase() == Phase::open) return check(vault_.end() == TlsPsk::End::none);
    check(vault_.phase() == Phase::ended && vault_.room() == 0 && !vault_.unfinished());
    const bool record = vault_.end() == TlsPsk::End::record;
    check(record || vault_.end() == TlsPsk::End::by_peer);
    check(record == !vault_.failure().empty() && (!honest_ || (closing_ && !record)));
  }

  std::uint8_t mode_;
  bip::Settings settings_;
  TlsClient client_;
  TlsPsk vault_;
  std::optional<support::TlsSealer> sealer_;
  base::Bytes under_way_;
  base::Bytes written_, read_, said_, client_read_;
  bool honest_ = true;  // nothing was forged, and no record is one that only a strange client sends
  bool closing_ = false;
  bool was_open_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  World world(data[0]);
  base::Reader reader(base::View(data + 1, size - 1));
  while (reader.left() >= 2) {
    const std::uint8_t control = reader.u8();
    const std::size_t octets = std::min<std::size_t>(reader.u8(), reader.left());
    world.piece(control, reader.take(octets));
  }
  world.end();
  return 0;
}
