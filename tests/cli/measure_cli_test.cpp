#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "libnorm/core/rng.hpp"
#include "libnorm/data/npy.hpp"
#include "libnorm/data/safetensors_writer.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/cka.hpp"
#include "libnorm/metrics/activations/neural_collapse.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "tests/cli/measure_files.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/zip_bytes.hpp"

namespace {

using cli::Measure;
using cli::normals;
using cli::run;
using libnorm::Index;
using libnorm::MatrixView;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using View = MatrixView<const float>;

/// A .npy file of integers, as NumPy writes it.
void write_integers(const std::filesystem::path& path, const std::vector<std::int64_t>& numbers) {
  std::string header = "{'descr': '<i8', 'fortran_order': False, 'shape': (" +
                       std::to_string(numbers.size()) + ",), }\n";
  std::string file = "\x93NUMPY";
  file += {'\1', '\0', char(header.size()), '\0'};
  file += header;
  file.append(reinterpret_cast<const char*>(numbers.data()), 8 * numbers.size());
  cli::write(path, file);
}

/// The metrics of a JSON answer: `name (convention)` and value.
std::map<std::string, double> values_in(const std::string& text) {
  std::map<std::string, double> values;
  const nlohmann::json json = nlohmann::json::parse(text);
  for (const auto& m : json["metrics"]) {
    const std::string name = m["name"], convention = m["convention"];
    if (m["value"].is_number()) values[name + " (" + convention + ")"] = m["value"];
  }
  return values;
}

void expect_all(const std::map<std::string, double>& have,
                const std::vector<libnorm::MetricValue>& want) {
  for (const libnorm::MetricValue& m : want) {
    const std::string name = m.name + " (" + m.convention + ")";
    ASSERT_EQ(have.count(name), 1u) << name;
    EXPECT_EQ(have.at(name), m.value) << name;
  }
}

TEST_F(Measure, PrintsWhatTheLibrarySays) {
  using libnorm::Centring;
  const auto outcome = measure("a.npy --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto values = values_in(outcome.out);
  expect_all(values, values_of(libnorm::activation_spectrum(rows(), Centring::none)));
  expect_all(values, values_of(libnorm::activation_spectrum(rows(), Centring::mean)));
  expect_all(values, libnorm::row_metrics(rows()));
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["file"], "a.npy");
  EXPECT_EQ(json["dtype"], "float32");
  EXPECT_EQ(json["rows"], 6000);
  EXPECT_EQ(json["channels"], 6);
  EXPECT_EQ(json["shape"], nlohmann::json({6000, 6}));
  EXPECT_EQ(json["left_out"].size(), 0u);
  ASSERT_EQ(json["spectra"].size(), 2u);
  EXPECT_EQ(json["spectra"][1]["centring"], "mean");
  EXPECT_EQ(std::vector<double>(json["spectra"][1]["singular_values"]),
            libnorm::activation_spectrum(rows(), Centring::mean).singular_values);
  const auto table = measure("a.npy");
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(table.out, StartsWith("a.npy: 6000 of 6000 rows, 6 channels, float32\n"));
  for (const char* name : {"effective_rank", "iso_score", "mean_cosine", "two_nn_dimension"}) {
    EXPECT_THAT(table.out, HasSubstr(std::string("\n") + name));
  }
  EXPECT_THAT(table.out, AllOf(HasSubstr("of s, not centred"), HasSubstr("of l, centred")));
}

TEST_F(Measure, TakesTheMetricsTheCentringAndTheRowsAskedFor) {
  const auto outcome =
      measure("a.npy --metrics effective_rank,mean_kurtosis --centring mean --rows 5000 --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto values = values_in(outcome.out);
  EXPECT_EQ(values.size(), 2u);
  const auto spectrum =
      libnorm::activation_spectrum(rows().row_range(0, 5000), libnorm::Centring::mean);
  EXPECT_EQ(values.at("effective_rank (of s, centred)"),
            libnorm::find_activation_metric("effective_rank").value(spectrum));
  // A single number, and no spectrum where none is asked for.
  const auto one = measure("a.npy --metrics mean_cosine --json");
  EXPECT_EQ(values_in(one.out).size(), 1u) << one.out;
  EXPECT_EQ(nlohmann::json::parse(one.out)["spectra"].size(), 0u);
}

TEST_F(Measure, ReadsTensorsAndTakesLeadingDimensionsForRows) {
  const libnorm::NamedTensor<float> tensors[] = {{"h", {10, 600, 6}, numbers_.data()},
                                                 {"w", {4}, numbers_.data()}};
  libnorm::write_safetensors<float>(scratch_ / "two.safetensors", tensors);
  libnorm::write_safetensors<float>(scratch_ / "one", std::span(tensors).first(1));
  const auto whole = values_in(measure("a.npy --json").out);
  const auto named = measure("two.safetensors --tensor h --json");
  ASSERT_EQ(named.code, 0) << named.err;
  EXPECT_EQ(values_in(named.out), whole);
  EXPECT_EQ(nlohmann::json::parse(named.out)["tensor"], "h");
  EXPECT_EQ(nlohmann::json::parse(named.out)["shape"], nlohmann::json({10, 600, 6}));
  EXPECT_EQ(values_in(measure("one --json").out), whole);
  const auto unnamed = measure("two.safetensors");
  EXPECT_EQ(unnamed.code, 2);
  EXPECT_THAT(unnamed.err, HasSubstr("two.safetensors holds several; name one of 'h' [10, 600, 6], "
                                     "'w' [4]"));
  const auto wrong = measure("two.safetensors --tensor x");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("has no tensor 'x'; use one of 'h'"));
  EXPECT_EQ(measure("a.npy --tensor h").code, 2);
}

TEST_F(Measure, HoldsTwoFilesAgainstEachOther) {
  const std::vector<float> others = normals(6000 * 4, 2);
  const View other(others.data(), 6000, 4);
  libnorm::write_npy(scratch_ / "b.npy", other);
  const auto values = values_in(measure("a.npy --against b.npy --json").out);
  EXPECT_EQ(values.at("linear_cka (of the two files, centred)"),
            libnorm::linear_cka(rows(), other));
  EXPECT_EQ(values.at("debiased_linear_cka (of the two files, unbiased HSIC)"),
            libnorm::debiased_linear_cka(rows(), other));
  const auto itself = values_in(measure("a.npy --against a.npy --metrics linear_cka --json").out);
  EXPECT_NEAR(itself.at("linear_cka (of the two files, centred)"), 1, 1e-12);
  libnorm::write_npy(scratch_ / "b.npy", other.row_range(0, 5999));
  const auto fewer = measure("a.npy --against b.npy");
  EXPECT_EQ(fewer.code, 3);
  EXPECT_THAT(fewer.err, HasSubstr("b.npy: other rows (5999); need 6000, those of a.npy"));
}

TEST_F(Measure, FindsNeuralCollapseByLabels) {
  std::vector<std::int64_t> labels;
  std::vector<std::int32_t> dense;
  for (int r = 0; r < 6000; ++r) {
    labels.push_back(r % 3 == 0 ? -100 : 7 * (r % 3));
    dense.push_back(r % 3);
  }
  write_integers(scratch_ / "labels.npy", labels);
  expect_all(values_in(measure("a.npy --labels labels.npy --json").out),
             values_of(libnorm::neural_collapse(rows(), dense.data(), 3)));
  const std::vector<float> head = normals(18, 3), bias = {1, 2, 3};
  libnorm::write_npy(scratch_ / "head.npy", View(head.data(), 3, 6));
  libnorm::write_npy(scratch_ / "bias.npy", View(bias.data(), 1, 3));
  const std::string with_head = "a.npy --labels labels.npy --head head.npy --head-bias bias.npy";
  // With a head, labels are its rows.
  const auto strange = measure(with_head);
  EXPECT_EQ(strange.code, 3);
  EXPECT_THAT(strange.err, HasSubstr("a label that the head has no row for (-100); need 0 .. 2"));
  write_integers(scratch_ / "labels.npy", {dense.begin(), dense.end()});
  expect_all(values_in(measure(with_head + " --json").out),
             values_of(libnorm::neural_collapse(rows(), dense.data(), 3, View(head.data(), 3, 6),
                                                bias.data())));
  write_integers(scratch_ / "labels.npy", {1, 2, 3});
  const auto few = measure("a.npy --labels labels.npy");
  EXPECT_EQ(few.code, 3);
  EXPECT_THAT(few.err, HasSubstr("need 6000"));
}

/// The part of a file's JSON that rows left out may not change.
nlohmann::json measured(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  return {json["rows"], json["channels"], json["metrics"], json["spectra"], json["left_out"]};
}

TEST_F(Measure, TellsWhereANumberIsNotFinite) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  // Beyond the rows that are read at a time, and in blocks of them.
  std::vector<float> wide(9000 * 600, 1.0f);
  wide[8999 * 600 + 598] = kNaN;
  libnorm::write_npy(scratch_ / "wide.npy", View(wide.data(), 9000, 600));
  const std::string one = " --metrics mean_kurtosis";
  const auto far = measure("wide.npy" + one);
  EXPECT_EQ(far.code, 3);
  EXPECT_THAT(far.err, HasSubstr("wide.npy: NaN in row 8999, channel 598, from 0; need finite "
                                 "numbers, or --nan-rows drop"));
  EXPECT_EQ(measure("wide.npy --rows 8999" + one).code, 0);
  std::vector<float> some = normals(6000 * 6, 3);
  some[4321 * 6 + 2] = -std::numeric_limits<float>::infinity();
  const libnorm::NamedTensor<float> tensors[] = {{"\u03b1\u6fc0", {20, 300, 6}, some.data()}};
  libnorm::write_safetensors<float>(scratch_ / "cube.safetensors", tensors);
  const auto cube = measure("cube.safetensors");
  EXPECT_EQ(cube.code, 3);
  EXPECT_THAT(cube.err,
              HasSubstr("cube.safetensors, tensor '\u03b1\u6fc0': an infinity in row 4321, "
                        "channel 2 ([14, 121, 2]), from 0; need"));
  // In the other file, whose name is told.
  const auto other = measure("a.npy --against cube.safetensors");
  EXPECT_EQ(other.code, 3);
  EXPECT_THAT(other.err,
              HasSubstr("cube.safetensors, tensor '\u03b1\u6fc0': an infinity in row 4321"));
  // Of a head nothing can be left out.
  std::vector<std::int64_t> labels;
  for (int r = 0; r < 6000; ++r) labels.push_back(r % 2);
  write_integers(scratch_ / "labels.npy", labels);
  some = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, kNaN, 12};
  libnorm::write_npy(scratch_ / "head.npy", View(some.data(), 2, 6));
  const auto head = measure("a.npy --labels labels.npy --head head.npy --nan-rows drop");
  EXPECT_EQ(head.code, 3);
  EXPECT_THAT(head.err,
              HasSubstr("head.npy: NaN in row 1, channel 4, from 0; need finite numbers\n"));
  // Finite, and too large.
  std::vector<double> large(600 * 2, 1.0);
  large[2 * 555 + 1] = -1e300;
  libnorm::write_npy(scratch_ / "large.npy", MatrixView<const double>(large.data(), 600, 2));
  for (const char* words : {"", " --nan-rows drop"}) {
    const auto beyond = measure("large.npy" + one + words);
    EXPECT_EQ(beyond.code, 3);
    EXPECT_THAT(beyond.err,
                HasSubstr("large.npy: a number beyond 1e290 (-1e+300) in row 555, channel "
                          "1, from 0; need finite numbers\n"));
  }
}

