#include "libnorm/metrics/activations/spectrum.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "libnorm/core/eigen.hpp"
#include "libnorm/core/rng.hpp"

namespace {

using libnorm::Index;
using libnorm::MatrixView;
using testing::HasSubstr;

std::vector<double> normals(Index n, std::uint32_t stream) {
  const libnorm::Random random(7, libnorm::Purpose::test, stream);
  std::vector<double> x;
  for (Index i = 0; i < n; ++i) x.push_back(random.normal(std::uint64_t(i)));
  return x;
}

TEST(SingularValues, AreThoseOfADiagonalMatrix) {
  std::vector<double> a(5 * 3, 0.0);
  a[0 * 3 + 0] = 2;
  a[1 * 3 + 1] = -7;
  a[2 * 3 + 2] = 0.5;
  const auto s = libnorm::singular_values<double>({a.data(), 5, 3});
  ASSERT_EQ(s.size(), 3u);
  EXPECT_NEAR(s[0], 7, 1e-14);
  EXPECT_NEAR(s[1], 2, 1e-14);
  EXPECT_NEAR(s[2], 0.5, 1e-14);
}

TEST(SingularValues, HaveTheEigenvaluesOfAKnownGramMatrix) {
  // Columns (1, 1, 0), (0, 1, 1): the Gram matrix is [[2, 1], [1, 2]], with eigenvalues 3 and 1.
  const std::vector<double> a = {1, 0, 1, 1, 0, 1};
  const auto s = libnorm::singular_values<double>({a.data(), 3, 2});
  EXPECT_NEAR(s[0], std::numbers::sqrt3, 1e-14);
  EXPECT_NEAR(s[1], 1, 1e-14);
}

TEST(SingularValues, OfCountedRowsAreThoseOfRepeatedRows) {
  const Index rows = 17, cols = 5;
  const auto x = normals(rows * cols, 0);
  std::vector<float> a(x.begin(), x.end()), repeated, counts;
  for (Index r = 0; r < rows; ++r) {
    counts.push_back(float(1 + r % 4));
    for (int k = 0; k < 1 + r % 4; ++k) {
      repeated.insert(repeated.end(), a.begin() + r * cols, a.begin() + (r + 1) * cols);
    }
  }
  const auto counted = libnorm::singular_values<float>({a.data(), rows, cols}, counts.data());
  const auto dense =
      libnorm::singular_values<float>({repeated.data(), Index(repeated.size()) / cols, cols});
  for (std::size_t i = 0; i < counted.size(); ++i) {
    EXPECT_NEAR(counted[i], dense[i], 1e-13 * dense[0]);
  }
}

TEST(SingularValues, ReadStridesAndWideMatrices) {
  const auto x = normals(4 * 10, 1);
  std::vector<double> narrow;
  for (Index r = 0; r < 4; ++r)
    narrow.insert(narrow.end(), x.begin() + r * 10, x.begin() + r * 10 + 6);
  const auto strided = libnorm::singular_values<double>({x.data(), 4, 6, 10});
  const auto packed = libnorm::singular_values<double>({narrow.data(), 4, 6});
  ASSERT_EQ(strided.size(), 4u);
  EXPECT_EQ(strided, packed);
  double squares = 0, frobenius = 0;
  for (const double s : packed) squares += s * s;
  for (const double v : narrow) frobenius += v * v;
  EXPECT_NEAR(squares, frobenius, 1e-12 * frobenius);
}

// Two columns at right angles, of length 5 f each.
TEST(SingularValues, OfNumbersOfAnySize) {
  for (const double f : {1e-300, 1e-160, 1e-100, 1.0, 1e100, 1e160, 1e289}) {
    for (const bool wide : {false, true}) {
      const std::vector<double> a = wide ? std::vector<double>{3 * f, 4 * f, 0, 0, 0, 5 * f}
                                         : std::vector<double>{3 * f, 0, 4 * f, 0, 0, 5 * f};
      const auto s = libnorm::singular_values<double>({a.data(), wide ? 2 : 3, wide ? 3 : 2});
      ASSERT_EQ(s.size(), 2u);
      for (const double value : s) EXPECT_NEAR(value / f, 5, 1e-14) << f;
    }
  }
  // Subnormal numbers, and floats near their end.
  const double least = std::numeric_limits<double>::denorm_min();
  const std::vector<double> tiny = {3 * least, 4 * least};
  EXPECT_EQ(libnorm::singular_values<double>({tiny.data(), 2, 1})[0], 5 * least);
  const float most = std::numeric_limits<float>::max();
  const std::vector<float> huge = {most, 0, 0, most, most, 0}, counts = {3.4e38f, 0, 0};
  const double sqrt2 = std::numbers::sqrt2;
  EXPECT_NEAR(libnorm::singular_values<float>({huge.data(), 3, 2})[0] / double(most), sqrt2, 1e-14);
  EXPECT_NEAR(libnorm::singular_values<float>({huge.data(), 3, 2}, counts.data())[0] /
                  (double(most) * std::sqrt(double(counts[0]))),
              1, 1e-14);
}

TEST(SingularValues, BeyondRowsAndColumnsThatHoldSomethingAreZero) {
  // Three rows that count, then six; of seven columns four hold something.
  std::vector<double> x = normals(12 * 7, 5);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % 7 == 1 || i % 7 == 4 || i % 7 == 6) x[i] = 0;
  }
  std::vector<float> count(12, 0.0f);
  count[1] = count[4] = count[11] = 100;
  for (const std::size_t rank : {std::size_t(3), std::size_t(4)}) {
    const auto s = libnorm::singular_values<double>({x.data(), 12, 7}, count.data());
    ASSERT_EQ(s.size(), 7u);
    EXPECT_GT(s[rank - 1], 0.1);
    for (std::size_t i = rank; i < 7; ++i) EXPECT_EQ(s[i], 0) << rank;
    EXPECT_EQ(libnorm::condition_number(s), std::numeric_limits<double>::infinity());
    count[0] = count[2] = count[7] = 2;
  }
}

