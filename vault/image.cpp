#include "vault/image.h"

#include <optional>

namespace vault {

namespace {

constexpr std::uint8_t kFile = 0xA0;
constexpr std::uint8_t kRecord = 0xA1;
constexpr std::uint8_t kMemo = 0xA2;

std::optional<std::uint32_t> count_records(base::View file) {
  base::Reader reader(file);
  std::uint32_t count = 0;
  while (const auto tlv = base::next_tlv(reader)) {
    if (tlv->tag == kRecord) ++count;
  }
  if (!reader.ok()) return std::nullopt;
  return count;
}

}  // namespace

std::uint32_t count_entries(base::View image) {
  constexpr std::uint32_t kUnparsed = 1;
  base::Reader reader(image);
  if (reader.u8() != 'B' || reader.u8() != 'V' || reader.u8() != 1) return kUnparsed;
  std::uint32_t count = 0;
  while (const auto object = base::next_tlv(reader)) {
    if (object->tag == kMemo) ++count;
    if (object->tag != kFile) continue;
    const auto records = count_records(object->value);
    if (!records) return kUnparsed;
    count += *records;
  }
  return reader.ok() ? count : kUnparsed;
}

}  // namespace vault