TEST_F(Measure, DropsRowsThatAreNotFinite) {
  // Rows 0, 17, 18 and 5999 here, 17 and 40 in the other file.
  std::vector<float> some = numbers_, other = normals(6000 * 6, 2), kept, kept_other;
  std::vector<std::int64_t> labels, kept_labels;
  some[0] = some[18 * 6 + 3] = some[17 * 6 + 5] = std::numeric_limits<float>::quiet_NaN();
  some[5999 * 6 + 5] = std::numeric_limits<float>::infinity();
  other[17 * 6] = other[40 * 6 + 1] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> kept_alone;
  for (std::ptrdiff_t r = 0; r < 6000; ++r) {
    labels.push_back(r == 18 ? 77 : r % 3);
    if (r == 0 || r == 17 || r == 18 || r == 5999) continue;
    kept_alone.insert(kept_alone.end(), some.begin() + 6 * r, some.begin() + 6 * r + 6);
    if (r == 40) continue;
    kept.insert(kept.end(), some.begin() + 6 * r, some.begin() + 6 * r + 6);
    kept_other.insert(kept_other.end(), other.begin() + 6 * r, other.begin() + 6 * r + 6);
    kept_labels.push_back(labels.back());
  }
  libnorm::write_npy(scratch_ / "some.npy", View(some.data(), 6000, 6));
  libnorm::write_npy(scratch_ / "other.npy", View(other.data(), 6000, 6));
  libnorm::write_npy(scratch_ / "kept.npy", View(kept.data(), 5995, 6));
  libnorm::write_npy(scratch_ / "kept_alone.npy", View(kept_alone.data(), 5996, 6));
  libnorm::write_npy(scratch_ / "kept_other.npy", View(kept_other.data(), 5995, 6));
  write_integers(scratch_ / "labels.npy", labels);
  write_integers(scratch_ / "kept_labels.npy", kept_labels);
  EXPECT_EQ(measure("some.npy").code, 3);
  const auto alone = measure("some.npy --nan-rows drop --json");
  ASSERT_EQ(alone.code, 0) << alone.err;
  EXPECT_EQ(measured(alone.out), measured(measure("kept_alone.npy --json").out));
  EXPECT_EQ(nlohmann::json::parse(alone.out)["nan_rows_dropped"], 4);
  EXPECT_EQ(nlohmann::json::parse(measure("a.npy --json").out)["nan_rows_dropped"], 0);
  const auto pair =
      measure("some.npy --nan-rows drop --json --labels labels.npy --against other.npy");
  ASSERT_EQ(pair.code, 0) << pair.err;
  EXPECT_EQ(
      measured(pair.out),
      measured(measure("kept.npy --json --labels kept_labels.npy --against kept_other.npy").out));
  EXPECT_EQ(nlohmann::json::parse(pair.out)["nan_rows_dropped"], 5);
  const auto table = measure("some.npy --nan-rows drop --rows 20");
  EXPECT_THAT(table.out, StartsWith("some.npy: 17 of 6000 rows, 6 channels, float32\n"
                                    "rows left out, as they hold a NaN or an infinity: 3\n"));
  const auto none = measure("some.npy --nan-rows drop --rows 1");
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err,
              HasSubstr("some.npy: no rows are left, as all 1 hold a NaN or an infinity"));
}