TEST(EigenMaps, AreTheSameMemoryBothWays) {
  std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8};
  const MatrixView<float> view(x.data(), 2, 3, 4);
  auto map = libnorm::as_eigen(view);
  EXPECT_EQ(map.rows(), 2);
  EXPECT_EQ(map(1, 2), 7);
  map(1, 2) = 70;
  EXPECT_EQ(x[6], 70);
  const MatrixView<const float> constant = view;
  EXPECT_EQ(libnorm::as_eigen(constant)(0, 1), 2);
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> matrix(2, 3);
  matrix << 1, 2, 3, 4, 5, 6;
  const auto back = libnorm::view_of(matrix);
  EXPECT_EQ(back(1, 0), 4);
  EXPECT_EQ(back.stride, 3);
  EXPECT_EQ(back.data, matrix.data());
}

TEST(SingularValues, RefuseWhatHasNone) {
  std::vector<double> a = {1, std::numeric_limits<double>::quiet_NaN()};
  try {
    libnorm::singular_values<double>({a.data(), 1, 2});
    FAIL() << "need a throw";
  } catch (const libnorm::ValueError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("singular_values: row 0 holds a number that is not finite or "
                          "beyond 1e290 (nan in channel 1)"));
  }
  a[1] = 2;
  for (const float count : {-1.0f, std::numeric_limits<float>::infinity(), std::nanf("")}) {
    EXPECT_THROW(libnorm::singular_values<double>({a.data(), 1, 2}, &count), libnorm::ValueError);
  }
  EXPECT_THROW(libnorm::singular_values<double>({a.data(), 0, 2}), libnorm::ShapeError);
}

TEST(SpectralMetrics, OfKEqualValuesAreK) {
  for (const int k : {1, 2, 7, 128}) {
    std::vector<double> s(std::size_t(k), 3.25);
    EXPECT_NEAR(libnorm::effective_rank(s), k, 1e-12 * k);
    EXPECT_NEAR(libnorm::participation_ratio(s), k, 1e-12 * k);
    EXPECT_NEAR(libnorm::stable_rank(s), k, 1e-12 * k);
    EXPECT_EQ(libnorm::condition_number(s), 1);
    s.resize(std::size_t(k) + 5, 0.0);
    EXPECT_NEAR(libnorm::effective_rank(s), k, 1e-12 * k);
    EXPECT_NEAR(libnorm::participation_ratio(s), k, 1e-12 * k);
  }
}

