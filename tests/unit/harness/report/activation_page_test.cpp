#include "harness/report/activation_page.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "tests/unit/harness/report/report_samples.hpp"

namespace harness {
namespace {

using libnorm::Index;

constexpr Index kRows = 400, kChannels = 8;

/// Normal rows whose first channel is `factor` times as wide, without a mean.
MeasuredArray make_array(const std::string& label, double factor) {
  const libnorm::Random random(3, libnorm::Purpose::test, 1);
  std::vector<double> x(std::size_t(kRows * kChannels));
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = random.normal(i) * (i % std::size_t(kChannels) == 0 ? factor : 1);
  }
  const libnorm::MatrixView<const double> rows(x.data(), kRows, kChannels);
  MeasuredArray array{"acts.npz, array '" + label + "'", label, kRows, 0, kChannels, {}};
  for (const auto centring : {libnorm::Centring::none, libnorm::Centring::mean}) {
    array.found.spectra.push_back(libnorm::activation_spectrum(rows, centring));
    for (auto& value : values_of(array.found.spectra.back())) {
      array.found.values.push_back(std::move(value));
    }
  }
  array.found.moments.emplace(kChannels);
  array.found.moments->add(rows);
  for (auto& value : values_of(*array.found.moments)) {
    array.found.values.push_back(std::move(value));
  }
  return array;
}

const Figure& figure(const std::vector<Figure>& figures, const std::string& name) {
  for (const Figure& each : figures) {
    if (each.chart.name == name) return each;
  }
  throw std::runtime_error("no figure " + name);
}

TEST(ActivationFigures, NoiseIsBelowItsEdgeAndASpikeIsAbove) {
  const auto noise = activation_figures({make_array("h", 1)});
  ASSERT_EQ(noise.size(), 2u) << "one array has no course";
  const Panel& flat = figure(noise, "spectrum").chart.panels[0];
  ASSERT_EQ(flat.curves[0].points.size(), std::size_t(kChannels));
  EXPECT_LT(flat.curves[0].points[0].median, 1.1);
  const auto spiked = activation_figures({make_array("h", 10)});
  const Panel& spike = figure(spiked, "spectrum").chart.panels[0];
  EXPECT_GT(spike.curves[0].points[0].median, 20);
  EXPECT_LT(spike.curves[0].points[1].median, 1.1);
  // The last curve is the edge.
  EXPECT_EQ(spike.curves[1].points[0].median, 1);
  EXPECT_EQ(figure(spiked, "spectrum").chart.key.size(), 2u);
}

TEST(ActivationFigures, ChannelsAreSortedByTheirVariance) {
  const Panel panel = figure(activation_figures({make_array("h", 10)}), "channels").chart.panels[0];
  const auto& points = panel.curves[0].points;
  // 100 of 107 / 8 is 7.5 times the mean variance.
  EXPECT_NEAR(points[0].median, 7.5, 0.2);
  EXPECT_NEAR(points[7].median, 0.075, 0.02);
  EXPECT_EQ(panel.curves[1].points[0].median, 5) << "where outliers begin";
}

TEST(ActivationFigures, OfManyArraysSomeSpectraAreDrawnAndAllOfTheCourse) {
  std::vector<MeasuredArray> arrays;
  for (int i = 0; i < 11; ++i) arrays.push_back(make_array("h." + std::to_string(i), 1 + i));
  const auto figures = activation_figures(arrays);
  const Chart& spectra = figure(figures, "spectrum").chart;
  ASSERT_EQ(spectra.key.size(), 7u);
  EXPECT_EQ(spectra.key[0].label, "h.0");
  EXPECT_EQ(spectra.key[5].label, "h.10");
  const Chart& course = figure(figures, "course").chart;
  EXPECT_EQ(course.panels[0].title, "effective rank");
  ASSERT_EQ(course.panels[0].curves[0].points.size(), 11u);
  EXPECT_GT(course.panels[0].curves[0].points[0].median,
            course.panels[0].curves[0].points[10].median);
}

TEST(ActivationPage, HasEachArrayWithItsNumbersAndNoTextAsHtml) {
  MeasuredArray array = make_array("<h>", 10);
  array.left_out = 2;
  array.found.left_out = {{{"two_nn_dimension"}, "too many rows"}};
  const std::string html = harness::activation_page({array}, {});
  EXPECT_TRUE(has(html, "<h1>Activations of acts.npz, array &#39;&lt;h&gt;&#39;</h1>"));
  EXPECT_TRUE(has(html, "of 8 channels; 1 eigenvalue above what noise of their size would show"));
  EXPECT_TRUE(has(html, "<p>2 rows left out, as they hold a NaN or an infinity.</p>"));
  EXPECT_TRUE(has(html, "<p>Left out: two_nn_dimension (too many rows).</p>"));
  EXPECT_TRUE(has(html, "participation_<wbr>ratio</th>"));
  EXPECT_FALSE(has(html, "<script"));
}

TEST(ActivationPage, ConstantRowsHaveNumbersAndNoFigureOfNothing) {
  MeasuredArray array = make_array("h", 0);
  const std::vector<double> same(std::size_t(kRows * kChannels), 2.5);
  const libnorm::MatrixView<const double> rows(same.data(), kRows, kChannels);
  array.found.spectra = {libnorm::activation_spectrum(rows, libnorm::Centring::mean)};
  array.found.moments.emplace(kChannels);
  array.found.moments->add(rows);
  array.found.values = {{"effective_rank", "1", 0, "of s, centred"}};
  EXPECT_TRUE(activation_figures({array}).empty());
  const std::string html = harness::activation_page({array}, {});
  EXPECT_TRUE(has(html, "effective rank 0.000 of 8 channels; 0 eigenvalues above"));
  EXPECT_FALSE(has(html, ">nan"));
  EXPECT_FALSE(has(html, "not finite"));
}

}  // namespace
}  // namespace harness
