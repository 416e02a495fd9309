// Keys over handed-out key octets: asks a CardKeySource and does the cryptography here. Stateless:
// one object serves all workers, as far as the source may be called by them.
#pragma once

#include <memory>
#include <optional>

#include "bip/ports.h"

namespace bip {

class KeyCrypto : public Keys, public DownlinkKeys {
 public:
  explicit KeyCrypto(CardKeySource& source) : source_(source) {}

  // A card or key set that the source does not know, or whose keys are of another family than the
  // packet names, costs the same work and gives the same answer as a wrong CC. A packet without
  // CC proves nobody: cc_failed.
  Unwrapped unwrap_command(const vault::Iccid& iccid, Transport transport, const CommandHead& head,
                           base::View packet) override;
  std::optional<base::Bytes> wrap_response(const vault::Iccid& iccid, Transport transport,
                                           const CommandHead& head, std::uint64_t counter,
                                           PacketStatus status, base::View data) override;
  std::unique_ptr<Keys> together() override;
  Wrapped wrap_downlink(const vault::Iccid& iccid, const Downlink& how, std::uint64_t counter,
                        base::View data) override;
  base::Result<Answer> unwrap_downlink_answer(const vault::Iccid& iccid, const Downlink& how,
                                              base::View packet) override;

 private:
  CardKeySource& source_;
};

// Family that KIc and KID name together; nothing if they differ or it is none of ours.
std::optional<Family> family_of(const CommandHead& head);

}  // namespace bip
