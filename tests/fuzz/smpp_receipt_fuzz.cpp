// No text makes the reader of receipts fail; what it gives is bounded, and an id compared with
// itself is the same in every mode but those that change its base.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "smsc/receipt.h"
#include "smsc/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smsc::DeliverSm message;
  message.source.digits = "491701234567";
  message.esm_class = size > 0 ? data[0] : 0;
  if (size > 1) message.text.assign(data + 1, data + size);
  smsc::Settings settings;
  for (auto match : {smsc::IdMatch::text, smsc::IdMatch::exact, smsc::IdMatch::hex_dec,
                     smsc::IdMatch::dec_hex}) {
    settings.id_match = match;
    (void)smsc::is_receipt(message);
    const auto receipt = smsc::read_receipt(message, settings);
    if (receipt.message_id.size() > 65 || receipt.error.size() > 80) std::abort();
    const std::string id = smsc::parse_receipt_text(message.text).id;
    const bool same = smsc::submitted_id(id, match) == smsc::receipted_id(id, match);
    if (!same && match <= smsc::IdMatch::exact) std::abort();
  }
  for (auto coding : {smsc::Coding::default_alphabet, smsc::Coding::ucs2, smsc::Coding::latin1}) {
    const std::string text = smsc::decode_text(message.text, coding, smsc::Alphabet::gsm7);
    if (!smsc::to_codepoints(text)) std::abort();
    const auto again = smsc::encode_text(text, smsc::Alphabet::gsm7);
    if (!again) std::abort();
  }
  return 0;
}
