#include "libnorm/metrics/activations/cka.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "libnorm/metrics/row_check.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {
namespace {

/// What rows are counted from. The mean is that of the formula. Without the pairs of a row with
/// itself any origin gives the same; the median keeps the digits where a few rows are far out.
enum class Origin { mean, median };

/// One set of features, read a few rows at a time: less the origin, in a unit, times the root of
/// the count.
template <class T>
class Features {
 public:
  Features(const MatrixView<const T>& x, const float* count, Origin origin) : x_(x), count_(count) {
    const RowCheck check = check_rows("linear_cka", x, count);
    base_.assign(std::size_t(x.cols), 0.0);
    mean_.assign(std::size_t(x.cols), 0.0);
    if (!(check.rows > 0)) return;
    if (origin == Origin::median) {
      base_ = medians();
      unit_ = unit_between(sizes());
    } else {
      // From the first row that counts, so that equal rows are exactly their mean.
      Index first = 0;
      while (!(weight_of(first) > 0)) ++first;
      base_.assign(x.row(first), x.row(first) + x.cols);
      const std::vector<double> size = sizes();
      unit_ = unit_scale(*std::max_element(size.begin(), size.end()));
      take_mean(check.rows);
    }
  }

  /// Rows [n, C] from `first` on, in `memory`.
  MatrixView<const double> read(Index first, Index n, std::vector<double>& memory) const {
    memory.resize(std::size_t(n * x_.cols));
    for (Index r = 0; r < n; ++r) {
      const double root = std::sqrt(weight_of(first + r));
      double* to = memory.data() + r * x_.cols;
      // Of rows that do not count a product may be too large.
      if (!(root > 0)) std::fill(to, to + x_.cols, 0.0);
      for (Index c = 0; root > 0 && c < x_.cols; ++c) {
        to[c] = (from_base(first + r, c) * unit_ - mean_[std::size_t(c)]) * root;
      }
    }
    return {memory.data(), n, x_.cols};
  }
  Index rows() const { return x_.rows; }
  Index cols() const { return x_.cols; }
  double unit() const { return unit_; }

 private:
  double weight_of(Index r) const { return count_ == nullptr ? 1.0 : double(count_[r]); }
  double from_base(Index r, Index c) const { return double(x_(r, c)) - base_[std::size_t(c)]; }

  /// Of each column, the lower of two.
  std::vector<double> medians() const {
    std::vector<double> column, result;
    for (Index c = 0; c < x_.cols; ++c) {
      column.clear();
      for (Index r = 0; r < x_.rows; ++r) column.push_back(double(x_(r, c)));
      const auto middle = column.begin() + (x_.rows - 1) / 2;
      std::nth_element(column.begin(), middle, column.end());
      result.push_back(*middle);
    }
    return result;
  }
  /// The largest magnitude in each row that counts.
  std::vector<double> sizes() const {
    std::vector<double> sizes(std::size_t(x_.rows), 0.0);
    for (Index r = 0; r < x_.rows; ++r) {
      if (!(weight_of(r) > 0)) continue;
      double& size = sizes[std::size_t(r)];
      for (Index c = 0; c < x_.cols; ++c) size = std::max(size, std::abs(from_base(r, c)));
    }
    return sizes;
  }
  /// Brings the product of the largest row and one of the middle to about 1.
  static double unit_between(std::vector<double> sizes) {
    const double largest = *std::max_element(sizes.begin(), sizes.end());
    const auto middle = sizes.begin() + Index(sizes.size()) / 2;
    std::nth_element(sizes.begin(), middle, sizes.end());
    return unit_scale(*middle > 0 ? std::sqrt(largest) * std::sqrt(*middle) : largest);
  }
  void take_mean(double rows) {
    for (Index r = 0; r < x_.rows; ++r) {
      const double weight = weight_of(r);
      if (!(weight > 0)) continue;
      for (Index c = 0; c < x_.cols; ++c) {
        mean_[std::size_t(c)] += weight * (from_base(r, c) * unit_);
      }
    }
    for (double& m : mean_) m /= rows;
  }

