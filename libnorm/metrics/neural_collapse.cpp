#include "libnorm/metrics/neural_collapse.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/row_check.hpp"

namespace libnorm {
namespace {

constexpr Index kShard = 256;

/// Rows [R, C], zeros at first.
struct Rows {
  Index rows, cols;
  std::vector<double> memory = std::vector<double>(std::size_t(rows * cols), 0.0);

  double& operator()(Index r, Index c) { return memory[std::size_t(r * cols + c)]; }
  double operator()(Index r, Index c) const { return memory[std::size_t(r * cols + c)]; }
  std::span<const double> row(Index r) const {
    return {memory.data() + r * cols, std::size_t(cols)};
  }
  MatrixView<const double> view() const { return {memory.data(), rows, cols}; }
  /// Of all numbers.
  double norm() const { return length<double>(memory); }
};

struct Spread {
  double norms = 0, cosines = 0, angles = 0;
};

/// NC2 of rows [K, C].
Spread spread_of(const Rows& rows) {
  const Index k = rows.rows;
  Spread spread;
  std::vector<double> norms;
  double mean = 0, deviation = 0;
  for (Index i = 0; i < k; ++i) {
    norms.push_back(length(rows.row(i)));
    mean += norms.back() / double(k);
  }
  if (!(mean > 0) || k < 2) return spread;
  for (const double norm : norms) deviation += (norm - mean) * (norm - mean) / double(k);
  spread.norms = std::sqrt(deviation) / mean;
  std::vector<double> cosines;
  for (Index i = 0; i < k; ++i) {
    for (Index j = 0; j < i; ++j) {
      const double size = norms[std::size_t(i)] * norms[std::size_t(j)];
      cosines.push_back(size > 0 ? dot(rows.row(i), rows.row(j)) / size : 0.0);
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

/// What the second pass adds up over some rows.
struct Sums {
  double within = 0, disagree = 0;
  std::vector<double> along;
};

}  // namespace

template <class T>
NeuralCollapse neural_collapse(const MatrixView<const T>& x, const std::int32_t* labels,
                               Index classes, const MatrixView<const std::type_identity_t<T>>& head,
                               const std::type_identity_t<T>* bias, const float* count) {
  const RowCheck check = check_rows("neural_collapse", x, count);
  const Index k = classes, c = x.cols;
  if (k < 1) {
    throw ValueError("neural_collapse: no classes (" + std::to_string(k) + "); need at least one");
  }
  NeuralCollapse result;
  result.classes = k;
  result.has_head = head.rows > 0;
  double head_scale = 1;
  if (result.has_head) {
    if (head.rows != k || head.cols != c) {
      throw ShapeError("neural_collapse: a head of another shape (" +
                       shape_text(head.rows, head.cols) + "); need " + shape_text(k, c));
    }
    head_scale = check_rows("neural_collapse: head", head, nullptr).scale;
  }
  Rows means{k, c}, between{k, c};
  std::vector<double> sizes(std::size_t(k), 0.0);
  const auto weight_of = [&](Index r) { return count == nullptr ? 1.0 : double(count[r]); };
  // From the first row, so that the means of equal rows are exact.
  const auto from_first = [&](Index r, Index j) {
    return (double(x(r, j)) - double(x(0, j))) * check.scale;
  };
  for (Index r = 0; r < x.rows; ++r) {
    if (labels[r] < 0 || labels[r] >= k) {
      throw ValueError("neural_collapse: label of row " + std::to_string(r) + " (" +
                       std::to_string(labels[r]) + "); need 0 .. " + std::to_string(k - 1));
    }
    sizes[std::size_t(labels[r])] += weight_of(r);
    for (Index j = 0; j < c; ++j) {
      means(labels[r], j) += weight_of(r) * from_first(r, j);
    }
  }
  for (Index i = 0; i < k; ++i) {
    if (!(sizes[std::size_t(i)] > 0)) {
      throw ValueError("neural_collapse: a class without rows (" + std::to_string(i) +
                       "); need one of each");
    }
    for (Index j = 0; j < c; ++j) {
      means(i, j) = means(i, j) / sizes[std::size_t(i)] + double(x(0, j)) * check.scale;
    }
  }
  for (Index j = 0; j < c; ++j) {
    double middle = 0;
    for (Index i = 0; i < k; ++i) middle += means(i, j);
    middle /= double(k);
    for (Index i = 0; i < k; ++i) between(i, j) = means(i, j) - middle;
  }
  // Means that are alike differ by rounding.
  const double noise = 1e-15 * means.norm();
  if (between.norm() <= noise) between = {k, c};
  const auto [s, vectors] = eigen::right_vectors_of(between.view());
  std::size_t directions = 0;
  while (directions < s.size() && s[directions] > 0 && s[directions] > 1e-12 * s[0]) ++directions;
  const MatrixView<const double> axes(vectors.data(), Index(directions), c);

  const Index shards = (x.rows + kShard - 1) / kShard;
  std::vector<Sums> parts{std::size_t(shards)};
  for_each_output(shards, [&](Index shard) {
    Sums& sums = parts[std::size_t(shard)];
    sums.along.assign(directions, 0.0);
    std::vector<double> row(static_cast<std::size_t>(c)), along(directions);
    std::vector<double> logits(static_cast<std::size_t>(k)), nearness(static_cast<std::size_t>(k));
    for (Index r = shard * kShard; r < std::min(x.rows, (shard + 1) * kShard); ++r) {
      const double weight = weight_of(r);
      if (!(weight > 0)) continue;
      for (Index j = 0; j < c; ++j) row[std::size_t(j)] = double(x(r, j)) * check.scale;
      if (result.has_head) {
        for (Index i = 0; i < k; ++i) {
          double score = bias == nullptr ? 0.0 : double(bias[i]), distance = 0;
          for (Index j = 0; j < c; ++j) {
            const double d = row[std::size_t(j)] - means(i, j);
            score += double(head(i, j)) * double(x(r, j));
            distance += d * d;
          }
          logits[std::size_t(i)] = score;
          nearness[std::size_t(i)] = -distance;
        }
        if (first_best(logits) != first_best(nearness)) sums.disagree += weight;
      }
      add_scaled(-1.0, means.row(labels[r]), row);
      sums.within += weight * dot<double>(row, row);
      dot_rows(axes, row, along);
      for (std::size_t i = 0; i < directions; ++i) {
        sums.along[i] += weight * along[i] * along[i];
      }
    }
  });
  double within = 0, disagree = 0;
  std::vector<double> along(directions, 0.0);
  for (const Sums& part : parts) {
    within += part.within;
    disagree += part.disagree;
    for (std::size_t i = 0; i < along.size(); ++i) along[i] += part.along[i];
  }
  within /= check.rows;
  if (std::sqrt(within) <= noise) within = 0;
  result.trace_ratio = ratio(within, dot<double>(between.memory, between.memory) / double(k));
  for (std::size_t i = 0; i < directions && within > 0; ++i) {
    result.within_to_between += along[i] / check.rows / (s[i] * s[i]);
  }
  if (directions == 0) result.within_to_between = ratio(within, 0);
  const Spread of_means = spread_of(between);
  result.mean_norms = of_means.norms;
  result.mean_cosines = of_means.cosines;
  result.mean_angles = of_means.angles;
  if (result.has_head) {
    Rows weights{k, c};
    for (Index i = 0; i < k; ++i) {
      for (Index j = 0; j < c; ++j) weights(i, j) = double(head(i, j)) * head_scale;
    }
    const Spread of_head = spread_of(weights);
    result.head_norms = of_head.norms;
    result.head_cosines = of_head.cosines;
    result.head_angles = of_head.angles;
    const double of_weights = weights.norm(), of_between = between.norm();
    for (Index i = 0; i < k; ++i) {
      for (Index j = 0; j < c; ++j) {
        const double weight = of_weights > 0 ? weights(i, j) / of_weights : 0.0;
        const double unit = of_between > 0 ? between(i, j) / of_between : 0.0;
        result.self_duality += (weight - unit) * (weight - unit);
      }
    }
    result.disagreement = disagree / check.rows;
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
