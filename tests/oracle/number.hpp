#pragma once

#include <cmath>

namespace oracle {

/// A number and its derivative along one direction, so that a formula gives both. A long double has
/// the range for the square of any double.
struct Number {
  long double value = 0, slope = 0;

  Number() = default;
  Number(long double v, long double s = 0) : value(v), slope(s) {}
};

inline Number operator+(const Number& a, const Number& b) {
  return {a.value + b.value, a.slope + b.slope};
}
inline Number operator-(const Number& a, const Number& b) {
  return {a.value - b.value, a.slope - b.slope};
}
inline Number operator*(const Number& a, const Number& b) {
  return {a.value * b.value, a.slope * b.value + a.value * b.slope};
}
inline Number operator/(const Number& a, const Number& b) {
  const long double quotient = a.value / b.value;
  return {quotient, (a.slope - quotient * b.slope) / b.value};
}
inline bool operator<(const Number& a, const Number& b) { return a.value < b.value; }

/// At 0, which the numbers of a sum of squares do not leave at first order, its slope is 0.
inline Number sqrt(const Number& a) {
  const long double root = std::sqrt(a.value);
  return {root, a.slope == 0 ? 0 : a.slope / (2 * root)};
}
inline Number abs(const Number& a) { return a.value < 0 ? Number() - a : a; }
inline Number tanh(const Number& a) {
  const long double cosh = std::cosh(a.value);
  return {std::tanh(a.value), a.slope / cosh / cosh};
}
inline Number erf(const Number& a) {
  const long double pi = std::acos(-1.0L);
  return {std::erf(a.value), a.slope * 2 / std::sqrt(pi) * std::exp(-a.value * a.value)};
}

}  // namespace oracle
