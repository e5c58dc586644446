#include "libnorm/metrics/cka.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "libnorm/metrics/row_check.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {
namespace {

constexpr Index kStretch = 1024;

/// One set of features, read a stretch at a time: centred, scaled, times the root of the count.
template <class T>
class Features {
 public:
  Features(const MatrixView<const T>& x, const float* count)
      : x_(x), count_(count), check_(check_rows("linear_cka", x, count)) {
    mean_.assign(std::size_t(x.cols), 0.0);
    if (check_.rows > 0) {
      // From the first row that counts, so that the mean of equal rows is exact.
      Index origin = 0;
      while (!(weight_of(origin) > 0)) ++origin;
      for (Index r = origin; r < x.rows; ++r) {
        for (Index c = 0; c < x.cols; ++c) {
          mean_[std::size_t(c)] += weight_of(r) * (scaled(r, c) - scaled(origin, c));
        }
      }
      for (Index c = 0; c < x.cols; ++c) {
        mean_[std::size_t(c)] = scaled(origin, c) + mean_[std::size_t(c)] / check_.rows;
      }
    }
    stretch_.resize(std::size_t(std::min(kStretch, x.rows) * x.cols));
  }

  MatrixView<const double> read(Index first, Index n) {
    for (Index r = 0; r < n; ++r) {
      const double root = std::sqrt(weight_of(first + r));
      for (Index c = 0; c < x_.cols; ++c) {
        stretch_[std::size_t(r * x_.cols + c)] =
            (scaled(first + r, c) - mean_[std::size_t(c)]) * root;
      }
    }
    return {stretch_.data(), n, x_.cols};
  }

  /// What is left of constant features is rounding.
  bool varies(double squares) const {
    constexpr double kRounding = 1e-15;
    return squares > kRounding * kRounding * check_.rows * double(x_.cols);
  }
  Index rows() const { return x_.rows; }
  Index cols() const { return x_.cols; }

 private:
  double weight_of(Index r) const { return count_ == nullptr ? 1.0 : double(count_[r]); }
  double scaled(Index r, Index c) const { return double(x_(r, c)) * check_.scale; }

  MatrixView<const T> x_;
  const float* count_;
  RowCheck check_;
  std::vector<double> mean_, stretch_;
};

/// All that both forms need.
struct Products {
  /// Squares of the norms of X^T X, Y^T Y, X^T Y.
  double xx = 0, yy = 0, xy = 0;
  /// Sums over rows of ||x||^2, ||y||^2, their squares and product.
  double x = 0, y = 0, x_x = 0, y_y = 0, x_y = 0;
  bool varies = false;
};

double squares(const std::vector<double>& m) {
  double sum = 0;
  for (const double value : m) sum += value * value;
  return sum;
}

template <class T>
Products products(const MatrixView<const T>& x, const MatrixView<const T>& y, const float* count) {
  if (x.rows != y.rows) {
    throw ShapeError("linear_cka: rows differ (X " + shape_text(x.rows, x.cols) + ", Y " +
                     shape_text(y.rows, y.cols) + "); need the same rows");
  }
  Features<T> left(x, count), right(y, count);
  const Index c = x.cols, d = y.cols;
  std::vector<double> xx(std::size_t(c * c)), yy(std::size_t(d * d)), xy(std::size_t(c * d));
  Products sums;
  for (Index first = 0; first < x.rows; first += kStretch) {
    const Index n = std::min(kStretch, x.rows - first);
    const MatrixView<const double> a = left.read(first, n), b = right.read(first, n);
    gemm<double>(transposed(a), plain(a), MatrixView<double>(xx.data(), c, c), nullptr,
                 Output::add);
    gemm<double>(transposed(b), plain(b), MatrixView<double>(yy.data(), d, d), nullptr,
                 Output::add);
    gemm<double>(transposed(a), plain(b), MatrixView<double>(xy.data(), c, d), nullptr,
                 Output::add);
    for (Index r = 0; r < n; ++r) {
      double p = 0, q = 0;
      for (Index j = 0; j < c; ++j) p += a(r, j) * a(r, j);
      for (Index j = 0; j < d; ++j) q += b(r, j) * b(r, j);
      sums.x += p;
      sums.y += q;
      sums.x_x += p * p;
      sums.y_y += q * q;
      sums.x_y += p * q;
    }
  }
  sums.xx = squares(xx);
  sums.yy = squares(yy);
  sums.xy = squares(xy);
  sums.varies = left.varies(sums.x) && right.varies(sums.y);
  return sums;
}

/// n (n - 3) times the unbiased estimator: for centred rows the kernel without its diagonal has row
/// sums -||x||^2.
double unbiased(double product, double of_rows, double p, double q, double n) {
  return product - of_rows + p * q / ((n - 1) * (n - 2)) - 2 / (n - 2) * of_rows;
}

}  // namespace

template <class T>
double linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y, const float* count) {
  const Products sums = products(x, y, count);
  return sums.varies ? std::min(1.0, sums.xy / std::sqrt(sums.xx) / std::sqrt(sums.yy)) : 0;
}

template double linear_cka<float>(const MatrixView<const float>&, const MatrixView<const float>&,
                                  const float*);
template double linear_cka<double>(const MatrixView<const double>&, const MatrixView<const double>&,
                                   const float*);

template <class T>
double debiased_linear_cka(const MatrixView<const T>& x, const MatrixView<const T>& y) {
  const Products sums = products(x, y, nullptr);
  const double n = double(x.rows);
  if (n < 4 || !sums.varies) return 0;
  const double xx = unbiased(sums.xx, sums.x_x, sums.x, sums.x, n);
  const double yy = unbiased(sums.yy, sums.y_y, sums.y, sums.y, n);
  // Below this it is the rounding of what was subtracted.
  constexpr double kRounding = 1e-14;
  if (!(xx > kRounding * sums.xx) || !(yy > kRounding * sums.yy)) return 0;
  return unbiased(sums.xy, sums.x_y, sums.x, sums.y, n) / std::sqrt(xx) / std::sqrt(yy);
}

template double debiased_linear_cka<float>(const MatrixView<const float>&,
                                           const MatrixView<const float>&);
template double debiased_linear_cka<double>(const MatrixView<const double>&,
                                            const MatrixView<const double>&);

}  // namespace libnorm
