#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "harness/results/measures.hpp"
#include "harness/studies/encoder_data.hpp"
#include "harness/studies/encoder_study.hpp"
#include "harness/studies/flatness_measures.hpp"
#include "harness/studies/recall_measures.hpp"
#include "harness/studies/recall_run.hpp"
#include "harness/studies/row_measures.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/models/curvature.hpp"
#include "tests/unit/harness/studies/smoke_texts.hpp"

namespace {

using harness::RecallRun;
using harness::RunResult;
using libnorm::Index;
using testing::HasSubstr;

RunResult measured_rows(const std::vector<float>& x, Index channels, const float* count = nullptr) {
  RunResult result;
  harness::measure_rows("x", {x.data(), Index(x.size()) / channels, channels}, count, result);
  return result;
}

TEST(Rows, OfTwoRightAnglesAreKnown) {
  const RunResult r = measured_rows({3, 0, 0, 4}, 2);
  const auto near = [&](const std::string& metric, double value) {
    ASSERT_EQ(r.metrics.count("x." + metric), 1u) << metric;
    EXPECT_NEAR(r.metrics.at("x." + metric), value, 1e-12) << metric;
  };
  near("row_length_mean", 3.5);
  near("row_length_spread", 0.5 / 3.5);
  near("row_length_lowest", 3);
  near("row_length_highest", 4);
  near("plain.participation_ratio", 625.0 / (256 + 81));
  near("plain.stable_rank", 25.0 / 16);
  near("plain.mean_cosine", 0);
  // Of equal length they have full rank; minus their mean they lie on a line.
  near("normalized.effective_rank", 2);
  near("normalized.participation_ratio", 2);
  near("normalized.mean_cosine", 0);
  near("centred.effective_rank", 1);
  near("centred.iso_score", 0);
  near("centred.mean_cosine", -1);
  near("normalized_centred.stable_rank", 1);
  EXPECT_NEAR(r.spectra.at("x.plain")[0], 4, 1e-12);
  EXPECT_NEAR(r.spectra.at("x.centred")[0], std::sqrt(12.5), 1e-12);
  EXPECT_NEAR(r.spectra.at("x.normalized")[1], 1, 1e-12);
  EXPECT_EQ(r.metrics.count("x.plain.iso_score"), 0u) << "of a covariance alone";
}

TEST(Rows, AreTheSameTurnedOrScaledAndCountTwiceWhereTheyStandTwice) {
  std::vector<float> x, turned, twice;
  for (int r = 0; r < 40; ++r) {
    const float a = float(r % 7) - 2, b = float(r % 5) * 3, c = float(r % 3);
    x.insert(x.end(), {a, b, c});
    turned.insert(turned.end(), {2 * b, -2 * c, 2 * a});
    for (int k = 0; k < 1 + r % 2; ++k) twice.insert(twice.end(), {a, b, c});
  }
  std::vector<float> count;
  for (int r = 0; r < 40; ++r) count.push_back(float(1 + r % 2));
  const RunResult was = measured_rows(x, 3), is = measured_rows(turned, 3);
  const RunResult counted = measured_rows(x, 3, count.data()), written = measured_rows(twice, 3);
  ASSERT_GT(was.metrics.size(), 40u);
  for (const auto& [name, value] : was.metrics) {
    const bool is_length =
        name.ends_with("_mean") || name.ends_with("_lowest") || name.ends_with("_highest");
    EXPECT_NEAR(is.metrics.at(name), is_length ? 2 * value : value, 1e-9 * (1 + value)) << name;
    EXPECT_NEAR(counted.metrics.at(name), written.metrics.at(name), 1e-9 * (1 + value)) << name;
  }
}

TEST(Rows, OfASphereHaveNoSpreadAndARowOfZerosStays) {
  const RunResult sphere = measured_rows({1, 0, 0, -1, 0.6f, 0.8f}, 2);
  EXPECT_NEAR(sphere.metrics.at("x.row_length_spread"), 0, 1e-7);
  const RunResult zero = measured_rows({0, 0, 5, 0}, 2);
  EXPECT_EQ(zero.metrics.at("x.row_length_lowest"), 0);
  EXPECT_EQ(zero.metrics.at("x.normalized.effective_rank"), 1);
  const float counts[] = {0, 2};
  const RunResult none = measured_rows({0, 0, 5, 0}, 2, counts);
  EXPECT_EQ(none.metrics.at("x.row_length_lowest"), 5) << "a row that counts for none";
}

harness::RecallOptions short_run(Index steps) {
  harness::RecallOptions o = harness::find_recall_profile("smoke").options;
  o.steps = steps;
  return o;
}

RunResult measured(RecallRun& run, const std::vector<std::string>& which) {
  while (!run.finished()) run.step();
  RunResult result = run.result("custom");
  run.measure(which, result);
  return result;
}

TEST(RowsOfARun, AreThoseThatTheHeadReads) {
  const auto options = short_run(20);
  RecallRun run(options, harness::find_recall_arm("batchnorm"), 3);
  const RunResult result = measured(run, {"rows", "untrained"});
  EXPECT_EQ(result.measures.at("rows"), 1);
  EXPECT_EQ(result.metrics.at("rows.task_rank"), double(options.rank));

  // By all rows of each batch, of which those at the prediction positions are picked.
  const auto picked = [&](libnorm::Transformer<float>& model) {
    std::vector<float> rows;
    libnorm::Batch batch;
    for (std::uint32_t i = 0; i < 4096 / options.batch; ++i) {
      options.task().draw(3, libnorm::Purpose::probe_batch, 1000 + i, options.path, batch);
      const auto all = model.activations(batch, 0);
      for (const std::int32_t r : batch.prediction_row) {
        rows.insert(rows.end(), all.row(r), all.row(r) + all.cols);
      }
    }
    return rows;
  };
  const auto expect_read = [&](const std::string& name, libnorm::Transformer<float>& model) {
    const std::vector<float> rows = picked(model);
    ASSERT_EQ(rows.size(), std::size_t(4096 * options.channels));
    const auto s = libnorm::singular_values<float>(
        libnorm::MatrixView<const float>(rows.data(), 4096, options.channels));
    const auto& got = result.spectra.at(name + ".read.plain");
    for (std::size_t i = 0; i < s.size(); ++i) EXPECT_NEAR(got[i], s[i], 1e-4 * s[0]) << i;
  };
  expect_read("rows", run.model());
  libnorm::Transformer<float> fresh(run.model().options());
  fresh.initialize(3);
  expect_read("untrained", fresh);
  // All rows are those of `spectrum`.
  for (std::size_t i = 0; i < result.singular_values.size(); ++i) {
    EXPECT_NEAR(result.spectra.at("rows.all.plain")[i], result.singular_values[i],
                1e-9 * result.singular_values[0]);
  }
  EXPECT_NE(result.spectra.at("untrained.all.plain"), result.spectra.at("rows.all.plain"));
}

TEST(RowsOfARun, OfExperiment4AreOfEachLayerWithAndWithoutPadding) {
  harness::Request request;
  request.profile = "smoke";
  request.arms = {"none"};
  request.seeds = {1};
  const auto run = harness::encoder_study().plan(request).at(0).make();
  while (!run->finished()) run->step();
  RunResult result = run->result("smoke");
  EXPECT_EQ(result.measures.count("rows"), 0u);
  run->measure({"rows", "untrained"}, result);
  const auto expect_same = [&](const std::string& ours, const std::string& other) {
    const auto& s = result.spectra.at(other);
    for (std::size_t i = 0; i < s.size(); ++i) {
      EXPECT_NEAR(result.spectra.at(ours)[i], s[i], 1e-9 * s[0]) << ours << i;
    }
  };
  for (const std::string layer : {"layer1", "layer3", "layer6"}) {
    expect_same("rows." + layer + ".all.plain", layer + ".published");
    expect_same("rows." + layer + ".all.centred", layer + ".centred");
    expect_same("rows." + layer + ".text.plain", layer + ".no_padding");
    expect_same("rows." + layer + ".text.centred", layer + ".no_padding_centred");
  }
  EXPECT_EQ(result.spectra.count("untrained.layer1.all.plain"), 0u) << "its numbers alone";
  EXPECT_NE(result.metrics.at("untrained.layer6.all.plain.effective_rank"),
            result.metrics.at("rows.layer6.all.plain.effective_rank"));

  // Behind the last block stands the head.
  const auto texts = harness::smoke_texts(1);
  std::vector<float> read;
  for (std::int32_t i = 0; i < 150; ++i) {
    libnorm::Batch one;
    one.assign(texts->train, std::vector<std::int32_t>{i}, {0, 48}, 0, 700,
               libnorm::Path::shortcut);
    const auto row = run->model().read_rows(one);
    read.insert(read.end(), row.data, row.data + row.cols);
  }
  const Index channels = Index(read.size()) / 150;
  const auto s =
      libnorm::singular_values<float>(libnorm::MatrixView<const float>(read.data(), 150, channels));
  for (std::size_t i = 0; i < s.size(); ++i) {
    EXPECT_NEAR(result.spectra.at("rows.layer6.read.plain")[i], s[i], 1e-5 * s[0]) << i;
  }
}

TEST(LandmarksOfARun, AreTheRunsThatEndThere) {
  const auto& arm = harness::find_recall_arm("batchnorm");
  RecallRun run(short_run(16), arm, 2);
  run.expect({"landmarks"});
  while (run.steps_done() < 7) run.step();
  const auto state = run.state();
  const RunResult whole = measured(run, {"landmarks"});
  for (const Index steps : {2, 6, 8, 12}) {
    RecallRun shorter(short_run(steps), arm, 2);
    const RunResult there = measured(shorter, {});
    const std::string name = "landmarks.step_" + std::to_string(steps);
    EXPECT_EQ(whole.metrics.at(name + ".step"), double(steps));
    EXPECT_EQ(whole.metrics.at(name + ".loss"), there.final_loss);
    for (const auto& [metric, value] : there.metrics) {
      EXPECT_EQ(whole.metrics.at(name + "." + metric), value) << steps << metric;
    }
    EXPECT_EQ(whole.spectra.at(name), there.singular_values);
    EXPECT_EQ(whole.slices.at(name + ".published").loss, there.slices.at("published").loss);
  }
  EXPECT_EQ(whole.metrics.at("landmarks.loss_1e-2.step"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(whole.metrics.count("landmarks.loss_1e-2.loss"), 0u);

  RecallRun resumed(short_run(16), arm, 2);
  resumed.expect({"landmarks"});
  resumed.restore(state);
  EXPECT_EQ(measured(resumed, {"landmarks"}).metrics, whole.metrics);
  // A run that does not look takes what it needs; one that looks begins anew where nobody looked.
  RecallRun other(short_run(16), arm, 2), looks(short_run(16), arm, 2);
  other.restore(state);
  EXPECT_EQ(other.steps_done(), 7);
  looks.expect({"landmarks"});
  looks.restore(other.state());
  EXPECT_EQ(looks.steps_done(), 0);
  RunResult result = measured(other, {});
  EXPECT_EQ(result.losses_sha256, whole.losses_sha256);
  EXPECT_THROW(other.measure({"landmarks"}, result), libnorm::ValueError) << "nobody looked";
}

TEST(LandmarksOfARun, OfALossAreTheFirstStepWithIt) {
  auto options = short_run(60);
  options.learning_rate = 0.02;
  RecallRun run(options, harness::find_recall_arm("layernorm"), 2);
  run.expect({"landmarks"});
  std::vector<double> losses;
  double sum = 0;
  Index first = -1;
  while (!run.finished()) {
    run.step();
    sum += run.last_loss();
    losses.push_back(sum / double(run.steps_done()));
    if (first < 0 && losses.back() <= 1) first = run.steps_done();
  }
  ASSERT_GT(first, 0) << "the mean loss ends at " << losses.back();
  RunResult result = run.result("custom");
  run.measure({"landmarks"}, result);
  EXPECT_EQ(result.metrics.at("landmarks.loss_1.step"), double(first));
  EXPECT_NEAR(result.metrics.at("landmarks.loss_1.loss"), losses[std::size_t(first) - 1], 1e-12);
}

/// The eigenvalues of a symmetric matrix, descending, by Jacobi's rotations.
std::vector<double> eigenvalues_of(std::vector<std::vector<double>> a) {
  const std::size_t n = a.size();
  for (int sweep = 0; sweep < 10; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a[p][q]) < 1e-300) continue;
        const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::hypot(1.0, theta));
        const double c = 1 / std::hypot(1.0, t), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = a[k][p], kq = a[k][q];
          a[k][p] = c * kp - s * kq;
          a[k][q] = s * kp + c * kq;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double pk = a[p][k], qk = a[q][k];
          a[p][k] = c * pk - s * qk;
          a[q][k] = s * pk + c * qk;
        }
      }
    }
  }
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(a[i][i]);
  std::ranges::sort(values, std::greater<>());
  return values;
}

