#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/core/tensor.hpp"

namespace libnorm::test {

/// The numbers of a view, row by row, without what stands between its rows.
template <class T>
std::vector<std::remove_const_t<T>> values_of(const MatrixView<T>& m) {
  std::vector<std::remove_const_t<T>> values;
  for (Index r = 0; r < m.rows; ++r) values.insert(values.end(), m.row(r), m.row(r) + m.cols);
  return values;
}

template <class T>
std::vector<double> widened(const std::vector<T>& values) {
  return std::vector<double>(values.begin(), values.end());
}

inline double largest_size(const std::vector<double>& values) {
  double largest = 0;
  for (double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

/// Every |actual - expected| <= tolerance x scale; a NaN on either side fails. Names the worst.
template <class T>
testing::AssertionResult within(const std::string& what, const std::vector<double>& expected,
                                const std::vector<T>& actual, double tolerance, double scale) {
  if (expected.size() != actual.size() || expected.empty()) {
    return testing::AssertionFailure() << what << ": " << actual.size() << " numbers arrived, need "
                                       << expected.size() << " and at least one";
  }
  double worst = -1;
  std::size_t at = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(double(actual[i]) - expected[i]);
    if (std::isnan(error)) {
      return testing::AssertionFailure()
             << what << "[" << i << "] = " << double(actual[i]) << ", need " << expected[i];
    }
    if (error > worst) {
      worst = error;
      at = i;
    }
  }
  if (worst <= tolerance * scale) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << what << "[" << at << "] = " << double(actual[at]) << ", need " << expected[at]
         << " within " << tolerance << " x " << scale << " (off by " << worst / scale << " x)";
}

/// The same, the scale being the largest expected number.
template <class T>
testing::AssertionResult close(const std::string& what, const std::vector<double>& expected,
                               const std::vector<T>& actual, double tolerance) {
  return within(what, expected, actual, tolerance, largest_size(expected));
}

/// The same for each row of `cols` numbers with a scale of its own; a row of zeros must be zeros.
template <class T>
testing::AssertionResult close_rows(const std::string& what, const std::vector<double>& expected,
                                    const std::vector<T>& actual, Index cols, double tolerance) {
  if (expected.size() != actual.size() || expected.size() % std::size_t(cols) != 0) {
    return testing::AssertionFailure() << what << ": " << actual.size() << " numbers arrived, need "
                                       << expected.size() << " in rows of " << cols;
  }
  for (Index first = 0; first < Index(expected.size()); first += cols) {
    const auto row =
        close(what + " row " + std::to_string(first / cols),
              {expected.begin() + first, expected.begin() + first + cols},
              std::vector<T>(actual.begin() + first, actual.begin() + first + cols), tolerance);
    if (!row) return row;
  }
  return testing::AssertionSuccess();
}

template <class T>
auto bits_of(T x) {
  return std::bit_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(x);
}

/// Equal bit for bit, signs of zero included.
template <class T>
testing::AssertionResult same_bits(const std::string& what, const std::vector<T>& expected,
                                   const std::vector<T>& actual) {
  if (expected.size() != actual.size() || expected.empty()) {
    return testing::AssertionFailure() << what << ": " << actual.size() << " numbers arrived, need "
                                       << expected.size() << " and at least one";
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (bits_of(expected[i]) == bits_of(actual[i])) continue;
    return testing::AssertionFailure() << what << "[" << i << "] = " << std::hexfloat
                                       << double(actual[i]) << ", need " << double(expected[i]);
  }
  return testing::AssertionSuccess();
}

}  // namespace libnorm::test
