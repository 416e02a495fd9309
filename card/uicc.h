// The card as its terminal sees it: APDUs in, data and status words out (TS 102 221 clauses 10,
// 11, 14; TS 102 223 clause 6). One thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "card/profile.h"

namespace card {

// The toolkit applet behind the card's operating system.
class ToolkitApplet {
 public:
  virtual ~ToolkitApplet() = default;
  virtual void terminal_profile(base::View profile) = 0;
  virtual bool envelope(base::View data) = 0;           // false: not understood
  virtual bool terminal_response(base::View data) = 0;  // false: no command is waiting for it
  virtual void status() = 0;
  // What the last envelope is answered with (a proof of receipt); empty: nothing.
  virtual base::Bytes envelope_response() { return {}; }
  // The proactive command that waits for FETCH; empty: none.
  virtual base::View pending() const = 0;
  virtual void fetched() = 0;
};

namespace sw {
inline constexpr std::uint16_t kOk = 0x9000, kPending = 0x9100, kMoreData = 0x6100,
                               kWrongLength = 0x6700, kStructure = 0x6981, kSecurity = 0x6982,
                               kNoFile = 0x6986, kNotFound = 0x6A82, kNoRecord = 0x6A83,
                               kBadParameters = 0x6A86, kBadOffset = 0x6B00, kExpected = 0x6C00,
                               kBadInstruction = 0x6D00, kBadClass = 0x6E00, kBadData = 0x6A80,
                               kConditions = 0x6985;
}

struct ApduAnswer {
  base::Bytes data;
  std::uint16_t status = sw::kOk;
};

class Uicc {
 public:
  // Both outlive the UICC.
  Uicc(Card& card, ToolkitApplet& applet) : card_(card), applet_(applet) {}

  // CLA INS P1 P2, then P3 with data (case 3, 4) or P3 = Le (case 2).
  ApduAnswer transmit(base::View apdu);

 private:
  struct Apdu {
    std::uint8_t cla = 0, ins = 0, p1 = 0, p2 = 0, p3 = 0;
    base::View data;
  };

  ApduAnswer dispatch(const Apdu& apdu);
  ApduAnswer toolkit(const Apdu& apdu);
  ApduAnswer select(const Apdu& apdu);
  std::optional<Path> select_target(const Apdu& apdu) const;
  std::optional<Path> select_by_fid(base::View data) const;
  ApduAnswer get_response(const Apdu& apdu);
  ApduAnswer read_binary(const Apdu& apdu);
  ApduAnswer update_binary(const Apdu& apdu);
  ApduAnswer read_record(const Apdu& apdu);
  ApduAnswer update_record(const Apdu& apdu);
  ApduAnswer fetch(const Apdu& apdu);
  ApduAnswer envelope(const Apdu& apdu);
  File* current_file(std::uint8_t short_id);
  base::Bytes control_parameters(const Path& path) const;  // FCP template

  Card& card_;
  ToolkitApplet& applet_;
  Path directory_{path::kMf};
  std::optional<Path> file_;
  base::Bytes response_;  // for GET RESPONSE
};

}  // namespace card
