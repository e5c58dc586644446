#include "harness/studies/recall_charts.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "harness/report/chart_script.hpp"
#include "harness/report/draw_figures.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/report/script_data.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace {

using harness::curve_data;
using harness::FigureSpec;
using harness::RunResult;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const FigureSpec kRecallSpec{1, "e1", {"layernorm", "none"}, "published"};

std::string figure_script(const std::vector<RunResult>& results, const FigureSpec& spec) {
  return harness::chart_script(harness::recall_chart(results, spec));
}

std::vector<std::filesystem::path> draw_figure(const std::vector<RunResult>& results,
                                               const FigureSpec& spec,
                                               const std::filesystem::path& directory) {
  return harness::draw_chart(harness::recall_chart(results, spec), directory);
}

// Ten steps in bins of four: the middles are 2, 6 and 9. Seed s scales every value by s + 1.
RunResult recall_result(const std::string& arm, std::uint64_t seed) {
  const double scale = static_cast<double>(seed) + 1;
  RunResult result;
  result.profile = "smoke";
  result.arm = arm;
  result.seed = seed;
  result.steps = 10;
  result.curve_stride = 4;
  result.loss_curve = {4 * scale, 2 * scale, 1 * scale};
  result.singular_values = {8 * scale, 4 * scale, 2 * scale, 1 * scale};
  result.slices["published"] = {{-0.5, 0, 0.5}, {3 * scale, 2 * scale, 3 * scale}};
  result.slices["filter_normalized"] = {{-1, 0, 1}, {500 * scale, 2 * scale, 500 * scale}};
  return result;
}

std::vector<RunResult> recall_results(std::uint64_t seeds) {
  std::vector<RunResult> results;
  for (const char* arm : {"layernorm", "none"}) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) results.push_back(recall_result(arm, seed));
  }
  return results;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <typename Error>
void expect_refusal(const std::vector<RunResult>& results, const FigureSpec& spec,
                    const std::string& part) {
  try {
    figure_script(results, spec);
    FAIL() << "nothing thrown; want: " << part;
  } catch (const Error& error) {
    EXPECT_TRUE(has(error.what(), part)) << error.what();
  }
}

TEST(FigureName, OnlyOtherProtocolsHaveASuffix) {
  EXPECT_EQ(harness::figure_name(kRecallSpec), "figure1");
  EXPECT_EQ(harness::figure_name({3, "e3", {}, "filter_normalized"}), "figure3-filter_normalized");
}

TEST(FigureScript, DataAreMedianAndRangeOverSeeds) {
  const std::string script = figure_script(recall_results(3), kRecallSpec);
  EXPECT_EQ(curve_data(script, 1, 1), "2 8 4 12\n6 4 2 6\n9 2 1 3\n");
  EXPECT_EQ(curve_data(script, 2, 2), "-0.5 6 3 9\n0 4 2 6\n0.5 6 3 9\n");
  EXPECT_EQ(curve_data(script, 3, 1), "0 16 8 24\n1 8 4 12\n2 4 2 6\n3 2 1 3\n");
  EXPECT_TRUE(has(script, "Line: median of 3 seeds"));
}

TEST(FigureScript, AnEvenNumberOfSeedsTakesTheMeanOfTheMiddleTwo) {
  const std::string script = figure_script(recall_results(4), kRecallSpec);
  EXPECT_EQ(curve_data(script, 1, 1), "2 10 4 16\n6 5 2 8\n9 2.5 1 4\n");
}

TEST(FigureScript, OneSeedHasNoRange) {
  EXPECT_TRUE(has(figure_script(recall_results(1), kRecallSpec), "One seed"));
}

TEST(FigureScript, SaysWhenArmsHaveDifferentNumbersOfSeeds) {
  std::vector<RunResult> results = recall_results(3);
  results.pop_back();
  EXPECT_TRUE(has(figure_script(results, kRecallSpec), "Seeds: layernorm 3, none 2."));
}