  MatrixView<const T> x_;
  const float* count_;
  /// [C], a row or the medians; and what the mean differs from it by, times the unit.
  std::vector<double> base_, mean_;
  double unit_ = 1;
};

/// Of K = X X^T and L = Y Y^T: sums of products over pairs of different rows, each pair once; sums
/// of each row without its pair with itself; and those, ||x||^2 and ||y||^2.
struct Kernels {
  double xx = 0, yy = 0, xy = 0;
  std::vector<double> x_rest, y_rest, x_own, y_own;
  /// In which rows of x and y were read.
  double x_unit = 1, y_unit = 1;
};

double dot(const double* a, const double* b, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

template <class T>
class PairSums {
 public:
  PairSums(const Features<T>& x, const Features<T>& y)
      : x_(x),
        y_(y),
        block_(std::clamp((Index(1) << 22) / std::max(x.cols(), y.cols()), Index(16), Index(256))) {
    const auto rows = static_cast<std::size_t>(x.rows());
    for (auto* sums : {&kernels_.x_rest, &kernels_.y_rest, &kernels_.x_own, &kernels_.y_own}) {
      sums->assign(rows, 0.0);
    }
  }

  /// By the kernels themselves, block by block, or where there are many rows by X^T X, X^T Y and
  /// Y^T Y of the rows before a block.
  Kernels all() {
    const double c = double(x_.cols()), d = double(y_.cols());
    const bool by_kernels = double(x_.rows()) * (c + d) <= 4 * (c * c + c * d + d * d);
    for (Index first = 0; first < x_.rows(); first += block_) {
      const Rows a = read(first, near_x_, near_y_);
      add_block(a, a);
      for (Index before = 0; by_kernels && before < first; before += block_) {
        add_block(a, read(before, far_x_, far_y_));
      }
      if (!by_kernels) add_before(a);
    }
    if (!by_kernels) add_rests();
    return std::move(kernels_);
  }

 private:
  struct Rows {
    Index first, n;
    MatrixView<const double> x, y;
  };

  Rows read(Index first, std::vector<double>& x, std::vector<double>& y) const {
    const Index n = std::min(block_, x_.rows() - first);
    return {first, n, x_.read(first, n, x), y_.read(first, n, y)};
  }

  /// Pairs of a row of `a` and one of `b`, which is `a` or comes before it.
  void add_block(const Rows& a, const Rows& b) {
    k_.resize(std::size_t(a.n * b.n));
    l_.resize(k_.size());
    gemm<double>(plain(a.x), transposed(b.x), MatrixView<double>(k_.data(), a.n, b.n));
    gemm<double>(plain(a.y), transposed(b.y), MatrixView<double>(l_.data(), a.n, b.n));
    for (Index i = 0; i < a.n; ++i) {
      const std::size_t at = std::size_t(a.first + i);
      const double *k = k_.data() + i * b.n, *l = l_.data() + i * b.n;
      const bool same = a.first == b.first;
      for (Index j = 0; j < (same ? i : b.n); ++j) {
        kernels_.xx += k[j] * k[j];
        kernels_.yy += l[j] * l[j];
        kernels_.xy += k[j] * l[j];
        kernels_.x_rest[at] += k[j];
        kernels_.y_rest[at] += l[j];
        kernels_.x_rest[std::size_t(b.first + j)] += k[j];
        kernels_.y_rest[std::size_t(b.first + j)] += l[j];
      }
      if (!same) continue;
      kernels_.x_own[at] = k[i];
      kernels_.y_own[at] = l[i];
    }
  }

  /// sum over i of a, j before a of (x_i x_j) (y_i y_j) = sum over i of x_i (sum_j x_j y_j^T) y_i.
  void add_before(const Rows& a) {
    kernels_.xx += through(a.x, a.x, xx_);
    kernels_.yy += through(a.y, a.y, yy_);
    kernels_.xy += through(a.x, a.y, xy_);
  }

  /// And takes the rows into the product of those before.
  double through(const MatrixView<const double>& a, const MatrixView<const double>& b,
                 std::vector<double>& before) {
    before.resize(std::size_t(a.cols * b.cols), 0.0);
    const MatrixView<double> m(before.data(), a.cols, b.cols);
    turned_.resize(std::size_t(a.rows * b.cols));
    gemm<double>(plain(a), plain(m), MatrixView<double>(turned_.data(), a.rows, b.cols));
    gemm<double>(transposed(a), plain(b), m, nullptr, Output::add);
    double sum = 0;
    for (Index i = 0; i < a.rows; ++i) {
      sum += dot(turned_.data() + i * b.cols, b.row(i), b.cols);
    }
    return sum;
  }

  /// What rows have with those of blocks before them, and of blocks behind them: by sums of these,
  /// of which a row itself is never a part.
  void add_rests() {
    const Index blocks = (x_.rows() + block_ - 1) / block_;
    for (const bool forward : {true, false}) {
      std::vector<double> x_sum(std::size_t(x_.cols()), 0.0), y_sum(std::size_t(y_.cols()), 0.0);
      for (Index i = 0; i < blocks; ++i) {
        const Rows a = read((forward ? i : blocks - 1 - i) * block_, near_x_, near_y_);
        add_rest(a.x, a.first, x_sum, kernels_.x_rest);
        add_rest(a.y, a.first, y_sum, kernels_.y_rest);
      }
    }
  }

  static void add_rest(const MatrixView<const double>& rows, Index first,
                       std::vector<double>& others, std::vector<double>& rest) {
    for (Index i = 0; i < rows.rows; ++i) {
      rest[std::size_t(first + i)] += dot(rows.row(i), others.data(), rows.cols);
    }
    for (Index i = 0; i < rows.rows; ++i) {
      for (Index c = 0; c < rows.cols; ++c) others[std::size_t(c)] += rows(i, c);
    }
  }

  const Features<T>& x_;
  const Features<T>& y_;
  Index block_;
  Kernels kernels_;
  std::vector<double> near_x_, near_y_, far_x_, far_y_, k_, l_, turned_;
  /// Of rows before the block.
  std::vector<double> xx_, yy_, xy_;
};

template <class T>
Kernels kernels_of(const MatrixView<const T>& x, const MatrixView<const T>& y, const float* count,
                   Origin origin) {
  if (x.rows != y.rows) {
    throw ShapeError("linear_cka: rows differ (X " + shape_text(x.rows, x.cols) + ", Y " +
                     shape_text(y.rows, y.cols) + "); need the same rows");
  }
  const Features<T> left(x, count, origin), right(y, count, origin);
  Kernels kernels = PairSums<T>(left, right).all();
  kernels.x_unit = left.unit();
  kernels.y_unit = right.unit();
  return kernels;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return dot(a.data(), b.data(), Index(a.size()));
}

double sum_of(const std::vector<double>& a) {
  double sum = 0;
  for (const double x : a) sum += x;
  return sum;
}

/// n (n - 3) times the unbiased estimator: of the sum over pairs of different rows, and of what
/// each row has with the others. 0 where only the rounding of what was subtracted is left.
double unbiased(double pairs, const std::vector<double>& p, const std::vector<double>& q) {
  constexpr double kRounding = 1e-14;
  const double n = double(p.size());
  const double all = sum_of(p) * sum_of(q) / ((n - 1) * (n - 2)), rests = 2 / (n - 2) * dot(p, q);
  const double value = 2 * pairs + all - rests;
  const double most = std::abs(2 * pairs) + std::abs(all) + std::abs(rests);
  return std::abs(value) > kRounding * most ? value : 0;
}

}  // namespace

template <class T>
double linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y, const float* count) {
  const Kernels k = kernels_of(x, y, count, Origin::mean);
  const double xx = 2 * k.xx + dot(k.x_own, k.x_own), yy = 2 * k.yy + dot(k.y_own, k.y_own);
  const double xy = 2 * k.xy + dot(k.x_own, k.y_own);
  if (!(xx > 0) || !(yy > 0)) return 0;
  return std::min(1.0, xy / std::sqrt(xx) / std::sqrt(yy));
}