TEST_F(Measure, ReadsArraysOfAnArchive) {
  const std::string stored = libnorm::test::kNumpyStored, packed = libnorm::test::kNumpyDeflated;
  const std::vector<float> x = {0, 1, 2, 3, 4, 5};
  libnorm::write_npy(scratch_ / "x.npy", View(x.data(), 2, 3));
  const auto plain = measure("x.npy --json");
  ASSERT_EQ(plain.code, 0) << plain.err;
  for (const std::string& bytes : {stored, packed}) {
    cli::write(scratch_ / "both.npz", bytes);
    const auto outcome = measure("both.npz --json");
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(measured(outcome.out), measured(plain.out));
    EXPECT_EQ(nlohmann::json::parse(outcome.out)["tensor"], "x");
    EXPECT_EQ(
        measure("both.npz --tensor x --labels both.npz --labels-tensor y --against both.npz").code,
        0);
    const auto named = measure("both.npz --against both.npz --against-tensor z");
    EXPECT_EQ(named.code, 2);
    EXPECT_THAT(named.err,
                HasSubstr("--against-tensor: both.npz has no array 'z'; use one of 'x'"));
  }
}

TEST_F(Measure, LeavesOutWhatTakesTooLongAndSaysSo) {
  const std::vector<float> many(20001 * 2, 1.5f);
  libnorm::write_npy(scratch_ / "many.npy", View(many.data(), 20001, 2));
  const auto outcome = measure("many.npy");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("left out: two_nn_dimension, likelihood_dimension"),
                                 HasSubstr("--rows"), Not(HasSubstr("nan"))));
  const auto named = measure("many.npy --metrics two_nn_dimension");
  EXPECT_EQ(named.code, 3);
  EXPECT_THAT(named.err, HasSubstr("cannot make two_nn_dimension"));
  EXPECT_EQ(measure("many.npy --metrics two_nn_dimension --rows 100").code, 0);
}

