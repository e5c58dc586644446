#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/rng.hpp"
#include "libnorm/metrics/cka.hpp"
#include "libnorm/metrics/intrinsic_dimension.hpp"
#include "libnorm/metrics/neural_collapse.hpp"
#include "libnorm/metrics/row_geometry.hpp"

namespace {

using libnorm::Averaging;
using libnorm::ChannelMoments;
using libnorm::Index;
using libnorm::MatrixView;
using testing::ElementsAre;
using testing::HasSubstr;

using View = MatrixView<const double>;
using Narrow = MatrixView<const float>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> normals(Index n, std::uint32_t stream) {
  const libnorm::Random random(7, libnorm::Purpose::test, stream);
  std::vector<double> x;
  for (Index i = 0; i < n; ++i) x.push_back(random.normal(std::uint64_t(i)));
  return x;
}

View rows_in(const std::vector<double>& x, Index cols) {
  return View(x.data(), Index(x.size()) / cols, cols);
}

/// Row r in 0 .. 3 copies, in order.
struct Repeated {
  std::vector<double> x;
  std::vector<float> count;
};
Repeated repeat(const std::vector<double>& x, Index cols) {
  Repeated repeated;
  for (Index r = 0; r < Index(x.size()) / cols; ++r) {
    repeated.count.push_back(float((r + 1) % 4));
    for (Index k = 0; k < (r + 1) % 4; ++k) {
      repeated.x.insert(repeated.x.end(), x.begin() + r * cols, x.begin() + (r + 1) * cols);
    }
  }
  return repeated;
}

double dot(const double* a, const double* b, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const libnorm::Error& error) {
    return error.what();
  }
  return "no error";
}

/// Over all pairs, one at a time.
double mean_cosine_of_pairs(const std::vector<double>& x, Index c) {
  const Index n = Index(x.size()) / c;
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      const double *a = x.data() + i * c, *b = x.data() + j * c;
      if (i != j) sum += dot(a, b, c) / std::sqrt(dot(a, a, c) * dot(b, b, c));
    }
  }
  return sum / double(n * (n - 1));
}

TEST(MeanCosine, IsThatOfAllPairs) {
  std::vector<double> x = normals(1500 * 6, 1);
  for (double& v : x) v += 0.5;
  EXPECT_NEAR(libnorm::mean_cosine(rows_in(x, 6)), mean_cosine_of_pairs(x, 6), 1e-13);
  x.resize(40 * 6);
  const Repeated repeated = repeat(x, 6);
  EXPECT_NEAR(libnorm::mean_cosine(rows_in(x, 6), repeated.count.data()),
              mean_cosine_of_pairs(repeated.x, 6), 1e-14);
  const std::vector<float> narrow(x.begin(), x.end());
  EXPECT_NEAR(libnorm::mean_cosine(Narrow(narrow.data(), 40, 6)), mean_cosine_of_pairs(x, 6), 1e-6);
}

TEST(MeanCosine, OfKnownRows) {
  EXPECT_NEAR(libnorm::mean_cosine(rows_in({1, 2, 1, 2, 2, 4}, 2)), 1, 1e-15);
  EXPECT_NEAR(libnorm::mean_cosine(rows_in({1, 0, 0, 1}, 2)), 0, 1e-15);
  EXPECT_NEAR(libnorm::mean_cosine(rows_in({1, 2, -1, -2}, 2)), -1, 1e-15);
  // Rows of different sizes, and rows without a direction.
  EXPECT_NEAR(libnorm::mean_cosine(rows_in({1e-200, 0, 3e280, 3e280, 0, 0}, 2)), std::sqrt(0.5),
              1e-15);
  EXPECT_EQ(libnorm::mean_cosine(rows_in({0, 0, 0, 0}, 2)), 0);
  EXPECT_EQ(libnorm::mean_cosine(rows_in({1, 2}, 2)), 0);
  EXPECT_EQ(libnorm::mean_cosine(View(nullptr, 0, 2)), 0);
}

