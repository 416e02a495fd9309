#include "card/profile.h"

#include <algorithm>
#include <charconv>

#include "card/text.h"

namespace card {
namespace path {

Path iccid() { return {kMf, fid::kIccid}; }
Path telecom(std::uint16_t fid) { return {kMf, kTelecom, fid}; }
Path usim(std::uint16_t fid) { return {kUsim, fid}; }
Path phone_book(std::uint16_t fid) { return {kUsim, kPhoneBook, fid}; }
Path memos() { return {kMf, kApplet, 0x6F01}; }
Path last_iccid() { return {kMf, kApplet, 0x6F02}; }

}  // namespace path
namespace {

constexpr std::size_t kSetSize = 254;  // entries of one EF_PBR record (TS 31.102 clause 4.4.2.1)
constexpr std::uint8_t kAdnLength = kAlphaWidth + kNumberPart;
constexpr std::uint8_t kExt1Length = 13, kAnrLength = 15, kEmailLength = 36, kMemoLength = 255,
                       kPbrLength = 64;

// EF_PBR record of set `index`: type 1 files ADN, ANR, EMAIL; type 3 file EXT1. Only the first
// set has short file identifiers, there are too few for all.
base::Bytes pbr_record(std::size_t index) {
  const auto fid_of = [&](std::uint16_t first) {
    return static_cast<std::uint16_t>(first + index);
  };
  const auto file = [&](std::uint8_t tag, std::uint16_t fid, std::uint8_t sfi) {
    base::Writer value;
    value.u16(fid);
    if (index == 0) value.u8(sfi);
    return base::Writer().tlv(tag, value.view()).take();
  };
  base::Writer own;
  own.bytes(file(0xC0, fid_of(fid::kAdn), 1)).bytes(file(0xC4, fid_of(fid::kAnr), 2));
  own.bytes(file(0xCA, fid_of(fid::kEmail), 3));
  base::Bytes record =
      base::Writer().tlv(0xA8, own.view()).tlv(0xAA, file(0xC2, fid::kPbExt1, 4)).take();
  record.resize(kPbrLength, 0xFF);
  return record;
}

void add_phone_book(FileSystem& files, std::size_t contacts) {
  const std::size_t sets = (contacts + kSetSize - 1) / kSetSize;
  File pbr = File::linear(path::phone_book(fid::kPbr), kPbrLength, sets);
  for (std::size_t i = 0; i < sets; ++i) pbr.update(i + 1, pbr_record(i));
  files.add(std::move(pbr));
  for (std::size_t i = 0; i < sets; ++i) {
    const std::size_t records = std::min(kSetSize, contacts - i * kSetSize);
    const auto add = [&](std::uint16_t first, std::uint8_t length, std::uint8_t sfi) {
      files.add(File::linear(path::phone_book(static_cast<std::uint16_t>(first + i)), length,
                             records, {}, i == 0 ? sfi : std::uint8_t{0}));
    };
    add(fid::kAdn, kAdnLength, 1);
    add(fid::kAnr, kAnrLength, 2);
    add(fid::kEmail, kEmailLength, 3);
  }
  const std::size_t extensions = std::clamp<std::size_t>(contacts / 10, 5, 254);
  files.add(File::linear(path::phone_book(fid::kPbExt1), kExt1Length, extensions, {0x00}, 4));
}

base::Bytes msisdn_record(std::string_view msisdn) {
  base::Bytes record(kAdnLength, 0xFF);
  const Number number = parse_number(msisdn);
  const auto bcd = to_bcd(number.digits);
  if (!bcd || bcd->empty() || bcd->size() > 10) return record;
  record[kAlphaWidth] = static_cast<std::uint8_t>(1 + bcd->size());
  record[kAlphaWidth + 1] = number.ton_npi;
  std::copy(bcd->begin(), bcd->end(), record.begin() + kAlphaWidth + 2);
  return record;
}

}  // namespace

std::optional<Carrier> parse_carrier(std::string_view text) {
  if (text == "tcp") return Carrier::tcp;
  if (text == "cat_tp") return Carrier::cat_tp;
  if (text == "tls_psk") return Carrier::tls_psk;
  return std::nullopt;
}

std::string_view to_string(Carrier carrier) {
  if (carrier == Carrier::tls_psk) return "tls_psk";
  return carrier == Carrier::tcp ? "tcp" : "cat_tp";
}

std::optional<ServerAddress> parse_server(std::string_view text) {
  ServerAddress address;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < 4; ++i) {
    const auto [next, error] = std::from_chars(at, end, address.ip[i]);
    if (error != std::errc() || next == end || *next != (i < 3 ? '.' : ':')) return std::nullopt;
    at = next + 1;
  }
  const auto [next, error] = std::from_chars(at, end, address.port);
  if (error != std::errc() || next != end || address.port == 0) return std::nullopt;
  return address;
}

std::string to_string(const ServerAddress& address) {
  std::string text;
  for (std::uint8_t octet : address.ip) {
    if (!text.empty()) text += '.';
    text += std::to_string(octet);
  }
  return text + ':' + std::to_string(address.port);
}

Card make_card(const IccidOctets& iccid, const Sizes& sizes, std::string_view msisdn) {
  Card card;
  card.iccid = iccid;
  card.sizes = sizes;
  FileSystem& files = card.files;
  files.add(File::transparent(path::iccid(), {iccid.begin(), iccid.end()}, Access::read_only));
  files.add(File::linear(path::telecom(fid::kAdn2g), kAdnLength,
                         std::min<std::size_t>(sizes.contacts, 50)));
  files.add(File::linear(path::telecom(fid::kExt1), kExt1Length, 5, {0x00}));
  files.add(File::linear(path::telecom(fid::kSms), kSmsLength,
                         std::min<std::size_t>(sizes.messages, 10), {0x00}));
  files.add(File::linear(path::telecom(fid::kMsisdn), kAdnLength, 1));
  add_phone_book(files, sizes.contacts);
  files.add(File::linear(path::usim(fid::kSms), kSmsLength, sizes.messages, {0x00}));
  files.add(File::linear(path::usim(fid::kMsisdn), kAdnLength, 1));
  files.add(File::linear(path::memos(), kMemoLength, sizes.memos));
  files.add(File::transparent(path::last_iccid(), {kNoIccid.begin(), kNoIccid.end()}));
  if (!msisdn.empty()) {
    files.find(path::telecom(fid::kMsisdn))->update(1, msisdn_record(msisdn));
    files.find(path::usim(fid::kMsisdn))->update(1, msisdn_record(msisdn));
  }
  return card;
}

}  // namespace card
