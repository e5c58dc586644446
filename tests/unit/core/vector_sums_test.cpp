#include "libnorm/core/vector_sums.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/rng.hpp"

namespace {

using libnorm::Index;

std::vector<double> normals(Index n, std::uint32_t stream) {
  const libnorm::Random random(7, libnorm::Purpose::test, stream);
  std::vector<double> x;
  for (Index i = 0; i < n; ++i) x.push_back(random.normal(std::uint64_t(i)));
  return x;
}

/// The one order, written out: 32 lanes by fma, then folded in halves.
template <class T>
double plain_dot(const std::vector<T>& a, const std::vector<T>& b) {
  double lanes[32] = {};
  for (std::size_t i = 0; i < a.size(); ++i) {
    lanes[i % 32] = std::fma(double(a[i]), double(b[i]), lanes[i % 32]);
  }
  for (int width = 16; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

TEST(VectorSums, HaveTheOneOrderOnEveryInstructionSet) {
  const auto active = libnorm::active_isa();
  for (const libnorm::Isa isa : libnorm::available_isas()) {
    libnorm::set_active_isa(isa);
    for (const Index n : {1, 31, 32, 33, 64, 100, 1000, 4097}) {
      const auto a = normals(n, 0), b = normals(n, 1);
      EXPECT_EQ(libnorm::dot<double>(a, b), plain_dot(a, b)) << n;
      EXPECT_EQ(libnorm::length<double>(a), std::sqrt(plain_dot(a, a))) << n;
      const std::vector<float> f(a.begin(), a.end()), g(b.begin(), b.end());
      EXPECT_EQ(libnorm::dot<float>(f, g), plain_dot(f, g)) << n;
      EXPECT_EQ(libnorm::length<float>(f), std::sqrt(plain_dot(f, f))) << n;
    }
  }
  libnorm::set_active_isa(active);
}

TEST(VectorSums, OfRowsAreThoseOfEachRowAtAnyNumberOfThreads) {
  const Index rows = 19, cols = 5003;
  const auto m = normals(rows * cols, 2), x = normals(cols, 3), factors = normals(rows, 4);
  std::vector<double> plain = x;
  for (Index k = 0; k < rows; ++k) {
    for (Index i = 0; i < cols; ++i) {
      double& y = plain[std::size_t(i)];
      y = std::fma(factors[std::size_t(k)], m[std::size_t(k * cols + i)], y);
    }
  }
  for (const int threads : {1, 2, 3}) {
    libnorm::with_threads(threads, [&] {
      std::vector<double> products(std::size_t(rows), -1.0), y = x;
      libnorm::dot_rows({m.data(), rows, cols}, x, products);
      for (Index k = 0; k < rows; ++k) {
        const std::vector<double> row(m.begin() + k * cols, m.begin() + (k + 1) * cols);
        EXPECT_EQ(products[std::size_t(k)], plain_dot(row, x));
      }
      libnorm::add_combination(factors, {m.data(), rows, cols}, y);
      EXPECT_EQ(y, plain);
    });
  }
}

TEST(VectorSums, LengthsNeitherOverflowNorVanish) {
  for (const double unit : {1e-320, 1e-200, 1.0, 1e200, 1e307}) {
    const std::vector<double> x = {3 * unit, 0, -4 * unit};
    // Numbers near 1e-320 have four digits.
    EXPECT_NEAR(libnorm::length<double>(x) / unit, 5, unit < 1e-300 ? 1e-2 : 1e-14) << unit;
  }
  EXPECT_EQ(libnorm::length<double>(std::vector<double>(5, 0.0)), 0);
  EXPECT_EQ(libnorm::length<double>(std::vector<double>()), 0);
  const std::vector<double> endless = {1, std::numeric_limits<double>::infinity()};
  EXPECT_EQ(libnorm::length<double>(endless), std::numeric_limits<double>::infinity());
}

TEST(VectorSums, RefuseSizesThatDoNotFit) {
  std::vector<double> two = {1, 2}, three = {1, 2, 3};
  EXPECT_THROW(libnorm::dot<double>(two, three), libnorm::ShapeError);
  EXPECT_THROW(libnorm::add_scaled(1, two, three), libnorm::ShapeError);
  EXPECT_THROW(libnorm::dot_rows({three.data(), 1, 3}, two, two), libnorm::ShapeError);
  EXPECT_THROW(libnorm::add_combination(two, {three.data(), 1, 3}, three), libnorm::ShapeError);
}

}  // namespace