TEST(FigureScript, OrderOfResultsAndOtherArmsDoNotMatter) {
  std::vector<RunResult> results = recall_results(3);
  const std::string before = figure_script(results, kRecallSpec);
  std::ranges::reverse(results);
  results.push_back(recall_result("batchnorm", 0));
  EXPECT_EQ(figure_script(results, kRecallSpec), before);
}

TEST(FigureScript, AnExperimentsOwnSliceIsPreferred) {
  std::vector<RunResult> results = recall_results(1);
  for (RunResult& result : results) result.slices["published_e1"] = {{-0.25, 0.25}, {7, 9}};
  EXPECT_EQ(curve_data(figure_script(results, kRecallSpec), 2, 1), "-0.25 7 7 7\n0.25 9 9 9\n");
  const FigureSpec other{2, "e2", {"layernorm", "none"}, "published"};
  EXPECT_EQ(curve_data(figure_script(results, other), 2, 1), "-0.5 3 3 3\n0 2 2 2\n0.5 3 3 3\n");
}

TEST(FigureScript, SliceIsLogarithmicBeyondTwoDecadesAndTheAxisSaysSo) {
  EXPECT_TRUE(has(figure_script(recall_results(1), kRecallSpec), "loss (nats, linear)"));
  FigureSpec spec = kRecallSpec;
  spec.protocol = "filter_normalized";
  EXPECT_FALSE(has(figure_script(recall_results(1), spec), "loss (nats, linear)"));
}

TEST(FigureScript, AnUnderscoreIsNoSubscript) {
  const FigureSpec spec{3, "e3", {"manual_l2"}, "published"};
  const std::string script = figure_script({recall_result("manual_l2", 0)}, spec);
  EXPECT_TRUE(has(script, "title 'manual_l2'"));
  EXPECT_TRUE(has(script, "maxrows 1 noenhanced"));
}

TEST(FigureScript, ADivergedLossCountsAsInfinite) {
  std::vector<RunResult> results = recall_results(3);
  results[2].diverged_at = 5;  // the largest of the three: the median stays, the band shrinks
  results[2].loss_curve = {12, kNaN, kNaN};
  results[2].singular_values.clear();
  results[2].slices.clear();
  results[1].diverged_at = 8;  // now two of three: no median
  results[1].loss_curve = {8, 4};
  results[1].steps = 8;
  const std::string script = figure_script(results, kRecallSpec);
  EXPECT_EQ(curve_data(script, 1, 1), "2 8 4 12\n6 4 2 4\n");
  EXPECT_EQ(curve_data(script, 2, 1), "-0.5 6 3 6\n0 4 2 4\n0.5 6 3 6\n");
  EXPECT_EQ(curve_data(script, 3, 1), "0 12 8 16\n1 6 4 8\n2 3 2 4\n3 1.5 1 2\n");
  EXPECT_TRUE(has(script, "title 'layernorm (2 of 3 diverged)'"));
  EXPECT_TRUE(has(script, "'layernorm: 2 of 3 runs diverged, the first at step 5.'"));
  EXPECT_TRUE(
      has(script, "'A diverged run''s loss counts as infinite; its spectrum is left out.'"));
}

TEST(FigureScript, ALineIsBrokenWhereItHasNoMedian) {
  std::vector<RunResult> results = recall_results(1);
  results[0].slices["published"].loss = {kNaN, 2, kNaN};
  results[1].slices["published"].loss = {3, kNaN, 4};
  const std::string script = figure_script(results, kRecallSpec);
  EXPECT_EQ(curve_data(script, 2, 1), "0 2 2 2\n");
  EXPECT_EQ(curve_data(script, 2, 2), "-0.5 3 3 3\n\n0.5 4 4 4\n");
}