TEST_F(Measure, TakesFewRowsOfManyChannels) {
  // Three rows at right angles of 2^17 channels; a square of them would take 137 GB.
  const Index wide = Index(1) << 17;
  std::vector<float> few(std::size_t(3 * wide), 0.0f);
  for (Index r = 0; r < 3; ++r) few[std::size_t(r * wide + 1000 * r)] = 2;
  libnorm::write_npy(scratch_ / "few.npy", View(few.data(), 3, wide));
  const auto outcome = measure("few.npy --json");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto values = values_in(outcome.out);
  EXPECT_NEAR(values.at("effective_rank (of s, not centred)"), 3, 1e-12);
  EXPECT_NEAR(values.at("effective_rank (of s, centred)"), 2, 1e-12);
  EXPECT_NEAR(values.at("condition_number (of s, not centred)"), 1, 1e-12);
  // Centred, three rows have two directions; infinity is no number in JSON.
  EXPECT_EQ(values.count("condition_number (of s, centred)"), 0u);
  EXPECT_NEAR(values.at("partition_isotropy (not centred)"),
              (2 + std::exp(-2.0)) / (2 + std::exp(2.0)), 1e-12);
  EXPECT_THAT(outcome.out, HasSubstr("\"left_out\": []"));
  const auto cka = measure("few.npy --against few.npy --metrics linear_cka --json");
  EXPECT_NEAR(values_in(cka.out).at("linear_cka (of the two files, centred)"), 1, 1e-12);
}

