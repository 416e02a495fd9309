// How the fields of a row's struct become values of its columns and come back: what the tables of
// columns in record_row.cpp and message_rows.cpp are made of. All-zero octets and (for dates) 0 are
// NULL, which costs no room, and none in an index. Private to those two.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <type_traits>

#include "db/sql.h"
#include "vault/types.h"

namespace db {

[[noreturn]] inline void bad_column(const char* what) {
  throw SqlError(SqlError::Kind::other, 0, std::string("bad value of a column: ") + what);
}

template <class T>
requires(std::is_integral_v<T> || std::is_enum_v<T>) Param to_param(const T& value) {
  return static_cast<std::int64_t>(value);
}
inline Param to_param(const std::string& value) { return std::string_view(value); }
inline Param to_param(const base::Bytes& value) { return base::View(value); }
template <std::size_t N>
Param to_param(const std::array<std::uint8_t, N>& value) {
  if (std::all_of(value.begin(), value.end(), [](std::uint8_t o) { return o == 0; })) return {};
  return base::View(value);
}
inline Param to_param(const vault::Iccid& value) { return std::string_view(value.digits()); }
template <class T>
requires requires(const T& t) { t.digits(); }
Param to_param(const std::optional<T>& value) {
  if (!value) return {};
  return std::string_view(value->digits());
}

template <class T>
requires(std::is_integral_v<T> || std::is_enum_v<T>) void from_row(T& value, const Row& row,
                                                                   int i) {
  value = static_cast<T>(row.number(i));
}
inline void from_row(std::string& value, const Row& row, int i) { value = row.text(i); }
inline void from_row(base::Bytes& value, const Row& row, int i) { value = row.blob(i); }
template <std::size_t N>
void from_row(std::array<std::uint8_t, N>& value, const Row& row, int i) {
  value = {};
  if (row.null(i)) return;
  const base::Bytes octets = row.blob(i);
  if (octets.size() != N) bad_column("octets");
  std::copy(octets.begin(), octets.end(), value.begin());
}
inline void from_row(vault::Iccid& value, const Row& row, int i) {
  const auto iccid = vault::Iccid::from_digits(row.text(i));
  if (!iccid) bad_column("iccid");
  value = *iccid;
}
inline void from_row(std::optional<vault::Iccid>& value, const Row& row, int i) {
  value.reset();
  if (row.null(i)) return;
  value = vault::Iccid::from_digits(row.text(i));
  if (!value) bad_column("iccid");
}
inline void from_row(std::optional<vault::Msisdn>& value, const Row& row, int i) {
  value.reset();
  if (row.null(i)) return;
  value = vault::Msisdn::from_text("+" + row.text(i));
  if (!value) bad_column("msisdn");
}

template <class T>
struct Column {
  const char* name;
  Param (*get)(const T&);
  void (*set)(T&, const Row&, int);
};

template <class M>
struct ClassOf;
template <class C, class F>
struct ClassOf<F C::*> {
  using type = C;
};

template <auto Field, class T = typename ClassOf<decltype(Field)>::type>
constexpr Column<T> column(const char* name) {
  return {name, [](const T& r) { return to_param(r.*Field); },
          [](T& r, const Row& row, int i) { from_row(r.*Field, row, i); }};
}

// NULL where the program says 0.
template <auto Field, class T = typename ClassOf<decltype(Field)>::type>
constexpr Column<T> date(const char* name) {
  return {name, [](const T& r) { return r.*Field == 0 ? Param{} : to_param(r.*Field); },
          [](T& r, const Row& row, int i) { from_row(r.*Field, row, i); }};
}

// A field of an optional part: NULL in all its columns when there is none.
template <auto Part, auto Field, class T = typename ClassOf<decltype(Part)>::type>
constexpr Column<T> part(const char* name) {
  return {name, [](const T& r) { return r.*Part ? to_param((*(r.*Part)).*Field) : Param{}; },
          [](T& r, const Row& row, int i) {
            if (row.null(i)) return;
            if (!(r.*Part)) (r.*Part).emplace();
            from_row((*(r.*Part)).*Field, row, i);
          }};
}

}  // namespace db
