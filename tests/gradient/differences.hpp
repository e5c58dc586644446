#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/core/tensor.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {

/// df/dx by five points, h apart. f reads x where it stands; x is put back.
template <class F>
double derivative(F f, double& x, double h = 0x1p-10) {
  const double x0 = x;
  const auto at = [&](double shift) {
    x = x0 + shift;
    return f();
  };
  const double outer = at(2 * h) - at(-2 * h);
  const double inner = at(h) - at(-h);
  x = x0;
  return (8 * inner - outer) / (12 * h);
}

/// `gradient` is df/dx. Where a norm divides by a deviation far below 1, f's fifth derivative is
/// too large for the step: an eighth of it has 8^4 times less of that error, and 8 times the
/// rounding.
template <class F>
testing::AssertionResult is_derivative(double gradient, F f, double& x, double few) {
  const double coarse = derivative(f, x);
  if (std::abs(gradient - coarse) <= few) return testing::AssertionSuccess();
  const double fine = derivative(f, x, 0x1p-13);
  const double allowed = 8 * few + std::abs(fine - coarse) / 2048;
  if (std::abs(gradient - fine) <= allowed) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "gradient " << gradient << ", difference quotient " << fine
                                     << " (" << coarse << "), allowed " << allowed;
}

/// Every number of `x` has the derivative that stands at its place in `gradient`.
template <class F>
void expect_derivatives(const std::string& what, F f, const MatrixView<double>& x,
                        const MatrixView<const double>& gradient, double scale) {
  for (Index r = 0; r < x.rows; ++r) {
    for (Index c = 0; c < x.cols; ++c) {
      EXPECT_NEAR(gradient(r, c), derivative(f, x(r, c)), kDifference * scale)
          << what << "(" << r << ", " << c << ")";
    }
  }
}

/// sum of a . b: the scalar whose gradient with respect to a is b.
inline double dot(const MatrixView<const double>& a, const MatrixView<const double>& b) {
  double total = 0;
  for (Index r = 0; r < a.rows; ++r) {
    for (Index c = 0; c < a.cols; ++c) total += a(r, c) * b(r, c);
  }
  return total;
}

}  // namespace libnorm::test
