#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// How far the rows of K classes have collapsed: all but `classes` go to 0 as they do.
/// m_k is the mean row of class k, m the mean of the m_k, classes alike; B has rows m_k - m.
struct NeuralCollapse {
  /// K
  Index classes = 0;
  /// NC1: tr(S_w S_b^+) / K, S_w = mean (x - m_k)(x - m_k)^T, S_b = B^T B / K. B has at most K - 1
  /// directions; the pseudoinverse leaves out those in which it has less than 1e-12 of its largest
  /// singular value. Means that coincide, to 1e-15 of the rows' spread in each channel: infinite if
  /// rows differ from them, else 0.
  double within_to_between = 0;
  /// tr S_w / tr S_b, which needs no inverse. As above.
  double trace_ratio = 0;
  /// NC2 of means and, as given, of the head's rows: standard deviation of the norms over their
  /// mean; standard deviation of the cosines of pairs; mean |cosine + 1 / (K - 1)| over pairs. Rows
  /// of zeros have cosine 0. One class, or norms of 0: 0.
  /// @{
  double mean_norms = 0, mean_cosines = 0, mean_angles = 0;
  double head_norms = 0, head_cosines = 0, head_angles = 0;
  /// @}
  /// NC3: || W / ||W|| - B / ||B|| ||^2, norms of Frobenius. One of them zero: 1; both: 0.
  double self_duality = 0;
  /// NC4: share of the rows for which the largest of W x + b is not the class with the nearest
  /// mean. The first of those that are alike counts.
  double disagreement = 0;
  /// Whether a head was given; without one, all that is made of it is 0.
  bool has_head = false;
};

/// Formulas above. x [R, C], labels [R] in 0 .. classes-1, head W [classes, C] or empty, bias
/// [classes] or null; row r stands for count[r] rows, null: each for one.
/// Throws: as check_rows, ShapeError unless head is empty or fits, ValueError for fewer than one
/// class, a label beyond them, a class without rows, or a bias that is not finite.
/// Rows are counted from the first of them, so that a large mean costs no digits, and taken in
/// units of the largest. Order: means by rows ascending, in two passes; shards of 256 rows, then
/// the shards. Eigen finds the directions of B. Cost: four passes of R C, and one of R K C with a
/// head or more than a few classes. Source: Papyan, Han, Donoho 2020; there classes are balanced,
/// so that m is the mean of all rows.
template <class T>
NeuralCollapse neural_collapse(const MatrixView<const T>& x, const std::int32_t* labels,
                               Index classes,
                               const MatrixView<const std::type_identity_t<T>>& head = {},
                               const std::type_identity_t<T>* bias = nullptr,
                               const float* count = nullptr);

/// Those of the head only where there is one.
std::vector<MetricValue> values_of(const NeuralCollapse& collapse);

}  // namespace libnorm
