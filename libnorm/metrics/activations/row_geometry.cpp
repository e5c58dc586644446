#include "libnorm/metrics/activations/row_geometry.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/math.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/row_check.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {
namespace {

/// Rows that are worked on at once.
constexpr Index kStretch = 1024;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double weight_of(const float* count, Index r) { return count == nullptr ? 1.0 : double(count[r]); }

/// rows [n, C] of x times scale.
template <class T>
void copy_rows(const MatrixView<const T>& x, Index first, Index n, double scale, double* to) {
  for (Index r = 0; r < n; ++r) {
    for (Index c = 0; c < x.cols; ++c) to[r * x.cols + c] = double(x(first + r, c)) * scale;
  }
}

/// log sum w exp(p), taken in a term at a time.
struct LogSum {
  double top = -kInfinity;
  double sum = 0;

  void add(double p, double weight) {
    if (sum == 0) {
      top = p;
      sum = weight;
    } else if (p > top) {
      sum = sum * math::exp(top - p) + weight;
      top = p;
    } else {
      sum += weight * math::exp(p - top);
    }
  }
  double value() const { return top + math::log(sum); }
};

/// Unit eigenvectors of a symmetric matrix [n, n], vector i at row i.
std::vector<double> eigenvectors_of(const std::vector<double>& m, Index n) {
  eigen::Eigensystem solved = eigen::eigensystem_of({m.data(), n, n}, eigen::Vectors::kept);
  if (solved.values.empty()) {
    throw ValueError("partition_isotropy: Eigen found no eigenvalues of X^T X (" +
                     shape_text(n, n) + "); need finite numbers of one scale");
  }
  return std::move(solved.vectors);
}

/// Sums Z along directions c and against them.
class Partition {
 public:
  explicit Partition(Index directions)
      : with_(static_cast<std::size_t>(directions)), against_(with_) {}

  /// A row of this weight has p = c . x in that direction.
  void add(Index direction, double p, double weight) {
    if (!(weight > 0)) return;
    with_[std::size_t(direction)].add(p, weight);
    against_[std::size_t(direction)].add(-p, weight);
  }
  /// min Z / max Z
  double isotropy() const {
    double low = kInfinity, high = -kInfinity;
    for (const auto* sums : {&with_, &against_}) {
      for (const LogSum& sum : *sums) {
        low = std::min(low, sum.value());
        high = std::max(high, sum.value());
      }
    }
    return math::exp(low - high);
  }

 private:
  std::vector<LogSum> with_, against_;
};

template <class T>
Partition partition_of_many(const MatrixView<const T>& x, const float* count, double scale) {
  const Index c = x.cols;
  const Index whole = std::min(kStretch, x.rows);
  std::vector<double> stretch(std::size_t(whole * c)), weighted(std::size_t(whole * c));
  std::vector<double> gram(std::size_t(c * c), 0.0), seen(std::size_t(whole * c));
  const auto each_stretch = [&](double by, const auto& f) {
    for (Index first = 0; first < x.rows; first += kStretch) {
      const Index n = std::min(kStretch, x.rows - first);
      copy_rows(x, first, n, by, stretch.data());
      f(first, n, MatrixView<const double>(stretch.data(), n, c));
    }
  };
  each_stretch(scale, [&](Index first, Index n, const MatrixView<const double>& rows) {
    for (Index r = 0; r < n; ++r) {
      for (Index j = 0; j < c; ++j) {
        weighted[std::size_t(r * c + j)] = weight_of(count, first + r) * rows(r, j);
      }
    }
    gemm<double>(transposed(rows), plain(MatrixView<const double>(weighted.data(), n, c)),
                 MatrixView<double>(gram.data(), c, c), nullptr, Output::add);
  });
  const std::vector<double> vectors = eigenvectors_of(gram, c);
  const MatrixView<const double> directions(vectors.data(), c, c);
  Partition sums(c);
  each_stretch(1.0, [&](Index first, Index n, const MatrixView<const double>& rows) {
    gemm<double>(plain(rows), transposed(directions), MatrixView<double>(seen.data(), n, c));
    for_each_output(c, [&](Index j) {
      for (Index r = 0; r < n; ++r) {
        sums.add(j, seen[std::size_t(r * c + j)], weight_of(count, first + r));
      }
    });
  });
  return sums;
}

/// Of fewer rows than channels: with Y the rows times the roots of their weights and Y Y^T = U L
/// U^T, row r of Y has s_i U(r, i) in direction Y^T u_i / s_i. All rows have 0 in what is left.
template <class T>
Partition partition_of_few(const MatrixView<const T>& x, const float* count, double scale) {
  const Index n = x.rows, whole = std::min(kStretch, x.cols);
  std::vector<double> root, strip(std::size_t(n * whole)), turned(std::size_t(n * whole));
  std::vector<double> gram(std::size_t(n * n), 0.0), square(std::size_t(n), 0.0);
  for (Index r = 0; r < n; ++r) root.push_back(std::sqrt(weight_of(count, r)));
  const auto each_strip = [&](const auto& f) {
    for (Index first = 0; first < x.cols; first += kStretch) {
      const Index c = std::min(kStretch, x.cols - first);
      for (Index r = 0; r < n; ++r) {
        for (Index j = 0; j < c; ++j) {
          strip[std::size_t(r * c + j)] = double(x(r, first + j)) * scale * root[std::size_t(r)];
        }
      }
      f(MatrixView<const double>(strip.data(), n, c));
    }
  };
  each_strip([&](const MatrixView<const double>& y) {
    gemm<double>(plain(y), transposed(y), MatrixView<double>(gram.data(), n, n), nullptr,
                 Output::add);
  });
  const std::vector<double> vectors = eigenvectors_of(gram, n);
  const MatrixView<const double> u(vectors.data(), n, n);
  // s_i as the length of Y^T u_i: the root of an eigenvalue would have half of its digits.
  each_strip([&](const MatrixView<const double>& y) {
    gemm<double>(plain(u), plain(y), MatrixView<double>(turned.data(), n, y.cols));
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < y.cols; ++j) {
        const double v = turned[std::size_t(i * y.cols + j)];
        square[std::size_t(i)] += v * v;
      }
    }
  });
  Partition sums(n + 1);
  for (Index r = 0; r < n; ++r) {
    const double weight = weight_of(count, r);
    for (Index i = 0; i < n; ++i) {
      const double s = std::sqrt(square[std::size_t(i)]) / scale;
      sums.add(i, weight > 0 ? s * u(i, r) / root[std::size_t(r)] : 0.0, weight);
    }
    sums.add(n, 0.0, weight);
  }
  return sums;
}

}  // namespace

