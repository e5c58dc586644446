#pragma once

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Linear centred kernel alignment of two sets of features of the same rows,
///   || X^T Y ||^2 / (|| X^T X || || Y^T Y ||),   norms of Frobenius, X and Y centred:
/// 1 if Y is X rotated and scaled, 0 if no feature of X correlates with one of Y.
///
/// x [R, C], y [R, D]; row r counts count[r] times, or once if null. If all rows of x or of y are
/// equal: 0. A large mean costs no digits: one row is subtracted first.
/// Throws: as check_rows, ShapeError unless the rows are as many.
/// Order: blocks of 256 rows (of more than 16,384 channels fewer), each with those before it,
/// ascending. Cost: the smaller of R^2 (C + D) / 2 and 2 R (C^2 + C D + D^2); memory: a few blocks,
/// and where rows are many C^2 + C D + D^2. Source: Kornblith et al. 2019.
template <class T>
double linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y,
                  const float* count = nullptr);

/// The same with the unbiased estimators of HSIC, which omit each row's pair with itself: near 0
/// for independent features, even for more features than rows. Can be below 0. Fewer than four
/// rows, or a denominator that is not above 0: 0. Takes no counts: a repeated row would form a pair
/// with itself. Pairs of a row with itself are never added, so outliers cost no digits. Source:
/// Song et al. 2012 for the estimator; Nguyen, Raghu, Kornblith 2021.
template <class T>
double debiased_linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y);

}  // namespace libnorm