harness::RecallOptions tiny() {
  harness::RecallOptions o = short_run(40);
  o.entities = 2;
  o.attributes = 3;
  o.rank = 3;
  o.batch = 8;
  o.channels = 4;
  o.hidden = 4;
  o.learning_rate = 0.01;
  return o;
}

TEST(CurvatureNumbers, AreThoseOfTheWholeHessian) {
  const auto options = tiny();
  const auto& arm = harness::find_recall_arm("layernorm");
  RecallRun run(options, arm, 1);
  const RunResult result = measured(run, {"curvature"});
  libnorm::Batch batch;
  options.task().draw(1, libnorm::Purpose::probe_batch, 0, options.path, batch);
  libnorm::Curvature f(run.model(), batch);
  const std::size_t n = std::size_t(f.dimension());
  std::vector<std::vector<double>> h(n, std::vector<double>(n)), scaled = h;
  std::vector<double> unit(n, 0.0), root;
  for (std::size_t i = 0; i < n; ++i) {
    unit[i] = 1;
    f.hessian_vector_product(f.weights(), unit, h[i]);
    unit[i] = 0;
    const double v = double(run.adam().second_moment()[i]) / (1 - std::pow(0.999, 40));
    root.push_back(1 / std::sqrt(std::sqrt(v) + 1e-8));
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) scaled[i][j] = root[i] * h[i][j] * root[j];
  }
  const auto l = eigenvalues_of(h);
  const auto number = [&](const std::string& name) {
    return result.metrics.at("curvature." + name);
  };
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(number("lambda_" + std::to_string(i + 1)), l[i], 1e-6 * l[0]) << i;
  }
  EXPECT_NEAR(number("lambda_lowest"), l.back(), 1e-6 * l[0]);
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) trace += h[i][i];
  EXPECT_NEAR(number("trace"), trace, 6 * number("trace_error") + 1e-12);
  const double adam = eigenvalues_of(scaled)[0];
  EXPECT_NEAR(number("adam_lambda"), adam, 1e-6 * adam);
  EXPECT_NEAR(number("adam_edge"), adam * 0.01 / 38, 1e-6 * adam);
  EXPECT_EQ(number("converged"), 1);
  EXPECT_GT(number("adaptive_worst_case"), 0);

  RunResult without = result;
  RecallRun weights_alone(options, arm, 1);
  EXPECT_THROW(weights_alone.measure({"curvature"}, without), libnorm::ValueError);
}

