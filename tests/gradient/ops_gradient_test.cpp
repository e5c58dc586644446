#include <gtest/gtest.h>

#include "libnorm/ops/attention.hpp"
#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gelu.hpp"
#include "tests/gradient/differences.hpp"
#include "tests/support/arrays.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/norm_run.hpp"
#include "tests/support/sequences.hpp"

namespace libnorm::test {
namespace {

TEST(Gradient, Gelu) {
  Padded<double> x = draw<double>(5, 33, 1), y(5, 33), slope(5, 33), d_x(5, 33);
  const Padded<double> d_y = draw<double>(5, 33, 2);
  gelu<double>(x.view(), y.view(), slope.view());
  gelu_backward<double>(d_y.view(), slope.view(), d_x.view());
  Padded<double> out(5, 33), unused(5, 33);
  const auto f = [&] {
    gelu<double>(x.view(), out.view(), unused.view());
    return dot(out.view(), d_y.view());
  };
  expect_derivatives("d_x", f, x.view(), d_x.view(), 10);
}

TEST(Gradient, CrossEntropy) {
  Padded<double> logits = draw<double>(3, 35, 3), d(3, 35);
  const std::vector<std::int32_t> targets = {0, 34, 7};
  std::vector<double> losses(3);
  cross_entropy<double>(logits.view(), targets.data(), losses.data(), d.view());
  const auto f = [&] {
    return cross_entropy<double>(logits.view(), targets.data(), losses.data(), {});
  };
  expect_derivatives("d_logits", f, logits.view(), d.view(), 1);
}

/// Ragged sequences, counted rows, one and several heads.
TEST(Gradient, Attention) {
  const SequenceSet set({1, 5, 3});
  for (Index heads : {1, 3}) {
    SCOPED_TRACE(testing::Message() << heads << " heads");
    const Index c = 6, squares = set.squares() * heads;
    Padded<double> qkv = draw<double>(set.rows(), 3 * c, 4), d_qkv(set.rows(), 3 * c, 1);
    const Padded<double> d_out = draw<double>(set.rows(), c, 5);
    Padded<double> out(set.rows(), c), p(1, squares), d_p(1, squares), again(1, squares);
    attention<double>(qkv.view(), set.view(), heads, p.view().data, out.view());
    attention_backward<double>(qkv.view(), set.view(), heads, p.view().data, d_out.view(),
                               d_p.view().data, d_qkv.view());
    const auto f = [&] {
      attention<double>(qkv.view(), set.view(), heads, again.view().data, out.view());
      return dot(out.view(), d_out.view());
    };
    expect_derivatives("d_qkv", f, qkv.view(), d_qkv.view(), 10);
    EXPECT_TRUE(d_qkv.padding_is_untouched());
  }
}

/// Unique keys and values, gathered by several rows or none.
TEST(Gradient, PredictionAttention) {
  const SequenceSet set({1, 5, 3});
  const Index unique_count = 4, c = 6;
  const std::vector<std::int32_t> gather = {3, 0, 3, 0, 1, 1, 0, 0, 3};
  const GroupLists gathered_by(gather, unique_count);
  for (Index heads : {1, 3}) {
    SCOPED_TRACE(testing::Message() << heads << " heads");
    Padded<double> query = draw<double>(3, c, 6), kv = draw<double>(unique_count, 2 * c, 7);
    const Padded<double> d_out = draw<double>(3, c, 8);
    Padded<double> out(3, c), d_query(3, c, 1), d_kv(unique_count, 2 * c, 1);
    Padded<double> p(heads, 9, 0), d_score(heads, 9, 0), again(heads, 9, 0);
    prediction_attention<double>(query.view(), kv.view(), gather.data(), set.view(), heads,
                                 p.view().data, out.view());
    prediction_attention_backward<double>(
        query.view(), kv.view(), gather.data(), gathered_by.view(), set.view(), heads,
        p.view().data, d_out.view(), d_score.view().data, d_query.view(), d_kv.view());
    const auto f = [&] {
      prediction_attention<double>(query.view(), kv.view(), gather.data(), set.view(), heads,
                                   again.view().data, out.view());
      return dot(out.view(), d_out.view());
    };
    expect_derivatives("d_query", f, query.view(), d_query.view(), 10);
    expect_derivatives("d_kv", f, kv.view(), d_kv.view(), 10);
    for (Index k = 0; k < 2 * c; ++k) EXPECT_EQ(d_kv.view()(2, k), 0.0) << "nobody uses row 2";
  }
}

/// Every stabilizer of the catalogue, with and without an affine part. A row that is counted c
/// times is predicted from c times, so that its output's gradient is c times a copy's.
TEST(Gradient, Norms) {
  constexpr Index kCols = 36;
  for (const NormCase& c : norm_cases(kCols)) {
    SCOPED_TRACE(trace_of(c));
    NormRun<double> run(c.norm, 13, kCols);
    run.draw_counts();
    const auto f = [&] {
      run.forward();
      return dot(run.output.view(), run.d_output.view());
    };
    f();
    run.backward();
    Padded<double> d_input = run.d_input;
    expect_derivatives("d_input", f, run.input.view(), d_input.view(), 10);
    expect_derivatives("d_branch", f, run.branch.view(), d_input.view(), 10);
    EXPECT_TRUE(d_input.padding_is_untouched());
    const auto row = [](std::vector<double>& v, Index size) {
      return MatrixView<double>(v.data(), 1, size);
    };
    const Index gains = gain_size(c.norm.affine, kCols), shapes = Index(run.shape.size());
    if (has_gain(c.norm.affine)) {
      expect_derivatives("d_gain", f, row(run.gain, gains), row(run.d_gain, gains), 10);
    }
    if (has_bias(c.norm.affine)) {
      expect_derivatives("d_bias", f, row(run.bias, kCols), row(run.d_bias, kCols), 10);
    }
    if (shapes > 0) {
      expect_derivatives("d_shape", f, row(run.shape, shapes), row(run.d_shape, shapes), 10);
    }
  }
}

}  // namespace
}  // namespace libnorm::test
