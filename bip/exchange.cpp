#include "bip/exchange.h"

#include <algorithm>

#include "bip/card_messages.h"
#include "bip/framing.h"
#include "bip/key_crypto.h"

namespace bip {

namespace {

using vault::CardAnswer;
using vault::CardResult;

constexpr std::uint8_t kSpiFirst = 0x16;  // CC, ciphered, counter higher
constexpr std::uint8_t kSpiBare = 0x00;   // none of it, inside TLS

// Plain text may hold a user's key.
class WipeAtEnd {
 public:
  explicit WipeAtEnd(base::Bytes& bytes) : bytes_(bytes) {}
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;
  ~WipeAtEnd() { base::wipe(bytes_.data(), bytes_.size()); }

 private:
  base::Bytes& bytes_;
};

bool begins_something(std::uint8_t code) {
  return code == static_cast<std::uint8_t>(Ins::report) ||
         code == static_cast<std::uint8_t>(Ins::store_begin) ||
         code == static_cast<std::uint8_t>(Ins::fetch_begin);
}

bool asks_for_key(CardResult result) {
  return result == CardResult::key_required || result == CardResult::wrong_key ||
         result == CardResult::mistyped_key;
}

class Exchange {
 public:
  Exchange(Batch& batch, const ExchangeParts& parts)
      : batch_(batch),
        card_(*batch.card),
        settings_(*batch.settings),
        parts_(parts),
        together_(parts.keys.together()),
        keys_(together_ ? *together_ : parts.keys) {}

  void run() {
    base::View left = batch_.packets;
    batch_.unserved = 0;
    while (!left.empty() && !batch_.close) {
      const Frame frame = next_frame(left, kCommandPacket, settings_.max_packet);
      if (frame.state != Frame::State::whole) break;  // the session hands over whole ones only
      serve(left.first(frame.size));
      if (batch_.beats_rival) break;
      ++batch_.tally.packets;
      left = left.subspan(frame.size);
    }
    batch_.unserved = left.size();
  }

 private:
  struct Command {
    CommandHead head;
    Wants wants = Wants::always;
    vault::Counter counter = 0;
    bool bare = false;  // without CC, cipher and counter: the handshake has proven the card
  };

  void serve(base::View packet) {
    const auto head = read_command_head(Carrier::bip, packet);
    if (!head) {
      CommandHead nobody;
      nobody.tar = settings_.tar;
      return refuse({nobody, Wants::refused, 0, false}, PacketStatus::security_error,
                    Fault::security_error);
    }
    const bool bare = card_.ciphered_below && head->spi[0] == kSpiBare;
    Command command{*head, wants_of(*head), 0, bare};
    if (head_refused(command)) return;
    if (bare) return serve_bare(command, packet);
    Keys::Unwrapped plain = keys_.unwrap_command(card_.iccid, card_.transport, *head, packet);
    const WipeAtEnd wiped(plain.data);
    if (plain.status != PacketStatus::por_ok) {
      if (plain.keys_away) card_.put_off = true;
      return refuse(command, PacketStatus::cc_failed,
                    plain.keys_away ? Fault::keys_away : Fault::wrong_cc);
    }
    command.counter = plain.counter;
    verified(command, plain.data);
  }

  void serve_bare(Command& command, base::View packet) {
    auto plain = unwrap_command(Carrier::bip, packet, {});
    if (!plain) return refuse(command, PacketStatus::security_error, Fault::security_error);
    const WipeAtEnd wiped(plain->data);
    command.counter = plain->counter;  // only to be repeated in the answer
    verified(command, plain->data);
  }

  bool head_refused(const Command& command) {
    const CommandHead& head = command.head;
    if (head.tar != settings_.tar) {
      refuse(command, PacketStatus::tar_unknown, Fault::tar_unknown);
      return true;
    }
    const bool enough = command.bare || head.spi[0] == kSpiFirst;
    if (!enough || command.wants == Wants::refused) {
      refuse(command, PacketStatus::insufficient_security, Fault::insufficient_security);
      return true;
    }
    const auto family = family_of(head);
    const bool allowed =
        family && (*family == Family::aes ? settings_.allow_aes : settings_.allow_3des);
    const bool same_set = head.kic >> 4 == head.kid >> 4 && head.key_set() != 0;
    // Counters and everything else hang on the key set by which the channel was proven.
    const bool switched = card_.channel && card_.channel->key_set() != head.key_set();
    if (!allowed || !same_set || switched) {
      refuse(command, PacketStatus::security_error, Fault::security_error);
      return true;
    }
    return false;
  }

