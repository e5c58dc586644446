#include "libnorm/metrics/landscape/loss_surface.hpp"

#include <algorithm>
#include <cmath>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/simd.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {
namespace {

void require_same(const char* where, std::size_t a, std::size_t b) {
  if (a == b) return;
  throw ShapeError(std::string(where) + ": sizes differ (" + std::to_string(a) + " and " +
                   std::to_string(b) + "); need the same");
}

/// d gets w's length; 0 if that is 0.
void match_length(std::span<double> d, std::span<const double> w) {
  scale(d, length(w) / length<double>(d));
}

}  // namespace

std::vector<double> draw_direction(const Random& random, const ParameterList& parameters,
                                   std::span<const double> w, DirectionScale scale_by,
                                   VectorPolicy vectors) {
  require_same("draw_direction", w.size(), std::size_t(parameters.size()));
  std::vector<double> d(w.size(), 0.0);
  for (const Parameter& p : parameters.all()) {
    const std::size_t at = std::size_t(p.offset), size = std::size_t(p.size());
    if (size == 0 || (!p.is_matrix() && vectors == VectorPolicy::zero)) continue;
    for (std::size_t i = at; i < at + size; ++i) d[i] = random.normal(i);
    const bool whole =
        p.is_matrix() ? scale_by == DirectionScale::layer : vectors == VectorPolicy::normalized;
    if (whole) match_length(std::span(d).subspan(at, size), w.subspan(at, size));
    if (!p.is_matrix() || scale_by != DirectionScale::filter) continue;
    const std::size_t cols = std::size_t(p.cols);
    for (std::size_t row = at; row < at + size; row += cols) {
      match_length(std::span(d).subspan(row, cols), w.subspan(row, cols));
    }
  }
  if (scale_by == DirectionScale::unit) {
    const double size = length<double>(d);
    if (!(size > 0)) {
      throw ValueError(
          "draw_direction: nothing is left to be made 1 long (length 0); need a matrix, or vectors "
          "that are not zero");
    }
    scale<double>(d, 1.0 / size);
  }
  return d;
}

void make_orthogonal(std::span<double> second, std::span<const double> first) {
  require_same("make_orthogonal", second.size(), first.size());
  const double size = length(first), before = length<double>(second);
  if (!std::isfinite(size) || !std::isfinite(before)) {
    throw ValueError("make_orthogonal: a direction is not finite (lengths " + number_text(size) +
                     " and " + number_text(before) + "); need two that are");
  }
  if (size == 0) return;
  std::vector<double> unit(first.begin(), first.end());
  for (double& x : unit) x /= size;
  // Twice: once leaves a remainder where the two are nearly parallel.
  for (int pass = 0; pass < 2; ++pass) add_scaled(-dot<double>(unit, second), unit, second);
  const double left = length<double>(second);
  if (!(left > 1e-12 * before)) {
    throw ValueError("make_orthogonal: the directions are parallel (lengths " + number_text(size) +
                     " and " + number_text(before) + ", " + number_text(left) +
                     " at right angles); need two that differ");
  }
  scale(second, before / left);
}

LossSlice loss_line(const ObjectiveView& f, std::span<const double> w,
                    std::span<const double> direction, std::span<const double> alpha) {
  require_same("loss_line", w.size(), direction.size());
  LossSlice slice{{alpha.begin(), alpha.end()}, {}};
  for (const double a : alpha) {
    std::vector<double> moved(w.begin(), w.end());
    add_scaled(a, direction, moved);
    slice.loss.push_back(f.loss(moved));
  }
  return slice;
}

LossSurface loss_surface(const ObjectiveView& f, std::span<const double> w,
                         std::span<const double> first, std::span<const double> second,
                         std::span<const double> alpha, std::span<const double> beta) {
  require_same("loss_surface", w.size(), first.size());
  require_same("loss_surface", w.size(), second.size());
  LossSurface surface{{alpha.begin(), alpha.end()}, {beta.begin(), beta.end()}, {}};
  for (const double a : alpha) {
    std::vector<double> along(w.begin(), w.end());
    add_scaled(a, first, along);
    for (const double b : beta) {
      std::vector<double> moved = along;
      add_scaled(b, second, moved);
      surface.loss.push_back(f.loss(moved));
    }
  }
  return surface;
}

std::string json_of(const LossSlice& slice) {
  return "{\"alpha\": " + json_array(slice.alpha) + ", \"loss\": " + json_array(slice.loss) + "}";
}

std::string json_of(const LossSurface& surface) {
  std::string rows;
  const std::size_t cols = surface.beta.size();
  for (std::size_t i = 0; i < surface.alpha.size(); ++i) {
    rows += rows.empty() ? "" : ", ";
    rows += json_array(std::span(surface.loss).subspan(i * cols, cols));
  }
  return "{\"alpha\": " + json_array(surface.alpha) + ", \"beta\": " + json_array(surface.beta) +
         ", \"loss\": [" + rows + "]}";
}

}  // namespace libnorm
