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
      "readout_attention: sizes differ (query [3, 8], kv [5, 16], out [2, 8], 2 sequences); "
      "need query [sequences, C] and kv [R, 2 C] for out [sequences, C]",
      [&] {
        readout_attention<float>(input(3, 8), input(5, 16), nullptr, set.view(), 2, p.data(),
                                 view(2, 8));
      });
  expect_error<ShapeError>(
      "readout_attention_backward: sizes differ (query [2, 8], kv [5, 16], d_out [2, 8], "
      "d_kv [4, 16], 5 groups); need query [., C], kv [R, 2 C] and d_kv [groups, 2 C] for "
      "d_out [., C]",
      [&] {
        readout_attention_backward<float>(input(2, 8), input(5, 16), nullptr, groups.view(),
                                          set.view(), 2, p.data(), input(2, 8), p.data(),
                                          view(2, 8), view(4, 16));
      });
}

TEST(Errors, CrossEntropy) {
  const std::int32_t targets[] = {0, 4};
  float losses[2];
  const std::string end = "); need one shape, at least [1, 1]";
  expect_error<ShapeError>("cross_entropy: sizes differ (logits [2, 5], d_logits [2, 4]" + end,
                           [&] { cross_entropy<float>(input(2, 5), targets, losses, view(2, 4)); });
  expect_error<ShapeError>("cross_entropy: sizes differ (logits [0, 5], d_logits [0, 0]" + end,
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
  expect_error<ValueError>(
      "norm: unknown name (renorm); use one of layernorm, batchnorm, manual_l2, sphere, none, "
      "rmsnorm, scalenorm, groupnorm, instancenorm, powernorm, dyt, derf, dyisru",
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
      "norm_forward: a norm of rows reads some of them twice (stabilized stands where the input "
      "does); need memory of its own for stabilized",
      [&] { norm_forward(rows.norm, Phase::training, in_place); });
}

TEST(Errors, Models) {
  TransformerOptions options;
  options.heads = 3;
  expect_error<ValueError>(
      "TransformerOptions: impossible sizes (vocabulary 402, channels 128, hidden 512, heads 3, "
      "blocks 1, outputs 402); need positive numbers, and channels divisible by heads",
      [&] { Transformer<float>{options}; });
  ParameterList list;
  list.add("w", 1, 1, Initial::zero);
  expect_error<ValueError>("ParameterList: name is taken (w); need a name of its own",
                           [&] { list.add("w", 2, 2, Initial::zero); });
  expect_error<ValueError>("ParameterList: unknown name (x); need one of the model's",
                           [&] { list.find("x"); });
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
  const auto text = [](const std::string& rate, const std::string& beta) {
    return "Adam: options outside their domain (learning_rate " + rate + ", beta1 " + beta +
           ", beta2 0.999000, epsilon 0.000000); need finite rate > 0, epsilon > 0 and 0 <= beta < "
           "1";
  };
  expect_error<ValueError>(text("0.000000", "0.900000"), [] {
    Adam<float>(1, {0.0, 0.9, 0.999, 1e-8});
  });
  expect_error<ValueError>(text("0.500000", "1.000000"), [] {
    Adam<float>(1, {0.5, 1.0, 0.999, 1e-8});
  });
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
      "positive numbers, rank <= entities x attributes, and keys, and positions of a batch, within "
      "2^31",
      [&] { task.check(); });
  Batch batch;
  expect_error<ValueError>("Batch: token id out of range (6); need 0 .. 5", [&] {
    batch.assign({0, 6}, 1, 2, 1, {}, 6, Path::shortcut);
  });
  expect_error<ValueError>("Batch: token id out of range (-1); need 0 .. 5", [&] {
    batch.assign({0, -1}, 1, 2, 1, {}, 6, Path::dense);
  });
  const auto sizes = [&](std::vector<std::int32_t> ids, Index sequences, Index length,
                         Index readout, std::vector<std::int32_t> targets) {
    const std::string text = "Batch: sizes differ (" + std::to_string(ids.size()) + " ids for " +
                             std::to_string(sequences) + " sequences of " + std::to_string(length) +
                             ", read-out " + std::to_string(readout) + ", " +
                             std::to_string(targets.size()) +
                             " targets); need sequences x length ids and a target each";
    expect_error<ShapeError>(
        text, [&] { batch.assign(ids, sequences, length, readout, targets, 6, Path::shortcut); });
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
