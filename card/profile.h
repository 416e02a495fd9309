// What a card is made with: its files, keys and the applet's non-volatile memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/crypto.h"
#include "base/secret.h"
#include "bip/secured_packet.h"
#include "card/file_system.h"
#include "card/number.h"

namespace card {

namespace path {
inline constexpr std::uint16_t kMf = 0x3F00, kTelecom = 0x7F10, kUsim = 0x7FFF, kPhoneBook = 0x5F3A,
                               kApplet = 0x7FBF;
Path iccid();                     // 3F00/2FE2
Path telecom(std::uint16_t fid);  // 3F00/7F10/fid
Path usim(std::uint16_t fid);     // 7FFF/fid
Path phone_book(std::uint16_t fid);
Path memos();  // 3F00/7FBF/6F01: one memo a record (memo.h)
// 3F00/7FBF/6F02, 10 octets: the terminal writes the ICCID that it stored, FF when none, before
// TERMINAL PROFILE; the applet writes its own there and announces it with REFRESH when the
// terminal is to store it.
Path last_iccid();
}  // namespace path
namespace fid {
inline constexpr std::uint16_t kIccid = 0x2FE2, kAdn2g = 0x6F3A, kSms = 0x6F3C, kMsisdn = 0x6F40,
                               kExt1 = 0x6F4A, kPbr = 0x4F30, kAdn = 0x4F3A, kAnr = 0x4F11,
                               kEmail = 0x4F50, kPbExt1 = 0x4F4A;
}

inline constexpr std::size_t kAlphaWidth = 28;
inline constexpr std::size_t kNumberPart = 14;  // of EF_ADN, behind the alpha identifier
inline constexpr std::size_t kSmsLength = 176;
inline constexpr std::size_t kMaxContacts = 8 * 254;

struct Sizes {
  std::size_t contacts = 250;  // 1..kMaxContacts
  std::size_t messages = 30;   // 1..254
  std::size_t memos = 10;      // 1..254
};

struct OtaKeys {
  std::uint8_t key_set = 1;  // 1..15
  bip::Family family = bip::Family::aes;
  base::Secret kic;
  base::Secret kid;
  base::Secret psk;  // for TLS; may be empty
};

struct ServerAddress {
  std::array<std::uint8_t, 4> ip{127, 0, 0, 1};
  std::uint16_t port = 7100;
};
// What the applet speaks between BIP and its packets.
enum class Carrier : std::uint8_t { tcp, cat_tp, tls_psk };
inline constexpr std::uint16_t kCatTpPort = 9000;  // of the vault, above its UDP port

std::optional<Carrier> parse_carrier(std::string_view text);  // as above
std::string_view to_string(Carrier carrier);

std::optional<ServerAddress> parse_server(std::string_view text);  // "a.b.c.d:port"
std::string to_string(const ServerAddress& address);

// An upload that may be resumed under the same transaction number.
struct OpenUpload {
  std::uint32_t transaction = 0;  // b32 = 0: chosen by the card
  std::uint32_t total = 0;
  base::Sha256 digest{};
  int retries = 0;  // unasked attempts so far
};

// The applet's non-volatile memory.
struct Memory {
  std::uint64_t counter = 0;       // highest CNTR that may have been used: written ahead in steps
  std::uint64_t sms_counter = 0;   // highest CNTR taken from a wake-up
  IccidOctets watched = kNoIccid;  // EF "last ICCID" for which the use is counted
  std::int64_t use_ms = 0;         // cumulative use since then
  std::int64_t since_report_ms = 0;
  bool identity_known = false;  // this terminal has stored our ICCID (or was told to)
  bool report_due = false;
  bool key_asked = false;               // the user was asked for the other card's key
  std::optional<IccidOctets> previous;  // an older card whose record is still to be moved
  std::optional<IccidOctets> moved;     // an older card whose record was moved to this one
  std::optional<OpenUpload> upload;
};

struct Card {
  IccidOctets iccid{};
  Sizes sizes;
  OtaKeys keys;
  ServerAddress server;
  Carrier carrier = Carrier::tcp;
  FileSystem files;
  Memory memory;
};

// A new card with empty user files. `msisdn` may be empty.
Card make_card(const IccidOctets& iccid, const Sizes& sizes, std::string_view msisdn);

}  // namespace card