  void verified(const Command& command, const base::Bytes& data) {
    if (!card_.channel) card_.channel.emplace(card_.iccid, command.head.key_set());
    if (!command.bare && command.counter <= card_.last_counter) {
      return refuse(command, PacketStatus::counter_low, Fault::counter_low);
    }
    if (!card_.proven && batch_.rival &&
        (command.bare || batch_.rival->key_set == command.head.key_set())) {
      // What the other channel has used up already is a replay, whatever the store knows of it. A
      // TLS handshake cannot be one.
      if (!command.bare && command.counter <= batch_.rival->counter) {
        return refuse(command, PacketStatus::counter_low, Fault::counter_low);
      }
      batch_.beats_rival = true;
      return;
    }
    auto message = decode_message(data);
    if (!message) {
      used(command);
      batch_.tally.add(Fault::malformed);
      CardAnswer answer(CardResult::malformed);
      return respond(command, 0, answer);
    }
    const bool is_data = message->code == static_cast<std::uint8_t>(Ins::store_data);
    if (command.wants == Wants::always) {
      card_.dropping.reset();
    } else if (!is_data) {
      Command loud = command;
      loud.wants = Wants::refused;
      return refuse(loud, PacketStatus::insufficient_security, Fault::insufficient_security);
    }
    if (is_data && dropped(message->fields)) {
      used(command);
      return;
    }
    decoded(command, *message);
  }

  void used(const Command& command) {
    if (!command.bare) card_.last_counter = command.counter;
  }

  // STORE DATA behind the one that failed: the card has been told where to go on.
  bool dropped(const Fields& fields) {
    if (!card_.dropping || fields.transaction != card_.dropping->transaction) return false;
    if (card_.dropping->offset && fields.offset == card_.dropping->offset) {
      card_.dropping.reset();
      return false;
    }
    ++batch_.tally.dropped;
    return true;
  }

  void decoded(const Command& command, Message& message) {
    if (message.code == static_cast<std::uint8_t>(Ins::fetch_begin)) {
      card_.fetch_max = message.fields.max_data.value_or(0);
    }
    const auto transaction = message.fields.transaction;
    const std::uint32_t total = message.fields.total.value_or(0);
    auto request = to_command(message, card_.iccid, fetch_max());
    if (const auto* not_one = std::get_if<NotACommand>(&request)) {
      used(command);
      batch_.tally.add(not_one->other_iccid                         ? Fault::other_iccid
                       : not_one->result == CardResult::unsupported ? Fault::unsupported
                                                                    : Fault::malformed);
      CardAnswer answer(not_one->result);
      return respond(command, message.code, answer);
    }
    if (begins_something(message.code) && must_wait()) {
      return put_off(command, message.code);
    }
    const base::Now began = time_of(message.code);
    vault::CardService::Served served =
        parts_.cards.handle(parts_.store, *card_.channel, std::get<vault::CardCommand>(request),
                            command.counter, !command.bare, began);
    if (served.replay == vault::Replay::low) {
      return refuse(command, PacketStatus::counter_low, Fault::counter_low);
    }
    if (served.replay == vault::Replay::blocked) {
      return refuse(command, PacketStatus::counter_blocked, Fault::counter_blocked);
    }
    if (served.replay == vault::Replay::unknown) return unknown(command, message.code);
    used(command);
    (served.store_away ? card_.put_off : card_.proven) = true;
    note_transfer(message.code, served.answer.result);
    note_detail(static_cast<Ins>(message.code), transaction, total, served.answer, began);
    note_error(command, message.code, transaction, served.answer);
    respond(command, message.code, served.answer);
  }

  // Data that came together came at the same time: asking the platform for it costs as much as
  // taking the data.
  base::Now time_of(std::uint8_t code) {
    const bool is_data = code == static_cast<std::uint8_t>(Ins::store_data);
    if (!is_data || !data_came_) data_came_ = parts_.clock.now();
    const base::Now now = *data_came_;
    if (!is_data) data_came_.reset();
    return now;
  }

  // The store is away, and is not the card's fault. Of data the card repeats what was not answered.
  void unknown(const Command& command, std::uint8_t code) {
    const Ins ins = static_cast<Ins>(code);
    if (ins != Ins::store_data && ins != Ins::fetch_data) return put_off(command, code);
    card_.put_off = true;
    ++batch_.tally.dropped;
  }

  void put_off(const Command& command, std::uint8_t code) {
    ++batch_.tally.try_later;
    card_.put_off = true;
    used(command);
    if (!command.bare) vault::CardService::note_counter(*card_.channel, command.counter);
    CardAnswer answer(CardResult::try_later);
    respond(command, code, answer);
  }

  bool must_wait() const {
    return batch_.draining ||
           parts_.clock.now().mono_ms - batch_.waiting_since > settings_.queue_wait;
  }

  std::uint16_t fetch_max() const {
    std::size_t packet = settings_.max_packet;
    if (card_.answer_room != 0) packet = std::min<std::size_t>(packet, card_.answer_room);
    std::size_t most = std::min<std::size_t>(settings_.max_data, fetch_room(packet));
    if (card_.fetch_max != 0) most = std::min<std::size_t>(most, card_.fetch_max);
    return static_cast<std::uint16_t>(std::max<std::size_t>(most, 1));
  }

