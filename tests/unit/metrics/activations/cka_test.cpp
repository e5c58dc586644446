#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>
#include <vector>

#include "libnorm/metrics/activations/cka.hpp"
#include "tests/support/rows.hpp"

namespace libnorm::test {
namespace {

using testing::HasSubstr;

/// Entries of X X^T with both means off, or without its diagonal: for CKA by definition.
std::vector<double> kernel(const std::vector<double>& x, Index c) {
  const Index n = Index(x.size()) / c;
  std::vector<double> k;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) k.push_back(dot(x.data() + i * c, x.data() + j * c, c));
  }
  return k;
}

double hsic(std::vector<double> k, std::vector<double> l, Index n) {
  for (auto* m : {&k, &l}) {
    std::vector<double> mean(std::size_t(n), 0.0);
    double all = 0;
    for (Index i = 0; i < n * n; ++i) mean[std::size_t(i / n)] += (*m)[std::size_t(i)] / double(n);
    for (const double v : mean) all += v / double(n);
    for (Index i = 0; i < n * n; ++i) {
      (*m)[std::size_t(i)] += all - mean[std::size_t(i / n)] - mean[std::size_t(i % n)];
    }
  }
  return dot(k.data(), l.data(), n * n);
}

/// Over all ordered quadruples of different rows: what the unbiased estimator is the mean of.
double unbiased_hsic(const std::vector<double>& k, const std::vector<double>& l, Index n) {
  double pairs = 0, triples = 0, quadruples = 0;
  const auto at = [n](const std::vector<double>& m, Index i, Index j) {
    return m[std::size_t(i * n + j)];
  };
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      if (i == j) continue;
      pairs += at(k, i, j) * at(l, i, j);
      for (Index q = 0; q < n; ++q) {
        if (q == i || q == j) continue;
        triples += at(k, i, j) * at(l, i, q);
        for (Index r = 0; r < n; ++r) {
          if (r != i && r != j && r != q) quadruples += at(k, i, j) * at(l, q, r);
        }
      }
    }
  }
  const double m = double(n);
  return pairs / (m * (m - 1)) - 2 * triples / (m * (m - 1) * (m - 2)) +
         quadruples / (m * (m - 1) * (m - 2) * (m - 3));
}

TEST(LinearCka, IsThatOfTheKernels) {
  const Index n = 12;
  const std::vector<double> x = normals(n * 3, 7);
  std::vector<double> y = normals(n * 5, 8);
  for (Index r = 0; r < n; ++r) y[std::size_t(r * 5)] += 3 * x[std::size_t(r * 3)] + 7;
  const auto k = kernel(x, 3), l = kernel(y, 5);
  const double plain = hsic(k, l, n) / std::sqrt(hsic(k, k, n) * hsic(l, l, n));
  EXPECT_NEAR(linear_cka(rows_in(x, 3), rows_in(y, 5)), plain, 1e-13);
  const double debiased =
      unbiased_hsic(k, l, n) / std::sqrt(unbiased_hsic(k, k, n) * unbiased_hsic(l, l, n));
  EXPECT_NEAR(debiased_linear_cka(rows_in(x, 3), rows_in(y, 5)), debiased, 1e-12);
  const Repeated rx = repeat(x, 3), ry = repeat(y, 5);
  EXPECT_NEAR(linear_cka(rows_in(x, 3), rows_in(y, 5), rx.count.data()),
              linear_cka(rows_in(rx.x, 3), rows_in(ry.x, 5)), 1e-14);
}

TEST(LinearCka, OfFeaturesThatAreTheSameOrUnrelated) {
  const Index n = 1500;
  const std::vector<double> x = normals(n * 4, 9);
  std::vector<double> turned;
  for (Index r = 0; r < n; ++r) {
    const double* v = x.data() + r * 4;
    for (const double y : {v[0] + v[1] + v[2] + v[3], v[0] - v[1] + v[2] - v[3],
                           v[0] + v[1] - v[2] - v[3], v[0] - v[1] - v[2] + v[3]}) {
      turned.push_back(1e150 * (y + 10));
    }
  }
  EXPECT_NEAR(linear_cka(rows_in(x, 4), rows_in(turned, 4)), 1, 1e-13);
  EXPECT_NEAR(debiased_linear_cka(rows_in(x, 4), rows_in(turned, 4)), 1, 1e-13);
  // Forty rows of two hundred independent features: plain sees a likeness that is not there.
  const std::vector<double> a = normals(40 * 200, 10), b = normals(40 * 200, 11);
  EXPECT_GT(linear_cka(rows_in(a, 200), rows_in(b, 200)), 0.7);
  EXPECT_NEAR(debiased_linear_cka(rows_in(a, 200), rows_in(b, 200)), 0, 0.1);
  // No column of one is correlated with one of the other.
  EXPECT_NEAR(linear_cka(rows_in({1, 1, -1, -1}, 1), rows_in({1, -1, 1, -1}, 1)), 0, 1e-15);
}

