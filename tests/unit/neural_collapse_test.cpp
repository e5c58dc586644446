#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/neural_collapse.hpp"
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