template double linear_cka<float>(const MatrixView<const float>&, const MatrixView<const float>&,
                                  const float*);
template double linear_cka<double>(const MatrixView<const double>&, const MatrixView<const double>&,
                                   const float*);

template <class T>
double debiased_linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y) {
  const Kernels k = kernels_of(x, y, nullptr, Origin::median);
  if (x.rows < 4) return 0;
  const double xx = unbiased(k.xx, k.x_rest, k.x_rest), yy = unbiased(k.yy, k.y_rest, k.y_rest);
  if (!(xx > 0) || !(yy > 0)) return 0;
  return unbiased(k.xy, k.x_rest, k.y_rest) / std::sqrt(xx) / std::sqrt(yy);
}

template <class T>
void MinibatchCka::add(const MatrixView<const T>& x, const MatrixView<const T>& y) {
  const Kernels k = kernels_of(x, y, nullptr, Origin::median);
  if (x.rows < 4) {
    throw ShapeError("MinibatchCka::add: too few rows (" + std::to_string(x.rows) +
                     "); need four, or the unbiased estimator does not exist");
  }
  if (batches_++ == 0) {
    x_unit_ = k.x_unit;
    y_unit_ = k.y_unit;
  }
  const double n = double(x.rows), pairs = n * (n - 3);
  const double a = x_unit_ / k.x_unit, b = y_unit_ / k.y_unit;
  xx_ += unbiased(k.xx, k.x_rest, k.x_rest) / pairs * (a * a) * (a * a);
  yy_ += unbiased(k.yy, k.y_rest, k.y_rest) / pairs * (b * b) * (b * b);
  xy_ += unbiased(k.xy, k.x_rest, k.y_rest) / pairs * (a * a) * (b * b);
}

template void MinibatchCka::add<float>(const MatrixView<const float>&,
                                       const MatrixView<const float>&);
template void MinibatchCka::add<double>(const MatrixView<const double>&,
                                        const MatrixView<const double>&);

double MinibatchCka::value() const {
  if (!(xx_ > 0) || !(yy_ > 0)) return 0;
  return xy_ / std::sqrt(xx_) / std::sqrt(yy_);
}

template double debiased_linear_cka<float>(const MatrixView<const float>&,
                                           const MatrixView<const float>&);
template double debiased_linear_cka<double>(const MatrixView<const double>&,
                                            const MatrixView<const double>&);

}  // namespace libnorm