TEST(PartitionIsotropy, OfKnownRows) {
  EXPECT_EQ(libnorm::partition_isotropy(rows_in(std::vector<double>(12, 0.0), 3)), 1);
  // X^T X = diag(2 * 4, 2): Z = 2 cosh 2 and 2 cosh 1, whatever the sign.
  const std::vector<double> cross = {2, 0, -2, 0, 0, 1, 0, -1};
  const double expected = (2 * std::cosh(1.0) + 2) / (2 * std::cosh(2.0) + 2);
  EXPECT_NEAR(libnorm::partition_isotropy(rows_in(cross, 2)), expected, 1e-14);
  // One row: along it exp(5) and exp(-5), across it 1.
  EXPECT_NEAR(libnorm::partition_isotropy(rows_in({3, 4}, 2)), std::exp(-10.0), 1e-17);
  EXPECT_EQ(libnorm::partition_isotropy(rows_in({3e200, 4e200, 1, 0}, 2)), 0);
  EXPECT_THAT(message([] { libnorm::partition_isotropy(View(nullptr, 0, 2)); }),
              HasSubstr("no rows"));
}

TEST(PartitionIsotropy, CountsRowsAndTurnsWithThem) {
  std::vector<double> x = normals(1300 * 4, 2), turned;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= double(1 + i % 4) / 4;
  const Repeated repeated = repeat(x, 4);
  const double isotropy = libnorm::partition_isotropy(rows_in(x, 4));
  EXPECT_GT(isotropy, 0.01);
  EXPECT_LT(isotropy, 0.99);
  EXPECT_NEAR(libnorm::partition_isotropy(rows_in(x, 4), repeated.count.data()),
              libnorm::partition_isotropy(rows_in(repeated.x, 4)), 1e-12);
  for (Index r = 0; r < 1300; ++r) {
    const double* v = x.data() + r * 4;
    for (const double y : {v[0] + v[1] + v[2] + v[3], v[0] - v[1] + v[2] - v[3],
                           v[0] + v[1] - v[2] - v[3], v[0] - v[1] - v[2] + v[3]}) {
      turned.push_back(y / 2);
    }
  }
  EXPECT_NEAR(libnorm::partition_isotropy(rows_in(turned, 4)), isotropy, 1e-12);
}

/// Mean, variance and kurtosis of one channel by definition.
std::vector<double> moments_of(const std::vector<double>& x, Index cols, Index channel) {
  long double n = 0, mean = 0, second = 0, fourth = 0;
  for (std::size_t i = std::size_t(channel); i < x.size(); i += std::size_t(cols)) {
    mean += x[i];
    n += 1;
  }
  mean /= n;
  for (std::size_t i = std::size_t(channel); i < x.size(); i += std::size_t(cols)) {
    const long double d = x[i] - mean;
    second += d * d / n;
    fourth += d * d * d * d / n;
  }
  return {double(mean), double(second), double(fourth / (second * second))};
}

TEST(ChannelMoments, AreThoseOfAllRows) {
  // Skewed, so that third powers matter, and far from 0, in stretches that differ.
  std::vector<double> x = normals(5000 * 3, 3);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = std::exp(x[i] * 0.3) + 100.0 * double(i % 3) + double(i) * 1e-4;
  }
  const Repeated repeated = repeat(x, 3);
  ChannelMoments whole(3), pieces(3), tail(3), counted(3), dense(3);
  whole.add(rows_in(x, 3));
  pieces.add(View(x.data(), 1, 3));
  pieces.add(View(x.data() + 3, 1999, 3));
  tail.add(View(x.data() + 6000, 3000, 3));
  pieces.merge(tail);
  counted.add(rows_in(x, 3), repeated.count.data());
  dense.add(rows_in(repeated.x, 3));
  EXPECT_EQ(whole.rows(), 5000);
  for (Index c = 0; c < 3; ++c) {
    const std::size_t j = std::size_t(c);
    for (const auto* m : {&whole, &pieces}) {
      const auto expected = moments_of(x, 3, c);
      EXPECT_NEAR(m->mean()[j], expected[0], 1e-12);
      EXPECT_NEAR(m->variance()[j], expected[1], 1e-12);
      EXPECT_NEAR(m->kurtosis()[j], expected[2], 1e-11);
    }
    for (const auto* m : {&counted, &dense}) {
      const auto expected = moments_of(repeated.x, 3, c);
      EXPECT_NEAR(m->variance()[j], expected[1], 1e-12);
      EXPECT_NEAR(m->kurtosis()[j], expected[2], 1e-11);
    }
  }
  const double distance = whole.rank_one_distance();
  long double spread = 0, square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double d = x[i] - static_cast<long double>(whole.mean()[i % 3]);
    spread += d * d;
    square += static_cast<long double>(x[i]) * x[i];
  }
  EXPECT_NEAR(distance, double(std::sqrt(spread / square)), 1e-13);
  libnorm::with_threads(1, [&] {
    ChannelMoments again(3);
    again.add(rows_in(x, 3));
    EXPECT_EQ(again.kurtosis(), whole.kurtosis());
  });
}