TEST(FigureScript, ZeroOnALogarithmicAxisIsDrawnAtItsFootAndSaid) {
  std::vector<RunResult> results = recall_results(1);
  EXPECT_FALSE(has(figure_script(results, kRecallSpec), "are drawn at"));
  results[0].singular_values = {8, 4, 0.02, 0};
  const std::string script = figure_script(results, kRecallSpec);
  EXPECT_EQ(curve_data(script, 3, 1), "0 8 8 8\n1 4 4 4\n2 0.02 0.02 0.02\n3 0 0 0\n");
  EXPECT_TRUE(has(script, "at(y) = y < 0.01 ? 0.01 : y"));
  EXPECT_TRUE(has(script, "'(c): values below 1e-2 are drawn at 1e-2.'"));
}

TEST(FigureScript, AStrayValueDoesNotSqueezeTheSpectrum) {
  std::vector<RunResult> results = recall_results(1);
  results[0].singular_values.back() = 1e-11;
  EXPECT_TRUE(
      has(figure_script(results, kRecallSpec), "(c): values below 1e-4 are drawn at 1e-4."));
}

TEST(FigureScript, RefusesWhatItCannotDraw) {
  using libnorm::DataError;
  using libnorm::ValueError;
  const std::vector<RunResult> good = recall_results(2);
  expect_refusal<ValueError>(good, {1, "e1", {}, "published"}, "no arms");
  expect_refusal<ValueError>(good, {1, "e1", {"none", "none"}, "published"}, "named twice");
  expect_refusal<DataError>(good, {1, "e1", {"none", "sphere"}, "published"},
                            "no run of arm sphere");
  expect_refusal<DataError>(good, {1, "e1", {"none"}, "accumulated"},
                            "no run has this panel (accumulated)");
  std::vector<RunResult> results = good;
  results.push_back(good.back());
  expect_refusal<DataError>(results, kRecallSpec, "two runs of arm none, seed 1");
  results = good;
  results.back().profile = "paper";
  expect_refusal<DataError>(results, kRecallSpec, "profiles are mixed");
  results = good;
  results.back().loss_curve.pop_back();
  expect_refusal<DataError>(results, kRecallSpec, "has 2 values (arm none, seed 1); need 3");
  results = good;
  results.back().slices.clear();
  expect_refusal<DataError>(results, kRecallSpec, "has 0 values (arm none, seed 1)");
  results = good;
  results.back().slices["published"].alpha.back() = 0.6;
  expect_refusal<DataError>(results, kRecallSpec, "another grid (arm none, seed 1)");
  for (RunResult& result : results) result.slices["published"] = {{0.5}, {1}};
  expect_refusal<DataError>(results, kRecallSpec, "spans nothing");
  results = good;
  results.back().curve_stride = 5;
  expect_refusal<DataError>(results, kRecallSpec, "differ in length");
  results = good;
  results.back().steps = 11;
  expect_refusal<DataError>(results, kRecallSpec, "differ in length");
}

