#include "libnorm/core/vector_sums.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/vector_sums_body.hpp"

namespace libnorm {
namespace {

void require(bool fits, const char* where, Index rows, Index cols, std::size_t a, std::size_t b) {
  if (fits) return;
  throw ShapeError(std::string(where) + ": sizes do not fit (rows " + shape_text(rows, cols) +
                   ", vectors of " + std::to_string(a) + " and " + std::to_string(b) +
                   "); need one as long as a row and one as there are rows");
}

void require_same(const char* where, std::size_t a, std::size_t b) {
  if (a == b) return;
  throw ShapeError(std::string(where) + ": sizes differ (" + std::to_string(a) + " and " +
                   std::to_string(b) + "); need the same");
}

}  // namespace

template <class T>
double dot(std::span<const T> a, std::span<const std::type_identity_t<T>> b) {
  require_same("dot", a.size(), b.size());
  double result = 0;
  launch(1, 1, DotRowsBody<T>{{a.data(), 1, Index(a.size())}, b.data(), &result});
  return result;
}

template <class T>
double length(std::span<const T> x) {
  const double square = dot(x, x);
  if (0x1p-900 < square && square < 0x1p1000) return square_root(square);
  double largest = 0;
  for (const T value : x) largest = std::max(largest, std::abs(double(value)));
  if (!(largest > 0) || !std::isfinite(largest)) return square_root(square);
  // Not beyond 2^1000, which is a double.
  const double factor = std::ldexp(1.0, std::min(1000, -std::ilogb(largest)));
  std::vector<double> scaled(x.begin(), x.end());
  scale<double>(scaled, factor);
  return square_root(dot<double>(scaled, scaled)) / factor;
}

void dot_rows(const MatrixView<const double>& rows, std::span<const double> x,
              std::span<double> out) {
  require(Index(x.size()) == rows.cols && Index(out.size()) == rows.rows, "dot_rows", rows.rows,
          rows.cols, x.size(), out.size());
  const Index grain = 1 + (Index(1) << 15) / (rows.cols + 1);
  launch(rows.rows, grain, DotRowsBody<double>{rows, x.data(), out.data()});
}

void add_combination(std::span<const double> factors, const MatrixView<const double>& rows,
                     std::span<double> y) {
  require(Index(y.size()) == rows.cols && Index(factors.size()) == rows.rows, "add_combination",
          rows.rows, rows.cols, y.size(), factors.size());
  constexpr Index kChunk = AddCombinationBody::kChunk;
  const Index grain = 1 + (Index(1) << 15) / (kChunk * (rows.rows + 1));
  launch((rows.cols + kChunk - 1) / kChunk, grain,
         AddCombinationBody{rows, factors.data(), y.data()});
}

void add_scaled(double factor, std::span<const double> x, std::span<double> y) {
  require_same("add_scaled", x.size(), y.size());
  add_combination({&factor, 1}, {x.data(), 1, Index(x.size())}, y);
}

bool all_finite(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
}

template double dot<float>(std::span<const float>, std::span<const float>);
template double dot<double>(std::span<const double>, std::span<const double>);
template double length<float>(std::span<const float>);
template double length<double>(std::span<const double>);

}  // namespace libnorm
