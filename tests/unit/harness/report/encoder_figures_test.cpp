#include "harness/studies/encoder_charts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <regex>
#include <string>
#include <vector>

#include "harness/charts/chart.hpp"
#include "harness/report/chart_script.hpp"
#include "harness/report/draw_figures.hpp"
#include "libnorm/core/error.hpp"
#include "tests/unit/harness/report/script_data.hpp"
#include "tests/unit/harness/results/result_samples.hpp"

namespace {

using harness::curve_data;
using harness::draw_figures;
using harness::FigureSpec;
using harness::RunResult;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const FigureSpec kSpec{4, "e4", {"layernorm", "none"}, "published"};

std::string layer_figure_script(const std::vector<RunResult>& results, const FigureSpec& spec) {
  return harness::chart_script(harness::layer_chart(results, spec));
}

std::string depth_figure_script(const std::vector<RunResult>& results, const FigureSpec& spec) {
  return harness::chart_script(harness::depth_chart(results, spec));
}

FigureSpec under(const std::string& protocol) {
  FigureSpec spec = kSpec;
  spec.protocol = protocol;
  return spec;
}

// Layer L of seed s: two singular values, 10 L (s + 1) and (s + 1); other matrices have ten and
// more times that.
RunResult make_result(const std::string& arm, std::uint64_t seed, int layers = 6) {
  RunResult result;
  result.task = "ag_news";
  result.data = "AG News, planted";
  result.profile = "quick";
  result.arm = arm;
  result.seed = seed;
  result.steps = 240;
  result.epochs["training_accuracy"] = {0.5, 0.75};
  result.metrics["training_accuracy"] = 0.75 + 0.01 * double(seed);
  result.metrics["held_out_accuracy"] = 0.5 + 0.01 * double(seed);
  double scale = double(seed) + 1;
  for (const char* variant : {"published", "centred", "no_padding", "no_padding_centred"}) {
    for (int layer = 1; layer <= layers; ++layer) {
      const std::string name = "layer" + std::to_string(layer) + "." + variant;
      result.spectra[name] = {10 * layer * scale, scale};
      result.metrics[name + ".effective_rank"] = 0.5 * layer * scale;
      result.metrics[name + ".participation_ratio"] = 0.25 * layer * scale;
      result.metrics[name + ".stable_rank"] = 3 * layer * scale;
      result.metrics[name + ".decay_exponent"] = layer - scale;
    }
    scale *= 10;
  }
  return result;
}

std::vector<RunResult> make_results(std::uint64_t seeds, int layers = 6) {
  std::vector<RunResult> results;
  for (const char* arm : {"layernorm", "none"}) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed)
      results.push_back(make_result(arm, seed, layers));
  }
  return results;
}

/// All three arms of the figure.
std::vector<RunResult> all_arms(const std::string& suffix = "") {
  std::vector<RunResult> results;
  for (const char* arm : {"layernorm", "manual_l2", "none"})
    results.push_back(make_result(arm + suffix, 0));
  return results;
}

int count(const std::string& text, const std::string& part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++times;
  }
  return times;
}

template <typename Error>
void expect_error(const std::vector<RunResult>& results, const FigureSpec& spec,
                  const std::string& part) {
  for (const auto script : {layer_figure_script, depth_figure_script}) {
    EXPECT_THAT(harness::message_of<Error>([&] { script(results, spec); }), HasSubstr(part));
  }
}

TEST(LayerFigure, HasTheFirstTheMiddleAndTheLastLayer) {
  const std::string script = layer_figure_script(make_results(3), kSpec);
  EXPECT_EQ(curve_data(script, 1, 1), "0 20 10 30\n1 2 1 3\n");
  EXPECT_EQ(curve_data(script, 2, 2), "0 60 30 90\n1 2 1 3\n");
  EXPECT_EQ(curve_data(script, 3, 1), "0 120 60 180\n1 2 1 3\n");
  EXPECT_EQ(curve_data(script, 4, 1), "no such block");
  for (const char* title : {"'(a) Layer 1'", "'(b) Layer 3'", "'(c) Layer 6'"}) {
    EXPECT_EQ(count(script, title), 1) << title;
  }
  const auto titles = [](int layers) {
    const std::string of_layers = layer_figure_script(make_results(1, layers), kSpec);
    return count(of_layers, ") Layer ") / 3;  // two curves' comments and a label each
  };
  EXPECT_EQ(titles(1), 1);
  EXPECT_EQ(titles(2), 2);
  EXPECT_EQ(titles(3), 3);
  EXPECT_THAT(layer_figure_script(make_results(1, 5), kSpec), HasSubstr("'(b) Layer 3'"));
}