TEST(Rescalings, LeaveTheFunctionAndShowWhichDefinitionsAreOfIt) {
  for (const char* arm : {"layernorm", "batchnorm", "none"}) {
    auto options = tiny();
    RecallRun run(options, harness::find_recall_arm(arm), 1);
    const RunResult result = measured(run, {"rescaled"});
    libnorm::Batch batch;
    options.task().draw(1, libnorm::Purpose::training_batch, 9, options.path, batch);
    const double loss = run.model().loss(batch);
    for (const auto rescaling : {harness::Rescaling::values_outputs,
                                 harness::Rescaling::queries_keys, harness::Rescaling::gain_head}) {
      libnorm::Transformer<float> model = run.model();
      std::vector<float> moments = run.adam().second_moment();
      const bool has = harness::rescale(rescaling, 2, run.model(), model.weights(), moments);
      const std::string name = "rescaled." + std::string(rescaling_name(rescaling)) + ".";
      EXPECT_EQ(has, std::string(arm) != "none" || rescaling != harness::Rescaling::gain_head);
      EXPECT_EQ(result.metrics.count(name + "lambda_1"), has ? 1u : 0u) << arm << name;
      if (!has) continue;
      EXPECT_NE(model.weights(), run.model().weights());
      EXPECT_EQ(model.loss(batch), loss) << arm << " " << name;
      const auto ratio = [&](const char* of) { return result.metrics.at(name + of); };
      EXPECT_EQ(ratio("slice_rise.filter_normalized"), 1) << arm << " " << name;
      EXPECT_NEAR(ratio("adaptive_worst_case"), 1, 1e-6) << arm << " " << name;
      for (const char* of : {"slice_range.published", "lambda_1", "trace"}) {
        EXPECT_GT(std::abs(ratio(of) - 1), 1e-6) << arm << " " << name << of;
      }
    }
  }
}

