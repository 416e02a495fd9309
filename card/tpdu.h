// What the TPDUs of all short messages have alike (TS 23.040 clauses 9.1.2.5, 9.2.3.11). Pure
// functions, any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "card/number.h"

namespace card::tpdu {

void put_address(base::Writer& tpdu, const Number& number);
// Digits, or a name in the GSM alphabet. Nothing: longer than an address may be.
std::optional<Number> take_address(base::Reader& reader);

inline constexpr std::size_t kTimeSize = 7;
void put_time(base::Writer& tpdu, std::int64_t utc_ms);  // zone 0

}  // namespace card::tpdu