TEST(LayerFigure, PanelsShareOneLogarithmicAxis) {
  const std::string script = layer_figure_script(make_results(1), kSpec);
  const std::size_t at = script.find("set yrange");
  const std::string range = script.substr(at, script.find('\n', at) - at);
  EXPECT_EQ(count(script, range), 3) << range;
  EXPECT_EQ(count(script, "  set logscale y"), 3);
  // Its numbers and its label stand beside the first panel.
  EXPECT_EQ(count(script, "'singular value (log)'"), 1);
  EXPECT_EQ(count(script, "set ytics (\"1\" 1,"), 1);
  EXPECT_EQ(count(script, "set ytics (\"\" 1,"), 2);
}

TEST(LayerFigure, TheKeyHasMediansOfTheAccuracies) {
  const std::string script = layer_figure_script(make_results(4), kSpec);
  EXPECT_THAT(script, HasSubstr("title 'layernorm: accuracy 76.5% training, 51.5% held out'"));
  EXPECT_THAT(script, HasSubstr("lc rgb '#0072B2' lw 1.6 dt solid"));
  EXPECT_THAT(script, HasSubstr("lc rgb '#D55E00' lw 1.6 dt (3,3)"));
}

TEST(LayerFigure, AProtocolHasItsOwnMatrixAndSaysWhich) {
  const auto first = [](const std::string& protocol) {
    return curve_data(layer_figure_script(make_results(1), under(protocol)), 1, 1);
  };
  EXPECT_EQ(first("centred"), "0 100 100 100\n1 10 10 10\n");
  EXPECT_EQ(first("no_padding"), "0 1000 1000 1000\n1 100 100 100\n");
  EXPECT_EQ(first("no_padding_centred"), "0 10000 10000 10000\n1 1000 1000 1000\n");
  EXPECT_THAT(layer_figure_script(make_results(1), under("centred")),
              HasSubstr("padding included; less their mean."));
  EXPECT_THAT(depth_figure_script(make_results(1), under("no_padding")),
              HasSubstr("that hold text; not centred."));
  EXPECT_EQ(harness::figure_name(under("no_padding")), "figure4-no_padding");
  EXPECT_EQ(harness::figure_name(kSpec, "depth"), "figure4-depth");
  EXPECT_EQ(harness::figure_name(under("centred"), "depth"), "figure4-depth-centred");
}

TEST(LayerFigure, ArmsTrainedWithoutPaddingAreDrawnAsTheArmTheyStandBeside) {
  const std::vector<RunResult> results = {make_result("none_masked", 0)};
  const std::string script = layer_figure_script(results, {4, "e4", {"none_masked"}, "masked"});
  EXPECT_EQ(curve_data(script, 1, 1), "0 1000 1000 1000\n1 100 100 100\n");
  EXPECT_THAT(script, HasSubstr("lc rgb '#D55E00' lw 1.6 dt (3,3)"));
  EXPECT_THAT(script, HasSubstr("trained without padding"));
}

TEST(DepthFigure, HasAPanelOfEachMetric) {
  const std::string script = depth_figure_script(make_results(3, 2), kSpec);
  EXPECT_EQ(curve_data(script, 1, 1), "1 0.5 0.25 0.75\n2 1 0.5 1.5\n");  // of two channels
  EXPECT_EQ(curve_data(script, 2, 1), "1 0.25 0.125 0.375\n2 0.5 0.25 0.75\n");
  EXPECT_EQ(curve_data(script, 3, 2), "1 6 3 9\n2 12 6 18\n");
  EXPECT_EQ(curve_data(script, 4, 2), "1 -1 -2 0\n2 0 -1 1\n");
  EXPECT_EQ(curve_data(script, 5, 1), "no such block");
  EXPECT_EQ(count(script, "set xtics (\"1\" 1, \"2\" 2)"), 4);
  // Two rows of two.
  EXPECT_EQ(count(script, "; set tmargin at screen"), 1 + 4 + 1);
  EXPECT_THAT(script, HasSubstr("title 'none'"));
}

