#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/activations/eigen_rows.hpp"
#include "libnorm/metrics/activations/row_gram.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "tests/support/spectra.hpp"

namespace libnorm::test {
namespace {

using testing::HasSubstr;

constexpr Centring kBoth[] = {Centring::none, Centring::mean};

/// By Eigen's decomposition of the whole matrix, centred here, without anything under test.
std::vector<double> want(std::vector<double> x, Index cols, Centring centring) {
  const Index rows = Index(x.size()) / cols;
  for (Index c = 0; c < cols && centring == Centring::mean; ++c) {
    long double sum = 0;
    for (Index r = 0; r < rows; ++r) sum += x[std::size_t(r * cols + c)];
    for (Index r = 0; r < rows; ++r) {
      x[std::size_t(r * cols + c)] -= double(sum / static_cast<long double>(rows));
    }
  }
  return singular_values<double>({x.data(), rows, cols});
}

void expect_near(const std::vector<double>& have, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(have.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(have[i], expected[i], tolerance);
}

TEST(ActivationSpectrum, OfWellConditionedRowsIsThatOfTheWholeMatrix) {
  // Three stretches, the last one short; means far from 0.
  const std::vector<double> spread = {1, 2, 0.5, 1e-2, 3, 1, 1};
  const std::vector<double> x = graded(9000, spread, 5, 1);
  for (const Centring centring : kBoth) {
    const ActivationSpectrum spectrum = of(x, 7, centring);
    EXPECT_EQ(spectrum.path, SpectrumPath::gram);
    EXPECT_EQ(spectrum.rows, 9000);
    EXPECT_EQ(spectrum.channels, 7);
    EXPECT_EQ(spectrum.centring, centring);
    const auto expected = want(x, 7, centring);
    // C u s_max^2 / (2 s_min), with s_max / s_min below 2000.
    expect_near(spectrum.singular_values, expected, 1e-12 * expected[0]);
    RowFactor factor(7);
    factor.add(View(x.data(), 9000, 7));
    const ActivationSpectrum slow = activation_spectrum(factor, centring);
    EXPECT_EQ(slow.path, SpectrumPath::qr);
    EXPECT_EQ(slow.rows, 9000);
    EXPECT_EQ(slow.channels, 7);
    expect_near(slow.singular_values, expected, 1e-13 * expected[0]);
    const auto l = spectrum.eigenvalues();
    ASSERT_EQ(l.size(), 7u);
    EXPECT_NEAR(l[0], expected[0] * expected[0] / 9000, 1e-11 * l[0]);
  }
}

TEST(ActivationSpectrum, OfManyChannelsIsThatOfTheWholeMatrix) {
  // More than one block of columns, and blocks that are not full.
  const std::vector<double> x = normals(5000 * 150, 2);
  const ActivationSpectrum spectrum = of(x, 150, Centring::mean);
  EXPECT_EQ(spectrum.path, SpectrumPath::gram);
  const auto expected = want(x, 150, Centring::mean);
  expect_near(spectrum.singular_values, expected, 1e-13 * expected[0]);
}

TEST(ActivationSpectrum, SquaresOnlyWhatKeepsItsDigits) {
  struct Case {
    const char* what;
    double small, level;
    Centring centring;
    SpectrumPath path;
  };
  const Case cases[] = {
      {"eigenvalues 1e-8 apart", 1e-4, 0, Centring::mean, SpectrumPath::gram},
      {"eigenvalues 1e-12 apart", 1e-6, 0, Centring::mean, SpectrumPath::qr},
      {"a constant channel", 0, 0, Centring::mean, SpectrumPath::qr},
      {"a large mean, taken off", 1, 1e7, Centring::mean, SpectrumPath::gram},
      {"a large mean, left in", 1, 1e7, Centring::none, SpectrumPath::both},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    const std::vector<double> x = graded(9000, {1, 1, 1, c.small}, c.level, 3);
    const ActivationSpectrum spectrum = of(x, 4, c.centring);
    EXPECT_EQ(spectrum.path, c.path);
    const auto expected = want(x, 4, c.centring);
    // By squares alone the second and fifth would be off by 1e-10 and 1e-8 of the largest or more.
    const double scale = c.path == SpectrumPath::gram ? 1e-11 : 2e-15;
    expect_near(spectrum.singular_values, expected,
                scale * expected[0] + 1e-15 * c.level * std::sqrt(9000));
  }
}

TEST(ActivationSpectrum, OfStretchesThatDifferIsThatOfTheWholeMatrix) {
  // Of three stretches the first and the last are well conditioned, the one between is on a line,
  // and large, and somewhere else.
  std::vector<double> x = normals(12288 * 5, 4);
  for (Index r = 4096; r < 8192; ++r) {
    for (Index c = 0; c < 5; ++c) {
      x[std::size_t(r * 5 + c)] = 1e6 * x[std::size_t(r * 5)] + 1e8 * double(c);
    }
  }
  for (const Centring centring : kBoth) {
    const ActivationSpectrum spectrum = of(x, 5, centring);
    EXPECT_EQ(spectrum.path, SpectrumPath::both);
    const auto expected = want(x, 5, centring);
    expect_near(spectrum.singular_values, expected, 1e-14 * expected[0]);
  }
  // A small stretch on a line costs the others no digits: squared all the same.
  for (Index r = 4096; r < 8192; ++r) {
    for (Index c = 0; c < 5; ++c) x[std::size_t(r * 5 + c)] = double(r % 2);
  }
  const ActivationSpectrum spectrum = of(x, 5, Centring::mean);
  EXPECT_EQ(spectrum.path, SpectrumPath::gram);
  const auto expected = want(x, 5, Centring::mean);
  expect_near(spectrum.singular_values, expected, 1e-13 * expected[0]);
}

TEST(ActivationSpectrum, HasTheSameBitsInPiecesAndThreads) {
  for (const double small : {1.0, 0.0}) {
    const std::vector<double> x = graded(9000, {1, 2, 3, 1, 1, small}, 1, 5);
    const auto whole = of(x, 6, Centring::mean).singular_values;
    for (const Index piece : {1, 700, 4096, 5000}) {
      RowGram gram(6);
      for (Index r = 0; r < 9000; r += piece) {
        gram.add(View(x.data() + r * 6, std::min(piece, 9000 - r), 6));
      }
      EXPECT_EQ(gram.rows(), 9000);
      EXPECT_EQ(gram.spectrum(Centring::mean).singular_values, whole) << piece;
    }
    for (const int threads : {1, 2, 5}) {
      with_threads(threads,
                   [&] { EXPECT_EQ(of(x, 6, Centring::mean).singular_values, whole) << threads; });
    }
  }
}

TEST(ActivationSpectrum, MergesAndGoesOnAfterALook) {
  for (const double small : {1.0, 0.0}) {
    const std::vector<double> x = graded(10000, {1, 2, small}, 30, 6);
    RowGram left(3), right(3), empty(3);
    left.add(View(x.data(), 100, 3));
    const auto early = left.spectrum(Centring::none).singular_values;
    expect_near(early, want({x.begin(), x.begin() + 300}, 3, Centring::none), 1e-12 * early[0]);
    left.add(View(x.data() + 300, 4900, 3));
    right.add(View(x.data() + 15000, 5000, 3));
    left.merge(empty);
    left.merge(right);
    empty.merge(left);
    for (const Centring centring : kBoth) {
      const auto expected = want(x, 3, centring);
      for (const RowGram* gram : {&left, &empty}) {
        EXPECT_EQ(gram->rows(), 10000);
        expect_near(gram->spectrum(centring).singular_values, expected, 1e-12 * expected[0]);
      }
    }
  }
  RowGram wide(3);
  EXPECT_THAT(message([&] { wide.merge(RowGram(2)); }), HasSubstr("another width"));
}

TEST(ActivationSpectrum, OfCountedRowsIsThatOfRepeatedRows) {
  for (const Index rows : {3, 3000}) {
    const std::vector<double> x = graded(rows, {1, 2, 3, 0.5, 1}, 2, 7);
    std::vector<double> repeated;
    std::vector<float> count;
    for (Index r = 0; r < rows; ++r) {
      count.push_back(float(r % 4));
      for (Index k = 0; k < r % 4; ++k) {
        repeated.insert(repeated.end(), x.begin() + r * 5, x.begin() + (r + 1) * 5);
      }
    }
    for (const Centring centring : kBoth) {
      const ActivationSpectrum counted = of(x, 5, centring, count.data());
      const ActivationSpectrum dense = of(repeated, 5, centring);
      EXPECT_EQ(counted.rows, dense.rows);
      expect_near(counted.singular_values, dense.singular_values, 1e-13 * dense.singular_values[0]);
    }
  }
  // Halves lose no row.
  const std::vector<double> two = {3, 0, 0, 0, 4, 0};
  const std::vector<float> half = {0.25f, 0.25f};
  expect_near(of(two, 3, Centring::none, half.data()).singular_values, {2, 1.5}, 1e-15);
}

TEST(ActivationSpectrum, OfFloatsIsThatOfTheSameDoubles) {
  const std::vector<double> x = normals(5000 * 6, 8);
  const std::vector<float> narrow(x.begin(), x.end());
  const std::vector<double> same(narrow.begin(), narrow.end());
  const auto have =
      activation_spectrum(MatrixView<const float>(narrow.data(), 5000, 6), Centring::mean);
  EXPECT_EQ(have.singular_values, of(same, 6, Centring::mean).singular_values);
  const auto before = of(x, 6, Centring::mean).singular_values;
  expect_near(have.singular_values, before, 6e-8 * before[0]);
}

TEST(ActivationSpectrum, ReadsStridesAndEigenMatrices) {
  const std::vector<double> x = normals(300 * 10, 9);
  std::vector<double> narrow;
  for (Index r = 0; r < 300; ++r) {
    narrow.insert(narrow.end(), x.begin() + r * 10 + 2, x.begin() + r * 10 + 6);
  }
  const auto packed = of(narrow, 4, Centring::mean).singular_values;
  EXPECT_EQ(activation_spectrum(View(x.data() + 2, 300, 4, 10), Centring::mean).singular_values,
            packed);
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const RowMajor rows = Eigen::Map<const RowMajor>(x.data(), 300, 10);
  const Eigen::MatrixXd columns = rows;
  const auto block = rows_of(rows.middleCols(2, 4));
  EXPECT_EQ(block.view().data, rows.data() + 2);
  EXPECT_EQ(block.view().stride, 10);
  EXPECT_NE(rows_of(columns).view().data, columns.data());
  for (const auto& spectrum : {activation_spectrum(rows.middleCols(2, 4), Centring::mean),
                               activation_spectrum(columns.middleCols(2, 4), Centring::mean)}) {
    EXPECT_EQ(spectrum.singular_values, packed);
  }
  const Eigen::MatrixXf single = columns.cast<float>();
  EXPECT_EQ(activation_spectrum(single, Centring::none).channels, 10);
}

TEST(ActivationSpectrum, DoesNotChangeWithTheOrderOfRowsOrARotation) {
  for (const Index rows : {5000, 20}) {
    const std::vector<double> x = graded(rows, {1, 2, 3, 0.5}, 1, 10);
    std::vector<double> reversed, rotated;
    for (Index r = rows; r-- > 0;) {
      reversed.insert(reversed.end(), x.begin() + r * 4, x.begin() + (r + 1) * 4);
    }
    // Half of a matrix of Hadamard is a rotation.
    for (Index r = 0; r < rows; ++r) {
      const double* v = x.data() + r * 4;
      for (const double y : {v[0] + v[1] + v[2] + v[3], v[0] - v[1] + v[2] - v[3],
                             v[0] + v[1] - v[2] - v[3], v[0] - v[1] - v[2] + v[3]}) {
        rotated.push_back(y / 2);
      }
    }
    for (const Centring centring : kBoth) {
      const auto s = of(x, 4, centring).singular_values;
      expect_near(of(reversed, 4, centring).singular_values, s, 1e-13 * s[0]);
      expect_near(of(rotated, 4, centring).singular_values, s, 1e-13 * s[0]);
    }
  }
}

TEST(ActivationSpectrum, ScalesWithItsRows) {
  const std::vector<double> x = graded(5000, {1, 2, 3}, 1, 11);
  for (const double scale : {0x1p-900, 0x1p900}) {
    std::vector<double> scaled = x;
    for (double& v : scaled) v *= scale;
    for (const Centring centring : kBoth) {
      auto expected = of(x, 3, centring).singular_values;
      for (double& s : expected) s *= scale;
      expect_near(of(scaled, 3, centring).singular_values, expected, 1e-13 * expected[0]);
      for (const auto& metric : activation_metrics()) {
        if (metric.asks == SpectrumKind::centred && centring == Centring::none) continue;
        const double value = metric.value(of(x, 3, centring));
        EXPECT_NEAR(metric.value(of(scaled, 3, centring)), value, 1e-9 * value) << metric.name;
      }
    }
  }
  // Small rows first, large ones after, and the other way round.
  for (const bool small_first : {true, false}) {
    std::vector<double> mixed = normals(3 * 4096 * 2, 12);
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      mixed[i] *= (i < mixed.size() / 3) == small_first ? 1e-250 : 1e150;
    }
    const auto s = of(mixed, 2, Centring::mean).singular_values;
    std::vector<double> large(mixed);
    for (double& v : large) v *= 1e-150;
    auto expected = want(large, 2, Centring::mean);
    for (double& v : expected) v *= 1e150;
    expect_near(s, expected, 1e-13 * expected[0]);
  }
}

TEST(ActivationSpectrum, AnswersForDegenerateRows) {
  struct Case {
    const char* what;
    std::vector<double> x;
    Index cols;
  };
  std::vector<double> line;
  for (int r = 0; r < 6000; ++r) line.insert(line.end(), {0.1 * r, 0.2 * r, 0.3 * r});
  const Case cases[] = {
      {"zeros", std::vector<double>(12, 0.0), 3},
      {"many zeros", std::vector<double>(30000, 0.0), 3},
      {"constant", std::vector<double>(12, 0.1), 3},
      {"many constant", std::vector<double>(30000, 0.1), 3},
      {"a line", line, 3},
      {"one row", {3, 0, 4}, 3},
      {"fewer rows than columns", normals(2 * 5, 13), 5},
      {"one channel", normals(50, 14), 1},
      {"one number", {2}, 1},
      {"tiny", std::vector<double>(12, 5e-324), 3},
      {"huge", std::vector<double>(12, 1e290), 3},
  };
  for (const Case& c : cases) {
    for (const Centring centring : kBoth) {
      SCOPED_TRACE(c.what);
      const ActivationSpectrum spectrum = of(c.x, c.cols, centring);
      EXPECT_EQ(Index(spectrum.singular_values.size()),
                std::min(c.cols, Index(c.x.size()) / c.cols));
      for (const double s : spectrum.singular_values) EXPECT_TRUE(s >= 0 && s < kInfinity);
      for (const auto& value : values_of(spectrum)) {
        EXPECT_TRUE(value.value >= 0) << value.name;
        EXPECT_EQ(value.value == kInfinity,
                  value.name == "condition_number" && value.value > 1e300);
      }
      EXPECT_THAT(text_of(spectrum), testing::Not(HasSubstr("nan")));
      EXPECT_THAT(json_of(spectrum), testing::Not(HasSubstr("nan")));
    }
  }
  EXPECT_THAT(of(cases[0].x, 3, Centring::mean).singular_values, testing::ElementsAre(0, 0, 0));
  EXPECT_NEAR(participation_ratio(of(line, 3, Centring::mean).singular_values), 1, 1e-12);
  EXPECT_NEAR(iso_score(of(line, 3, Centring::mean)), 0, 1e-12);
  EXPECT_EQ(of(cases[5].x, 3, Centring::none).singular_values, std::vector<double>{5});
  for (const auto& metric : activation_metrics()) {
    const double zero = metric.value(made_of({0, 0, 0}));
    EXPECT_EQ(zero, metric.name == "condition_number" ? kInfinity : 0) << metric.name;
    EXPECT_FALSE(std::isnan(metric.value(made_of({})))) << metric.name;
    EXPECT_FALSE(std::isnan(metric.value(made_of({1, 0, 0}, Centring::mean, 1)))) << metric.name;
  }
}

// 8 centred rows of 20 channels have rank 7, and what a decomposition finds beyond is rounding.
TEST(ActivationSpectrum, KnowsTheRankOfFewRows) {
  const std::vector<double> x = normals(8 * 20, 31);
  const std::vector<float> count = {1, 1, 1, 1, 1, 1, 1, 1000};
  for (const float* each : {static_cast<const float*>(nullptr), count.data()}) {
    for (const Centring centring : kBoth) {
      const auto s = of(x, 20, centring, each).singular_values;
      const std::size_t rank = centring == Centring::mean ? 7 : 8;
      ASSERT_EQ(s.size(), each == nullptr ? 8u : 20u);
      EXPECT_GT(s[rank - 1], 0.1);
      for (std::size_t i = rank; i < s.size(); ++i) EXPECT_EQ(s[i], 0);
      EXPECT_EQ(condition_number(s) == kInfinity, s.size() > rank);
    }
  }
  // As many rows as channels, and more of which few count.
  EXPECT_EQ(of(normals(20 * 20, 32), 20, Centring::mean).singular_values[19], 0);
  std::vector<float> rare(40, 0.0f);
  rare[3] = rare[17] = rare[39] = 5;
  const auto s = of(normals(40 * 6, 33), 6, Centring::mean, rare.data()).singular_values;
  EXPECT_GT(s[1], 0.1);
  for (std::size_t i = 2; i < 6; ++i) EXPECT_EQ(s[i], 0);
  // A channel that is constant: 0.1 added up has another mean.
  std::vector<double> constant = normals(9000 * 3, 34);
  for (std::size_t i = 1; i < constant.size(); i += 3) constant[i] = 0.1;
  EXPECT_EQ(condition_number(of(constant, 3, Centring::mean).singular_values), kInfinity);
}

TEST(ActivationSpectrum, OfFewerRowsThanChannelsIsNeverASquare) {
  // 3 rows of 2^17 channels, at right angles, about a mean that is large: a square would take 137
  // GB. Rows 2 e_i about their mean: s = 2 twice, whatever the mean.
  const Index wide = Index(1) << 17;
  std::vector<float> x(std::size_t(3 * wide), 0.0f);
  for (Index r = 0; r < 3; ++r) x[std::size_t(r * wide + 1000 * r)] = 2;
  const MatrixView<const float> rows(x.data(), 3, wide);
  const auto raw = activation_spectrum(rows, Centring::none);
  EXPECT_EQ(raw.path, SpectrumPath::qr);
  EXPECT_EQ(raw.channels, wide);
  expect_near(raw.singular_values, {2, 2, 2}, 1e-14);
  for (float& v : x) v += 4096;
  const auto centred = activation_spectrum(rows, Centring::mean);
  expect_near(centred.singular_values, {2, 2, 0}, 1e-14);
  EXPECT_NEAR(participation_ratio(centred.singular_values), 2, 1e-14);
  EXPECT_EQ(centred.singular_values[2], 0);
  // sqrt(4096^2 C + ...) along the ones.
  EXPECT_NEAR(activation_spectrum(rows, Centring::none).singular_values[0],
              std::sqrt(3.0 * (4096.0 * 4096 * double(wide) + 2 * 2 * 4096)), 1e-4);

  // In pieces, and merged, the same; and of rows that come later all that they are.
  const std::vector<double> y = normals(60 * 25, 35);
  RowGram pieces(25), other(25), all(25);
  pieces.add(View(y.data(), 7, 25));
  other.add(View(y.data() + 7 * 25, 13, 25));
  pieces.merge(other);
  all.merge(pieces);
  const std::vector<double> first(y.begin(), y.begin() + 20 * 25);
  for (const Centring centring : kBoth) {
    const auto expected = of(first, 25, centring).singular_values;
    EXPECT_EQ(pieces.spectrum(centring).singular_values, expected);
    EXPECT_EQ(all.spectrum(centring).singular_values, expected);
    expect_near(expected, want(first, 25, centring), 1e-14 * expected[0]);
  }
  pieces.add(View(y.data() + 20 * 25, 40, 25));
  for (const Centring centring : kBoth) {
    const auto expected = want(y, 25, centring);
    expect_near(pieces.spectrum(centring).singular_values, expected, 1e-13 * expected[0]);
  }
}

TEST(ActivationSpectrum, OfFewRowsFarFromZeroIsThatOfTheirDifferences) {
  // Multiples of 1/8 about 1e8, which are exact.
  std::vector<double> x, near;
  for (Index i = 0; i < 5 * 9; ++i) near.push_back(double((i * i * 7 + i) % 31 - 15) / 8);
  for (const double v : near) x.push_back(v + 1e8);
  const auto have = of(x, 9, Centring::mean).singular_values;
  expect_near(have, of(near, 9, Centring::mean).singular_values, 1e-14 * have[0]);
}

TEST(ActivationSpectrum, RowsThatDoNotCountHaveNoSize) {
  std::vector<double> x = normals(5000 * 2, 36);
  std::vector<float> count(5000, 1.0f);
  count[7] = count[4500] = 0;
  const auto expected = of(x, 2, Centring::mean, count.data()).singular_values;
  for (const double f : {1.0, 1e-250, 1e200}) {
    std::vector<double> scaled = x;
    for (double& v : scaled) v *= f;
    for (const std::size_t r : {7u, 4500u}) scaled[2 * r] = scaled[2 * r + 1] = 1e290;
    const auto s = of(scaled, 2, Centring::mean, count.data()).singular_values;
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(s[i] / f, expected[i], 1e-11) << f;
  }
}

TEST(ActivationSpectrum, RefusesWhatHasNone) {
  RowGram gram(2);
  std::vector<double> x = {1, 2, 3, 4};
  const View rows(x.data(), 2, 2);
  const std::vector<float> negative = {1, -1}, infinite = {1, float(kInfinity)}, none = {0, 0};
  EXPECT_THAT(message([&] { (void)gram.spectrum(Centring::none); }), HasSubstr("no rows"));
  EXPECT_THAT(message([&] { of(x, 2, Centring::none, none.data()); }), HasSubstr("no rows"));
  EXPECT_THAT(message([&] { gram.add(View(x.data(), 1, 3)); }), HasSubstr("another width"));
  EXPECT_THAT(message([&] { RowGram zero(0); }), HasSubstr("no channels"));
  EXPECT_THAT(message([&] { of(x, 2, Centring::none, negative.data()); }), HasSubstr("negative"));
  EXPECT_THAT(message([&] { of(x, 2, Centring::none, infinite.data()); }), HasSubstr("negative"));
  for (const double bad : {kInfinity, -kInfinity, std::nan(""), 1e291}) {
    x[2] = bad;
    EXPECT_THAT(message([&] { of(x, 2, Centring::none); }), HasSubstr("not finite")) << bad;
    // By the row as it came, whatever stretches there are.
    std::vector<double> many = normals(9000 * 2, 37);
    many[2 * 8500 + 1] = bad;
    EXPECT_THAT(message([&] { of(many, 2, Centring::none); }),
                testing::AllOf(HasSubstr("row 8500"), HasSubstr("channel 1")));
  }
}

}  // namespace
}  // namespace libnorm::test
