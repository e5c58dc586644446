#pragma once

#include <span>
#include <vector>

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Singular values, descending, of a matrix whose row r is repeated count[r] times: those of
/// diag(sqrt(count)) A.
///
/// a [R, C], not centred; count [R] or null for once each. Returns min(R, C) values in double;
/// those beyond the number of rows, or columns, that are not all zeros are 0. Numbers up to 1e290:
/// they are scaled by the largest. Eigen computes them (Householder QR, then an SVD of the
/// triangle), so they are compared to digits, not to bits; the error is about 1e-15 of the largest.
/// Throws: ShapeError for an empty matrix; as check_rows.
template <class T>
std::vector<double> singular_values(const MatrixView<const T>& a, const float* count = nullptr);

/// Whether these can be singular values: finite, and not below 0. The metrics here and in
/// activation_spectrum.hpp give NaN for others. Values may have any size, as the largest scales
/// sums and squares.
bool is_spectrum(std::span<const double> s);

/// exp of the entropy of s / sum s (Roy, Vetterli 2007). k equal values give k; zeros give 0.
double effective_rank(std::span<const double> s);

/// (sum s^2)^2 / sum s^4. k equal values give k; zeros give 0.
double participation_ratio(std::span<const double> s);

/// ||A||_F^2 / ||A||_2^2 = sum s^2 / max s^2. k equal values give k; zeros give 0.
double stable_rank(std::span<const double> s);

/// max s / min s; infinite if the smallest is 0.
double condition_number(std::span<const double> s);

/// The a of l_i ~ i^-a, l_i = s_i^2, i from 1: minus the slope of the least-squares line of log l_i
/// over log i, with equal weights. Values from the first one below 1e-6 of the largest on are left
/// out: they are rounding errors of float activations. 0 for fewer than two values.
/// Source: alpha-ReQ (Agrawal et al. 2022).
double decay_exponent(std::span<const double> s);

}  // namespace libnorm
