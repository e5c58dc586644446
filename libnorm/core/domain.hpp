#pragma once

#include <charconv>
#include <cmath>
#include <string>

#include "libnorm/core/error.hpp"

// Options are doubles, but a float may compute with them: 1e-46 is above 0 as a double and 0 as a
// float. So options are checked in the type that computes.
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