TEST(ChannelMoments, OfKnownRows) {
  // Two heaps; one value in four; a constant that is no binary fraction.
  ChannelMoments moments(3);
  moments.add(rows_in({1, 0, 0.1, -1, 0, 0.1, 1, 0, 0.1, -1, 4, 0.1}, 3));
  EXPECT_THAT(moments.mean(), ElementsAre(0, 1, testing::DoubleEq(0.1)));
  EXPECT_THAT(moments.variance(), ElementsAre(1, 3, 0));
  // (81 + 3) / 4 / 9
  EXPECT_THAT(moments.kurtosis(), ElementsAre(1, testing::DoubleEq(84.0 / 36), 0));
  EXPECT_NEAR(moments.rank_one_distance(), std::sqrt(4 / 5.01), 1e-15);
  ChannelMoments normal(1);
  normal.add(rows_in(normals(100000, 4), 1));
  // Its standard error is sqrt(24 / n).
  EXPECT_NEAR(normal.kurtosis()[0], 3, 4 * std::sqrt(24.0 / 100000));
}

TEST(ChannelMoments, FindOutlierChannels) {
  std::vector<double> x = normals(2000 * 20, 5);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % 20 == 3 || i % 20 == 17) x[i] *= 10;
  }
  ChannelMoments moments(20);
  moments.add(rows_in(x, 20));
  EXPECT_THAT(moments.outlier_channels(), ElementsAre(3, 17));
  EXPECT_EQ(moments.outlier_channels(0.01).size(), 20u);
  EXPECT_THAT(moments.outlier_channels(100), ElementsAre());
}

TEST(ChannelMoments, AnswerForDegenerateRows) {
  ChannelMoments none(2), zeros(2), one(2), same(2), tiny(2), huge(2), uncounted(2);
  zeros.add(rows_in({0, 0, 0, 0}, 2));
  one.add(rows_in({3, 4}, 2));
  same.add(rows_in(std::vector<double>(6000, 0.1), 2));
  tiny.add(rows_in({1e-300, 1e-200, 0, 0}, 2));
  huge.add(rows_in({1e70, -1e70, -1e70, 1e70}, 2));
  const std::vector<float> zero = {0, 0};
  uncounted.add(rows_in({1, 2, 3, 4}, 2), zero.data());
  for (const auto* m : {&none, &zeros, &one, &same, &tiny, &uncounted}) {
    EXPECT_THAT(m->variance(), ElementsAre(0, 0));
    EXPECT_THAT(m->kurtosis(), ElementsAre(0, 0));
    EXPECT_THAT(m->outlier_channels(), ElementsAre());
    EXPECT_EQ(m->rank_one_distance(), 0);
    for (const auto& value : libnorm::values_of(*m)) EXPECT_EQ(value.value, 0) << value.name;
  }
  EXPECT_NEAR(huge.kurtosis()[0], 1, 1e-14);
  EXPECT_EQ(huge.rank_one_distance(), 1);
  EXPECT_THAT(message([&] { huge.add(rows_in({1e71, 0}, 2)); }), HasSubstr("fourth power"));
  EXPECT_THAT(message([&] { huge.add(rows_in({1, 2, 3}, 3)); }), HasSubstr("another width"));
  EXPECT_THAT(message([&] { huge.merge(ChannelMoments(3)); }), HasSubstr("another width"));
  EXPECT_THAT(message([] { ChannelMoments zero_channels(0); }), HasSubstr("no channels"));
}