TEST(LayerFigure, OrderOfResultsAndOtherArmsDoNotMatter) {
  std::vector<RunResult> results = make_results(3);
  const std::string layers = layer_figure_script(results, kSpec);
  const std::string depth = depth_figure_script(results, kSpec);
  std::ranges::reverse(results);
  results.push_back(make_result("sphere", 0));
  EXPECT_EQ(layer_figure_script(results, kSpec), layers);
  EXPECT_EQ(depth_figure_script(results, kSpec), depth);
}

TEST(LayerFigure, SaysWhatItIsOf) {
  std::vector<RunResult> results = make_results(2);
  for (const auto script : {layer_figure_script, depth_figure_script}) {
    EXPECT_THAT(script(results, kSpec), AllOf(HasSubstr("'Profile quick: 2 epochs, 240 steps.'"),
                                              HasSubstr("'Data: AG News, planted.'")));
    EXPECT_THAT(script(results, kSpec), HasSubstr("Line: median of 2 seeds"));
    EXPECT_THAT(script(results, kSpec), Not(HasSubstr("GENERATED")));
    std::vector<RunResult> generated = results;
    for (RunResult& result : generated) result.task = "topics";
    EXPECT_THAT(script(generated, kSpec), HasSubstr("'GENERATED CORPUS `topics`, NOT AG NEWS: "));
  }
  for (RunResult& result : results) {
    result.data = "";
    for (int word = 0; word < 40; ++word) result.data += "nine ends ";
  }
  const std::string script = layer_figure_script(results, kSpec);
  EXPECT_THAT(script, Not(testing::ContainsRegex("'[^'\n]{101,}' at screen")));
}

/// The notes under a figure of results that say this of their data, in one line.
std::string notes_on(const std::string& data) {
  std::vector<RunResult> results = make_results(1);
  for (RunResult& result : results) result.data = data;
  const std::string script = depth_figure_script(results, kSpec);
  const std::regex note("'([^\n]*)' at screen");
  std::string notes;
  for (std::sregex_iterator at(script.begin(), script.end(), note), end; at != end; ++at) {
    notes += (*at)[1].str() + " ";
  }
  return notes;
}

TEST(LayerFigure, SaysWhichDataInShort) {
  const std::string words = ", tokenized with the vocabulary of bert-base-uncased (30522 tokens)";
  const std::string sum = ", tokens sha256 6c78ea98823e0b2b";
  EXPECT_THAT(
      notes_on("AG News. Train: the first 4096 rows of the subset of AG News's train split" +
               words + sum + ". Test: the first 2048 rows of AG News's test split (7600 rows)" +
               words + sum),
      HasSubstr(
          "Data: AG News. Train: the first 4096 rows of the subset. Test: the first 2048 rows. "));
  EXPECT_THAT(notes_on("AG News. Train: the subset of AG News's train split (47598 rows)" + words +
                       sum + ". Test: AG News's test split (7600 rows)" + words + sum),
              HasSubstr("Data: AG News. Train: the subset (47598 rows). "
                        "Test: AG News''s test split (7600 rows). "));
  const std::string unknown = "an unknown file a.csv (9 bytes, 1 lines, sha256 0123456789abcdef)";
  EXPECT_THAT(notes_on("AG News. Train: " + unknown + ", tokenized with " + unknown + sum +
                       ". Test: " + unknown + words + sum),
              HasSubstr("Data: AG News. Train: an unknown file a.csv (9 bytes, 1 lines). "
                        "Test: an unknown file a.csv (9 bytes, 1 lines). "));
  const std::string generated =
      "generated texts (topics), NOT AG News: 150 to train on, 70 to test on, a vocabulary of 700";
  EXPECT_THAT(notes_on(generated), HasSubstr("Data: " + generated));
}

TEST(LayerFigure, DataOfAnyLengthAndTextIsANote) {
  EXPECT_THAT(notes_on("x'\nsystem('touch stray')\n"),
              HasSubstr("Data: x''\uFFFDsystem(''touch stray'')\uFFFD."));
  // Two quotes together would end gnuplot's literal though each is written twice.
  EXPECT_THAT(notes_on("x'';system('touch stray')#"),
              HasSubstr("Data: x''\u2019;system(''touch stray'')#."));
  // Long enough to end what calls itself for each letter.
  for (const std::string& data :
       {std::string(300000, 'x'), std::string(300000, ' '), std::string(300000, '\xe4'),
        ", tokenized with " + std::string(300000, 'y') + ", tokens sha256 ab"}) {
    EXPECT_LT(notes_on(data).size(), 4000u);
  }
  std::string details;
  while (details.size() < 300000) details += ", tokenized with rows of AG News's train split (";
  EXPECT_LT(notes_on(details).size(), 4000u);
}

