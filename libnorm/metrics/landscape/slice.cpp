#include "libnorm/metrics/landscape/slice.hpp"

#include <cmath>
#include <string>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/pack.hpp"
#include "libnorm/core/vector_sums.hpp"

namespace libnorm {
namespace {

template <class T>
std::span<T> part(std::vector<T>& x, Index first, Index count) {
  return std::span<T>(x).subspan(std::size_t(first), std::size_t(count));
}

}  // namespace

std::vector<double> even_grid(double low, double high, Index points) {
  if (points < 2 || !(low < high) || !std::isfinite(high - low)) {
    throw ValueError("even_grid: no such grid (" + std::to_string(points) + " points from " +
                     number_text(low) + " to " + number_text(high) +
                     "); need at least 2, from low to high, whose difference is finite");
  }
  std::vector<double> grid;
  for (Index i = 0; i < points; ++i) {
    grid.push_back(low + (high - low) * double(i) / double(points - 1));
  }
  return grid;
}

template <class T>
std::vector<T> unit_direction(const Random& random, Index size) {
  std::vector<T> d;
  d.reserve(std::size_t(size));
  for (Index i = 0; i < size; ++i) d.push_back(T(random.normal(std::uint64_t(i))));
  scale<T>(d, 1.0 / length<T>(d));
  return d;
}

template <class T>
std::vector<T> filter_normalized_direction(const Random& random, const ParameterList& parameters,
                                           const std::vector<T>& weights) {
  std::vector<T> d(weights.size(), T(0));
  for (const Parameter& p : parameters.all()) {
    if (!p.is_matrix()) continue;
    for (Index r = 0; r < p.rows; ++r) {
      const Index at = p.offset + r * p.cols;
      for (Index i = at; i < at + p.cols; ++i) {
        d[std::size_t(i)] = T(random.normal(std::uint64_t(i)));
      }
      const std::span<T> filter = part(d, at, p.cols);
      const std::span<const T> weight(weights.data() + at, std::size_t(p.cols));
      scale(filter, length(weight) / length<T>(filter));
    }
  }
  return d;
}

template <class T>
LossSlice slice_loss(std::vector<T>& weights, const std::vector<T>& direction,
                     const std::vector<double>& alpha, Walk walk,
                     const std::function<double()>& loss) {
  if (weights.size() != direction.size()) {
    throw ShapeError("slice_loss: sizes differ (" + std::to_string(weights.size()) +
                     " weights, direction of " + std::to_string(direction.size()) +
                     "); need the same");
  }
  const std::vector<T> trained = weights;
  LossSlice slice{alpha, {}};
  for (const double a : alpha) {
    const std::vector<T>& from = walk == Walk::restored ? trained : weights;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = fused(T(a), direction[i], from[i]);
    }
    slice.loss.push_back(loss());
  }
  weights = trained;
  return slice;
}

template std::vector<float> unit_direction<float>(const Random&, Index);
template std::vector<double> unit_direction<double>(const Random&, Index);
template std::vector<float> filter_normalized_direction<float>(const Random&, const ParameterList&,
                                                               const std::vector<float>&);
template std::vector<double> filter_normalized_direction<double>(const Random&,
                                                                 const ParameterList&,
                                                                 const std::vector<double>&);
template LossSlice slice_loss<float>(std::vector<float>&, const std::vector<float>&,
                                     const std::vector<double>&, Walk,
                                     const std::function<double()>&);
template LossSlice slice_loss<double>(std::vector<double>&, const std::vector<double>&,
                                      const std::vector<double>&, Walk,
                                      const std::function<double()>&);

}  // namespace libnorm