// A folder of its own, with a space and a quote in its name, and a PATH that is put back.
class DrawFigure : public testing::Test {
 protected:
  void SetUp() override {
    const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
    directory_ = std::filesystem::temp_directory_path() /
                 ("figure's test " + test + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    if (const char* path = std::getenv("PATH")) path_ = path;
  }
  void TearDown() override {
    setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(directory_);
  }

  // Puts a shell script named gnuplot before the real one.
  void fake_gnuplot(const std::string& body) {
    const std::filesystem::path program = directory_ / "bin" / "gnuplot";
    std::filesystem::create_directories(program.parent_path());
    std::ofstream(program) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    setenv("PATH", (program.parent_path().string() + ":" + path_).c_str(), 1);
  }

  void expect_backend_error(const std::vector<RunResult>& results, const std::string& part) {
    try {
      draw_figure(results, kRecallSpec, directory_);
      FAIL() << "nothing thrown; want: " << part;
    } catch (const libnorm::BackendError& error) {
      EXPECT_TRUE(has(error.what(), part)) << error.what();
    }
  }

  std::filesystem::path directory_;
  std::string path_;
};

TEST_F(DrawFigure, WritesPicturesAndTheScriptThatRedrawsThem) {
  const std::vector<RunResult> results = recall_results(3);
  const auto paths = draw_figure(results, kRecallSpec, directory_ / "new");
  ASSERT_EQ(paths.size(), 3u);
  EXPECT_EQ(paths[0].filename(), "figure1.svg");
  EXPECT_EQ(paths[1].filename(), "figure1.png");
  EXPECT_EQ(paths[2].filename(), "figure1.gp");
  const std::string svg = read(paths[0]), png = read(paths[1]), script = read(paths[2]);
  EXPECT_TRUE(has(svg, "<svg"));
  EXPECT_EQ(png.substr(1, 3), "PNG");
  EXPECT_EQ(script, figure_script(results, kRecallSpec));
  EXPECT_FALSE(has(script + svg, directory_.parent_path().string()));
  // Nothing but the three files is left.
  const std::filesystem::directory_iterator files(directory_ / "new");
  EXPECT_EQ(std::distance(begin(files), end(files)), 3);

  std::filesystem::remove(paths[0]);
  std::filesystem::remove(paths[1]);
  std::filesystem::create_directories(directory_ / "again");
  std::filesystem::copy(paths[2], directory_ / "again");
  const std::string command =
      "cd \"" + (directory_ / "again").string() + "\" && gnuplot -d figure1.gp 2> log";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read(directory_ / "again" / "figure1.svg"), svg);
  EXPECT_EQ(read(directory_ / "again" / "figure1.png"), png);
  EXPECT_EQ(read(directory_ / "again" / "log"), "figure1 drawn\n");  // and no warning
}

TEST_F(DrawFigure, DrawsWhenAnArmHasNothingFinite) {
  std::vector<RunResult> results = recall_results(1);
  results[1].diverged_at = 0;
  results[1].loss_curve = {kNaN, kNaN, kNaN};
  results[1].singular_values.clear();
  results[1].slices.clear();
  EXPECT_NO_THROW(draw_figure(results, kRecallSpec, directory_));
  // And no arm has a finite loss.
  results[0].loss_curve = results[1].loss_curve;
  EXPECT_NO_THROW(draw_figure(results, kRecallSpec, directory_));
}

TEST_F(DrawFigure, AMissingGnuplotIsAnErrorAndLeavesTheOldPicture) {
  const std::vector<RunResult> results = recall_results(1);
  const auto paths = draw_figure(results, kRecallSpec, directory_);
  const std::string svg = read(paths[0]);
  setenv("PATH", directory_.c_str(), 1);
  expect_backend_error(recall_results(2), "gnuplot: cannot be started (No such file or directory)");
  EXPECT_EQ(read(paths[0]), svg);
  EXPECT_EQ(read(paths[2]), figure_script(results, kRecallSpec));
}

TEST_F(DrawFigure, ACutPictureIsAnError) {
  fake_gnuplot("echo '<svg><g>' > figure1.svg; echo no font >&2");
  expect_backend_error(recall_results(1), "figure1.svg is incomplete (it said: no font)");
  fake_gnuplot("true");
  expect_backend_error(recall_results(1), "figure1.svg is missing or empty (it said: )");
  fake_gnuplot("echo '<svg></svg>' > figure1.svg; printf PNG > figure1.png");
  expect_backend_error(recall_results(1), "figure1.png is incomplete");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "figure1.svg"));
}

TEST_F(DrawFigure, AGnuplotThatStopsEarlyIsAnError) {
  fake_gnuplot(
      "echo '<svg></svg>' > figure1.svg; "
      "printf 'IEND\\256\\102\\140\\202' > figure1.png; echo no memory");
  expect_backend_error(recall_results(1), "stopped before the end of figure1.gp");
}

