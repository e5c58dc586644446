#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/activations/cka.hpp"
#include "libnorm/metrics/activations/intrinsic_dimension.hpp"
#include "libnorm/metrics/activations/neural_collapse.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "tests/support/rows.hpp"

namespace libnorm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Narrow = MatrixView<const float>;

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
  EXPECT_NEAR(mean_cosine(rows_in(x, 6)), mean_cosine_of_pairs(x, 6), 1e-13);
  x.resize(40 * 6);
  const Repeated repeated = repeat(x, 6);
  EXPECT_NEAR(mean_cosine(rows_in(x, 6), repeated.count.data()),
              mean_cosine_of_pairs(repeated.x, 6), 1e-14);
  const std::vector<float> narrow(x.begin(), x.end());
  EXPECT_NEAR(mean_cosine(Narrow(narrow.data(), 40, 6)), mean_cosine_of_pairs(x, 6), 1e-6);
}

TEST(MeanCosine, OfKnownRows) {
  EXPECT_NEAR(mean_cosine(rows_in({1, 2, 1, 2, 2, 4}, 2)), 1, 1e-15);
  EXPECT_NEAR(mean_cosine(rows_in({1, 0, 0, 1}, 2)), 0, 1e-15);
  EXPECT_NEAR(mean_cosine(rows_in({1, 2, -1, -2}, 2)), -1, 1e-15);
  // Rows of different sizes, and rows without a direction.
  EXPECT_NEAR(mean_cosine(rows_in({1e-200, 0, 3e280, 3e280, 0, 0}, 2)), std::sqrt(0.5), 1e-15);
  EXPECT_EQ(mean_cosine(rows_in({0, 0, 0, 0}, 2)), 0);
  EXPECT_EQ(mean_cosine(rows_in({1, 2}, 2)), 0);
  EXPECT_EQ(mean_cosine(View(nullptr, 0, 2)), 0);
}

TEST(RowDirections, AreTheSameInPieces) {
  const std::vector<double> x = normals(5000 * 3, 16);
  const Repeated repeated = repeat(x, 3);
  RowDirections pieces(3);
  for (Index first = 0; first < 5000; first += 2048) {
    const Index rows = std::min<Index>(2048, 5000 - first);
    pieces.add(View(x.data() + first * 3, rows, 3), repeated.count.data() + first);
  }
  EXPECT_EQ(pieces.mean_cosine(), mean_cosine(rows_in(x, 3), repeated.count.data()));
  EXPECT_EQ(RowDirections(3).mean_cosine(), 0);
  EXPECT_THAT(message([&] { pieces.add(rows_in(x, 5)); }), HasSubstr("another width"));
  EXPECT_THAT(message([] { RowDirections none(0); }), HasSubstr("no channels"));
}

TEST(PartitionIsotropy, OfKnownRows) {
  EXPECT_EQ(partition_isotropy(rows_in(std::vector<double>(12, 0.0), 3)), 1);
  // X^T X = diag(2 * 4, 2): Z = 2 cosh 2 and 2 cosh 1, whatever the sign.
  const std::vector<double> cross = {2, 0, -2, 0, 0, 1, 0, -1};
  const double expected = (2 * std::cosh(1.0) + 2) / (2 * std::cosh(2.0) + 2);
  EXPECT_NEAR(partition_isotropy(rows_in(cross, 2)), expected, 1e-14);
  // One row: along it exp(5) and exp(-5), across it 1.
  EXPECT_NEAR(partition_isotropy(rows_in({3, 4}, 2)), std::exp(-10.0), 1e-17);
  EXPECT_EQ(partition_isotropy(rows_in({3e200, 4e200, 1, 0}, 2)), 0);
  // Few rows of many channels: lengths 2 and 1 at right angles, and the directions across.
  std::vector<double> wide(std::size_t(2) << 17, 0.0);
  wide[70000] = 2;
  wide[(1 << 17) + 3] = 1;
  EXPECT_NEAR(partition_isotropy(View(wide.data(), 2, 1 << 17)),
              (1 + std::exp(-2.0)) / (1 + std::exp(2.0)), 1e-15);
  EXPECT_NEAR(partition_isotropy(rows_in({3e-200, 4e-200}, 2)), 1, 1e-15);
  EXPECT_THAT(message([] { partition_isotropy(View(nullptr, 0, 2)); }), HasSubstr("no rows"));
}

