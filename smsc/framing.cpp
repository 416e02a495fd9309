#include "smsc/framing.h"

#include "base/log.h"

namespace smsc {

namespace {

Header read_header(base::Reader& reader) {
  Header header;
  header.length = reader.u32();
  header.command = reader.u32();
  header.status = reader.u32();
  header.sequence = reader.u32();
  return header;
}

}  // namespace

void Framer::feed(base::View octets) {
  if (broken_) return;
  // What was handed out is dropped here, once per read and not once per PDU.
  if (start_ == buffer_.size()) {
    buffer_.clear();
  } else if (start_ > 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  }
  start_ = 0;
  buffer_.insert(buffer_.end(), octets.begin(), octets.end());
}

std::optional<Frame> Framer::next() {
  const base::View octets = base::View(buffer_).subspan(start_);
  if (broken_ || octets.size() < 4) return std::nullopt;
  base::Reader reader(octets);
  const std::uint32_t length = base::Reader(octets).u32();
  if (length < kHeaderSize || length > max_pdu_) {
    // With the rest of the header the peer can be told which PDU it was.
    if (octets.size() < kHeaderSize && length >= kHeaderSize && length <= 0xFFFFFF) {
      return std::nullopt;
    }
    bad_ = read_header(reader);
    broken_ = true;
    return std::nullopt;
  }
  if (octets.size() < length) return std::nullopt;
  Frame frame;
  frame.header = read_header(reader);
  frame.body = octets.subspan(kHeaderSize, length - kHeaderSize);
  start_ += length;
  return frame;
}

std::string Framer::complaint() const {
  if (!broken_) return {};
  const base::View octets = base::View(buffer_).subspan(start_);
  const std::string_view text =
      base::as_text(octets.first(std::min<std::size_t>(5, octets.size())));
  if (text.starts_with("HTTP") || text.starts_with("GET ") || text.starts_with("<html")) {
    return "the peer does not speak SMPP (HTTP?)";
  }
  if (text.size() >= 3 && text[1] == 3 && (text[0] == 0x15 || text[0] == 0x16)) {
    return "the peer does not speak plain SMPP (TLS?)";
  }
  return base::cat("a PDU of ", bad_.length, " octets (at most ", max_pdu_, ")");
}

std::vector<TlvView> walk_tlvs(base::View octets, bool* whole) {
  std::vector<TlvView> found;
  base::Reader reader(octets);
  while (!reader.at_end() && found.size() < kMaxTlvs) {
    TlvView tlv;
    tlv.tag = reader.u16();
    tlv.value = reader.take(reader.u16());
    if (!reader.ok()) break;
    found.push_back(tlv);
  }
  if (whole != nullptr) *whole = reader.at_end();
  return found;
}

void append_u32(base::Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append_header(base::Bytes& out, std::uint32_t command, std::uint32_t status,
                   std::uint32_t sequence) {
  append_u32(out, kHeaderSize);
  append_u32(out, command);
  append_u32(out, status);
  append_u32(out, sequence);
}

void patch_length(base::Bytes& out, std::size_t start) {
  const std::size_t size = out.size() - start;
  for (std::size_t i = 0; i < 4; ++i) {
    out[start + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
  }
}

}  // namespace smsc
