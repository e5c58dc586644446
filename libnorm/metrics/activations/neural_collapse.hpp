#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// Measures of neural collapse of the rows of K classes; all but `classes` go to 0 as rows
/// collapse. m_k is the mean row of class k, m the mean of the m_k with equal weights; B has rows
/// m_k - m.
struct NeuralCollapse {
  /// K
  Index classes = 0;
  /// NC1: tr(S_w S_b^+) / K, S_w = mean (x - m_k)(x - m_k)^T, S_b = B^T B / K. B has at most K - 1
  /// directions; the pseudoinverse omits singular values below 1e-12 of the largest. If the means
  /// are equal, to 1e-15 of the rows' spread in each channel: infinite if rows differ from them,
  /// else 0.
  double within_to_between = 0;
  /// tr S_w / tr S_b, which needs no inverse. Equal means: as within_to_between.
  double trace_ratio = 0;
  /// NC2 of the rows of B and of the head's rows: standard deviation of the norms over their mean;
  /// standard deviation of the cosines of pairs; mean |cosine + 1 / (K - 1)| over pairs. Rows of
  /// zeros have cosine 0. One class, or norms of 0: 0.
  /// @{
  double mean_norms = 0, mean_cosines = 0, mean_angles = 0;
  double head_norms = 0, head_cosines = 0, head_angles = 0;
  /// @}
  /// NC3: || W / ||W|| - B / ||B|| ||^2, Frobenius norms. One of them zero: 1; both: 0.
  double self_duality = 0;
  /// NC4: share of the rows for which the class with the largest W x + b is not the class with the
  /// nearest mean. Ties: the first class.
  double disagreement = 0;
  /// Whether a head was given; without one, its measures are 0.
  bool has_head = false;
};

/// Computes the measures above. x [R, C], labels [R] in 0 .. classes-1, head W [classes, C] or
/// empty, bias [classes] or null; row r counts count[r] times, or once if null.
/// Throws: as check_rows, ShapeError unless head is empty or fits, ValueError for fewer than one
/// class, a label beyond them, a class without rows, or a bias that is not finite.
/// The first row is subtracted from all, so that a large mean costs no digits, and rows are scaled
/// by the largest. Order: means by rows ascending, in two passes; shards of 256 rows, then the
/// shards. Eigen finds the directions of B. Cost: four passes of R C, and one of R K C with a head
/// or more than a few classes. Source: Papyan, Han, Donoho 2020, where classes are balanced and m
/// is the mean of all rows.
template <class T>
NeuralCollapse neural_collapse(const MatrixView<const T>& x, const std::int32_t* labels,
                               Index classes,
                               const MatrixView<const std::type_identity_t<T>>& head = {},
                               const std::type_identity_t<T>* bias = nullptr,
                               const float* count = nullptr);

/// The measures as metrics; those of the head only if there is one.
std::vector<MetricValue> values_of(const NeuralCollapse& collapse);

}  // namespace libnorm
