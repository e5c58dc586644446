#pragma once

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Linear centred kernel alignment of two sets of features of the same rows,
///   || X^T Y ||^2 / (|| X^T X || || Y^T Y ||),   norms of Frobenius, X and Y centred:
/// 1 where Y is X rotated and scaled, 0 where no feature of one is correlated with one of the
/// other.
///
/// x [R, C], y [R, D], row r standing for count[r] rows; null: each for one. Where the rows of one
/// of them are all alike, 0. A large mean costs no digits: rows are counted from one of them.
/// Throws: as check_rows, ShapeError unless the rows are as many.
/// Order: blocks of 256 rows (of more than 16,384 channels fewer), each with those before it,
/// ascending. Cost: the smaller of R^2 (C + D) / 2 and 2 R (C^2 + C D + D^2); memory: a few blocks,
/// and where rows are many C^2 + C D + D^2. Source: Kornblith et al. 2019.
template <class T>
double linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y,
                  const float* count = nullptr);

/// The same of the unbiased estimators of HSIC, which drop each row's pair with itself: near 0 for
/// independent features even where they are more than rows. Can be below 0. Fewer than four rows,
/// or an estimate that is not above 0 to divide by: 0. No counts: a repeated row would be its own
/// pair. A row's pair with itself is never added, so that rows far out cost no digits. Source: Song
/// et al. 2012 for the estimator; Nguyen, Raghu, Kornblith 2021.
template <class T>
double debiased_linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y);

}  // namespace libnorm
