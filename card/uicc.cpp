#include "card/uicc.h"

#include <algorithm>
#include <array>

namespace card {
namespace {

constexpr std::array<std::uint8_t, 7> kUsimAid{0xA0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02};

constexpr std::uint8_t kSelect = 0xA4, kReadBinary = 0xB0, kReadRecord = 0xB2, kUpdateBinary = 0xD6,
                       kUpdateRecord = 0xDC, kGetResponse = 0xC0, kTerminalProfile = 0x10,
                       kFetch = 0x12, kTerminalResponse = 0x14, kEnvelope = 0xC2, kStatus = 0xF2;

ApduAnswer only(std::uint16_t status) { return {{}, status}; }

bool takes_data(std::uint8_t ins) {
  switch (ins) {
    case kSelect:
    case kUpdateBinary:
    case kUpdateRecord:
    case kTerminalProfile:
    case kTerminalResponse:
    case kEnvelope:
      return true;
    default:
      return false;
  }
}

std::size_t expected_length(std::uint8_t p3) { return p3 == 0 ? 256 : p3; }

// What was asked for, or 6Cxx with the length that is there.
ApduAnswer exact(base::View data, std::uint8_t p3) {
  if (p3 != 0 && p3 != data.size()) {
    return only(static_cast<std::uint16_t>(sw::kExpected | (data.size() & 0xFF)));
  }
  return {{data.begin(), data.end()}, sw::kOk};
}

std::uint16_t sized(std::uint16_t status, std::size_t size) {
  return static_cast<std::uint16_t>(status | (size & 0xFF));
}

}  // namespace

ApduAnswer Uicc::transmit(base::View bytes) {
  base::Reader reader(bytes);
  Apdu apdu{reader.u8(), reader.u8(), reader.u8(), reader.u8(), reader.u8(), {}};
  if (takes_data(apdu.ins)) apdu.data = reader.take(apdu.p3);
  if (!reader.at_end()) return only(sw::kWrongLength);
  ApduAnswer answer = dispatch(apdu);
  // A waiting proactive command is announced with any good answer (TS 102 221 clause 7.4.2).
  if (answer.status == sw::kOk && !applet_.pending().empty()) {
    answer.status = sized(sw::kPending, applet_.pending().size());
  }
  return answer;
}

ApduAnswer Uicc::dispatch(const Apdu& apdu) {
  if (apdu.ins != kGetResponse) response_.clear();
  if ((apdu.cla & 0xF0) == 0x80) return toolkit(apdu);
  if ((apdu.cla & 0xF0) != 0x00) return only(sw::kBadClass);
  switch (apdu.ins) {
    case kSelect:
      return select(apdu);
    case kGetResponse:
      return get_response(apdu);
    case kReadBinary:
      return read_binary(apdu);
    case kUpdateBinary:
      return update_binary(apdu);
    case kReadRecord:
      return read_record(apdu);
    case kUpdateRecord:
      return update_record(apdu);
    default:
      return only(sw::kBadInstruction);
  }
}

ApduAnswer Uicc::toolkit(const Apdu& apdu) {
  switch (apdu.ins) {
    case kTerminalProfile:
      applet_.terminal_profile(apdu.data);
      return only(sw::kOk);
    case kGetResponse:
      return get_response(apdu);
    case kFetch:
      return fetch(apdu);
    case kTerminalResponse:
      return only(applet_.terminal_response(apdu.data) ? sw::kOk : sw::kConditions);
    case kEnvelope:
      return envelope(apdu);
    case kStatus:
      applet_.status();
      if (apdu.p2 == 0x0C) return only(sw::kOk);
      return exact(control_parameters(directory_), apdu.p3);
    default:
      return only(sw::kBadInstruction);
  }
}

ApduAnswer Uicc::envelope(const Apdu& apdu) {
  if (!applet_.envelope(apdu.data)) return only(sw::kBadData);
  response_ = applet_.envelope_response();
  return only(response_.empty() ? sw::kOk : sized(sw::kMoreData, response_.size()));
}

ApduAnswer Uicc::fetch(const Apdu& apdu) {
  const base::View pending = applet_.pending();
  if (pending.empty()) return only(sw::kConditions);
  if (expected_length(apdu.p3) != pending.size()) {
    return only(sized(sw::kExpected, pending.size()));
  }
  ApduAnswer answer{{pending.begin(), pending.end()}, sw::kOk};
  applet_.fetched();
  return answer;
}

std::optional<Path> Uicc::select_by_fid(base::View data) const {
  base::Reader reader(data);
  const std::uint16_t fid = reader.u16();
  if (!reader.at_end()) return std::nullopt;
  if (fid == path::kMf || fid == path::kUsim) return Path{fid};
  // A child of the current directory, one of its parent, or the parent itself.
  Path parent = directory_;
  for (int level = 0; level < 2 && !parent.empty(); ++level) {
    if (level == 1 && parent.back() == fid) return parent;
    Path child = parent;
    child.push_back(fid);
    if (card_.files.find(child) || card_.files.is_directory(child)) return child;
    parent.pop_back();
  }
  return std::nullopt;
}

std::optional<Path> Uicc::select_target(const Apdu& apdu) const {
  if (apdu.p1 == 0x04) {  // by AID, which may be given in part
    const std::size_t size = std::min(apdu.data.size(), kUsimAid.size());
    const bool ours = size >= 5 && std::equal(apdu.data.begin(),
                                              apdu.data.begin() + static_cast<std::ptrdiff_t>(size),
                                              kUsimAid.begin());
    return ours ? std::optional(Path{path::kUsim}) : std::nullopt;
  }
  if (apdu.p1 == 0x00) return select_by_fid(apdu.data);
  if (apdu.p1 != 0x08 && apdu.p1 != 0x09) return std::nullopt;
  if (apdu.data.size() % 2 != 0 || apdu.data.empty()) return std::nullopt;
  base::Reader reader(apdu.data);
  Path target = apdu.p1 == 0x09 ? directory_ : Path{};
  while (reader.left() > 0) target.push_back(reader.u16());
  if (apdu.p1 == 0x08 && target.front() != path::kUsim && target.front() != path::kMf) {
    target.insert(target.begin(), path::kMf);
  }
  return target;
}

ApduAnswer Uicc::select(const Apdu& apdu) {
  const auto target = select_target(apdu);
  if (!target) return only(apdu.p1 > 0x09 ? sw::kBadParameters : sw::kNotFound);
  if (card_.files.find(*target)) {
    file_ = *target;
    directory_ = Path(target->begin(), target->end() - 1);
  } else if (card_.files.is_directory(*target)) {
    file_.reset();
    directory_ = *target;
  } else {
    return only(sw::kNotFound);
  }
  if (apdu.p2 == 0x0C) return only(sw::kOk);
  response_ = control_parameters(*target);
  return only(sized(sw::kMoreData, response_.size()));
}

base::Bytes Uicc::control_parameters(const Path& target) const {
  base::Writer fcp;
  const File* file = card_.files.find(target);
  if (!file) {
    fcp.tlv(0x82, base::Bytes{0x78, 0x21});
    fcp.tlv(0x83, base::Writer().u16(target.back()).view());
    if (target == Path{path::kUsim}) fcp.tlv(0x84, kUsimAid);
  } else {
    base::Writer descriptor;
    if (file->structure() == Structure::transparent) {
      descriptor.u8(0x41).u8(0x21);
    } else {
      descriptor.u8(0x42).u8(0x21);
      descriptor.u16(static_cast<std::uint16_t>(file->record_length()));
      descriptor.u8(static_cast<std::uint8_t>(file->records()));
    }
    fcp.tlv(0x82, descriptor.view());
    fcp.tlv(0x83, base::Writer().u16(target.back()).view());
    fcp.tlv(0x80, base::Writer().u16(static_cast<std::uint16_t>(file->content().size())).view());
    if (file->sfi() != 0) {
      fcp.tlv(0x88, base::Bytes{static_cast<std::uint8_t>(file->sfi() << 3)});
    }
  }
  fcp.tlv(0x8A, base::Bytes{0x05});  // activated
  return base::Writer().tlv(0x62, fcp.view()).take();
}

ApduAnswer Uicc::get_response(const Apdu& apdu) {
  if (response_.empty()) return only(sw::kConditions);
  ApduAnswer answer = exact(response_, apdu.p3);
  if (answer.status == sw::kOk) response_.clear();
  return answer;
}

File* Uicc::current_file(std::uint8_t short_id) {
  if (short_id == 0) return file_ ? card_.files.find(*file_) : nullptr;
  for (File& file : card_.files.files()) {
    const Path& path = file.path();
    if (file.sfi() == short_id && path.size() == directory_.size() + 1 &&
        std::equal(directory_.begin(), directory_.end(), path.begin())) {
      file_ = path;
      return &file;
    }
  }
  return nullptr;
}

ApduAnswer Uicc::read_binary(const Apdu& apdu) {
  const bool short_id = (apdu.p1 & 0x80) != 0;
  const File* file = current_file(short_id ? apdu.p1 & 0x1F : 0);
  if (!file) return only(short_id ? sw::kNotFound : sw::kNoFile);
  if (file->structure() != Structure::transparent) return only(sw::kStructure);
  const std::size_t offset = short_id ? apdu.p2 : apdu.p1 * 256u + apdu.p2;
  if (offset > file->content().size()) return only(sw::kBadOffset);
  const base::View rest = file->content().subspan(offset);
  const std::size_t wanted = std::min<std::size_t>(apdu.p3 == 0 ? 256 : apdu.p3, 256);
  if (apdu.p3 != 0 && wanted > rest.size()) return only(sized(sw::kExpected, rest.size()));
  const base::View part = rest.first(std::min(wanted, rest.size()));
  return {{part.begin(), part.end()}, sw::kOk};
}

ApduAnswer Uicc::update_binary(const Apdu& apdu) {
  const bool short_id = (apdu.p1 & 0x80) != 0;
  File* file = current_file(short_id ? apdu.p1 & 0x1F : 0);
  if (!file) return only(short_id ? sw::kNotFound : sw::kNoFile);
  if (file->structure() != Structure::transparent) return only(sw::kStructure);
  if (file->access() == Access::read_only) return only(sw::kSecurity);
  const std::size_t offset = short_id ? apdu.p2 : apdu.p1 * 256u + apdu.p2;
  return only(file->update_binary(offset, apdu.data) ? sw::kOk : sw::kBadOffset);
}

ApduAnswer Uicc::read_record(const Apdu& apdu) {
  const auto short_id = static_cast<std::uint8_t>(apdu.p2 >> 3);
  const File* file = current_file(short_id);
  if (!file) return only(short_id != 0 ? sw::kNotFound : sw::kNoFile);
  if (file->structure() != Structure::linear_fixed) return only(sw::kStructure);
  if ((apdu.p2 & 0x07) != 0x04) return only(sw::kBadParameters);  // absolute mode only
  const base::View record = file->record(apdu.p1);
  return record.empty() ? only(sw::kNoRecord) : exact(record, apdu.p3);
}

ApduAnswer Uicc::update_record(const Apdu& apdu) {
  const auto short_id = static_cast<std::uint8_t>(apdu.p2 >> 3);
  File* file = current_file(short_id);
  if (!file) return only(short_id != 0 ? sw::kNotFound : sw::kNoFile);
  if (file->structure() != Structure::linear_fixed) return only(sw::kStructure);
  if ((apdu.p2 & 0x07) != 0x04) return only(sw::kBadParameters);
  if (apdu.data.size() != file->record_length()) return only(sw::kWrongLength);
  return only(file->update(apdu.p1, apdu.data) ? sw::kOk : sw::kNoRecord);
}

}  // namespace card
