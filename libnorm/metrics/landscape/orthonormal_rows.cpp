#include "libnorm/metrics/landscape/orthonormal_rows.hpp"

#include <algorithm>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/vector_sums.hpp"

namespace libnorm {

OrthonormalRows::OrthonormalRows(Index dimension, Index capacity)
    : dimension_(dimension),
      capacity_(capacity),
      memory_(std::make_unique_for_overwrite<double[]>(std::size_t(dimension * capacity))) {}

std::span<const double> OrthonormalRows::row(Index i) const {
  return {memory_.get() + i * dimension_, std::size_t(dimension_)};
}

double OrthonormalRows::orthogonalize(std::span<double> w, std::span<double> along) const {
  std::vector<double> factors(static_cast<std::size_t>(size_));
  std::fill(along.begin(), along.end(), 0.0);
  for (int pass = 0; pass < 2; ++pass) {
    dot_rows(rows(), w, factors);
    for (std::size_t i = 0; i < along.size(); ++i) along[i] += factors[i];
    for (double& factor : factors) factor = -factor;
    add_combination(factors, rows(), w);
  }
  return libnorm::length<double>(w);
}

void OrthonormalRows::append(std::span<const double> w, double length) {
  if (size_ == capacity_ || Index(w.size()) != dimension_) {
    throw ShapeError("OrthonormalRows: a row does not fit (" + std::to_string(w.size()) +
                     " numbers, " + std::to_string(size_) + " rows before); need " +
                     shape_text(capacity_, dimension_));
  }
  double* row = memory_.get() + size_ * dimension_;
  for (std::size_t i = 0; i < w.size(); ++i) row[i] = w[i] / length;
  ++size_;
}

void OrthonormalRows::combine(const MatrixView<const double>& mix) {
  constexpr Index kColumns = 256;
  // A stretch of columns is copied, so that the rows can be written where they stand.
  for_each_output((dimension_ + kColumns - 1) / kColumns, [&](Index stretch) {
    const Index first = stretch * kColumns;
    const Index count = std::min(kColumns, dimension_ - first);
    std::vector<double> old(std::size_t(size_ * count));
    for (Index k = 0; k < size_; ++k) {
      const double* from = memory_.get() + k * dimension_ + first;
      std::copy(from, from + count, old.data() + k * count);
    }
    for (Index i = 0; i < mix.rows; ++i) {
      const std::span<double> to(memory_.get() + i * dimension_ + first, std::size_t(count));
      std::fill(to.begin(), to.end(), 0.0);
      add_combination({mix.row(i), std::size_t(size_)}, {old.data(), size_, count}, to);
    }
  });
  size_ = mix.rows;
}

}  // namespace libnorm