TEST(RowMetrics, AreAllThereIsOfRows) {
  const std::vector<double> x = normals(50 * 3, 6);
  const std::vector<float> narrow(x.begin(), x.end());
  const auto values = libnorm::row_metrics(rows_in(x, 3));
  const auto floats = libnorm::row_metrics(Narrow(narrow.data(), 50, 3));
  ASSERT_EQ(values.size(), 6u);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i].value, floats[i].value, 1e-5) << values[i].name;
  }
  EXPECT_THAT(libnorm::text_of(values), HasSubstr("\noutlier_channels = 0 channels (variance at"));
}

TEST(RowMetrics, RefuseWhatIsNotFinite) {
  for (const double bad : {kInfinity, std::nan(""), 1e291}) {
    const std::vector<double> x = {1, 2, bad, 3};
    const std::vector<std::int32_t> labels = {0, 1};
    const View rows = rows_in(x, 2);
    for (const auto& text : {message([&] { libnorm::mean_cosine(rows); }),
                             message([&] { libnorm::partition_isotropy(rows); }),
                             message([&] { ChannelMoments(2).add(rows); }),
                             message([&] { libnorm::linear_cka(rows, rows); }),
                             message([&] { libnorm::nearest_neighbours(rows, 1); }),
                             message([&] { libnorm::neural_collapse(rows, labels.data(), 2); })}) {
      EXPECT_THAT(text, HasSubstr("row 1 holds a number"));
    }
  }
  const std::vector<float> negative = {1, -1};
  EXPECT_THAT(message([&] {
                libnorm::mean_cosine(rows_in({1, 2, 3, 4}, 2), negative.data());
              }),
              HasSubstr("below 0"));
  EXPECT_THAT(message([&] { libnorm::mean_cosine(View(nullptr, 0, 0)); }), HasSubstr("no columns"));
}

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
  EXPECT_NEAR(libnorm::linear_cka(rows_in(x, 3), rows_in(y, 5)), plain, 1e-13);
  const double debiased =
      unbiased_hsic(k, l, n) / std::sqrt(unbiased_hsic(k, k, n) * unbiased_hsic(l, l, n));
  EXPECT_NEAR(libnorm::debiased_linear_cka(rows_in(x, 3), rows_in(y, 5)), debiased, 1e-12);
  const Repeated rx = repeat(x, 3), ry = repeat(y, 5);
  EXPECT_NEAR(libnorm::linear_cka(rows_in(x, 3), rows_in(y, 5), rx.count.data()),
              libnorm::linear_cka(rows_in(rx.x, 3), rows_in(ry.x, 5)), 1e-14);
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
  EXPECT_NEAR(libnorm::linear_cka(rows_in(x, 4), rows_in(turned, 4)), 1, 1e-13);
  EXPECT_NEAR(libnorm::debiased_linear_cka(rows_in(x, 4), rows_in(turned, 4)), 1, 1e-13);
  // Forty rows of two hundred independent features: plain sees a likeness that is not there.
  const std::vector<double> a = normals(40 * 200, 10), b = normals(40 * 200, 11);
  EXPECT_GT(libnorm::linear_cka(rows_in(a, 200), rows_in(b, 200)), 0.7);
  EXPECT_NEAR(libnorm::debiased_linear_cka(rows_in(a, 200), rows_in(b, 200)), 0, 0.1);
  // No column of one is correlated with one of the other.
  EXPECT_NEAR(libnorm::linear_cka(rows_in({1, 1, -1, -1}, 1), rows_in({1, -1, 1, -1}, 1)), 0,
              1e-15);
}

