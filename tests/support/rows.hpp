#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/core/rng.hpp"
#include "libnorm/core/tensor.hpp"

/// Rows of doubles for tests of metrics.
namespace libnorm::test {

using View = MatrixView<const double>;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

inline std::vector<double> normals(Index n, std::uint32_t stream) {
  const Random random(7, Purpose::test, stream);
  std::vector<double> x;
  for (Index i = 0; i < n; ++i) x.push_back(random.normal(std::uint64_t(i)));
  return x;
}

inline View rows_in(const std::vector<double>& x, Index cols) {
  return View(x.data(), Index(x.size()) / cols, cols);
}

/// Row r in 0 .. 3 copies, in order.
struct Repeated {
  std::vector<double> x;
  std::vector<float> count;
};
inline Repeated repeat(const std::vector<double>& x, Index cols) {
  Repeated repeated;
  for (Index r = 0; r < Index(x.size()) / cols; ++r) {
    repeated.count.push_back(float((r + 1) % 4));
    for (Index k = 0; k < (r + 1) % 4; ++k) {
      repeated.x.insert(repeated.x.end(), x.begin() + r * cols, x.begin() + (r + 1) * cols);
    }
  }
  return repeated;
}

inline double dot(const double* a, const double* b, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/// What a call throws, or `no error`.
inline std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace libnorm::test
