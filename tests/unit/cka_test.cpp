#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "libnorm/metrics/cka.hpp"
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