TEST(LinearCka, AnswersForDegenerateRows) {
  const std::vector<double> x = normals(10, 12), zero(10, 0.0), constant(10, 0.1);
  for (const auto& flat : {zero, constant}) {
    for (const auto& other : {x, flat}) {
      EXPECT_EQ(libnorm::linear_cka(rows_in(flat, 1), rows_in(other, 1)), 0);
      EXPECT_EQ(libnorm::debiased_linear_cka(rows_in(other, 1), rows_in(flat, 1)), 0);
    }
  }
  EXPECT_EQ(libnorm::debiased_linear_cka(rows_in({1, 2, 4}, 1), rows_in({1, 2, 4}, 1)), 0);
  EXPECT_EQ(libnorm::linear_cka(rows_in({3}, 1), rows_in({4}, 1)), 0);
  EXPECT_EQ(libnorm::linear_cka(View(nullptr, 0, 2), View(nullptr, 0, 3)), 0);
  EXPECT_THAT(message([&] { libnorm::linear_cka(rows_in(x, 1), rows_in(x, 2)); }),
              HasSubstr("rows differ"));
}

TEST(NearestNeighbours, AreThoseOfAllPairs) {
  // Far from 0, and ten heaps of rows that nearly coincide: products alone are off by more than
  // their distances.
  const Index n = 200, c = 5;
  std::vector<double> x = normals(n * c, 13);
  for (Index i = 10 * c; i < n * c; ++i) {
    x[std::size_t(i)] = x[std::size_t(i % (10 * c))] + 1e-9 * x[std::size_t(i)];
  }
  for (double& v : x) v += 1000;
  const auto found = libnorm::nearest_neighbours(rows_in(x, c), 4);
  ASSERT_EQ(found.rows, n);
  ASSERT_EQ(found.k, 4);
  std::vector<std::vector<double>> rows, expected;
  for (Index r = 0; r < n; ++r) rows.emplace_back(x.begin() + r * c, x.begin() + (r + 1) * c);
  std::sort(rows.begin(), rows.end());
  for (Index i = 0; i < n; ++i) {
    std::vector<double> all;
    for (Index j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < 5; ++k) {
        const double d = rows[std::size_t(i)][k] - rows[std::size_t(j)][k];
        sum += d * d;
      }
      if (i != j) all.push_back(std::sqrt(sum));
    }
    std::sort(all.begin(), all.end());
    for (Index k = 0; k < 4; ++k) {
      EXPECT_DOUBLE_EQ(found.distances[std::size_t(i * 4 + k)], all[std::size_t(k)]);
    }
  }
  libnorm::with_threads(1, [&] {
    EXPECT_EQ(libnorm::nearest_neighbours(rows_in(x, c), 4).distances, found.distances);
  });
}

TEST(IntrinsicDimension, IsThatOfTheManifold) {
  // Uniform in a cube of d of 8 channels, turned; 3000 rows.
  for (const Index d : {1, 2, 4}) {
    const libnorm::Random random(7, libnorm::Purpose::test, std::uint32_t(20 + d));
    std::vector<double> x;
    for (Index r = 0; r < 3000; ++r) {
      std::vector<double> u;
      for (Index i = 0; i < d; ++i) u.push_back(random.uniform(std::uint64_t(r * d + i)));
      for (Index c = 0; c < 8; ++c) {
        double sum = 0;
        for (Index i = 0; i < d; ++i) sum += u[std::size_t(i)] * ((c * (i + 1)) % 7 < 3 ? 1 : -1);
        x.push_back(sum + (c == d % 8 ? u[0] : 0));
      }
    }
    const auto neighbours = libnorm::nearest_neighbours(rows_in(x, 8), 20);
    // Standard errors are about d / sqrt n; edges pull the estimates down by a few per cent.
    EXPECT_NEAR(libnorm::two_nn_dimension(neighbours), double(d), 0.1 * double(d));
    EXPECT_NEAR(libnorm::likelihood_dimension(neighbours, Averaging::inverses), double(d),
                0.1 * double(d));
    EXPECT_NEAR(libnorm::likelihood_dimension(neighbours, Averaging::estimates), double(d),
                0.15 * double(d));
  }
}

