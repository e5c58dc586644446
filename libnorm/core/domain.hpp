#pragma once

#include <charconv>
#include <cmath>
#include <string>

#include "libnorm/core/error.hpp"

// Options are doubles, and what computes with them may be a float: 1e-46 is above 0 as the one and
// 0 as the other. So they are looked at in the type that is used.
namespace libnorm {

/// Whether x is finite as a T.
template <class T>
bool is_finite_as(double x) {
  return std::isfinite(T(x));
}

/// Whether x is finite and above 0 as a T.
template <class T>
bool is_positive_as(double x) {
  return is_finite_as<T>(x) && T(x) > T(0);
}

/// `a float` or `a double`, for messages.
template <class T>
constexpr const char* type_text() {
  return sizeof(T) == sizeof(float) ? "a float" : "a double";
}

/// The shortest decimal that reads back as x, or nan, inf, -inf.
inline std::string number_text(double x) {
  if (std::isnan(x)) return "nan";
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, x).ptr};
}

/// Throws: ValueError `where: name is outside its domain (x); need ...` unless `fits`.
inline void require_in_domain(bool fits, const std::string& where, const std::string& name,
                              double x, const std::string& need) {
  if (fits) return;
  throw ValueError(where + ": " + name + " is outside its domain (" + number_text(x) + "); need " +
                   need);
}

}  // namespace libnorm
