#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "libnorm/core/tensor.hpp"
#include "tests/oracle/oracle.hpp"

namespace libnorm::test {

/// A matrix whose rows stand further apart than they are wide. What stands between them, and the
/// matrix until it is filled, is NaN: reading too much or writing too little shows.
template <class T>
class Padded {
 public:
  Padded(Index rows, Index cols, Index padding = 3)
      : memory_(std::size_t(rows * (cols + padding) + 1), std::numeric_limits<T>::quiet_NaN()),
        rows_(rows),
        cols_(cols),
        stride_(cols + padding) {}

  MatrixView<T> view() { return {memory_.data(), rows_, cols_, stride_}; }
  MatrixView<const T> view() const { return {memory_.data(), rows_, cols_, stride_}; }

  /// Whether everything outside the matrix is still NaN.
  bool padding_is_untouched() const {
    for (Index i = 0; i < Index(memory_.size()); ++i) {
      const bool inside = i % stride_ < cols_ && i / stride_ < rows_;
      if (!inside && !std::isnan(memory_[std::size_t(i)])) return false;
    }
    return true;
  }

 private:
  std::vector<T> memory_;
  Index rows_, cols_, stride_;
};

/// Normal numbers, one stream a seed, with a zero planted at every 17th.
template <class T>
Padded<T> draw(Index rows, Index cols, std::uint64_t seed, Index padding = 3) {
  Padded<T> m(rows, cols, padding);
  const Random random(seed, Purpose::test);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; ++c) {
      const Index i = r * cols + c;
      m.view()(r, c) = i % 17 == 5 ? T(0) : T(random.normal(std::uint64_t(i)));
    }
  }
  return m;
}

template <class T>
std::vector<T> draw_vector(Index size, std::uint64_t seed) {
  const auto m = draw<T>(1, size, seed, 0);
  return {m.view().data, m.view().data + size};
}

template <class T>
oracle::Matrix matrix_of(const MatrixView<T>& view) {
  oracle::Matrix m(std::size_t(view.rows), std::size_t(view.cols));
  for (Index r = 0; r < view.rows; ++r) {
    for (Index c = 0; c < view.cols; ++c) m(std::size_t(r), std::size_t(c)) = double(view(r, c));
  }
  return m;
}

}  // namespace libnorm::test