TEST(Engine, ResetIsAModelWithoutIt) {
  const auto options = short_run(30);
  RecallRun run(options, harness::find_recall_arm("layernorm"), 1);
  const RunResult result = measured(run, {"engine"});
  libnorm::Transformer<float> reset = run.model();
  double mean = 0, squares = 0;
  for (const libnorm::Parameter& p : reset.parameters().all()) {
    if (p.name.find("norm") == std::string::npos) continue;
    for (Index i = p.offset; i < p.offset + p.size(); ++i) {
      float& w = reset.weights()[std::size_t(i)];
      if (p.name == "blocks.0.norm2.gain") {
        mean += double(w) / 40;
        squares += double(w) * double(w) / 40;
      }
      w = p.name.ends_with("gain") ? 1.0f : 0.0f;
    }
  }
  libnorm::Batch batch;
  options.task().draw(1, libnorm::Purpose::probe_batch, 0, options.path, batch);
  EXPECT_EQ(result.metrics.at("engine.reset.loss"), reset.loss(batch));
  EXPECT_EQ(result.metrics.at("engine.loss"), run.model().loss(batch));
  EXPECT_NE(result.metrics.at("engine.loss"), result.metrics.at("engine.reset.loss"));
  EXPECT_NEAR(result.metrics.at("engine.blocks.0.norm2.gain.mean"), mean, 1e-12);
  EXPECT_NEAR(result.metrics.at("engine.blocks.0.norm2.gain.deviation"),
              std::sqrt(squares - mean * mean), 1e-9);
  EXPECT_NE(result.metrics.at("engine.reset.effective_rank"), result.metrics.at("effective_rank"));
  RecallRun none(options, harness::find_recall_arm("none"), 1);
  const RunResult bare = measured(none, {"engine"});
  EXPECT_EQ(bare.metrics.at("engine.reset.loss"), bare.metrics.at("engine.loss"));
}

TEST(OnRequest, IsNotDueUnlessOfAnotherVersionAndKeepsItsOwnNames) {
  const auto& measures = harness::recall_measures();
  RunResult result;
  EXPECT_EQ(harness::due_measures(result, measures),
            (std::vector<std::string>{"spectrum", "slices"}));
  result.measures = {{"spectrum", 1}, {"slices", 1}, {"rows", 0}};
  EXPECT_EQ(harness::due_measures(result, measures), std::vector<std::string>{"rows"});
  result.metrics = {{"effective_rank", 1}, {"rows.read.plain.effective_rank", 2}};
  result.spectra = {{"rows.read.plain", {1}}, {"untrained.read.plain", {2}}};
  result.slices["landmarks.step_7.published"] = {};
  harness::begin_measure(measures, "spectrum", result);
  EXPECT_EQ(result.metrics.size(), 1u) << "rows has the other";
  harness::begin_measure(measures, "rows", result);
  EXPECT_TRUE(result.metrics.empty());
  EXPECT_EQ(result.spectra.size(), 1u);
  EXPECT_EQ(result.slices.size(), 1u);
  harness::begin_measure(measures, "landmarks", result);
  EXPECT_TRUE(result.slices.empty());
}

}  // namespace