RowDirections::RowDirections(Index channels) {
  if (channels < 1) {
    throw ShapeError("RowDirections: no channels (" + std::to_string(channels) +
                     "); need at least 1");
  }
  sum_.assign(std::size_t(channels), 0.0);
}

template <class T>
void RowDirections::add(const MatrixView<const T>& x, const float* count) {
  const Index shards = (x.rows + kStretch - 1) / kStretch, c = Index(sum_.size());
  if (x.cols != c) {
    throw ShapeError("RowDirections::add: another width (" + shape_text(x.rows, x.cols) +
                     "); need " + std::to_string(c) + " columns");
  }
  check_rows("RowDirections::add", x, count);
  std::vector<double> sums(std::size_t(shards * c), 0.0), weights(std::size_t(shards), 0.0);
  for_each_output(shards, [&](Index shard) {
    std::vector<double> row(static_cast<std::size_t>(c));
    double* sum = sums.data() + shard * c;
    for (Index r = shard * kStretch; r < std::min(x.rows, (shard + 1) * kStretch); ++r) {
      // Each row by its own largest, so that small rows keep their direction.
      double top = 0, square = 0;
      for (Index j = 0; j < c; ++j) top = std::max(top, std::abs(double(x(r, j))));
      const double weight = weight_of(count, r);
      if (!(top > 0) || !(weight > 0)) continue;
      for (Index j = 0; j < c; ++j) {
        row[std::size_t(j)] = double(x(r, j)) / top;
        square += row[std::size_t(j)] * row[std::size_t(j)];
      }
      const double factor = weight / std::sqrt(square);
      for (Index j = 0; j < c; ++j) sum[j] += factor * row[std::size_t(j)];
      weights[std::size_t(shard)] += weight;
    }
  });
  for (Index shard = 0; shard < shards; ++shard) {
    total_ += weights[std::size_t(shard)];
    for (Index j = 0; j < c; ++j) sum_[std::size_t(j)] += sums[std::size_t(shard * c + j)];
  }
}

template void RowDirections::add<float>(const MatrixView<const float>&, const float*);
template void RowDirections::add<double>(const MatrixView<const double>&, const float*);

double RowDirections::mean_cosine() const {
  if (!(total_ > 1)) return 0;
  double square = 0;
  for (const double sum : sum_) square += sum * sum;
  return std::clamp((square - total_) / (total_ * (total_ - 1)), -1.0, 1.0);
}

template <class T>
double mean_cosine(const MatrixView<const T>& x, const float* count) {
  check_rows("mean_cosine", x, count);
  RowDirections directions(x.cols);
  directions.add(x, count);
  return directions.mean_cosine();
}

template double mean_cosine<float>(const MatrixView<const float>&, const float*);
template double mean_cosine<double>(const MatrixView<const double>&, const float*);

template <class T>
double partition_isotropy(const MatrixView<const T>& x, const float* count) {
  const RowCheck check = check_rows("partition_isotropy", x, count);
  if (!(check.rows > 0)) {
    throw ShapeError("partition_isotropy: no rows count (" + shape_text(x.rows, x.cols) +
                     "); need at least one");
  }
  return (x.rows < x.cols ? partition_of_few(x, count, check.scale)
                          : partition_of_many(x, count, check.scale))
      .isotropy();
}

template double partition_isotropy<float>(const MatrixView<const float>&, const float*);
template double partition_isotropy<double>(const MatrixView<const double>&, const float*);

template <class T>
std::vector<MetricValue> row_metrics(const MatrixView<const T>& x, const float* count) {
  ChannelMoments moments(x.cols);
  moments.add(x, count);
  std::vector<MetricValue> values = values_of(moments);
  values.push_back({"mean_cosine", "1", mean_cosine(x, count), "pairs of rows, not centred"});
  values.push_back({"partition_isotropy", "1", partition_isotropy(x, count), "not centred"});
  return values;
}

template std::vector<MetricValue> row_metrics<float>(const MatrixView<const float>&, const float*);
template std::vector<MetricValue> row_metrics<double>(const MatrixView<const double>&,
                                                      const float*);

}  // namespace libnorm