  void note_transfer(std::uint8_t code, CardResult result) {
    if (result != CardResult::done) return;
    const Ins ins = static_cast<Ins>(code);
    if (ins == Ins::store_begin || ins == Ins::fetch_begin) card_.transfer = true;
    if (ins == Ins::store_end || ins == Ins::fetch_report || ins == Ins::erase) {
      card_.transfer = false;
    }
  }

  void note_detail(Ins ins, std::optional<std::uint32_t> transaction, std::uint32_t total,
                   const CardAnswer& answer, base::Now began) {
    if (parts_.details == nullptr) return;
    if (ins == Ins::store_begin && answer.result == CardResult::done && transaction) {
      card_.begun = Card::Begun{*transaction, total, began.mono_ms};
    }
    if (!has_detail(ins, answer.result)) return;
    Detail detail{began.utc_ms, card_.iccid, card_.transport, ins, answer.result, transaction,
                  total,        0,           card_.over_tls};
    std::int64_t since = began.mono_ms;
    if (ins == Ins::store_end && card_.begun && card_.begun->transaction == transaction) {
      detail.octets = card_.begun->octets;
      since = card_.begun->at;
      card_.begun.reset();
    } else if (ins == Ins::fetch_begin && answer.result == CardResult::done) {
      detail.octets = answer.total.value_or(0);
      detail.transaction = answer.transaction;
    }
    detail.took_ms = parts_.clock.now().mono_ms - since;
    parts_.details->take(detail);
  }

  void note_error(const Command& command, std::uint8_t code,
                  const std::optional<std::uint32_t>& transaction, const CardAnswer& answer) {
    if (code != static_cast<std::uint8_t>(Ins::store_data) || command.wants != Wants::errors ||
        answer.result == CardResult::done || !transaction) {
      return;
    }
    card_.dropping = Card::Dropping{*transaction, answer.offset};
  }

  void respond(const Command& command, std::uint8_t code, CardAnswer& answer) {
    batch_.key_entry = asks_for_key(answer.result);
    if (command.wants == Wants::nothing) return;
    if (command.wants == Wants::errors && answer.result == CardResult::done) return;
    std::optional<std::uint16_t> max_data;
    if (code == static_cast<std::uint8_t>(Ins::store_begin)) {
      max_data = static_cast<std::uint16_t>(
          std::min<std::size_t>(settings_.max_data, store_room(settings_.max_packet)));
    }
    const Message message = to_message(answer, max_data);
    // Both ways of wanting an answer order CC and ciphering, or TLS ciphers; keys and content rely
    // on it.
    if (!command.bare && (command.head.spi[1] & 0x1C) != 0x18) {
      return refuse(command, PacketStatus::insufficient_security, Fault::insufficient_security);
    }
    base::Bytes plain = encode_message(message);
    const WipeAtEnd wiped(plain);
    const auto packet = wrapped(command, plain);
    if (!packet) return refuse(command, PacketStatus::security_error, Fault::wrap_failed);
    send(*packet);
  }

  std::optional<base::Bytes> wrapped(const Command& command, const base::Bytes& plain) {
    if (!command.bare) {
      return keys_.wrap_response(card_.iccid, card_.transport, command.head, command.counter,
                                 PacketStatus::por_ok, plain);
    }
    ResponsePacket packet{command.head.tar, command.counter, PacketStatus::por_ok, plain};
    auto octets = wrap_response(Carrier::bip, command.head, packet, {});
    base::wipe(packet.data.data(), packet.data.size());
    return octets;
  }

  // A status without data, clear: it tells nothing that an eavesdropper may not know.
  void refuse(const Command& command, PacketStatus status, Fault fault) {
    batch_.tally.add(fault);
    if (command.wants != Wants::nothing) {
      send(clear_response(Carrier::bip, command.head.tar, command.counter, status));
    }
    if (++card_.security_errors >= settings_.max_security_errors) batch_.close = true;
  }

  void send(const base::Bytes& packet) {
    ++batch_.tally.answers;
    if (batch_.answers.empty()) batch_.answers.reserve(packet.size());
    batch_.answers.insert(batch_.answers.end(), packet.begin(), packet.end());
  }

  Batch& batch_;
  Card& card_;
  const Settings& settings_;
  const ExchangeParts& parts_;
  const std::unique_ptr<Keys> together_;
  Keys& keys_;
  std::optional<base::Now> data_came_;  // the last, with nothing else since
};

}  // namespace

Wants wants_of(const CommandHead& head) {
  const bool bare = head.spi[0] == kSpiBare;
  switch (head.spi[1] & ~0x20) {
    case 0x00:
      return Wants::nothing;
    case 0x01:
      return bare ? Wants::always : Wants::refused;
    case 0x02:
      return bare ? Wants::errors : Wants::refused;
    case 0x19:
      return bare ? Wants::refused : Wants::always;
    case 0x1A:
      return bare ? Wants::refused : Wants::errors;
    default:
      return Wants::refused;
  }
}

void exchange(Batch& batch, const ExchangeParts& parts) { Exchange(batch, parts).run(); }

}  // namespace bip
