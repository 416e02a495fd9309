#include "bip/cat_tp_pdu.h"

namespace bip {

namespace {

using namespace cat_tp;

// Sum of 16-bit words, an odd last octet padded with zero (RFC 1071). Parts of a PDU begin at even
// places, so that their sums can be added.
std::uint32_t word_sum(base::View octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < octets.size(); i += 2) {
    sum += static_cast<std::uint32_t>(octets[i] << 8 | octets[i + 1]);
  }
  if (octets.size() % 2 != 0) sum += static_cast<std::uint32_t>(octets.back() << 8);
  return sum;
}

std::uint16_t folded(std::uint32_t sum) {
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// The combinations that clause 5.12 knows, as far as they can be told without ambiguity.
bool known_flags(std::uint8_t flags) {
  const bool syn = (flags & (kSyn | kEack | kRst | kNul)) == kSyn;
  const bool rst = (flags & (kSyn | kEack | kRst | kNul | kSeg)) == kRst;
  const bool ack = (flags & (kSyn | kRst)) == 0 && (flags & (kAck | kEack)) != 0;
  return syn || rst || ack;
}

void read_syn(base::Reader& reader, CatTpPdu& pdu) {
  pdu.max_pdu = reader.u16();
  pdu.max_sdu = reader.u16();
  pdu.identification = reader.take(reader.u8());
  if (!reader.at_end()) reader.fail();
}

void read_variable(base::Reader& reader, CatTpPdu& pdu) {
  if (pdu.is(kSyn)) {
    read_syn(reader, pdu);
  } else if (pdu.is(kRst)) {
    pdu.reason = reader.u8();
    if (!reader.at_end()) reader.fail();
  } else if (pdu.is(kEack)) {
    pdu.flags |= kAck;
    pdu.eacks = reader.rest();
    if (pdu.eacks.size() % 2 != 0) reader.fail();
  } else if (!reader.at_end()) {
    reader.fail();
  }
}

base::Bytes variable_area(const CatTpPdu& pdu) {
  base::Writer area;
  if (pdu.is(kSyn)) {
    area.u16(pdu.max_pdu).u16(pdu.max_sdu);
    area.u8(static_cast<std::uint8_t>(pdu.identification.size())).bytes(pdu.identification);
  } else if (pdu.is(kRst)) {
    area.u8(pdu.reason);
  } else if (pdu.is(kEack)) {
    area.bytes(pdu.eacks);
  }
  return area.take();
}

}  // namespace

std::optional<CatTpPdu> decode_cat_tp(base::View datagram) {
  base::Reader reader(datagram);
  CatTpPdu pdu;
  pdu.flags = reader.u8();
  reader.u16();  // reserved for future use
  const std::size_t header = reader.u8();
  pdu.source = reader.u16();
  pdu.destination = reader.u16();
  const std::size_t data = reader.u16();
  pdu.sequence = reader.u16();
  pdu.acknowledgement = reader.u16();
  pdu.window = reader.u16();
  reader.u16();  // the checksum, which makes the sum over everything come out as FFFF
  if (!reader.ok() || header < kHeader || header + data != datagram.size()) return std::nullopt;
  if (folded(word_sum(datagram)) != 0xFFFF) return std::nullopt;
  if (pdu.version() != 0) return pdu;
  if (!known_flags(pdu.flags)) return std::nullopt;
  base::Reader variable(datagram.subspan(kHeader, header - kHeader));
  read_variable(variable, pdu);
  pdu.data = datagram.subspan(header);
  const bool may_have_data = !pdu.is(kSyn | kRst | kNul);
  if (!variable.ok() || (!may_have_data && !pdu.data.empty())) return std::nullopt;
  return pdu;
}

void CatTpOutput::add(const CatTpPdu& pdu) {
  const base::Bytes area = variable_area(pdu);
  const auto data_size = static_cast<std::uint16_t>(pdu.data.size());
  base::Writer writer;
  writer.u8(pdu.flags).u16(0).u8(static_cast<std::uint8_t>(kHeader + area.size()));
  writer.u16(pdu.source).u16(pdu.destination).u16(data_size);
  writer.u16(pdu.sequence).u16(pdu.acknowledgement).u16(pdu.window);
  const std::uint32_t sum = word_sum(writer.view()) + word_sum(area) + word_sum(pdu.data);
  writer.u16(static_cast<std::uint16_t>(~folded(sum)));
  for (const base::View part : {base::View(writer.view()), base::View(area), pdu.data}) {
    octets_.insert(octets_.end(), part.begin(), part.end());
  }
  ends_.push_back(octets_.size());
}

base::View CatTpOutput::operator[](std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return base::View(octets_).subspan(begin, ends_[index] - begin);
}

void CatTpOutput::clear() {
  octets_.clear();
  ends_.clear();
}

}  // namespace bip
