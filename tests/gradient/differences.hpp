#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/core/tensor.hpp"
#include "tests/tolerances.hpp"

namespace libnorm::test {

/// df/dx by five points. f reads x where it stands; x is put back.
template <class F>
double derivative(F f, double& x) {
  constexpr double h = 0x1p-10;
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