// The unbiased estimator of rows that are centred in U's sense: what is left of each pair once the
// means of both rows' other pairs are off. In long double, about the rows' own median, which 0 is.
double u_centred_hsic(const std::vector<double>& x, Index c, const std::vector<double>& y,
                      Index d) {
  const Index n = Index(x.size()) / c;
  const auto centred = [n](const std::vector<double>& rows, Index cols) {
    std::vector<long double> k(std::size_t(n * n), 0.0L), mean(std::size_t(n), 0.0L);
    long double all = 0;
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) {
        long double& to = k[std::size_t(i * n + j)];
        for (Index m = 0; i != j && m < cols; ++m) {
          to += static_cast<long double>(rows[std::size_t(i * cols + m)]) *
                rows[std::size_t(j * cols + m)];
        }
        mean[std::size_t(i)] += to / static_cast<long double>(n - 2);
      }
      all += mean[std::size_t(i)] / static_cast<long double>(n - 1);
    }
    for (Index i = 0; i < n * n; ++i) {
      long double& to = k[std::size_t(i)];
      to = i / n == i % n ? 0 : to - mean[std::size_t(i / n)] - mean[std::size_t(i % n)] + all;
    }
    return k;
  };
  const auto k = centred(x, c), l = centred(y, d);
  long double sum = 0;
  for (std::size_t i = 0; i < k.size(); ++i) sum += k[i] * l[i];
  return double(sum);
}

TEST(DebiasedCka, IsTheFormulaForFewRowsAndMany) {
  // 30 rows of 9 channels: by the kernels; 700 of 3: by products of channels, in three blocks.
  for (const auto& [n, c, d] : {std::tuple<Index, Index, Index>(30, 9, 4), {700, 3, 2}}) {
    const std::vector<double> x = normals(n * c, 40);
    std::vector<double> y = normals(n * d, 41);
    for (Index r = 0; r < n; ++r) y[std::size_t(r * d)] += x[std::size_t(r * c)];
    const double want = u_centred_hsic(x, c, y, d) /
                        std::sqrt(u_centred_hsic(x, c, x, c) * u_centred_hsic(y, d, y, d));
    EXPECT_NEAR(debiased_linear_cka(rows_in(x, c), rows_in(y, d)), want, 1e-12);
    const auto k = kernel(x, c), l = kernel(y, d);
    const double plain = hsic(k, l, n) / std::sqrt(hsic(k, k, n) * hsic(l, l, n));
    EXPECT_NEAR(linear_cka(rows_in(x, c), rows_in(y, d)), plain, 1e-12);
  }
}

// Rows of which one is far out: its pair with itself is the square of the others.
// Batches of two sizes and two scales, 2^20 apart: the sums of the unbiased estimators.
TEST(MinibatchCka, IsTheQuotientOfSums) {
  MinibatchCka sums;
  EXPECT_EQ(sums.value(), 0);
  double xx = 0, yy = 0, xy = 0;
  for (const Index n : {20, 33}) {
    std::vector<double> x = normals(n * 3, 42), y = normals(n * 2, 43);
    for (double& number : x) number *= n == 20 ? 1 : 0x1p-20;
    for (Index r = 0; r < n; ++r) y[std::size_t(r * 2)] += x[std::size_t(r * 3)];
    sums.add(rows_in(x, 3), rows_in(y, 2));
    const double pairs = double(n * (n - 3));
    xx += u_centred_hsic(x, 3, x, 3) / pairs;
    yy += u_centred_hsic(y, 2, y, 2) / pairs;
    xy += u_centred_hsic(x, 3, y, 2) / pairs;
    if (n == 20) {
      EXPECT_NEAR(sums.value(), debiased_linear_cka(rows_in(x, 3), rows_in(y, 2)), 1e-14);
    }
  }
  EXPECT_EQ(sums.batches(), 2);
  EXPECT_NEAR(sums.value(), xy / std::sqrt(xx * yy), 1e-12);
  const std::vector<double> few(6, 1.0);
  try {
    sums.add(rows_in(few, 2), rows_in(few, 2));
    FAIL() << "three rows were taken";
  } catch (const ShapeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("MinibatchCka::add: too few rows (3)"));
  }
}