TEST(SpectralMetrics, OfAGeometricSpectrumHaveTheirLimits) {
  std::vector<double> s;
  for (int i = 0; i < 60; ++i) s.push_back(std::pow(0.5, i));
  // Shares 1/2, 1/4, ...: the entropy is 2 log 2. Squares 1/4^i: (4/3)^2 / (16/15) = 5/3.
  EXPECT_NEAR(libnorm::effective_rank(s), 4, 1e-12);
  EXPECT_NEAR(libnorm::participation_ratio(s), 5.0 / 3.0, 1e-12);
  EXPECT_NEAR(libnorm::stable_rank(s), 4.0 / 3.0, 1e-12);
  EXPECT_NEAR(libnorm::condition_number(s), std::pow(2.0, 59), 1);
}

TEST(SpectralMetrics, DoNotDependOnScale) {
  for (const double scale : {1e-200, 1e200}) {
    const std::vector<double> s = {3 * scale, 2 * scale, scale};
    EXPECT_NEAR(libnorm::participation_ratio(s), 14.0 * 14.0 / 98.0, 1e-12);
    EXPECT_NEAR(libnorm::stable_rank(s), 14.0 / 9.0, 1e-12);
    EXPECT_NEAR(libnorm::condition_number(s), 3, 1e-12);
    EXPECT_NEAR(libnorm::effective_rank(s),
                std::exp(std::log(2.0) / 2 + std::log(3.0) / 3 + std::log(6.0) / 6), 1e-12);
  }
}

TEST(SpectralMetrics, OfZerosAreStated) {
  const std::vector<double> s(4, 0.0);
  EXPECT_EQ(libnorm::effective_rank(s), 0);
  EXPECT_EQ(libnorm::participation_ratio(s), 0);
  EXPECT_EQ(libnorm::stable_rank(s), 0);
  EXPECT_EQ(libnorm::condition_number(s), std::numeric_limits<double>::infinity());
  EXPECT_EQ(libnorm::decay_exponent(s), 0);
}

TEST(SpectralMetrics, OfTheLargestAndSmallestNumbers) {
  for (const double top : {std::numeric_limits<double>::max(), 1e308, 1e160, 1e-160, 1e-310,
                           std::numeric_limits<double>::denorm_min()}) {
    for (const std::size_t k : {1u, 2u, 100u}) {
      const std::vector<double> s(k, top);
      const double few = 1e-12 * double(k);
      EXPECT_NEAR(libnorm::effective_rank(s), double(k), few) << top;
      EXPECT_NEAR(libnorm::participation_ratio(s), double(k), few) << top;
      EXPECT_NEAR(libnorm::stable_rank(s), double(k), few) << top;
      EXPECT_NEAR(libnorm::condition_number(s), 1, few) << top;
      EXPECT_NEAR(libnorm::decay_exponent(s), 0, few) << top;
    }
  }
}

// Singular values are finite and not below 0; of others there is no number to tell.
TEST(SpectralMetrics, OfWhatIsNoSpectrumAreNaN) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {std::nan(""), -std::nan(""), infinity, -infinity, -1.0, -1e-300}) {
    for (std::size_t place = 0; place < 3; ++place) {
      std::vector<double> s = {3, 2, 1};
      s[place] = bad;
      EXPECT_FALSE(libnorm::is_spectrum(s));
      for (const double value :
           {libnorm::effective_rank(s), libnorm::participation_ratio(s), libnorm::stable_rank(s),
            libnorm::condition_number(s), libnorm::decay_exponent(s)}) {
        EXPECT_TRUE(std::isnan(value)) << bad << " at " << place;
      }
    }
  }
  EXPECT_TRUE(libnorm::is_spectrum(std::vector<double>{3, 0, -0.0}));
  EXPECT_TRUE(libnorm::is_spectrum({}));
}

TEST(SpectralMetrics, OfAGaussianMatrixAreThoseOfRandomMatrixTheory) {
  // iid N(0, 1), g = n / m: singular values within sqrt(m) (1 +- sqrt g), participation ratio about
  // n / (1 + (n + 1) / (m - 1)). The edges fluctuate by about n^(-2/3), the ratio by 1 / n.
  const Index m = 2000, n = 100;
  const auto a = normals(m * n, 2);
  const auto s = libnorm::singular_values<double>({a.data(), m, n});
  const double edge = std::sqrt(double(n) / double(m));
  EXPECT_NEAR(s.front() / std::sqrt(double(m)), 1 + edge, 0.02);
  EXPECT_NEAR(s.back() / std::sqrt(double(m)), 1 - edge, 0.02);
  EXPECT_NEAR(libnorm::participation_ratio(s), n / (1.0 + double(n + 1) / double(m - 1)), 1.0);
}

}  // namespace
