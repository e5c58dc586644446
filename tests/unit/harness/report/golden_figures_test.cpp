#include <gtest/gtest.h>

#include <map>
#include <string>

#include "harness/report/draw_figures.hpp"
#include "harness/results/golden.hpp"

/// The figures that golden holds are what its results give.
namespace {

using harness::draw_golden_figures;
using harness::Golden;

const Golden& committed() {
  static const Golden golden = harness::load_golden(LIBNORM_SOURCE_DIR "/golden");
  return golden;
}

/// What gnuplot writes of itself into a picture: `Produced by GNUPLOT 5.4 patchlevel 4`.
std::string version_of(const std::string& picture) {
  const std::size_t begin = picture.find("Produced by GNUPLOT");
  return begin == std::string::npos ? "none"
                                    : picture.substr(begin, picture.find('<', begin) - begin);
}

TEST(GoldenFigures, AreWhatTheResultsGive) {
  const auto drawn = draw_golden_figures(committed().results);
  ASSERT_EQ(drawn.count("figure1.svg"), 1u);
  ASSERT_EQ(drawn.count("figure1.gp"), 1u);
  ASSERT_EQ(drawn.size(), committed().figures.size());
  for (const auto& [name, content] : drawn) {
    ASSERT_EQ(committed().figures.count(name), 1u) << name;
    const std::string& expected = committed().figures.at(name);
    // Another gnuplot may draw the same script otherwise.
    if (name.ends_with(".svg") && version_of(content) != version_of(expected)) continue;
    EXPECT_TRUE(content == expected)
        << name << " is another one now; norm-harness bless --rejudge draws it anew";
  }
}

TEST(GoldenFigures, AreOfEvidenceOfEachArmAlone) {
  auto results = committed().results;
  std::erase_if(results, [](const auto& result) {
    return result.profile == "paper" && result.arm == "none";
  });
  EXPECT_TRUE(draw_golden_figures(results).empty());
  EXPECT_TRUE(draw_golden_figures({}).empty());
  results = committed().results;
  std::erase_if(results, [](const auto& result) { return result.profile == "paper"; });
  EXPECT_TRUE(draw_golden_figures(results).empty());
}

}  // namespace
