#pragma once

#include <span>
#include <type_traits>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// sum a_i b_i, in double. Order: along the axis. Throws: ShapeError unless sizes are the same.
template <class T>
double dot(std::span<const T> a, std::span<const std::type_identity_t<T>> b);

/// ||x||, the root of dot(x, x). Where that overflows or comes near the smallest numbers, x is
/// first multiplied by a power of two, so that a length is right wherever it is a double.
template <class T>
double length(std::span<const T> x);

/// x_i times factor, rounded once.
template <class T>
void scale(std::span<T> x, double factor) {
  for (T& value : x) value = T(double(value) * factor);
}

/// out_k = sum_i rows(k, i) x_i. rows [K, n], x [n], out [K]. Order: along the axis.
/// Throws: ShapeError where they do not fit.
void dot_rows(const MatrixView<const double>& rows, std::span<const double> x,
              std::span<double> out);

/// y_i + sum_k factors_k rows(k, i) into y. rows [K, n], factors [K], y [n].
/// Order: k ascending, one fma a term, from y_i. Throws: ShapeError where they do not fit.
void add_combination(std::span<const double> factors, const MatrixView<const double>& rows,
                     std::span<double> y);

/// y_i + factor x_i into y, by one fma. Throws: ShapeError unless sizes are the same.
void add_scaled(double factor, std::span<const double> x, std::span<double> y);

/// Whether every number is finite.
bool all_finite(std::span<const double> x);

}  // namespace libnorm
