#pragma once

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// Linear centred kernel alignment of two sets of features of the same rows,
///   || X^T Y ||^2 / (|| X^T X || || Y^T Y ||),   norms of Frobenius, X and Y centred:
/// 1 where Y is X rotated and scaled, 0 where no feature of one is correlated with one of the
/// other.
///
/// x [R, C], y [R, D], row r standing for count[r] rows; null: each for one. Where one of them does
/// not vary (to 1e-15 of its largest number), 0.
/// Throws: as check_rows, ShapeError unless the rows are as many.
/// Order: stretches of 1024 rows ascending. Cost: R (C + D)^2; memory (C + D)^2.
/// Source: Kornblith et al. 2019.
template <class T>
double linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y,
                  const float* count = nullptr);

/// The same of the unbiased estimators of HSIC, which drop each row's pair with itself: near 0 for
/// independent features even where they are more than rows. Can be below 0. Fewer than four rows,
/// or an estimate that is not above 0 to divide by: 0. No counts: a repeated row would be its own
/// pair. Source: Song et al. 2012 for the estimator; Nguyen, Raghu, Kornblith 2021.
template <class T>
double debiased_linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y);

}  // namespace libnorm