TEST_F(DrawFigure, SaysHowGnuplotEnded) {
  fake_gnuplot("printf 'line 1:\\n unknown \\033[2Jterminal' >&2; exit 1");
  expect_backend_error(recall_results(1),
                       "failed with exit code 1 in figure1.gp (it said: line 1:  unknown "
                       "\uFFFD[2Jterminal); need gnuplot 5.4 or later");
  fake_gnuplot("kill -9 $$");
  expect_backend_error(recall_results(1), "was ended by signal 9, Killed");
  fake_gnuplot("test -z \"$GNUTERM$GNUPLOT_LIB\" && exit 7");
  setenv("GNUTERM", "svg", 1);
  setenv("GNUPLOT_LIB", "/tmp", 1);
  expect_backend_error(recall_results(1), "exit code 7");
  unsetenv("GNUTERM");
  unsetenv("GNUPLOT_LIB");
}

TEST_F(DrawFigure, AFullDiskIsCalledThat) {
  const std::string file_size = "File too large";
  {
    const harness::FileSizeLimit limit(20000);
    try {
      draw_figure(recall_results(1), kRecallSpec, directory_);
      FAIL() << "nothing thrown";
    } catch (const libnorm::DataError& error) {
      EXPECT_TRUE(has(error.what(), file_size)) << error.what();
    }
  }
  const std::filesystem::directory_iterator files(directory_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 0);
}

TEST_F(DrawFigure, WritesToAnyFolderAndLeavesNothingBesideOrBehind) {
  setenv("CDPATH", directory_.c_str(), 1);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory_);
  const std::vector<std::string> folders = {
      "-",       "-x",  "plain", "a'b", "two\nlines", "$(touch stray)", "`touch stray`",
      "\x1b[2J", "\xff"};
  for (const std::string& folder : folders) {
    const auto paths = draw_figure(recall_results(1), kRecallSpec, folder);
    EXPECT_EQ(paths[0], std::filesystem::path(folder) / "figure1.svg");
    for (const auto& path : paths) EXPECT_GT(std::filesystem::file_size(path), 1000u) << path;
    const std::filesystem::directory_iterator files(folder);
    EXPECT_EQ(std::distance(begin(files), end(files)), 3) << folder;
  }
  const std::filesystem::directory_iterator files(".");
  EXPECT_EQ(std::size_t(std::distance(begin(files), end(files))), folders.size());
  std::filesystem::current_path(before);
  unsetenv("CDPATH");
}

TEST_F(DrawFigure, AFolderThatCannotBeWrittenIsAnError) {
  std::ofstream(directory_ / "file") << "x";
  EXPECT_THROW(draw_figure(recall_results(1), kRecallSpec, directory_ / "file" / "inner"),
               libnorm::DataError);
}

TEST_F(DrawFigure, NoTextOfAResultIsCode) {
  // An arm's text is of few letters when it comes from a file; here it is any.
  const std::string stray = (directory_ / "stray").string();
  for (std::string text :
       {"\nsystem('touch STRAY')\n", "'\n!touch STRAY\n#", "`touch STRAY`", "\"`touch STRAY`\"",
        "'.system('touch STRAY').'", "@x %s {/Symbol b} \\", "\x1b]0;title\x07",
        "<script>alert(1)</script>", "&#60;b&#62;&amp;", "END\nEOD\n", "} } {", "\u202e\u0085\xff",
        "''", "#", "'';system('touch STRAY');#", ";system(\"touch STRAY\");#"}) {
    const std::size_t place = text.find("STRAY");
    if (place != std::string::npos) text.replace(place, 5, stray);
    std::vector<RunResult> results = recall_results(1);
    for (RunResult& result : results) result.arm = result.arm == "none" ? text : result.arm + text;
    FigureSpec spec = kRecallSpec;
    spec.arms = {results[0].arm, results[1].arm};
    spec.experiment += text;
    const auto paths = draw_figure(results, spec, directory_ / "drawn");
    EXPECT_FALSE(std::filesystem::exists(stray)) << text;
    const std::string svg = read(paths[0]), script = read(paths[2]);
    EXPECT_FALSE(has(svg, "<script") || has(svg, "<b>")) << text;
    for (const std::string& content : {svg, script}) {
      for (const char* part : {"\x1b", "\x07", "\u202e", "\u0085", "\xff"}) {
        EXPECT_FALSE(has(content, part)) << text;
      }
    }
  }
}

}  // namespace
