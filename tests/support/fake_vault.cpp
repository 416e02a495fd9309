#include "tests/support/fake_vault.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "card/results.h"

namespace card_test {
namespace {

namespace result = card::result;

bip::Message reply(std::uint8_t code) {
  bip::Message message;
  message.code = code;
  return message;
}

}  // namespace

int damm(std::string_view digits) {
  static constexpr int kTable[10][10] = {
      {0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
      {4, 2, 0, 6, 8, 7, 1, 3, 5, 9}, {1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
      {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
      {5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
      {9, 4, 3, 8, 6, 1, 7, 2, 0, 5}, {2, 5, 8, 1, 4, 3, 6, 7, 9, 0}};
  int state = 0;
  for (char digit : digits) state = kTable[state][digit - '0'];
  return state;
}

int FakeVault::connect() {
  hang_up();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) return -1;
  socket_ = ends[0];
  identified_ = false;
  input_.clear();
  ++connections;
  return ends[1];
}

void FakeVault::hang_up() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool FakeVault::serve() {
  if (socket_ < 0) return false;
  std::array<std::uint8_t, 4096> piece;
  const ssize_t got = ::recv(socket_, piece.data(), piece.size(), 0);
  if (got == 0) hang_up();
  if (got <= 0) return false;
  input_.insert(input_.end(), piece.begin(), piece.begin() + got);
  for (;;) {
    base::Reader reader(input_);
    const std::uint8_t identifier = reader.u8();
    const std::size_t length = reader.ber_length();
    if (!reader.ok() || length > reader.left()) return true;
    const auto size = static_cast<std::ptrdiff_t>(reader.position() + length);
    const base::Bytes whole(input_.begin(), input_.begin() + size);
    input_.erase(input_.begin(), input_.begin() + size);
    if (identifier == 0x03 && !identified_) {
      identified_ = true;
    } else if (identifier == 0x01 && identified_) {
      packet(whole);
    } else {
      log.push_back("out of order");
      hang_up();
      return true;
    }
  }
}

void FakeVault::packet(base::View octets) {
  const bip::KeyView keys{keys_.kic.view(), keys_.kid.view()};
  const auto command = bip::unwrap_command(bip::Carrier::bip, octets, keys);
  if (!command) {
    log.push_back("bad packet");
    return;
  }
  bip::ResponsePacket response{command->head.tar, command->counter, bip::PacketStatus::por_ok, {}};
  std::optional<base::Bytes> wrapped;
  if (command->counter <= highest_counter) {
    counter_rose = false;
    wrapped = bip::clear_response(bip::Carrier::bip, command->head.tar, command->counter,
                                  bip::PacketStatus::counter_low);
  } else {
    highest_counter = command->counter;
    auto message = bip::decode_message(command->data);
    if (!message) return log.push_back("bad message");
    const bip::Message said = answer(*message);
    log.push_back(result::command_name(message->code) + " " + result::name(said.code));
    commands.push_back(std::move(*message));
    const bool only_errors = command->head.spi[1] == 0x1A;
    if (only_errors && (said.code == result::kDone || gap_told_)) return;
    if (only_errors) gap_told_ = true;
    response.data = bip::encode_message(said);
    wrapped = bip::wrap_response(bip::Carrier::bip, command->head, response, keys);
  }
  if (wrapped) (void)::send(socket_, wrapped->data(), wrapped->size(), MSG_NOSIGNAL);
}

bip::Message FakeVault::answer(const bip::Message& command) {
  const auto ins = static_cast<bip::Ins>(command.code);
  const bool begins =
      ins == bip::Ins::report || ins == bip::Ins::store_begin || ins == bip::Ins::fetch_begin;
  if (begins && refuse_with) return reply(*refuse_with);
  switch (ins) {
    case bip::Ins::report:
      return report(command);
    case bip::Ins::store_begin:
      return store_begin(command);
    case bip::Ins::store_data:
      return store_data(command);
    case bip::Ins::store_end:
      return store_end(command);
    case bip::Ins::key_confirm:
      return key_confirm(command);
    case bip::Ins::fetch_begin:
      return fetch_begin(command);
    case bip::Ins::fetch_data:
      return fetch_data(command);
    case bip::Ins::fetch_report:
      return reply(result::kDone);
    case bip::Ins::erase:
      return erase(command);
    case bip::Ins::status: {
      bip::Message message = reply(result::kDone);
      message.fields.record_state = locked ? 2 : image.empty() ? 0 : 1;
      message.fields.total = static_cast<std::uint32_t>(image.size());
      return message;
    }
  }
  return reply(result::kUnsupported);
}

std::optional<bip::Message> FakeVault::check_key(const bip::Message& command) {
  if (locked) return reply(result::kLocked);
  if (!key_active) return std::nullopt;
  bip::Message refused = reply(result::kKeyRequired);
  if (command.fields.key) {
    const std::string given(base::as_text(command.fields.key->view()));
    if (given == key) {
      attempts_left = 3;
      return std::nullopt;
    }
    const bool mistyped = damm(given) != 0;
    if (!mistyped && --attempts_left == 0) locked = true;
    refused.code = locked ? result::kLocked : mistyped ? result::kMistyped : result::kWrongKey;
  }
  refused.fields.attempts_left = static_cast<std::uint8_t>(attempts_left);
  return refused;
}

void FakeVault::issue_key(bip::Message& message) {
  if (key_active) return;
  key = "1234567" + std::to_string(issued_++ % 10);
  key.push_back(static_cast<char>('0' + damm(key)));
  message.fields.key.emplace(base::as_bytes(key));
}

bip::Message FakeVault::report(const bip::Message& command) {
  if (command.fields.previous && holder == command.fields.previous) {
    if (!command.fields.key) return reply(result::kMovePending);
    if (auto refused = check_key(command)) return std::move(*refused);
    holder = command.fields.iccid;
  }
  return reply(result::kDone);
}

bip::Message FakeVault::store_begin(const bip::Message& command) {
  const base::Bytes digest(command.fields.digest->begin(), command.fields.digest->end());
  const bool resumed = transaction_ == command.fields.transaction && digest_ == digest;
  if (!resumed) {
    if (auto refused = check_key(command)) return std::move(*refused);
    transaction_ = command.fields.transaction;
    digest_ = digest;
    total_ = *command.fields.total;
    staged_.clear();
    ended_ = false;
  }
  bip::Message message = reply(result::kDone);
  message.fields.offset = static_cast<std::uint32_t>(staged_.size());
  message.fields.max_data = max_data;
  return message;
}

bip::Message FakeVault::store_data(const bip::Message& command) {
  if (forget_transaction) {
    forget_transaction = false;
    transaction_.reset();
  }
  if (transaction_ != command.fields.transaction) return reply(result::kNoTransaction);
  if (++blocks_ == lose_block) return reply(result::kDone);
  if (*command.fields.offset != staged_.size()) {
    bip::Message wrong = reply(result::kWrongOffset);
    wrong.fields.offset = static_cast<std::uint32_t>(staged_.size());
    return wrong;
  }
  gap_told_ = false;
  staged_.insert(staged_.end(), command.fields.data->begin(), command.fields.data->end());
  return reply(result::kDone);
}

bip::Message FakeVault::store_end(const bip::Message& command) {
  if (transaction_ != command.fields.transaction) return reply(result::kNoTransaction);
  gap_told_ = false;
  if (staged_.size() != total_) {
    bip::Message wrong = reply(result::kWrongOffset);
    wrong.fields.offset = static_cast<std::uint32_t>(staged_.size());
    return wrong;
  }
  const auto digest = base::sha256(staged_);
  if (!std::equal(digest.begin(), digest.end(), digest_->begin())) {
    return reply(result::kDigestMismatch);
  }
  if (!image.empty()) older.insert(older.begin(), image);
  image = staged_;
  ended_ = true;
  bip::Message message = reply(result::kDone);
  issue_key(message);
  return message;
}

bip::Message FakeVault::key_confirm(const bip::Message& command) {
  if (base::as_text(command.fields.key->view()) != key) return reply(result::kWrongKey);
  key_active = true;
  return reply(result::kDone);
}

bip::Message FakeVault::fetch_begin(const bip::Message& command) {
  if (image.empty()) return reply(result::kNothingStored);
  if (auto refused = check_key(command)) return std::move(*refused);
  version_ = command.fields.version.value_or(0);
  if (version_ > older.size()) return reply(result::kNothingStored);
  const base::Bytes& content = version(version_);
  if (command.fields.previous) holder = command.fields.iccid;
  bip::Message message = reply(result::kDone);
  message.fields.transaction = fetch_ = 0x80000000 | (fetch_ + 1);
  message.fields.total = static_cast<std::uint32_t>(content.size());
  message.fields.digest = base::sha256(content);
  if (wrong_digest) (*message.fields.digest)[0] ^= 1;
  return message;
}

bip::Message FakeVault::fetch_data(const bip::Message& command) {
  if (forget_transaction) {
    forget_transaction = false;
    fetch_ = 0;
  }
  if (*command.fields.transaction != fetch_) return reply(result::kNoTransaction);
  const base::Bytes& content = version(version_);
  const std::size_t offset = *command.fields.offset;
  if (offset >= content.size()) return reply(result::kMalformed);
  const std::size_t size = std::min<std::size_t>(fetch_limit, content.size() - offset);
  bip::Message message = reply(result::kDone);
  message.fields.data.emplace(content.begin() + static_cast<std::ptrdiff_t>(offset),
                              content.begin() + static_cast<std::ptrdiff_t>(offset + size));
  if (offset + size == content.size()) issue_key(message);
  return message;
}

bip::Message FakeVault::erase(const bip::Message& command) {
  if (auto refused = check_key(command)) return std::move(*refused);
  image.clear();
  key_active = false;
  return reply(result::kDone);
}

}  // namespace card_test
