// A stream of octets cut into SMPP PDUs: length limits, header, TLVs (SMPP 3.4 clauses 3.2, 5.3.1).
// Nothing here knows a PDU's body. One thread at a time per object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace smsc {

inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kMaxTlvs = 64;  // of one PDU; what follows is ignored

struct Header {
  std::uint32_t length = 0;  // of the whole PDU
  std::uint32_t command = 0;
  std::uint32_t status = 0;
  std::uint32_t sequence = 0;
};

struct Frame {
  Header header;
  base::View body;
};

class Framer {
 public:
  explicit Framer(std::size_t max_pdu) : max_pdu_(max_pdu) {}

  // After a bad length everything is thrown away: where the next PDU starts is not known.
  void feed(base::View octets);
  // The next whole PDU; its body is valid until the next call of feed().
  std::optional<Frame> next();
  bool broken() const { return broken_; }
  const Header& bad_header() const { return bad_; }
  // For the operator: what came instead of a PDU ("an HTTP server answers", ...).
  std::string complaint() const;
  std::size_t buffered() const { return buffer_.size() - start_; }

 private:
  std::size_t max_pdu_;
  base::Bytes buffer_;
  std::size_t start_ = 0;
  bool broken_ = false;
  Header bad_;
};

struct TlvView {
  std::uint16_t tag = 0;
  base::View value;
};

// The parameters that stand behind a PDU's mandatory part, in their order. What cannot be read, and
// more than kMaxTlvs, is left out; then *whole is false.
std::vector<TlvView> walk_tlvs(base::View octets, bool* whole);

// Header alone: enquire_link, unbind, generic_nack and answers without body.
void append_header(base::Bytes& out, std::uint32_t command, std::uint32_t status,
                   std::uint32_t sequence);
void append_u32(base::Bytes& out, std::uint32_t value);
// Writes the size of what stands in `out` from `start` on into the PDU's command_length.
void patch_length(base::Bytes& out, std::size_t start);

}  // namespace smsc
