#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/activations/neural_collapse.hpp"
#include "tests/support/rows.hpp"

namespace libnorm::test {
namespace {

using testing::HasSubstr;

using Narrow = MatrixView<const float>;

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
      neural_collapse(rows_in(x, k), labels.data(), k, rows_in(head, k), bias.data());
  EXPECT_EQ(result.classes, k);
  for (const auto& value : values_of(result)) {
    EXPECT_NEAR(value.value, 0, 1e-14) << value.name;
  }
  EXPECT_EQ(values_of(result).size(), 10u);
  EXPECT_EQ(values_of(neural_collapse(rows_in(x, k), labels.data(), k)).size(), 5u);
}

TEST(NeuralCollapse, IsTheFormulas) {
  // Two classes on an axis: means (+-2, 0) about (5, 0); rows at +-1 along it and +-3 across it.
  const std::vector<double> x = {8, 0, 6, 0, 3, 3, 3, -3};
  const std::vector<std::int32_t> labels = {0, 0, 1, 1};
  const std::vector<double> head = {1, 0, 0, 2}, bias = {0, 7};
  const auto result =
      neural_collapse(rows_in(x, 2), labels.data(), 2, rows_in(head, 2), bias.data());
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
  const auto result = neural_collapse(rows_in(x, 2), labels.data(), 3);
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

// Three classes of two rows: exact numbers, so that they stay exact when moved.
const std::vector<double> kThree = {1,      .25,   .125, 1.25, .125, -.25, -1,    .25,   -.25,
                                    -1.125, -.375, .75,  .25,  -1,   .25,  -.125, -1.25, .25};
const std::vector<std::int32_t> kThreeLabels = {0, 0, 1, 1, 2, 2};

TEST(NeuralCollapse, DoesNotDependOnWhereTheRowsAre) {
  // By rationals and an SVD in 60 digits (mpmath).
  const double nc1 = 0.059625538711376811, trace = 0.13325740318906606;
  for (const double level : {0.0, 1e5, -1e8, 0x1p40}) {
    for (const bool one_channel : {false, true}) {
      std::vector<double> x = kThree;
      for (std::size_t i = 0; i < x.size(); ++i) x[i] += one_channel && i % 3 != 1 ? 0 : level;
      const auto result = neural_collapse(rows_in(x, 3), kThreeLabels.data(), 3);
      EXPECT_NEAR(result.within_to_between, nc1, 1e-14) << level;
      EXPECT_NEAR(result.trace_ratio, trace, 1e-14) << level;
    }
  }
  // A channel whose numbers are 1e5 times as large.
  std::vector<double> x = kThree;
  for (std::size_t i = 0; i < x.size(); i += 3) x[i] *= 1e5;
  EXPECT_NEAR(neural_collapse(rows_in(x, 3), kThreeLabels.data(), 3).within_to_between,
              0.059218127528639482, 1e-13);
}

TEST(NeuralCollapse, HasAtMostAsManyDirectionsAsClassesLessOne) {
  // Ten classes in ten channels: B has rank 9, and a tenth singular value that is rounding. Rows
  // differ from their means along all ones alone, in which B has nothing: tr(S_w S_b^+) is 0.
  const std::int32_t k = 10;
  std::vector<double> x;
  std::vector<std::int32_t> labels;
  for (std::int32_t r = 0; r < 4 * k; ++r) {
    for (std::int32_t c = 0; c < k; ++c) {
      x.push_back(1e5 + (c == r % k ? 1.7 : 0.1) + (r < 2 * k ? 0.3 : -0.3));
    }
    labels.push_back(r % k);
  }
  const auto result = neural_collapse(rows_in(x, k), labels.data(), k);
  EXPECT_NEAR(result.within_to_between, 0, 1e-14);
  EXPECT_NEAR(result.trace_ratio, 10 * 0.09 / (1.6 * 1.6 * 0.9), 1e-9);
}

TEST(NeuralCollapse, TakesNumbersOfAnySize) {
  const std::vector<double> head = {1, 0, .5, -1, .25, 0, .125, -1, 1}, bias = {.5, -.25, .125};
  const auto plain = values_of(
      neural_collapse(rows_in(kThree, 3), kThreeLabels.data(), 3, rows_in(head, 3), bias.data()));
  for (const double f : {0x1p-1000, 0x1p-530, 0x1p530, 0x1p960}) {
    for (const double g : {0x1p-900, 1.0, 0x1p900}) {
      std::vector<double> x = kThree, w = head, b = bias;
      for (double& v : x) v *= f;
      for (double& v : w) v *= g;
      // A bias of the size of the products, where that is a number.
      const double product = f * g;
      const bool fits = std::isfinite(product) && product > 0x1p-1000;
      for (double& v : b) v *= fits ? product : 0;
      const auto scaled = values_of(
          neural_collapse(rows_in(x, 3), kThreeLabels.data(), 3, rows_in(w, 3), b.data()));
      for (std::size_t i = 0; i < plain.size(); ++i) {
        if (!fits && i + 1 == plain.size()) continue;
        EXPECT_NEAR(scaled[i].value, plain[i].value, 1e-13) << plain[i].name << " " << f;
      }
    }
  }
  // Scores 1 and 2 of 1e200 times 1e200; a bias that says it all beside products of 1e-300.
  const std::vector<double> two = {1e200, -1e200}, up = {1e200, 2e200}, small = {1e-200, -1e-200},
                            tiny = {1e-100, 1e-100}, says = {1, 1e308};
  const std::vector<std::int32_t> each = {0, 1};
  EXPECT_EQ(neural_collapse(rows_in(two, 1), each.data(), 2, rows_in(up, 1)).disagreement, 1);
  EXPECT_EQ(neural_collapse(rows_in(small, 1), each.data(), 2, rows_in(tiny, 1), says.data())
                .disagreement,
            0.5);
}

TEST(NeuralCollapse, OfFewRowsOfManyChannels) {
  std::vector<double> x(std::size_t(6) << 17, 7.0);
  for (std::size_t r = 0; r < 6; ++r) {
    for (std::size_t c = 0; c < 3; ++c) x[(r << 17) + 40000 * c] = kThree[r * 3 + c];
  }
  const auto result = neural_collapse(View(x.data(), 6, 1 << 17), kThreeLabels.data(), 3);
  EXPECT_NEAR(result.within_to_between, 0.059625538711376811, 1e-14);
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
    return values_of(
        neural_collapse(rows_in(rows, k), of.data(), k, rows_in(head, k), nullptr, count));
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
  with_threads(1, [&] { EXPECT_EQ(values(x, labels, nullptr)[0].value, plain[0].value); });
  const std::vector<float> narrow(x.begin(), x.end());
  const auto single = neural_collapse(Narrow(narrow.data(), 1200, k), labels.data(), k);
  EXPECT_NEAR(single.within_to_between, plain[0].value, 1e-6);
}

TEST(NeuralCollapse, AnswersForDegenerateRows) {
  const std::vector<double> zero(12, 0.0), constant(12, 0.1),
      x = {1, 0.1, -1, 0.1, -1, 0.1, 1, 0.1};
  const std::vector<std::int32_t> labels = {0, 1, 0, 1}, one(6, 0), twos = {0, 0, 1, 1};
  for (const auto& flat : {zero, constant}) {
    const auto result =
        neural_collapse(rows_in(flat, 3), labels.data(), 2, View(zero.data(), 2, 3));
    for (const auto& value : values_of(result)) EXPECT_EQ(value.value, 0) << value.name;
  }
  // Both means at 0, rows not: nothing to divide by.
  const auto apart = neural_collapse(rows_in(x, 2), twos.data(), 2, View(x.data(), 2, 2));
  EXPECT_EQ(apart.within_to_between, kInfinity);
  EXPECT_EQ(apart.trace_ratio, kInfinity);
  EXPECT_EQ(apart.mean_norms, 0);
  EXPECT_NEAR(apart.self_duality, 1, 1e-15);
  const auto single = neural_collapse(rows_in(constant, 2), one.data(), 1);
  for (const auto& value : values_of(single)) EXPECT_EQ(value.value, 0) << value.name;
  // The same rows in another order have the same mean, which is rounded otherwise.
  std::vector<double> shuffled = normals(2 * 50 * 3, 16);
  std::copy_n(shuffled.begin(), 150, shuffled.begin() + 150);
  std::reverse(shuffled.begin() + 150, shuffled.end());
  for (std::size_t r = 50; r < 100; ++r) std::swap(shuffled[3 * r], shuffled[3 * r + 2]);
  std::vector<std::int32_t> halves(100, 0);
  std::fill(halves.begin() + 50, halves.end(), 1);
  EXPECT_EQ(neural_collapse(rows_in(shuffled, 3), halves.data(), 2).within_to_between, kInfinity);
  const std::vector<double> no_bias = {0, std::nan("")};
  EXPECT_THAT(message([&] {
                neural_collapse(rows_in(x, 2), labels.data(), 2, View(x.data(), 2, 2),
                                no_bias.data());
              }),
              HasSubstr("bias 1 is not finite"));
  const std::vector<std::int32_t> wrong = {0, 2, 0, 1};
  EXPECT_THAT(message([&] { neural_collapse(rows_in(x, 2), wrong.data(), 2); }),
              HasSubstr("label of row 1 (2)"));
  EXPECT_THAT(message([&] { neural_collapse(rows_in(x, 2), labels.data(), 3); }),
              HasSubstr("class without rows (2)"));
  EXPECT_THAT(message([&] { neural_collapse(rows_in(x, 2), labels.data(), 0); }),
              HasSubstr("no classes"));
  EXPECT_THAT(
      message([&] { neural_collapse(rows_in(x, 2), labels.data(), 2, View(x.data(), 3, 2)); }),
      HasSubstr("head of another shape"));
}

}  // namespace
}  // namespace libnorm::test
