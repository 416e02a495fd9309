// COMPREHENSION-TLV objects (TS 101 220 clause 7.1.1, TS 102 223 annex C): one-octet tags with
// the CR bit on top, or 7F and two octets; lengths in BER form (81 above 127). Values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace card {

// Object tags without the CR bit (TS 102 223 clause 9.3).
namespace tag {
inline constexpr std::uint16_t kDetails = 0x01, kDevices = 0x02, kResult = 0x03, kDuration = 0x04,
                               kAlpha = 0x05, kAddress = 0x06, kSmsTpdu = 0x0B, kText = 0x0D,
                               kItem = 0x0F, kItemId = 0x10, kResponseLength = 0x11,
                               kFileList = 0x12, kImei = 0x14, kHelp = 0x15, kEventList = 0x19,
                               kTimerId = 0x24, kTimerValue = 0x25, kDateTime = 0x26,
                               kBearer = 0x35, kChannelData = 0x36, kChannelDataLength = 0x37,
                               kChannelStatus = 0x38, kBufferSize = 0x39, kTransport = 0x3C,
                               kOtherAddress = 0x3E, kAccessName = 0x47;
inline constexpr std::uint16_t kCr = 0x80;  // comprehension required, for one-octet tags
}  // namespace tag

// An ordered list of objects that owns its values.
class ObjectList {
 public:
  // Nothing: a length runs past the end, or a tag is 00, 80 or FF.
  static std::optional<ObjectList> parse(base::View data);

  // `tag_with_cr` as it goes on the wire: 0x81, 0x01, or 0x8000 | n for the two-octet form.
  ObjectList& add(std::uint16_t tag_with_cr, base::View value);
  ObjectList& add(std::uint16_t tag_with_cr, std::initializer_list<std::uint8_t> value);
  ObjectList& add(const ObjectList& others);

  // The nth object of that tag, whatever its CR bit; `tag_without_cr` as in namespace tag.
  std::optional<base::View> find(std::uint16_t tag_without_cr, std::size_t nth = 0) const;
  bool has(std::uint16_t tag_without_cr) const { return find(tag_without_cr).has_value(); }
  // For masking a trace: the value may be changed in place, its length not.
  std::span<std::uint8_t> find_mutable(std::uint16_t tag_without_cr);
  // Drops the first `count` objects.
  void drop_front(std::size_t count);

  std::size_t size() const { return objects_.size(); }
  base::Bytes encode() const;

 private:
  struct Object {
    std::uint16_t tag;  // as on the wire
    base::Bytes value;
  };
  std::vector<Object> objects_;
};

// An outer BER-TLV: tag, length, body.
base::Bytes wrap_ber(std::uint8_t outer_tag, base::View body);
// The body of an outer BER-TLV that fills `data` exactly; `outer_tag` receives its tag.
std::optional<base::View> unwrap_ber(base::View data, std::uint8_t& outer_tag);

}  // namespace card