TEST(DebiasedCka, KeepsItsDigitsBesideARowFarOut) {
  // By rationals: sums over pairs of different rows, then roots in 60 digits (mpmath).
  std::vector<double> x = {1, 2, -1, .5, .25, -2, 3, 1, -2, -1, 1, -2};
  std::vector<double> y = {1, 0, 2, .5, -1, 1, -1, 2, .25, 2, 1, -1, 0, -2, 3, 1e8, 3e8, 1e8};
  x[10] = 1e8;
  x[11] = -2e8;
  EXPECT_NEAR(debiased_linear_cka(rows_in(x, 2), rows_in(y, 3)), 0.48901190872562362, 1e-13);
  x[10] = 1e12;
  x[11] = -2e12;
  EXPECT_NEAR(debiased_linear_cka(rows_in(x, 2), rows_in(y, 3)), 0.48901190995921654, 1e-13);
  for (const Index n : {100, 600}) {
    for (const double far : {1e8, 1e12, 1e160}) {
      // The first, the last, one between.
      for (const Index at : {Index(0), n / 3, n - 1}) {
        std::vector<double> z = normals(n * 5, 42);
        for (Index c = 0; c < 5; ++c) z[std::size_t(at * 5 + c)] *= far;
        EXPECT_NEAR(debiased_linear_cka(rows_in(z, 5), rows_in(z, 5)), 1, 1e-12) << far << at;
        const std::vector<double> w = normals(n * 4, 43);
        if (far > 1e12) continue;
        const double want = u_centred_hsic(z, 5, w, 4) /
                            std::sqrt(u_centred_hsic(z, 5, z, 5) * u_centred_hsic(w, 4, w, 4));
        EXPECT_NEAR(debiased_linear_cka(rows_in(z, 5), rows_in(w, 4)), want, 1e-9) << far << at;
      }
    }
  }
}

TEST(LinearCka, DoesNotDependOnOffsetOrUnit) {
  // Multiples of 1/8 about 2^40, which are exact: 2^-43 of the level.
  std::vector<double> x, y, far;
  for (Index i = 0; i < 40 * 3; ++i) {
    x.push_back(double((i * i * 7 + i) % 31 - 15) / 8);
    y.push_back(double((i * i * 5 + 3 * i) % 29 - 14) / 8);
    far.push_back(x.back() + 0x1p40);
  }
  const double plain = linear_cka(rows_in(x, 3), rows_in(y, 3));
  const double debiased = debiased_linear_cka(rows_in(x, 3), rows_in(y, 3));
  EXPECT_NEAR(linear_cka(rows_in(far, 3), rows_in(y, 3)), plain, 1e-14);
  EXPECT_NEAR(debiased_linear_cka(rows_in(far, 3), rows_in(y, 3)), debiased, 1e-14);
  for (const double f : {1e-300, 1e-160, 1e160, 1e288}) {
    std::vector<double> scaled = x;
    for (double& v : scaled) v *= f;
    EXPECT_NEAR(linear_cka(rows_in(scaled, 3), rows_in(y, 3)), plain, 1e-14) << f;
    EXPECT_NEAR(debiased_linear_cka(rows_in(scaled, 3), rows_in(y, 3)), debiased, 1e-14) << f;
    // A channel that does not vary has no say, however large.
    std::vector<double> beside;
    for (Index r = 0; r < 40; ++r) {
      beside.insert(beside.end(), {1e289, scaled[std::size_t(3 * r)],
                                   scaled[std::size_t(3 * r + 1)], scaled[std::size_t(3 * r + 2)]});
    }
    EXPECT_NEAR(linear_cka(rows_in(beside, 4), rows_in(y, 3)), plain, 1e-14) << f;
  }
}

TEST(LinearCka, OfFewRowsOfManyChannels) {
  // 2^17 channels, of which three hold something: as of those three. A square would take 137 GB.
  const std::vector<double> x = normals(5 * 3, 44), y = normals(5 * 2, 45);
  std::vector<double> wide(std::size_t(5) << 17, 0.25);
  for (std::size_t r = 0; r < 5; ++r) {
    for (std::size_t c = 0; c < 3; ++c) wide[(r << 17) + 40000 * c] = x[r * 3 + c];
  }
  const View rows(wide.data(), 5, 1 << 17);
  EXPECT_NEAR(linear_cka(rows, rows_in(y, 2)), linear_cka(rows_in(x, 3), rows_in(y, 2)), 1e-14);
  EXPECT_NEAR(debiased_linear_cka(rows, rows_in(y, 2)),
              debiased_linear_cka(rows_in(x, 3), rows_in(y, 2)), 1e-13);
}

TEST(LinearCka, AnswersForDegenerateRows) {
  const std::vector<double> x = normals(10, 12), zero(10, 0.0), constant(10, 0.1);
  for (const auto& flat : {zero, constant}) {
    for (const auto& other : {x, flat}) {
      EXPECT_EQ(linear_cka(rows_in(flat, 1), rows_in(other, 1)), 0);
      EXPECT_EQ(debiased_linear_cka(rows_in(other, 1), rows_in(flat, 1)), 0);
    }
  }
  EXPECT_EQ(debiased_linear_cka(rows_in({1, 2, 4}, 1), rows_in({1, 2, 4}, 1)), 0);
  EXPECT_EQ(linear_cka(rows_in({3}, 1), rows_in({4}, 1)), 0);
  EXPECT_EQ(linear_cka(View(nullptr, 0, 2), View(nullptr, 0, 3)), 0);
  EXPECT_THAT(message([&] { linear_cka(rows_in(x, 1), rows_in(x, 2)); }), HasSubstr("rows differ"));
}

}  // namespace
}  // namespace libnorm::test
