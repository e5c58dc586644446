#include "libnorm/metrics/activations/neural_collapse.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/row_check.hpp"

namespace libnorm {
namespace {

constexpr Index kShard = 256;

/// A matrix, its rows contiguous.
struct Matrix {
  Index rows = 0, cols = 0;
  std::vector<double> numbers;

  Matrix() = default;
  Matrix(Index r, Index c) : rows(r), cols(c), numbers(static_cast<std::size_t>(r * c), 0.0) {}
  double* row(Index r) { return numbers.data() + r * cols; }
  const double* row(Index r) const { return numbers.data() + r * cols; }
  double norm() const { return length<double>(numbers); }
};

double dot_of(const double* a, const double* b, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/// Times a number that makes the length 1, unless it is 0.
void normalize(std::span<double> x) {
  const double size = length<double>(x);
  for (double& v : x) v = size > 0 ? v / size : 0.0;
}

struct Spread {
  double norms = 0, cosines = 0, angles = 0;
};

/// NC2 of rows [K, C].
Spread spread_of(Matrix rows) {
  const Index k = rows.rows;
  Spread spread;
  std::vector<double> norms, cosines;
  double mean = 0;
  for (Index i = 0; i < k; ++i) {
    norms.push_back(length<double>({rows.row(i), std::size_t(rows.cols)}));
    mean += norms.back() / double(k);
  }
  if (!(mean > 0) || k < 2) return spread;
  for (const double norm : norms) {
    spread.norms += (norm / mean - 1) * (norm / mean - 1) / double(k);
  }
  spread.norms = std::sqrt(spread.norms);
  for (Index i = 0; i < k; ++i) {
    normalize({rows.row(i), std::size_t(rows.cols)});
    for (Index j = 0; j < i; ++j) {
      cosines.push_back(dot_of(rows.row(i), rows.row(j), rows.cols));
    }
  }
  const double pairs = double(cosines.size());
  double middle = 0, square = 0;
  for (const double c : cosines) {
    middle += c / pairs;
    spread.angles += std::abs(c + 1 / double(k - 1)) / pairs;
  }
  for (const double c : cosines) square += (c - middle) * (c - middle) / pairs;
  spread.cosines = std::sqrt(square);
  return spread;
}

/// a / b where b may be 0.
double ratio(double a, double b) {
  if (b > 0) return a / b;
  return a > 0 ? std::numeric_limits<double>::infinity() : 0;
}

/// The class with the largest score.
Index first_best(const std::vector<double>& scores) {
  return Index(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

/// Rows with their classes, less the first of them that counts and times a power of two that
/// brings the largest of what is left to about 1: nothing is lost beside a large mean.
template <class T>
struct LabelledRows {
  MatrixView<const T> x;
  const std::int32_t* labels;
  const float* count;
  const T* start = nullptr;
  double unit = 1;

  double weight(Index r) const { return count == nullptr ? 1.0 : double(count[r]); }
  double at(Index r, Index c) const { return (double(x(r, c)) - double(start[c])) * unit; }
  /// f(r, its weight, its class) for those that count.
  template <class F>
  void each(Index first, Index end, const F& f) const {
    for (Index r = first; r < end; ++r) {
      if (weight(r) > 0) f(r, weight(r), Index(labels[r]));
    }
  }
};

/// What the first passes find.
struct Classes {
  double rows = 0;
  std::vector<double> sizes;
  Matrix means;
  /// m_k - m, of which what may be rounding is 0.
  Matrix between;
};

template <class T>
LabelledRows<T> labelled(const MatrixView<const T>& x, const std::int32_t* labels, Index classes,
                         const float* count) {
  LabelledRows<T> rows{x, labels, count};
  for (Index r = 0; r < x.rows; ++r) {
    if (labels[r] >= 0 && labels[r] < classes) continue;
    throw ValueError("neural_collapse: label of row " + std::to_string(r) + " (" +
                     std::to_string(labels[r]) + "); need 0 .. " + std::to_string(classes - 1));
  }
  double largest = 0;
  rows.each(0, x.rows, [&](Index r, double, Index) {
    if (rows.start == nullptr) rows.start = x.row(r);
    for (Index c = 0; c < x.cols; ++c) largest = std::max(largest, std::abs(rows.at(r, c)));
  });
  rows.unit = unit_scale(largest);
  return rows;
}

/// Means in two passes, the second over what rows differ from the first's by.
template <class T>
void find_means(const LabelledRows<T>& rows, Classes& found) {
  const Index c = rows.x.cols;
  for (int pass = 0; pass < 2; ++pass) {
    Matrix sums(found.means.rows, c);
    rows.each(0, rows.x.rows, [&](Index r, double weight, Index k) {
      for (Index j = 0; j < c; ++j) {
        sums.row(k)[j] += weight * (rows.at(r, j) - found.means.row(k)[j]);
      }
    });
    for (Index k = 0; k < sums.rows; ++k) {
      for (Index j = 0; j < c; ++j) {
        found.means.row(k)[j] += sums.row(k)[j] / found.sizes[std::size_t(k)];
      }
    }
  }
}

/// Means less their mean. A channel in which they differ by less than the rounding of the rows'
/// numbers there has none of it.
template <class T>
void find_between(const LabelledRows<T>& rows, Classes& found) {
  const Index k = found.means.rows, c = found.means.cols;
  std::vector<double> square(static_cast<std::size_t>(c), 0.0);
  rows.each(0, rows.x.rows, [&](Index r, double weight, Index) {
    for (Index j = 0; j < c; ++j) square[std::size_t(j)] += weight * rows.at(r, j) * rows.at(r, j);
  });
  found.between = found.means;
  for (Index j = 0; j < c; ++j) {
    double middle = 0, size = 0;
    for (Index i = 0; i < k; ++i) middle += found.means.row(i)[j] / double(k);
    for (Index i = 0; i < k; ++i) {
      double& d = found.between.row(i)[j];
      d -= middle;
      size = std::max(size, std::abs(d));
    }
    const double rounding = 1e-15 * std::sqrt(square[std::size_t(j)] / found.rows);
    for (Index i = 0; i < k && size <= rounding; ++i) found.between.row(i)[j] = 0;
  }
}

template <class T>
Classes classes_of(const LabelledRows<T>& rows, Index k) {
  Classes found;
  found.sizes.assign(std::size_t(k), 0.0);
  rows.each(0, rows.x.rows, [&](Index, double weight, Index label) {
    found.sizes[std::size_t(label)] += weight;
    found.rows += weight;
  });
  for (Index i = 0; i < k; ++i) {
    if (found.sizes[std::size_t(i)] > 0) continue;
    throw ValueError("neural_collapse: a class without rows (" + std::to_string(i) +
                     "); need one of each");
  }
  found.means = Matrix(k, rows.x.cols);
  find_means(rows, found);
  find_between(rows, found);
  return found;
}

/// The head, and the powers of two by which its scores neither overflow nor vanish.
template <class T>
struct Head {
  MatrixView<const T> w;
  const T* bias;
  double w_unit = 1, x_unit = 1, product_unit = 1, bias_unit = 1;

  double score(Index k, const T* x) const {
    double score = 0;
    for (Index j = 0; j < w.cols; ++j) {
      score += double(w(k, j)) * w_unit * (double(x[j]) * x_unit);
    }
    return score * product_unit + (bias == nullptr ? 0.0 : double(bias[k]) * bias_unit);
  }
};

template <class T>
Head<T> head_of(const MatrixView<const T>& w, const T* bias, const RowCheck& rows, Index classes,
                Index cols) {
  if (w.rows != classes || w.cols != cols) {
    throw ShapeError("neural_collapse: a head of another shape (" + shape_text(w.rows, w.cols) +
                     "); need " + shape_text(classes, cols));
  }
  Head<T> head{w, bias};
  head.w_unit = check_rows("neural_collapse: head", w, nullptr).scale;
  head.x_unit = rows.scale;
  double largest = 0;
  for (Index k = 0; bias != nullptr && k < classes; ++k) {
    if (!std::isfinite(bias[k])) {
      throw ValueError("neural_collapse: bias " + std::to_string(k) + " is not finite (" +
                       number_text(double(bias[k])) + "); need a number");
    }
    largest = std::max(largest, std::abs(double(bias[k])));
  }
  // Products are about 1 in their unit; a bias that is larger there sets another.
  const int exponent = std::ilogb(head.w_unit) + std::ilogb(head.x_unit);
  const int beyond = largest > 0 ? std::max(0, std::ilogb(largest) + exponent) : 0;
  head.product_unit = std::ldexp(1.0, -beyond);
  head.bias_unit = std::ldexp(1.0, exponent - beyond);
  return head;
}

/// The directions of B, unit rows, and its singular values in them: K rows that add up to 0 have
/// at most K - 1.
struct Directions {
  std::vector<double> s;
  Matrix axes;
};

Directions directions_of(const Matrix& b) {
  const auto found = eigen::right_vectors_of({b.numbers.data(), b.rows, b.cols});
  const std::vector<double>& s = found.values;
  const std::size_t most = std::size_t(std::min(b.rows - 1, b.cols));
  std::size_t kept = 0;
  while (kept < most && s[kept] > 0 && s[kept] > 1e-12 * s[0]) ++kept;
  Directions directions{{s.begin(), s.begin() + Index(kept)}, Matrix(Index(kept), b.cols)};
  std::copy_n(found.vectors.begin(), directions.axes.numbers.size(),
              directions.axes.numbers.begin());
  return directions;
}

/// What the last pass adds up over some rows.
struct Sums {
  double within = 0, disagree = 0;
  std::vector<double> along;
};

template <class T>
Sums sums_of(const LabelledRows<T>& rows, const Classes& classes, const Directions& directions,
             const Head<T>* head, Index first, Index end) {
  const Index c = rows.x.cols, k = classes.means.rows;
  Sums sums;
  sums.along.assign(directions.s.size(), 0.0);
  std::vector<double> row(static_cast<std::size_t>(c)), scores(static_cast<std::size_t>(k)),
      nearness(static_cast<std::size_t>(k));
  const auto less_mean = [&](Index r, Index of) {
    for (Index j = 0; j < c; ++j) row[std::size_t(j)] = rows.at(r, j) - classes.means.row(of)[j];
    return dot_of(row.data(), row.data(), c);
  };
  rows.each(first, end, [&](Index r, double weight, Index label) {
    for (Index i = 0; head != nullptr && i < k; ++i) {
      scores[std::size_t(i)] = head->score(i, rows.x.row(r));
      nearness[std::size_t(i)] = -less_mean(r, i);
    }
    if (head != nullptr && first_best(scores) != first_best(nearness)) sums.disagree += weight;
    sums.within += weight * less_mean(r, label);
    for (std::size_t i = 0; i < sums.along.size(); ++i) {
      const double along = dot_of(directions.axes.row(Index(i)), row.data(), c);
      sums.along[i] += weight * along * along;
    }
  });
  return sums;
}

/// Over all rows, per row.
template <class T>
Sums mean_sums(const LabelledRows<T>& rows, const Classes& classes, const Directions& directions,
               const Head<T>* head) {
  const Index shards = (rows.x.rows + kShard - 1) / kShard;
  std::vector<Sums> parts{std::size_t(shards)};
  for_each_output(shards, [&](Index shard) {
    parts[std::size_t(shard)] = sums_of(rows, classes, directions, head, shard * kShard,
                                        std::min(rows.x.rows, (shard + 1) * kShard));
  });
  Sums total;
  total.along.assign(directions.s.size(), 0.0);
  for (const Sums& part : parts) {
    total.within += part.within / classes.rows;
    total.disagree += part.disagree / classes.rows;
    for (std::size_t i = 0; i < total.along.size(); ++i) {
      total.along[i] += part.along[i] / classes.rows;
    }
  }
  return total;
}

template <class T>
void add_head(const Head<T>& head, const Matrix& between, NeuralCollapse& result) {
  Matrix weights(between.rows, between.cols), unit = between;
  for (Index i = 0; i < weights.rows; ++i) {
    for (Index j = 0; j < weights.cols; ++j) {
      weights.row(i)[j] = double(head.w(i, j)) * head.w_unit;
    }
  }
  const Spread spread = spread_of(weights);
  result.head_norms = spread.norms;
  result.head_cosines = spread.cosines;
  result.head_angles = spread.angles;
  normalize(weights.numbers);
  normalize(unit.numbers);
  for (std::size_t i = 0; i < unit.numbers.size(); ++i) {
    const double d = weights.numbers[i] - unit.numbers[i];
    result.self_duality += d * d;
  }
}

}  // namespace

template <class T>
NeuralCollapse neural_collapse(const MatrixView<const T>& x, const std::int32_t* labels,
                               Index classes, const MatrixView<const std::type_identity_t<T>>& head,
                               const std::type_identity_t<T>* bias, const float* count) {
  const RowCheck check = check_rows("neural_collapse", x, count);
  if (classes < 1) {
    throw ValueError("neural_collapse: no classes (" + std::to_string(classes) +
                     "); need at least one");
  }
  NeuralCollapse result;
  result.classes = classes;
  result.has_head = head.rows > 0;
  Head<T> scores{head, bias};
  if (result.has_head) scores = head_of<T>(head, bias, check, classes, x.cols);
  const LabelledRows<T> rows = labelled(x, labels, classes, count);
  const Classes found = classes_of(rows, classes);
  const Directions directions = directions_of(found.between);
  const Sums sums = mean_sums(rows, found, directions, result.has_head ? &scores : nullptr);
  const double root = ratio(std::sqrt(sums.within), found.between.norm());
  result.trace_ratio = root * root * double(classes);
  for (std::size_t i = 0; i < directions.s.size(); ++i) {
    result.within_to_between += sums.along[i] / directions.s[i] / directions.s[i];
  }
  if (directions.s.empty()) result.within_to_between = ratio(sums.within, 0);
  const Spread of_means = spread_of(found.between);
  result.mean_norms = of_means.norms;
  result.mean_cosines = of_means.cosines;
  result.mean_angles = of_means.angles;
  if (result.has_head) {
    add_head(scores, found.between, result);
    result.disagreement = sums.disagree;
  }
  return result;
}

template NeuralCollapse neural_collapse<float>(const MatrixView<const float>&, const std::int32_t*,
                                               Index, const MatrixView<const float>&, const float*,
                                               const float*);
template NeuralCollapse neural_collapse<double>(const MatrixView<const double>&,
                                                const std::int32_t*, Index,
                                                const MatrixView<const double>&, const double*,
                                                const float*);

std::vector<MetricValue> values_of(const NeuralCollapse& collapse) {
  const std::string means = "class means less their mean", head = "rows of the head";
  std::vector<MetricValue> values = {
      {"nc1_within_to_between", "1", collapse.within_to_between, "tr(S_w S_b^+) / K"},
      {"nc1_trace_ratio", "1", collapse.trace_ratio, "tr S_w / tr S_b"},
      {"nc2_mean_norms", "1", collapse.mean_norms, means},
      {"nc2_mean_cosines", "1", collapse.mean_cosines, means},
      {"nc2_mean_angles", "1", collapse.mean_angles, means}};
  if (collapse.has_head) {
    values.push_back({"nc2_head_norms", "1", collapse.head_norms, head});
    values.push_back({"nc2_head_cosines", "1", collapse.head_cosines, head});
    values.push_back({"nc2_head_angles", "1", collapse.head_angles, head});
    values.push_back({"nc3_self_duality", "1", collapse.self_duality, "head and class means"});
    values.push_back({"nc4_disagreement", "1", collapse.disagreement, "head and nearest mean"});
  }
  return values;
}

}  // namespace libnorm
