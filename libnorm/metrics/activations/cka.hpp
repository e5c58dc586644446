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

/// Minibatch CKA: debiased linear CKA of features that come a batch at a time,
///   sum HSIC(X_b, Y_b) / sqrt(sum HSIC(X_b, X_b) sum HSIC(Y_b, Y_b)),
/// HSIC the unbiased estimator of each batch, so that its expectation does not depend on the size
/// of batches. Of one batch: debiased_linear_cka. Memory: three numbers. Sizes of batches may
/// differ from each other by 1e70. Source: Nguyen, Raghu, Kornblith 2021.
class MinibatchCka {
 public:
  /// Adds a batch: x [R, C], y [R, D]. Throws: as debiased_linear_cka, ShapeError for fewer than
  /// four rows. Order: batches as they come.
  template <class T>
  void add(const MatrixView<const T>& x, const MatrixView<const T>& y);

  /// 0 if a denominator is not above 0, or no batch was added.
  double value() const;
  /// Batches so far.
  Index batches() const { return batches_; }

 private:
  Index batches_ = 0;
  /// Units of the first batch, powers of two, in which the sums are.
  double x_unit_ = 1, y_unit_ = 1;
  double xx_ = 0, yy_ = 0, xy_ = 0;
};

}  // namespace libnorm