TEST(IntrinsicDimension, IsTheFormula) {
  // Ratios 2, 2, 4, of which the last is of the largest tenth.
  const libnorm::Neighbours n = {{1, 2, 3, 6, 0.5, 2}, 3, 2};
  const double log2 = std::log(2.0), f1 = -std::log(2.0 / 3), f2 = -std::log(1.0 / 3);
  EXPECT_NEAR(libnorm::two_nn_dimension(n), (log2 * f1 + log2 * f2) / (2 * log2 * log2), 1e-14);
  EXPECT_NEAR(libnorm::likelihood_dimension(n, Averaging::estimates),
              (1 / log2 + 1 / log2 + 0.5 / log2) / 3, 1e-14);
  EXPECT_NEAR(libnorm::likelihood_dimension(n, Averaging::inverses), 3 / (4 * log2), 1e-14);
  const libnorm::Neighbours three = {{1, 2, 8}, 1, 3};
  EXPECT_NEAR(libnorm::likelihood_dimension(three, Averaging::inverses), 2 / (5 * log2), 1e-14);
}

TEST(IntrinsicDimension, AnswersForDegenerateRows) {
  const auto all_zero = [](const libnorm::Neighbours& n) {
    EXPECT_EQ(libnorm::two_nn_dimension(n), 0);
    EXPECT_EQ(libnorm::likelihood_dimension(n, Averaging::inverses), 0);
    EXPECT_EQ(libnorm::likelihood_dimension(n, Averaging::estimates), 0);
  };
  const auto same = libnorm::nearest_neighbours(rows_in(std::vector<double>(20, 0.1), 2), 3);
  EXPECT_EQ(same.rows, 1);
  EXPECT_EQ(same.k, 0);
  all_zero(same);
  all_zero(libnorm::nearest_neighbours(View(nullptr, 0, 2), 3));
  const auto two = libnorm::nearest_neighbours(rows_in({0, 0, 3, 4, 0, 0, 3, 4}, 2), 3);
  EXPECT_EQ(two.rows, 2);
  EXPECT_THAT(two.distances, ElementsAre(5, 5));
  all_zero(two);
  // The corners of a square: two nearest at one distance.
  const auto square = libnorm::nearest_neighbours(rows_in({0, 0, 0, 1, 1, 0, 1, 1}, 2), 2);
  EXPECT_EQ(libnorm::two_nn_dimension(square), kInfinity);
  EXPECT_EQ(libnorm::likelihood_dimension(square, Averaging::inverses), kInfinity);
  EXPECT_EQ(libnorm::likelihood_dimension(square, Averaging::estimates), kInfinity);
  EXPECT_THROW(libnorm::nearest_neighbours(rows_in({1, 2}, 1), 0), libnorm::ValueError);
  // Repetitions change nothing.
  const std::vector<double> x = normals(60, 14);
  EXPECT_EQ(libnorm::nearest_neighbours(rows_in(repeat(x, 1).x, 1), 2).k, 2);
}

/// K classes of `each` rows about the corners of a simplex in K channels.
std::vector<double> simplex_rows(Index k, Index each, double noise, std::uint32_t stream) {
  std::vector<double> x = normals(k * each * k, stream);
  for (Index r = 0; r < k * each; ++r) {
    for (Index c = 0; c < k; ++c) {
      double& v = x[std::size_t(r * k + c)];
      v = noise * v + (c == r % k ? 3.0 : 0.0) + 10;
    }
  }
  return x;
}

std::vector<std::int32_t> labels_of(Index rows, Index k) {
  std::vector<std::int32_t> labels;
  for (Index r = 0; r < rows; ++r) labels.push_back(std::int32_t(r % k));
  return labels;
}