TEST_F(Measure, RefusesSquaresThatTakeTooMuchMemoryWithASentence) {
  // 20,000 rows of 20,000 channels, of which the file holds none: nothing is read.
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (20000, 20000)}\n";
  cli::write(scratch_ / "square.npy",
             std::string("\x93NUMPY\1\0", 8) + char(header.size()) + '\0' + header);
  std::filesystem::resize_file(scratch_ / "square.npy", 10 + header.size() + 1600000000u);
  for (const char* name : {"effective_rank", "partition_isotropy"}) {
    const auto outcome = measure(std::string("square.npy --metrics ") + name);
    EXPECT_EQ(outcome.code, 3) << outcome.out;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(name), HasSubstr("at most 6710 rows")));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST_F(Measure, TimesASpectrum) {
  const auto outcome = measure("a.npy --time 3");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
}

TEST_F(Measure, SaysTheSameWithAnyNumberOfThreads) {
  EXPECT_EQ(measure("a.npy --threads 1 --json").out, measure("a.npy --threads 3 --json").out);
}

TEST_F(Measure, WritesAPageAboutOneFileOrManyLayers) {
  const auto one = measure("a.npy --plot one.html");
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.out, "one.html\n");
  const std::string page = cli::read(scratch_ / "one.html");
  EXPECT_THAT(page, AllOf(HasSubstr("<h1>Activations of a.npy</h1>"), HasSubstr("<svg "),
                          HasSubstr("of 6 channels; 0 eigenvalues above")));
  EXPECT_THAT(page, Not(HasSubstr("From one array to the next")));

  const libnorm::NamedTensor<float> layers[] = {{"h.10", {60, 100}, numbers_.data()},
                                                {"h.2", {60, 100}, numbers_.data()},
                                                {"bias", {100}, numbers_.data()}};
  libnorm::write_safetensors<float>(scratch_ / "h.safetensors", layers);
  const auto many = measure("h.safetensors --tensor all --plot many.html");
  EXPECT_EQ(many.code, 0) << many.err;
  const std::string both = cli::read(scratch_ / "many.html");
  EXPECT_THAT(both, AllOf(HasSubstr("Activations of 2 arrays"), HasSubstr("From one array")));
  EXPECT_LT(both.find(">1. h.safetensors, tensor"), both.find(">2. h.safetensors, tensor"));
  EXPECT_LT(both.find("h.2"), both.find("h.10"));
  EXPECT_THAT(both, Not(HasSubstr("bias")));
  EXPECT_EQ(measure("a.npy h.safetensors --plot more.html").code, 2) << "which tensor?";
}

TEST_F(Measure, PlotsOnlyWhatItCanAndKeepsAnOlderPage) {
  cli::write(scratch_ / "p.html", "older");
  EXPECT_THAT(measure("a.npy a.npy").err, HasSubstr("2 files given; need one, or --plot PAGE"));
  EXPECT_THAT(measure("a.npy --plot p.html --json").err, HasSubstr("--json prints; use one"));
  EXPECT_EQ(measure("a.npy nowhere.npy --plot p.html").code, 3);
  EXPECT_EQ(cli::read(scratch_ / "p.html"), "older");
}

TEST_F(Measure, TeachesByHelp) {
  const auto help = measure("--help");
  EXPECT_EQ(help.code, 0);
  for (const char* word : {"Usage: norm-harness measure FILE", "--tensor", "--metrics",
                           "numpy.save", "effective_rank", "nc3_self_duality", "linear_cka"}) {
    EXPECT_THAT(help.out, HasSubstr(word));
  }
}

}  // namespace
