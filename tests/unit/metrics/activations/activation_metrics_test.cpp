#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "libnorm/metrics/activations/spectrum.hpp"
#include "tests/support/spectra.hpp"

namespace libnorm::test {
namespace {

using testing::HasSubstr;

TEST(ActivationMetrics, OfKEqualValuesAreK) {
  for (const int k : {2, 7, 128}) {
    std::vector<double> s(std::size_t(k), 3.25);
    EXPECT_NEAR(eigen_effective_rank(s), k, 1e-12 * k);
    EXPECT_NEAR(rankme(s, 0), k, 1e-12 * k);
    // exp -k (1/k + e) log(1/k + e)
    const double q = 1.0 / k + 1e-7;
    EXPECT_NEAR(rankme(s), std::exp(-k * q * std::log(q)), 1e-12 * k);
    s.resize(std::size_t(k) + 5, 0.0);
    EXPECT_NEAR(eigen_effective_rank(s), k, 1e-12 * k);
    EXPECT_NEAR(rankme(s), std::exp(-k * q * std::log(q) - 5 * 1e-7 * std::log(1e-7)), 1e-12 * k);
    EXPECT_NEAR(iso_score(made_of(s)), double(k - 1) / double(k + 4), 1e-12);
    EXPECT_NEAR(variance_share(s, 1), 1.0 / k, 1e-13);
    EXPECT_EQ(variance_share(s, 0), 0);
    EXPECT_EQ(variance_share(s, k), 1);
    EXPECT_EQ(variance_share(s, 10000), 1);
  }
  EXPECT_THROW(variance_share(std::vector<double>{1}, -1), ValueError);
}

TEST(ActivationMetrics, OfAGeometricSpectrumHaveTheirLimits) {
  std::vector<double> half, root_half;
  for (int i = 0; i < 100; ++i) {
    half.push_back(std::pow(0.5, i));
    root_half.push_back(std::pow(0.5, i / 2.0));
  }
  EXPECT_NEAR(effective_rank(half), 4, 1e-12);
  EXPECT_NEAR(rankme(half, 0), 4, 1e-12);
  EXPECT_NEAR(eigen_effective_rank(root_half), 4, 1e-12);
  // Shares 3/4, 3/16, ...: the entropy is 4/3 log 4 - log 3.
  EXPECT_NEAR(eigen_effective_rank(half), std::pow(4, 4.0 / 3.0) / 3, 1e-12);
  EXPECT_NEAR(variance_share(root_half, 3), 7.0 / 8.0, 1e-14);
}

TEST(ActivationMetrics, OfWhatIsNoSpectrumAreNaNOrAnError) {
  for (const double bad : {std::nan(""), kInfinity, -1.0}) {
    for (std::size_t place = 0; place < 3; ++place) {
      std::vector<double> s = {3, 2, 1};
      s[place] = bad;
      for (const double value : {rankme(s), eigen_effective_rank(s), variance_share(s, 1),
                                 variance_share(s, 3), iso_score(made_of(s))}) {
        EXPECT_TRUE(std::isnan(value)) << bad << " at " << place;
      }
      // Counts cannot be NaN.
      EXPECT_THROW(noise_edges(made_of(s)), ValueError);
    }
    EXPECT_THROW(rankme(std::vector<double>{1, 2}, bad), ValueError);
  }
  EXPECT_THROW(noise_edges(made_of({1, 2}, Centring::mean, std::nan(""))), ValueError);
}

TEST(ActivationMetrics, OfTheLargestAndSmallestNumbers) {
  for (const double top : {1e308, 1e160, 1e-160, 5e-324}) {
    const std::vector<double> s = {top, top, top, top};
    EXPECT_NEAR(rankme(s, 0), 4, 1e-12);
    EXPECT_NEAR(eigen_effective_rank(s), 4, 1e-12);
    EXPECT_NEAR(variance_share(s, 1), 0.25, 1e-15);
    EXPECT_NEAR(iso_score(made_of(s)), 1, 1e-12);
    // n = 4 rows of 4 channels: the lower edge is 0, and top^2 may be no double.
    const NoiseEdges edges = noise_edges(made_of(s, Centring::none, 4));
    EXPECT_EQ(edges.lower, 0);
    EXPECT_EQ(edges.above, 0);
  }
}

TEST(ActivationMetrics, IsoScoreOfKDirectionsOfN) {
  // Rows +-e_i, i < k, about a mean that does not matter.
  for (const Index k : {1, 3, 8}) {
    std::vector<double> x;
    for (Index i = 0; i < 2 * k; ++i) {
      for (Index c = 0; c < 8; ++c) x.push_back(5 + (c == i / 2 ? (i % 2 ? 1.0 : -1.0) : 0.0));
    }
    EXPECT_NEAR(iso_score(of(x, 8, Centring::mean)), double(k - 1) / 7, 1e-14);
  }
  EXPECT_EQ(iso_score(made_of({2})), 1);
  EXPECT_EQ(iso_score(made_of({0})), 0);
  EXPECT_THAT(message([] {
                iso_score(made_of({1, 2}, Centring::none));
              }),
              HasSubstr("not centred"));
}

TEST(ActivationMetrics, OfGaussianRowsAreThoseOfRandomMatrixTheory) {
  const Index m = 4000, n = 100;
  const ActivationSpectrum spectrum = of(normals(m * n, 15), n, Centring::mean);
  const auto& s = spectrum.singular_values;
  const double g = double(n) / double(m), root = std::sqrt(g);
  const auto l = spectrum.eigenvalues();
  // The edges fluctuate by about (1 + sqrt g)^(4/3) n^(-2/3) sqrt g / ... < 0.02, the others by
  // 1/n.
  EXPECT_NEAR(l.front(), (1 + root) * (1 + root), 0.03);
  EXPECT_NEAR(l.back(), (1 - root) * (1 - root), 0.03);
  EXPECT_NEAR(stable_rank(s), double(n) / ((1 + root) * (1 + root)), 2.0);
  EXPECT_NEAR(participation_ratio(s), double(n) / (1 + double(n + 1) / double(m - 1)), 0.3);
  EXPECT_NEAR(eigen_effective_rank(s), double(n) * std::exp(-g / 2), 0.3);
  const NoiseEdges edges = noise_edges(spectrum);
  EXPECT_NEAR(edges.variance, 1, 0.01);
  EXPECT_NEAR(edges.upper, (1 + root) * (1 + root), 0.015);
  EXPECT_NEAR(edges.lower, (1 - root) * (1 - root), 0.015);
  EXPECT_GT(edges.threshold, edges.upper);
  EXPECT_LT(edges.threshold, 1.02 * edges.upper);
  EXPECT_EQ(edges.spikes, 0);
}

TEST(NoiseEdges, CountSpikesAndNotNoise) {
  // Forty draws of noise, more rows than channels and fewer: 0.4 false spikes are expected, and
  // more than 4 come once in 10^4 times.
  Index found = 0;
  for (std::uint32_t draw = 0; draw < 40; ++draw) {
    const Index cols = draw % 2 ? 40 : 300;
    found += noise_edges(of(normals(120 * cols, 100 + draw), cols, Centring::mean)).spikes;
  }
  EXPECT_LE(found, 4);
  // Three channels well beyond 1 + sqrt g, which is what can be seen at all.
  std::vector<double> spread(50, 2.0);
  spread[3] = 6;
  spread[10] = 9;
  spread[11] = 20;
  const auto edges = noise_edges(of(graded(2000, spread, 1, 16), 50, Centring::mean));
  EXPECT_EQ(edges.spikes, 3);
  EXPECT_GE(edges.above, 3);
  EXPECT_NEAR(edges.variance, 4, 0.1);
}

TEST(NoiseEdges, AreTheFormula) {
  // Four equal values: no spike. s^2 = 100, n = 99, p = 4: variance 100 / 99.
  const auto edges = noise_edges(made_of({10, 10, 10, 10}));
  const double v = 100.0 / 99;
  EXPECT_NEAR(edges.variance, v, 1e-14);
  EXPECT_NEAR(edges.upper, v * std::pow(std::sqrt(99) + 2, 2) / 100, 1e-14);
  EXPECT_NEAR(edges.lower, v * std::pow(std::sqrt(99) - 2, 2) / 100, 1e-14);
  const double sum = std::sqrt(98) + 2;
  EXPECT_NEAR(edges.threshold,
              v * (sum * sum + 2.0234 * sum * std::cbrt(1 / std::sqrt(98) + 0.5)) / 100, 1e-13);
  EXPECT_EQ(edges.above, 0);
  const auto raw = noise_edges(made_of({10, 10, 10, 10}, Centring::none));
  EXPECT_NEAR(raw.variance, 1, 1e-14);
  EXPECT_NEAR(raw.upper, 1.44, 1e-14);
  EXPECT_NEAR(raw.lower, 0.64, 1e-14);
  for (const double rows : {0.5, 1.0}) {
    EXPECT_EQ(noise_edges(made_of({1, 1}, Centring::mean, rows)).upper, 0);
  }
}

TEST(ActivationMetrics, AreNamedOnceWithUnitAndFormula) {
  std::set<std::string_view> names;
  for (const auto& metric : activation_metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.unit.empty() || metric.definition.empty() || metric.degenerate.empty())
        << metric.name;
    EXPECT_EQ(&find_activation_metric(metric.name), &metric);
  }
  EXPECT_EQ(find_activation_metric("effective_rank").of, SpectrumValues::s);
  EXPECT_EQ(find_activation_metric("iso_score").of, SpectrumValues::l);
  EXPECT_THAT(message([] { find_activation_metric("rank"); }), HasSubstr("iso_score"));
}

/// Of singular values alone, and of a spectrum that is not centred, those that ask for any.
TEST(ActivationMetrics, OfASpectrumAreThoseThatItHas) {
  const ActivationSpectrum spectrum = made_of({5, 3, 2, 0.5}),
                           raw = made_of({5, 3, 2, 0.5}, Centring::none);
  const auto of_values = libnorm::values_of(spectrum.singular_values), of_raw = values_of(raw);
  std::size_t i = 0;
  for (const auto& metric : activation_metrics()) {
    if (metric.asks == SpectrumKind::centred) continue;
    SCOPED_TRACE(metric.name);
    ASSERT_LT(i, std::min(of_values.size(), of_raw.size()));
    EXPECT_EQ(of_values[i].name, metric.name);
    EXPECT_EQ(of_values[i].unit, metric.unit);
    EXPECT_EQ(of_values[i].value, metric.value(spectrum));
    EXPECT_EQ(of_values[i].convention, metric.of == SpectrumValues::s ? "of s" : "of l");
    EXPECT_EQ(of_raw[i].name, metric.name);
    EXPECT_EQ(of_raw[i].value, metric.value(spectrum));
    EXPECT_EQ(of_raw[i].convention, of_values[i].convention + ", not centred");
    ++i;
  }
  EXPECT_EQ(of_values.size(), i);
  EXPECT_EQ(of_raw.size(), i);
  EXPECT_EQ(values_of(spectrum).size(), activation_metrics().size());
}

TEST(ActivationMetrics, OfTheCatalogueAreNoNumbersOfWhatIsNoSpectrum) {
  for (const auto& metric : activation_metrics()) {
    for (const double bad : {std::nan(""), kInfinity, -1.0}) {
      for (std::size_t place = 0; place < 3; ++place) {
        std::vector<double> s = {3, 2, 1};
        s[place] = bad;
        try {
          EXPECT_TRUE(std::isnan(metric.value(made_of(s)))) << metric.name << ": " << bad;
        } catch (const ValueError&) {
        }
      }
    }
  }
}

TEST(ActivationMetrics, OfTheCatalogueDoNotDependOnTheSpectrumsSize) {
  for (const auto& metric : activation_metrics()) {
    const double value = metric.value(made_of({4, 2, 2, 1}));
    for (const double size : {0x1p1000, 0x1p-1000}) {
      EXPECT_NEAR(metric.value(made_of({4 * size, 2 * size, 2 * size, size})), value, 1e-12)
          << metric.name;
    }
  }
}

TEST(ActivationSpectrum, PrintsALineAMetric) {
  const std::string text = text_of(made_of({4, 4, 0}));
  EXPECT_THAT(text, testing::StartsWith("spectrum of 100 rows, 3 channels, centred, by qr\n"));
  EXPECT_THAT(text, HasSubstr("\nparticipation_ratio = 2 dimensions (of l, centred)\n"));
  EXPECT_THAT(text, HasSubstr("\niso_score = 0.5 (of l, centred)\n"));
  EXPECT_THAT(text, HasSubstr("\ncondition_number = inf (of s, centred)\n"));
}

TEST(ActivationSpectrum, IsWrittenAsJsonThatReadsBackTheSame) {
  const double third = 1.0 / 3;
  const std::string json = json_of(made_of({third, 1e-300, 0}, Centring::none));
  EXPECT_THAT(json,
              testing::StartsWith(
                  "{\"rows\": 100, \"channels\": 3, \"centring\": \"none\", \"path\": \"qr\", "
                  "\"singular_values\": [0.3333333333333333, 1e-300, 0], \"metrics\": {"
                  "\"effective_rank\": {\"value\": "));
  EXPECT_THAT(json, HasSubstr("\"condition_number\": {\"value\": \"inf\", \"unit\": \"1\", "
                              "\"convention\": \"of s, not centred\"}"));
  EXPECT_EQ(std::count(json.begin(), json.end(), '{'), std::count(json.begin(), json.end(), '}'));
  for (const double x : {third, 5e-324, -1.7976931348623157e308, 0.1, 1e22}) {
    EXPECT_EQ(std::strtod(json_number(x).c_str(), nullptr), x);
  }
  EXPECT_EQ(json_number(-kInfinity), "\"-inf\"");
  EXPECT_EQ(json_string("a\"b\\\n"), "\"a\\\"b\\\\\\u000a\"");
  EXPECT_EQ(json_array({}), "[]");
}

}  // namespace
}  // namespace libnorm::test