TEST(NeuralCollapse, IsZeroWhereAllHasCollapsed) {
  const Index k = 4;
  const std::vector<double> x = simplex_rows(k, 5, 0, 1);
  const auto labels = labels_of(20, k);
  std::vector<double> head, bias(4, 0.0);
  for (Index i = 0; i < k; ++i) {
    for (Index c = 0; c < k; ++c) head.push_back((c == i ? 1 : 0) - 0.25);
  }
  const auto result =
      libnorm::neural_collapse(rows_in(x, k), labels.data(), k, rows_in(head, k), bias.data());
  EXPECT_EQ(result.classes, k);
  for (const auto& value : libnorm::values_of(result)) {
    EXPECT_NEAR(value.value, 0, 1e-14) << value.name;
  }
  EXPECT_EQ(libnorm::values_of(result).size(), 10u);
  EXPECT_EQ(libnorm::values_of(libnorm::neural_collapse(rows_in(x, k), labels.data(), k)).size(),
            5u);
}

TEST(NeuralCollapse, IsTheFormulas) {
  // Two classes on an axis: means (+-2, 0) about (5, 0); rows at +-1 along it and +-3 across it.
  const std::vector<double> x = {8, 0, 6, 0, 3, 3, 3, -3};
  const std::vector<std::int32_t> labels = {0, 0, 1, 1};
  const std::vector<double> head = {1, 0, 0, 2}, bias = {0, 7};
  const auto result =
      libnorm::neural_collapse(rows_in(x, 2), labels.data(), 2, rows_in(head, 2), bias.data());
  // S_w = diag(1/2, 9/2), S_b = diag(4, 0): tr(S_w S_b^+) / 2 = 1/16, and 5 / 4.
  EXPECT_NEAR(result.within_to_between, 1.0 / 16, 1e-15);
  EXPECT_NEAR(result.trace_ratio, 1.25, 1e-15);
  EXPECT_NEAR(result.mean_norms, 0, 1e-15);
  EXPECT_NEAR(result.mean_angles, 0, 1e-15);
  // Head: norms 1 and 2, a right angle.
  EXPECT_NEAR(result.head_norms, 0.5 / 1.5, 1e-15);
  EXPECT_NEAR(result.head_angles, 1, 1e-15);
  EXPECT_NEAR(result.head_cosines, 0, 1e-15);
  // 2 - 2 <W, B> = 2 - 2 * 2 / (sqrt 5 sqrt 8)
  EXPECT_NEAR(result.self_duality, 2 - 4 / std::sqrt(40.0), 1e-15);
  // Scores (8, 7), (6, 7), (3, 13), (3, 1); nearest means 0, 0, 1, 1.
  EXPECT_EQ(result.disagreement, 0.5);
}

TEST(NeuralCollapse, OfThreeMeansIsTheirGeometry) {
  // Means less their mean: (2, 0), (-1, 1), (-1, -1).
  const std::vector<double> x = {2, 0, -1, 1, -1, -1};
  const auto labels = labels_of(3, 3);
  const auto result = libnorm::neural_collapse(rows_in(x, 2), labels.data(), 3);
  const double mean = (2 + 2 * std::sqrt(2.0)) / 3;
  const double variance = (std::pow(2 - mean, 2) + 2 * std::pow(std::sqrt(2.0) - mean, 2)) / 3;
  EXPECT_NEAR(result.mean_norms, std::sqrt(variance) / mean, 1e-14);
  // Cosines -1/sqrt 2 twice, and 0.
  const double c = -std::sqrt(0.5), middle = 2 * c / 3;
  EXPECT_NEAR(result.mean_cosines, std::sqrt((2 * std::pow(c - middle, 2) + middle * middle) / 3),
              1e-14);
  EXPECT_NEAR(result.mean_angles, (2 * std::abs(c + 0.5) + 0.5) / 3, 1e-14);
  EXPECT_EQ(result.within_to_between, 0);
}

