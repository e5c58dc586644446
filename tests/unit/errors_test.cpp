#include <string>

#include <gtest/gtest.h>

#include "libnorm/core/rng.hpp"
#include "libnorm/data/associative_recall.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/ops/attention.hpp"
#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gelu.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"
#include "libnorm/optim/adam.hpp"
#include "tests/support/models.hpp"
#include "tests/support/norm_run.hpp"
#include "tests/support/sequences.hpp"

/// Every failure that the library names, its leaf and its whole text.
namespace libnorm::test {
namespace {

template <class Leaf, class F>
void expect_error(const std::string& text, F f) {
  try {
    f();
    ADD_FAILURE() << "nothing was thrown, need: " << text;
  } catch (const Leaf& e) {
    EXPECT_EQ(std::string(e.what()), text);
  } catch (const std::exception& e) {
    ADD_FAILURE() << "another leaf was thrown: " << e.what();
  }
}

MatrixView<float> view(Index rows, Index cols) {
  static std::vector<float> memory(4096, 0.0f);
  return {memory.data(), rows, cols};
}
MatrixView<const float> input(Index rows, Index cols) { return view(rows, cols); }

TEST(Errors, Gemm) {
  const std::string end = "); need C [A.rows, B.cols] and A.cols == B.rows";
  expect_error<ShapeError>("gemm: sizes differ (A [12, 6], B [3, 10], C [12, 10]" + end, [] {
    gemm<float>(plain(input(12, 6)), plain(input(3, 10)), view(12, 10));
  });
  expect_error<ShapeError>("gemm: sizes differ (A [12, 6], B [6, 10], C [10, 12]" + end, [] {
    gemm<float>(plain(input(12, 6)), plain(input(6, 10)), view(10, 12));
  });
  expect_error<ShapeError>("gemm: sizes differ (A [12, 6], B [6, 10], C [12, 9]" + end, [] {
    gemm<float>(plain(input(12, 6)), transposed(input(10, 6)), view(12, 9));
  });
}

TEST(Errors, Rows) {
  const std::int32_t index[2] = {};
  expect_error<ShapeError>(
      "gather_rows: widths differ (table [5, 3], out [2, 4]); need the same columns",
      [&] { gather_rows<float>(input(5, 3), index, view(2, 4)); });
  expect_error<ShapeError>(
      "scatter_rows: widths differ (rows [2, 3], out [5, 4]); need the same columns",
      [&] { scatter_rows<float>(input(2, 3), index, view(5, 4), Output::add); });
  const std::string end = "); need out [groups, rows.cols]";
  expect_error<ShapeError>(
      "sum_groups: sizes differ (rows [5, 3], start [0, 0], out [5, 4], groups 5" + end,
      [] { sum_groups<float>(input(5, 3), {5}, {}, view(5, 4)); });
  expect_error<ShapeError>(
      "sum_groups: sizes differ (rows [5, 3], start [0, 0], out [4, 3], groups 5" + end,
      [] { sum_groups<float>(input(5, 3), {5}, {}, view(4, 3)); });
  expect_error<ShapeError>(
      "sum_groups: sizes differ (rows [5, 3], start [4, 3], out [5, 3], groups 5" + end,
      [] { sum_groups<float>(input(5, 3), {5}, input(4, 3), view(5, 3)); });
}

TEST(Errors, Attention) {
  const SequenceSet set({2, 3});
  const GroupLists groups({0, 1, 2, 3, 4}, 5);
  std::vector<float> p(64);
  const auto text = [](int heads) {
    return "attention: heads do not divide the channels (channels 8, heads " +
           std::to_string(heads) + "); need heads >= 1 that do";
  };
  expect_error<ShapeError>(
      text(3), [&] { attention<float>(input(5, 24), set.view(), 3, p.data(), view(5, 8)); });
  expect_error<ShapeError>(
      text(0), [&] { attention<float>(input(5, 24), set.view(), 0, p.data(), view(5, 8)); });
  expect_error<ShapeError>(
      "attention: sizes differ (qkv [5, 16], out [5, 8]); need qkv [R, 3 C] for out [R, C]",
      [&] { attention<float>(input(5, 16), set.view(), 2, p.data(), view(5, 8)); });
  expect_error<ShapeError>(
      "attention_backward: sizes differ (qkv [5, 24], d_out [5, 8], d_qkv [5, 23]); "
      "need qkv and d_qkv [R, 3 C] for d_out [R, C]",
      [&] {
        attention_backward<float>(input(5, 24), set.view(), 2, p.data(), input(5, 8), p.data(),
                                  view(5, 23));
      });
  expect_error<ShapeError>(
      "prediction_attention: sizes differ (query [3, 8], kv [5, 16], out [2, 8], 2 sequences); "
      "need query [sequences, C] and kv [R, 2 C] for out [sequences, C]",
      [&] {
        prediction_attention<float>(input(3, 8), input(5, 16), nullptr, set.view(), 2, p.data(),
                                    view(2, 8));
      });
  expect_error<ShapeError>(
      "prediction_attention_backward: sizes differ (query [2, 8], kv [5, 16], d_out [2, 8], "
      "d_kv [4, 16], 5 groups); need query [., C], kv [R, 2 C] and d_kv [groups, 2 C] for "
      "d_out [., C]",
      [&] {
        prediction_attention_backward<float>(input(2, 8), input(5, 16), nullptr, groups.view(),
                                             set.view(), 2, p.data(), input(2, 8), p.data(),
                                             view(2, 8), view(4, 16));
      });
}

TEST(Errors, CrossEntropy) {
  const std::int32_t targets[] = {0, 4};
  float losses[2];
  expect_error<ShapeError>(
      "cross_entropy: sizes differ (logits [2, 5], d_logits [2, 4]); need one shape",
      [&] { cross_entropy<float>(input(2, 5), targets, losses, view(2, 4)); });
  expect_error<ShapeError>(
      "cross_entropy: no logits ([0, 5]); need a row, for a mean, and a column, for a target",
      [&] { cross_entropy<float>(input(0, 5), targets, losses, {}); });
  expect_error<ValueError>("cross_entropy: target out of range (target[1] = 4); need 0 .. 3",
                           [&] { cross_entropy<float>(input(2, 4), targets, losses, {}); });
  const std::int32_t negative[] = {-1, 0};
  expect_error<ValueError>("cross_entropy: target out of range (target[0] = -1); need 0 .. 3",
                           [&] { cross_entropy<float>(input(2, 4), negative, losses, {}); });
}

TEST(Errors, Gelu) {
  expect_error<ShapeError>(
      "gelu: shapes differ (x [2, 5], value [2, 5], slope [2, 4]); need one shape",
      [] { gelu<float>(input(2, 5), view(2, 5), view(2, 4)); });
  expect_error<ShapeError>(
      "gelu_backward: shapes differ (d_value [2, 5], slope [2, 5], d_x [5, 2]); need one shape",
      [] { gelu_backward<float>(input(2, 5), input(2, 5), view(5, 2)); });
}

TEST(Errors, Norms) {
  std::string names;
  for (const NamedNorm& norm : named_norms()) {
    names += (names.empty() ? "" : ", ") + std::string(norm.name);
  }
  expect_error<ValueError>("norm: unknown name (renorm); use one of " + names,
                           [] { find_norm("renorm"); });
  NormRun<float> run(find_norm("layernorm").norm, 3, 5);
  NormArrays<float> arrays = run.arrays();
  arrays.output = view(3, 4);
  expect_error<ShapeError>(
      "norm_forward: shapes differ (input [3, 5], branch [3, 5], output [3, 4], saved [0, 0]); "
      "need "
      "one shape",
      [&] { norm_forward(run.norm, Phase::training, arrays); });
  arrays = run.arrays();
  arrays.bias = nullptr;
  expect_error<ValueError>(
      "norm_backward: bias does not fit the norm's affine part (it has one, null is given); need "
      "what the norm has, and nothing else",
      [&] { norm_backward<float>(run.norm, arrays, run.d_output.view(), run.d_input.view(), {}); });
  expect_error<ValueError>(
      "norm_forward: gain does not fit the norm's affine part (it has none, one is given); need "
      "what "
      "the norm has, and nothing else",
      [&] { norm_forward(find_norm("none").norm, Phase::training, run.arrays()); });
  NormRun<float> single(find_norm("batchnorm").norm, 1, 5);
  expect_error<ValueError>("norm_forward: too few positions for a variance (1); need at least 2",
                           [&] { single.forward(); });
  NormArrays<float> without = single.arrays();
  without.running_mean = nullptr;
  expect_error<ValueError>(
      "norm_forward: evaluation takes running statistics (null is given); need them",
      [&] { norm_forward(single.norm, Phase::evaluation, without); });
  NormRun<float> rows(find_norm("sphere").norm, 3, 5);
  NormArrays<float> in_place = rows.arrays();
  in_place.input = in_place.stabilized;
  expect_error<ValueError>(
      "norm_forward: stabilized may not alias input here (a norm of rows reads them twice); need "
      "memory of its own for stabilized",
      [&] { norm_forward(rows.norm, Phase::training, in_place); });
}

/// Options are doubles, and looked at in the type that computes with them.
TEST(Errors, NumbersOfNorms) {
  const auto forward = [](const Stabilizer& stabilizer) {
    NormRun<float> run({stabilizer}, 3, 5);
    run.forward();
  };
  const std::string least = "); need 0 or a finite number > 0, as a float";
  expect_error<ValueError>("norm: epsilon is outside its domain (-1" + least,
                           [&] { forward(StandardizeColumns{-1}); });
  expect_error<ValueError>("norm: epsilon is outside its domain (1e-46" + least,
                           [&] { forward(Rms{1e-46}); });
  expect_error<ValueError>("norm: floor is outside its domain (nan" + least, [&] {
    forward(Sphere{Sphere::Radius::one, NAN});
  });
  expect_error<ValueError>("norm: momentum is outside its domain (2); need 0 .. 1", [&] {
    forward(StandardizeColumns{1e-5, 2});
  });
  const std::vector<double> no_sizes = {-1, -1e-300, 1e-46, 1e39, NAN, INFINITY},
                            no_shares = {-0.1, 1.1, NAN}, no_floats = {1e39, NAN, -INFINITY};
  for (const NamedStabilizer& named : named_stabilizers()) {
    SCOPED_TRACE(named.name);
    const auto refuses = [&](auto stabilizer, auto number, const std::vector<double>& values) {
      for (const double bad : values) {
        stabilizer.*number = bad;
        EXPECT_THROW(forward(stabilizer), ValueError) << bad;
      }
    };
    std::visit(
        [&](const auto& s) {
          using S = std::decay_t<decltype(s)>;
          if constexpr (requires { s.epsilon; }) refuses(s, &S::epsilon, no_sizes);
          if constexpr (requires { s.floor; }) refuses(s, &S::floor, no_sizes);
          if constexpr (requires { s.momentum; }) refuses(s, &S::momentum, no_shares);
          if constexpr (requires { s.alpha; }) refuses(s, &S::alpha, no_floats);
          if constexpr (requires { s.shift; }) refuses(s, &S::shift, no_floats);
        },
        named.stabilizer);
  }
  for (const double bad : no_floats) {
    EXPECT_THROW(check_numbers<float>({Rms{}, Affine::gain, 1, bad}), ValueError);
  }
  // What a float cannot hold, a double may.
  for (const double good : {0.0, 1e-46, 1e-300, 1e39}) {
    EXPECT_NO_THROW(check_numbers<double>({Rms{good}}));
  }
  EXPECT_NO_THROW(forward(Rms{1e-45}));
  EXPECT_THROW(CustomRows(nullptr), ValueError);
  TransformerOptions options;
  options.normalization.norm = {Rms{1e-46}, Affine::gain};
  EXPECT_THROW(Transformer<float>{options}, ValueError);
  EXPECT_NO_THROW(Transformer<double>{options});
  options.normalization.norm = {};
  options.normalization.query_key_norm = Norm{Sphere{Sphere::Radius::one, -1}};
  EXPECT_THROW(Transformer<double>{options}, ValueError);
}

/// Empty arrays are no norm's input and output in one place.
TEST(Errors, NormsOfNothing) {
  const Norm norm = find_norm("layernorm").norm;
  float number = 1;
  NormArrays<float> a;
  a.gain = a.bias = &number;
  a.input = {nullptr, 0, 1};
  a.output = a.stabilized = {nullptr, 0, 1};
  EXPECT_NO_THROW(norm_forward(norm, Phase::training, a));
  a.input = {nullptr, 3, 0};
  a.output = a.stabilized = {nullptr, 3, 0};
  expect_error<ShapeError>("norm_forward: no channels (input [3, 0]); need at least 1",
                           [&] { norm_forward(norm, Phase::training, a); });
  const Norm columns = find_norm("batchnorm").norm;
  a.input = {nullptr, 0, 1};
  a.output = a.stabilized = {nullptr, 0, 1};
  EXPECT_NO_THROW(norm_forward(columns, Phase::training, a));
  EXPECT_NO_THROW(norm_forward(columns, Phase::evaluation, a));
}

TEST(Errors, OptionsOfModels) {
  TransformerOptions options;
  options.heads = 3;
  expect_error<ValueError>(
      "TransformerOptions: impossible sizes (vocabulary 402, channels 128, hidden 512, heads 3, "
      "blocks 1, outputs 402); need positive numbers, and channels divisible by heads",
      [&] { Transformer<float>{options}; });
  options = {};
  options.vocabulary = (Index(1) << 31) + 1;
  options.channels = 1;
  const std::string most = "); need at most 2^31 tokens and outputs, and less than 2^48 weights";
  expect_error<ValueError>(
      "TransformerOptions: too large a model (vocabulary 2147483649, outputs 402, weights "
      "2147486002" +
          most,
      [&] { options.check(); });
  options = {};
  options.hidden = Index(1) << 62;
  EXPECT_THROW(options.check(), ValueError);
  options = {};
  options.initial_std = -0.5;
  expect_error<ValueError>(
      "TransformerOptions: initial_std is outside its domain (-0.5); need a standard deviation > 0 "
      "whose draws are floats, or 0 for PyTorch's values",
      [&] { options.check(); });
  for (const double wrong : {double(NAN), double(INFINITY), 1e38, 1e-46}) {
    options.initial_std = wrong;
    EXPECT_THROW(options.check(), ValueError) << wrong;
  }
  options = {};
  options.head_multiplier = 0;
  expect_error<ValueError>(
      "TransformerOptions: head_multiplier is outside its domain (0); need finite multiplier > 0 "
      "as a float",
      [&] { options.check(); });
  for (const double wrong : {double(NAN), double(INFINITY), -1.0, 1e39}) {
    options.head_multiplier = wrong;
    EXPECT_THROW(options.check(), ValueError) << wrong;
  }
}

TEST(Errors, Parameters) {
  ParameterList list;
  list.add("w", 1, 1, Initial::zero);
  expect_error<ValueError>("ParameterList: name is taken (w); need a name of its own",
                           [&] { list.add("w", 2, 2, Initial::zero); });
  expect_error<ValueError>("ParameterList: unknown name (x); need one of the model's",
                           [&] { list.find("x"); });
}

TEST(Errors, BatchesOfModels) {
  Transformer<float> model = small_model<float>("none", {2, 2});
  Sample sample = samples()[0];
  sample.targets.clear();
  const Batch without = sample.batch(Path::shortcut);
  const std::string text =
      "Transformer: the batch has 5 sequences and 0 targets; need at least one sequence, and a "
      "target for each";
  expect_error<ShapeError>(text, [&] { model.loss_and_gradient(without); });
  expect_error<ShapeError>(text, [&] { model.loss(without); });
  EXPECT_NO_THROW(model.logits(without));
  sample.ids[4] = 13;
  const Batch beyond = sample.batch(Path::shortcut, 14);
  expect_error<ValueError>("Transformer: token id out of range (13); need 0 .. 12",
                           [&] { model.logits(beyond); });
  expect_error<ValueError>("Transformer::activations: no such block (2); need 0 .. 1",
                           [&] { model.activations(without, 2); });
  expect_error<ShapeError>(
      "Transformer: the batch has 0 sequences and 0 targets; need at least "
      "one sequence, and a target for each",
      [&] { model.logits(Batch{}); });
}

TEST(Errors, Adam) {
  const std::string rate = "); need finite rate > 0 as a float, over 1 - beta1 too";
  const std::string less = "); need 0 <= beta < 1 as a float";
  expect_error<ValueError>("Adam: learning_rate is outside its domain (0" + rate, [] {
    Adam<float>(1, {0.0, 0.9, 0.999, 1e-8});
  });
  expect_error<ValueError>("Adam: beta1 is outside its domain (1" + less, [] {
    Adam<float>(1, {0.5, 1.0, 0.999, 1e-8});
  });
  expect_error<ValueError>(
      "Adam: epsilon is outside its domain (1e-46); need finite epsilon > 0 as a float", [] {
        Adam<float>(1, {0.5, 0.9, 0.999, 1e-46});
      });
  expect_error<ValueError>("Adam: --beta2 is outside its domain (0.99999999" + less, [] {
    AdamOptions{0.5, 0.9, 0.99999999}.check<float>({"--rate", "--beta1", "--beta2", "--epsilon"});
  });
  EXPECT_NO_THROW(Adam<double>(1, {0.5, 0.9, 0.99999999, 1e-46}));
  // As floats: 0, infinite, and infinite once it is divided by 1 - beta1.
  for (const double wrong : {1e-46, 1e39, 1e38, double(INFINITY), -1.0}) {
    EXPECT_THROW(Adam<float>(1, {wrong, 0.9, 0.999, 1e-8}), ValueError) << wrong;
  }
  const auto expect_domain = [](const std::string& text, AdamOptions options) {
    expect_error<ValueError>("Adam: " + text, [&] { Adam<float>(1, options); });
  };
  expect_domain("weight_decay is outside its domain (-1); need 0 <= decay < 1 / rate as a float",
                {.weight_decay = -1});
  expect_domain("weight_decay is outside its domain (2); need 0 <= decay < 1 / rate as a float",
                {.learning_rate = 0.5, .weight_decay = 2});
  expect_domain(
      "clip_norm is outside its domain (-2); need finite norm > 0 as a float, or 0 for none",
      {.clip_norm = -2});
  expect_domain("warmup_steps is outside its domain (-3); need 0 or more steps",
                {.schedule = {.warmup_steps = -3}});
  expect_domain("final_share is outside its domain (1.5); need a share of the rate, 0 .. 1",
                {.schedule = {.final_share = 1.5}});
  for (const double wrong : {double(NAN), double(INFINITY), 1e39}) {
    EXPECT_THROW(Adam<float>(1, {.weight_decay = wrong}), ValueError) << wrong;
    EXPECT_THROW(Adam<float>(1, {.clip_norm = wrong}), ValueError) << wrong;
    EXPECT_THROW(Adam<float>(1, {.schedule = {.final_share = wrong}}), ValueError) << wrong;
  }
  EXPECT_THROW(Adam<float>(1, {.clip_norm = 1e-46}), ValueError) << "0 as a float";
  expect_error<ShapeError>(
      "Adam: sizes differ (3 weights, decays of 2); need one for each weight, or none", [] {
        Adam<float>(3, {}, {true, false});
      });
  EXPECT_THROW(Adam<float>(-1, {}), ValueError);
  EXPECT_THROW(Adam<float>(1, {}).set_steps(-1), ValueError);
  EXPECT_THROW(Adam<float>(1, {NAN, 0.9, 0.999, 1e-8}), ValueError);
  EXPECT_THROW(Adam<float>(1, {0.1, 0.9, -0.1, 1e-8}), ValueError);
  EXPECT_THROW(Adam<float>(1, {0.1, 0.9, 0.999, 0.0}), ValueError);
}

TEST(Errors, Data) {
  expect_error<ValueError>("Random::below: n must be positive (0); need at least 1",
                           [] { Random(1, Purpose::test).below(0, 0); });
  const AssociativeRecall task{2, 3, 7, 4};
  expect_error<ValueError>(
      "AssociativeRecall: impossible sizes (entities 2, attributes 3, rank 7, batch 4); need "
      "positive numbers and rank <= entities x attributes",
      [&] { task.check(); });
  expect_error<ValueError>(
      "AssociativeRecall: too large a task (entities 65536, attributes 65536, rank 7, batch 4); "
      "need at most 2^31 - 3 keys, and positions in a batch",
      [&] {
        AssociativeRecall{65536, 65536, 7, 4}.check();
      });
  expect_error<ValueError>(
      "AssociativeRecall: impossible sizes (entities 4, attributes 3, rank 5, batch 4); need "
      "positive numbers and rank <= entities",
      [] {
        AssociativeRecall{4, 3, 5, 4, RecallKind::lookup}.check();
      });
  // The tokens that ask for entities count too.
  EXPECT_NO_THROW((AssociativeRecall{1 << 30, 1, 7, 4}.check()));
  EXPECT_THROW((AssociativeRecall{1 << 30, 1, 7, 4, RecallKind::lookup}.check()), ValueError);
  constexpr Index kHuge = Index(1) << 62;
  for (const AssociativeRecall& huge :
       {AssociativeRecall{kHuge, 20, 40, 128}, AssociativeRecall{20, kHuge, 40, 128},
        AssociativeRecall{20, 20, 40, kHuge}, AssociativeRecall{20, 20, kHuge, 128}}) {
    EXPECT_THROW(huge.check(), ValueError);
  }
  Batch batch;
  expect_error<ValueError>("Batch: token id out of range (6); need 0 .. 5", [&] {
    batch.assign({0, 6}, 1, 2, 1, {}, 6, Path::shortcut);
  });
  expect_error<ValueError>("Batch: token id out of range (-1); need 0 .. 5", [&] {
    batch.assign({0, -1}, 1, 2, 1, {}, 6, Path::dense);
  });
  const auto sizes = [&](std::vector<std::int32_t> ids, Index sequences, Index length,
                         Index prediction_position, std::vector<std::int32_t> targets) {
    const std::string text = "Batch: sizes differ (" + std::to_string(ids.size()) + " ids for " +
                             std::to_string(sequences) + " sequences of " + std::to_string(length) +
                             ", prediction position " + std::to_string(prediction_position) + ", " +
                             std::to_string(targets.size()) +
                             " targets); need sequences x length ids and a target each";
    expect_error<ShapeError>(text, [&] {
      batch.assign(ids, sequences, length, prediction_position, targets, 6, Path::shortcut);
    });
  };
  sizes({0, 1, 2}, 1, 2, 1, {});
  sizes({}, 0, 2, 1, {});
  sizes({}, 2, 0, 0, {});
  sizes({0, 1}, 1, 2, 2, {});
  sizes({0, 1}, 1, 2, -1, {});
  sizes({0, 1}, 1, 2, 0, {1, 2});
}

}  // namespace
}  // namespace libnorm::test
