// Whatever octets come in whatever pieces and at whatever times: a session hands over whole packets
// only, the same ones as if all had come at once, stays within its limits, and always has either
// an end, somebody else to wait for, or a deadline and room for more.
//
// Input: pieces, each a control octet (size 0..63 in its low bits; b7: time passes before, b8: a
// batch comes back late) and so many octets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "bip/framing.h"
#include "bip/session.h"

namespace {

using bip::Session;

void check(bool holds) {
  if (!holds) std::abort();
}

struct Channel {
  explicit Channel(std::shared_ptr<const bip::Settings> s) : settings(std::move(s)) {}

  void take() {
    if (!session.ready()) return;
    under_way = session.next_batch(now);
    base::View left = under_way->packets;
    std::size_t packets = 0;
    while (!left.empty()) {
      const auto frame = bip::next_frame(left, bip::kCommandPacket, settings->max_packet);
      check(frame.state == bip::Frame::State::whole);
      left = left.subspan(frame.size);
      ++packets;
    }
    check(packets >= 1 && packets <= settings->batch);
    served.insert(served.end(), under_way->packets.begin(), under_way->packets.end());
  }
  void give_back() {
    if (!under_way) return;
    under_way->answers.assign(3, 0x02);
    session.reply(std::move(under_way), now);
    session.consume(session.output().size(), now);
  }
  // Packets that want no answer wait for more of them, as long as kGather: nothing more comes.
  void finish() {
    give_back();
    serve();
    now.mono_ms += Session::kGather;
    session.on_deadline(now);
    serve();
  }
  void serve() {
    for (; session.ready(); give_back()) take();
  }
  void invariants() {
    check(session.room() <= settings->session_input + settings->max_packet);
    check(session.under_way() == (under_way != nullptr));
    if (session.phase() == Session::Phase::closed || session.under_way() || session.ready()) {
      return;
    }
    check(session.deadline() != Session::kNever);
    check(session.room() > 0);
  }

  std::shared_ptr<const bip::Settings> settings;
  base::Now now{0, 0};
  Session session{settings, now};
  std::unique_ptr<bip::Batch> under_way;
  base::Bytes served;
};

std::shared_ptr<const bip::Settings> small_limits() {
  auto settings = std::make_shared<bip::Settings>();
  settings->session_input = 256;
  settings->max_packet = 200;
  settings->batch = 3;
  return settings;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto settings = small_limits();
  Channel pieces(settings);
  base::Bytes stream;
  bool in_time = true;
  while (size > 0) {
    const std::uint8_t control = data[0];
    const std::size_t length = std::min<std::size_t>(control & 0x3F, size - 1);
    base::View piece(data + 1, length);
    data += 1 + length;
    size -= 1 + length;
    if ((control & 0x40) != 0) {
      pieces.now.mono_ms += 7000;
      pieces.session.on_deadline(pieces.now);
      in_time = false;
    }
    if ((control & 0x80) == 0) pieces.give_back();
    piece = piece.first(std::min(piece.size(), pieces.session.room()));
    pieces.session.feed(piece, pieces.now);
    stream.insert(stream.end(), piece.begin(), piece.end());
    if (!pieces.under_way) pieces.take();
    pieces.invariants();
  }
  pieces.finish();
  pieces.invariants();
  if (!in_time) return 0;

  Channel whole(settings);
  for (base::View left = stream; !left.empty() && whole.session.room() > 0;) {
    const std::size_t part = std::min(left.size(), whole.session.room());
    whole.session.feed(left.first(part), whole.now);
    left = left.subspan(part);
    for (; whole.session.ready(); whole.give_back()) whole.take();
  }
  whole.finish();
  check(whole.served == pieces.served);
  check(whole.session.end() == pieces.session.end());
  return 0;
}