TEST(NeuralCollapse, CountsRowsAndDoesNotDependOnUnitOrThreads) {
  const Index k = 3;
  const std::vector<double> x = simplex_rows(k, 400, 0.5, 2);
  const auto labels = labels_of(1200, k);
  const std::vector<double> head = normals(9, 15);
  Repeated repeated = repeat(x, k);
  std::vector<std::int32_t> repeated_labels;
  for (Index r = 0; r < 1200; ++r) {
    repeated_labels.insert(repeated_labels.end(), std::size_t((r + 1) % 4), labels[std::size_t(r)]);
  }
  const auto values = [&](const std::vector<double>& rows, const std::vector<std::int32_t>& of,
                          const float* count) {
    return libnorm::values_of(
        libnorm::neural_collapse(rows_in(rows, k), of.data(), k, rows_in(head, k), nullptr, count));
  };
  const auto counted = values(x, labels, repeated.count.data());
  const auto dense = values(repeated.x, repeated_labels, nullptr);
  std::vector<double> scaled = x;
  for (double& v : scaled) v *= 1e200;
  const auto plain = values(x, labels, nullptr), large = values(scaled, labels, nullptr);
  EXPECT_NEAR(plain[1].value, 0.25 * 3 / (9.0 * 2 / 3), 0.01);
  for (std::size_t i = 0; i < counted.size(); ++i) {
    EXPECT_NEAR(counted[i].value, dense[i].value, 1e-13) << counted[i].name;
    EXPECT_NEAR(plain[i].value, large[i].value, 1e-13) << counted[i].name;
  }
  libnorm::with_threads(1, [&] { EXPECT_EQ(values(x, labels, nullptr)[0].value, plain[0].value); });
  const std::vector<float> narrow(x.begin(), x.end());
  const auto single = libnorm::neural_collapse(Narrow(narrow.data(), 1200, k), labels.data(), k);
  EXPECT_NEAR(single.within_to_between, plain[0].value, 1e-6);
}

TEST(NeuralCollapse, AnswersForDegenerateRows) {
  const std::vector<double> zero(12, 0.0), constant(12, 0.1),
      x = {1, 0.1, -1, 0.1, -1, 0.1, 1, 0.1};
  const std::vector<std::int32_t> labels = {0, 1, 0, 1}, one(6, 0), twos = {0, 0, 1, 1};
  for (const auto& flat : {zero, constant}) {
    const auto result =
        libnorm::neural_collapse(rows_in(flat, 3), labels.data(), 2, View(zero.data(), 2, 3));
    for (const auto& value : libnorm::values_of(result)) EXPECT_EQ(value.value, 0) << value.name;
  }
  // Both means at 0, rows not: nothing to divide by.
  const auto apart = libnorm::neural_collapse(rows_in(x, 2), twos.data(), 2, View(x.data(), 2, 2));
  EXPECT_EQ(apart.within_to_between, kInfinity);
  EXPECT_EQ(apart.trace_ratio, kInfinity);
  EXPECT_EQ(apart.mean_norms, 0);
  EXPECT_NEAR(apart.self_duality, 1, 1e-15);
  const auto single = libnorm::neural_collapse(rows_in(constant, 2), one.data(), 1);
  for (const auto& value : libnorm::values_of(single)) EXPECT_EQ(value.value, 0) << value.name;
  const std::vector<std::int32_t> wrong = {0, 2, 0, 1};
  EXPECT_THAT(message([&] { libnorm::neural_collapse(rows_in(x, 2), wrong.data(), 2); }),
              HasSubstr("label of row 1 (2)"));
  EXPECT_THAT(message([&] { libnorm::neural_collapse(rows_in(x, 2), labels.data(), 3); }),
              HasSubstr("class without rows (2)"));
  EXPECT_THAT(message([&] { libnorm::neural_collapse(rows_in(x, 2), labels.data(), 0); }),
              HasSubstr("no classes"));
  EXPECT_THAT(message([&] {
                libnorm::neural_collapse(rows_in(x, 2), labels.data(), 2, View(x.data(), 3, 2));
              }),
              HasSubstr("head of another shape"));
}

}  // namespace