TEST(PartitionIsotropy, OfFewRowsIsThatOfManyWithNothingInTheOtherChannels) {
  // 6 rows that need 5 channels, with 6 and with 2000, of which most hold nothing; one row twice,
  // one that does not count, and a spread of sizes that squares would lose.
  const std::vector<double> x = normals(6 * 5, 38);
  const std::vector<float> count = {1, 2, 0, 3, 1, 0.5f};
  const double size[] = {1, 1e-9, 0.5, 1e-5, 1};
  std::vector<double> some(6 * 6, 0.0), many(6 * 2000, 0.0);
  for (std::size_t r = 0; r < 6; ++r) {
    for (std::size_t c = 0; c < 5; ++c) {
      some[r * 6 + c] = many[r * 2000 + 399 * c] = x[r * 5 + c] * size[c];
    }
  }
  const double isotropy = partition_isotropy(rows_in(some, 6), count.data());
  EXPECT_GT(isotropy, 0.01);
  EXPECT_LT(isotropy, 0.99);
  EXPECT_NEAR(partition_isotropy(rows_in(many, 2000), count.data()), isotropy, 1e-14);
}

TEST(PartitionIsotropy, CountsRowsAndTurnsWithThem) {
  std::vector<double> x = normals(1300 * 4, 2), turned;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= double(1 + i % 4) / 4;
  const Repeated repeated = repeat(x, 4);
  const double isotropy = partition_isotropy(rows_in(x, 4));
  EXPECT_GT(isotropy, 0.01);
  EXPECT_LT(isotropy, 0.99);
  EXPECT_NEAR(partition_isotropy(rows_in(x, 4), repeated.count.data()),
              partition_isotropy(rows_in(repeated.x, 4)), 1e-12);
  for (Index r = 0; r < 1300; ++r) {
    const double* v = x.data() + r * 4;
    for (const double y : {v[0] + v[1] + v[2] + v[3], v[0] - v[1] + v[2] - v[3],
                           v[0] + v[1] - v[2] - v[3], v[0] - v[1] - v[2] + v[3]}) {
      turned.push_back(y / 2);
    }
  }
  EXPECT_NEAR(partition_isotropy(rows_in(turned, 4)), isotropy, 1e-12);
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
  with_threads(1, [&] {
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
  ChannelMoments none(2), zeros(2), one(2), same(2), uncounted(2);
  zeros.add(rows_in({0, 0, 0, 0}, 2));
  one.add(rows_in({3, 4}, 2));
  same.add(rows_in(std::vector<double>(6000, 0.1), 2));
  const std::vector<float> zero = {0, 0};
  uncounted.add(rows_in({1, 2, 3, 4}, 2), zero.data());
  for (const auto* m : {&none, &zeros, &one, &same, &uncounted}) {
    EXPECT_THAT(m->variance(), ElementsAre(0, 0));
    EXPECT_THAT(m->kurtosis(), ElementsAre(0, 0));
    EXPECT_THAT(m->outlier_channels(), ElementsAre());
    EXPECT_EQ(m->rank_one_distance(), 0);
    for (const auto& value : values_of(*m)) EXPECT_EQ(value.value, 0) << value.name;
  }
  EXPECT_THAT(message([&] { none.add(rows_in({1, 2, 3}, 3)); }), HasSubstr("another width"));
  EXPECT_THAT(message([&] { none.merge(ChannelMoments(3)); }), HasSubstr("another width"));
  EXPECT_THAT(message([&] { none.outlier_channels(std::nan("")); }), HasSubstr("ratio"));
  EXPECT_THAT(message([] { ChannelMoments zero_channels(0); }), HasSubstr("no channels"));
}

// Heaps of 0, 1 and 4, a third each, are exact beside any of these means; so is their kurtosis:
// mean 5/3, variance 26/9, fourth moment (5^4 + 2^4 + 7^4) / 3^5 = 1014/81, of which 3/2 is left.
TEST(ChannelMoments, KeepTheirDigitsBesideALargeMean) {
  for (const double level : {0.0, 1e5, 1e8, 0x1p50, -0x1p50}) {
    std::vector<double> x;
    for (Index r = 0; r < 3000; ++r) {
      x.push_back(level + (r % 3 == 2 ? 4.0 : double(r % 3)));
      // A channel that grows from stretch to stretch.
      x.push_back(level + double(r));
    }
    ChannelMoments whole(2), pieces(2), tail(2);
    whole.add(rows_in(x, 2));
    pieces.add(View(x.data(), 1, 2));
    pieces.add(View(x.data() + 2, 1499, 2));
    tail.add(View(x.data() + 3000, 1500, 2));
    pieces.merge(tail);
    for (const auto* m : {&whole, &pieces}) {
      EXPECT_NEAR(m->variance()[0], 26.0 / 9, 1e-13) << level;
      EXPECT_NEAR(m->kurtosis()[0], 1.5, 1e-13) << level;
      // (n^2 - 1) / 12 and (3 n^2 - 7) / 5 / (n^2 - 1) * 3.
      EXPECT_NEAR(m->variance()[1] / ((3000.0 * 3000 - 1) / 12), 1, 1e-13) << level;
      EXPECT_NEAR(m->kurtosis()[1], 0.6 * (3 * 3000.0 * 3000 - 7) / (3000.0 * 3000 - 1), 1e-12);
    }
  }
}

TEST(ChannelMoments, TakeNumbersOfAnySize) {
  // Each channel by itself, in pieces, after zeros.
  const double sizes[] = {1e-320, 1e-300, 1e-160, 1e-80, 1, 1e75, 1e160, 1e289};
  std::vector<double> x;
  for (Index r = 0; r < 1200; ++r) {
    for (const double f : sizes) x.push_back((r % 3 == 2 ? 4.0 : double(r % 3)) * f);
  }
  ChannelMoments whole(8), pieces(8), tail(8);
  whole.add(rows_in(x, 8));
  pieces.add(View(x.data(), 1, 8));
  pieces.add(View(x.data() + 8, 599, 8));
  tail.add(View(x.data() + 4800, 600, 8));
  pieces.merge(tail);
  for (const auto* m : {&whole, &pieces}) {
    for (std::size_t c = 0; c < 8; ++c) {
      EXPECT_NEAR(m->kurtosis()[c], 1.5, sizes[c] < 1e-310 ? 1e-3 : 1e-13) << sizes[c];
      EXPECT_NEAR(m->mean()[c] / sizes[c], 5.0 / 3, sizes[c] < 1e-310 ? 1e-3 : 1e-14);
    }
    EXPECT_THAT(m->outlier_channels(), ElementsAre(7));
    // sqrt(26/9 / (26/9 + 25/9)) of the largest channel.
    EXPECT_NEAR(m->rank_one_distance(), std::sqrt(26.0 / 51), 1e-14);
  }
  // Stretches of very different sizes, and rows that do not count, which have none.
  std::vector<double> mixed = normals(4096, 39), large(mixed.begin() + 1024, mixed.begin() + 2048);
  for (std::size_t i = 0; i < 4096; ++i) mixed[i] *= i / 1024 == 1 ? 1e150 : 1e-150;
  std::vector<float> count(4096, 1.0f);
  count[5] = count[4000] = 0;
  mixed[5] = mixed[4000] = 1e290;
  large.resize(4094, 0.0);
  ChannelMoments all(1), those(1);
  all.add(rows_in(mixed, 1), count.data());
  those.add(rows_in(large, 1));
  EXPECT_NEAR(all.kurtosis()[0], those.kurtosis()[0], 1e-11);
  for (const double f : {1e-320, 1e-170, 1e170}) {
    ChannelMoments two(1);
    two.add(rows_in({f, 2 * f, f, 2 * f}, 1));
    EXPECT_EQ(two.kurtosis()[0], 1) << f;
    EXPECT_NEAR(two.rank_one_distance(), std::sqrt(0.1), 1e-15) << f;
  }
}

TEST(RowMetrics, AreAllThereIsOfRows) {
  const std::vector<double> x = normals(50 * 3, 6);
  const std::vector<float> narrow(x.begin(), x.end());
  const auto values = row_metrics(rows_in(x, 3));
  const auto floats = row_metrics(Narrow(narrow.data(), 50, 3));
  ASSERT_EQ(values.size(), 6u);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i].value, floats[i].value, 1e-5) << values[i].name;
  }
  EXPECT_THAT(text_of(values), HasSubstr("\noutlier_channels = 0 channels (variance at"));
}

TEST(RowMetrics, RefuseWhatIsNotFinite) {
  for (const double bad : {kInfinity, std::nan(""), 1e291}) {
    const std::vector<double> x = {1, 2, bad, 3};
    const std::vector<std::int32_t> labels = {0, 1};
    const View rows = rows_in(x, 2);
    for (const auto& text :
         {message([&] { mean_cosine(rows); }), message([&] { partition_isotropy(rows); }),
          message([&] { ChannelMoments(2).add(rows); }), message([&] { linear_cka(rows, rows); }),
          message([&] { nearest_neighbours(rows, 1); }),
          message([&] { neural_collapse(rows, labels.data(), 2); })}) {
      EXPECT_THAT(text, HasSubstr("row 1 holds a number"));
    }
  }
  const std::vector<float> negative = {1, -1};
  EXPECT_THAT(message([&] {
                mean_cosine(rows_in({1, 2, 3, 4}, 2), negative.data());
              }),
              HasSubstr("row 1 has a count that is negative or not finite (-1)"));
  EXPECT_THAT(message([&] { mean_cosine(View(nullptr, 0, 0)); }), HasSubstr("no columns"));
}

}  // namespace
}  // namespace libnorm::test