TEST(Shortened, CutsNoCharacter) {
  EXPECT_EQ(harness::shortened("abc", 3), "abc");
  EXPECT_EQ(harness::shortened("abcd", 3), "abc...");
  EXPECT_EQ(harness::shortened("a\u4e2d\u6587", 3), "a...");
  EXPECT_EQ(harness::shortened("a\u4e2d\u6587", 4), "a\u4e2d...");
}

TEST(Wrap, BreaksBetweenWords) {
  EXPECT_THAT(harness::wrap("a bb ccc dddddd e", 4), ElementsAre("a bb", "ccc", "dddddd", "e"));
  EXPECT_THAT(harness::wrap("", 4), ElementsAre());
}

TEST(LayerFigure, ADivergedRunIsLeftOutAndSaid) {
  std::vector<RunResult> results = make_results(3);
  results[2].diverged_at = 17;
  results[2].metrics.clear();
  results[2].spectra.clear();
  const std::string script = layer_figure_script(results, kSpec);
  EXPECT_EQ(curve_data(script, 1, 1), "0 15 10 20\n1 1.5 1 2\n");
  EXPECT_THAT(script,
              HasSubstr("'layernorm (1 of 3 diverged): accuracy 75.5% training, 50.5% held out'"));
  EXPECT_THAT(script, HasSubstr("'layernorm: 1 of 3 runs diverged, the first at step 17.'"));
  EXPECT_EQ(curve_data(depth_figure_script(results, kSpec), 1, 1).substr(0, 17),
            "1 0.375 0.25 0.5\n");
  for (RunResult& result : results) {
    if (result.arm != "none") continue;
    result.diverged_at = 3;
    result.metrics.clear();
    result.spectra.clear();
  }
  EXPECT_THAT(layer_figure_script(results, kSpec), HasSubstr("title 'none (3 of 3 diverged)'"));
  EXPECT_EQ(curve_data(depth_figure_script(results, kSpec), 1, 2), "");
}

TEST(LayerFigure, RefusesWhatItCannotDraw) {
  using libnorm::DataError;
  using libnorm::ValueError;
  const std::vector<RunResult> good = make_results(2);
  expect_error<ValueError>(good, under("accumulated"), "no spectra are measured");
  expect_error<ValueError>(good, {4, "e4", {}, "published"}, "no arms");
  expect_error<DataError>(good, {4, "e4", {"none", "sphere"}, "published"}, "no run of arm sphere");
  std::vector<RunResult> results = good;
  results.back().task = "topics";
  expect_error<DataError>(results, kSpec, "tasks are mixed (ag_news and topics)");
  results = good;
  results.back().profile = "subset";
  expect_error<DataError>(results, kSpec, "profiles are mixed (quick and subset)");
  results = good;
  results.back().data = "other texts";
  expect_error<DataError>(results, kSpec, "data sets are mixed");
  results = good;
  for (RunResult& result : results) result.spectra.clear();
  expect_error<DataError>(results, kSpec, "no run has spectra of its layers");
  results = good;
  results.back().spectra.erase("layer6.published");
  expect_error<DataError>(results, kSpec, "arm none, seed 1");
  results = good;
  results.back().metrics.clear();
  expect_error<DataError>(results, kSpec, "is absent (arm none, seed 1)");
}

std::vector<std::string> names(const harness::Drawing& drawing,
                               const std::filesystem::path& folder) {
  std::vector<std::string> list;
  for (const auto& figure : drawing.figures) {
    EXPECT_EQ(figure.files.size(), 3u);
    EXPECT_FALSE(figure.heading.empty() || figure.caption.empty() || figure.alt.empty());
    for (const auto& file : figure.files) EXPECT_GT(std::filesystem::file_size(file), 1000u);
    list.push_back(figure.files[0].lexically_relative(folder).string());
  }
  return list;
}

TEST(DrawFigures, DrawsLayersUnderEachProtocolAndDepthUnderTwo) {
  const harness::ScratchFolder scratch;
  const auto drawing = draw_figures(all_arms(), {"e4", "all"}, scratch.path());
  EXPECT_THAT(names(drawing, scratch.path()),
              ElementsAre("figure4.svg", "figure4-depth.svg", "figure4-centred.svg",
                          "figure4-no_padding.svg", "figure4-no_padding_centred.svg",
                          "figure4-depth-no_padding_centred.svg"));
  EXPECT_EQ(drawing.figures[0].heading, "Figure 4, published protocol");
  EXPECT_EQ(drawing.figures[1].heading, "Figure 4, published protocol, against depth");
  EXPECT_THAT(drawing.missing, ElementsAre());
}

TEST(DrawFigures, AProtocolOfOtherRunsIsDrawnWhereTheyAreThereOrIsNamed) {
  const harness::ScratchFolder scratch;
  const harness::DrawRequest masked{"e4", "masked"};
  EXPECT_THAT(harness::message_of<libnorm::DataError>(
                  [&] { draw_figures(all_arms(), masked, scratch.path()); }),
              HasSubstr("no run of arm layernorm_masked"));
  std::vector<RunResult> results = all_arms("_masked");
  results.push_back(make_result("sphere_masked", 0));
  EXPECT_THAT(names(draw_figures(results, masked, scratch.path()), scratch.path()),
              ElementsAre("figure4-masked.svg"));
  for (const RunResult& result : all_arms()) results.push_back(result);
  EXPECT_EQ(draw_figures(results, {"e4", "all"}, scratch.path()).figures.size(), 7u);
  EXPECT_EQ(draw_figures(results, {"e4", "all", {"none"}}, scratch.path()).figures.size(), 6u);
}

TEST(DrawFigures, ProfilesAndAStandInAreDrawnApart) {
  const harness::ScratchFolder scratch;
  std::vector<RunResult> results;
  for (const char* profile : {"paper", "quick"}) {
    for (RunResult result : all_arms()) {
      result.profile = profile;
      results.push_back(result);
      result.task = "topics";
      results.push_back(result);
    }
  }
  const auto drawing = draw_figures(results, {"e4", "centred"}, scratch.path());
  EXPECT_THAT(names(drawing, scratch.path()),
              ElementsAre("figure4-centred.svg", "ag_news-paper/figure4-centred.svg",
                          "topics-paper/figure4-centred.svg", "topics-quick/figure4-centred.svg"));
  EXPECT_EQ(drawing.figures[1].heading, "Figure 4, centred protocol, profile paper");
  EXPECT_EQ(drawing.figures[3].heading,
            "Figure 4, centred protocol, profile quick (generated corpus topics, not AG News)");
  EXPECT_THAT(drawing.figures[3].caption, HasSubstr("Generated corpus topics, not AG News."));
  std::erase_if(results, [](const RunResult& result) {
    return result.task != "topics" || result.profile != "quick";
  });
  EXPECT_THAT(names(draw_figures(results, {"e4", "centred"}, scratch.path()), scratch.path()),
              ElementsAre("figure4-centred.svg"));
}

TEST(DrawFigures, WhatHasNoResultsIsNamedAndAnErrorOnlyIfAskedFor) {
  const harness::ScratchFolder scratch;
  const auto all = draw_figures(all_arms(), {"all", "centred"}, scratch.path());
  EXPECT_EQ(all.figures.size(), 1u);
  EXPECT_THAT(all.missing, testing::Contains(HasSubstr("e1: no results, so no Figure 1; ")));
  EXPECT_THAT(harness::message_of<libnorm::DataError>([&] {
                draw_figures(all_arms(), {"e1", "all"}, scratch.path());
              }),
              HasSubstr("nothing to draw (e1: no results, so no Figure 1; `norm-harness run e1`"));
  EXPECT_THAT(
      harness::message_of<libnorm::DataError>([&] { draw_figures({}, {}, scratch.path()); }),
      HasSubstr("e4: no results"));
  EXPECT_THROW(draw_figures(all_arms(), {"e9", "all"}, scratch.path()), libnorm::ValueError);
  EXPECT_THAT(harness::message_of<libnorm::ValueError>([&] {
                draw_figures(all_arms(), {"e4", "accumulated"}, scratch.path());
              }),
              HasSubstr("use one of published, centred, no_padding, no_padding_centred, masked"));
}

}  // namespace
