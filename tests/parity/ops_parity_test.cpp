#include <string>

#include <gtest/gtest.h>

#include "libnorm/ops/attention.hpp"
#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gelu.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/ops/rows.hpp"
#include "libnorm/optim/adam.hpp"
#include "tests/support/arrays.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/norm_run.hpp"
#include "tests/support/sequences.hpp"

/// Each operation gives the same bits with every instruction set and number of threads.
namespace libnorm::test {
namespace {

template <class T>
class OpsParity : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(OpsParity, Numbers);

template <class T>
void append(std::vector<T>& all, const Padded<T>& more) {
  const auto values = values_of(more.view());
  all.insert(all.end(), values.begin(), values.end());
}

TYPED_TEST(OpsParity, Gemm) {
  using T = TypeParam;
  const Padded<T> a = draw<T>(597, 131, 1), b = draw<T>(131, 143, 2);
  const Padded<T> a_turned = draw<T>(131, 597, 3), b_turned = draw<T>(143, 131, 4);
  const std::vector<T> bias = draw_vector<T>(143, 5);
  expect_same_everywhere("gemm", [&] {
    Padded<T> c(597, 143);
    gemm<T>(plain(a.view()), transposed(b_turned.view()), c.view(), bias.data());
    gemm<T>(transposed(a_turned.view()), plain(b.view()), c.view(), nullptr, Output::add);
    return values_of(c.view());
  });
}

TYPED_TEST(OpsParity, Rows) {
  using T = TypeParam;
  const Padded<T> rows = draw<T>(597, 43, 6), table = draw<T>(50, 43, 7);
  const Random random(8, Purpose::test);
  std::vector<std::int32_t> index, distinct;
  for (std::uint64_t r = 0; r < 597; ++r) {
    index.push_back(std::int32_t(random.below(r, 50)));
    distinct.push_back(std::int32_t(596 - r));
  }
  const GroupLists groups(index, 50);
  expect_same_everywhere("rows", [&] {
    Padded<T> gathered(597, 43), scattered = rows, sums(50, 43), columns(1, 43);
    gather_rows<T>(table.view(), index.data(), gathered.view());
    scatter_rows<T>(gathered.view(), distinct.data(), scattered.view(), Output::add);
    sum_groups<T>(rows.view(), groups.view(), table.view(), sums.view());
    sum_columns<T>(rows.view(), columns.view().data);
    auto all = values_of(gathered.view());
    for (const auto* more : {&scattered, &sums, &columns}) append(all, *more);
    return all;
  });
}

TYPED_TEST(OpsParity, Attention) {
  using T = TypeParam;
  const SequenceSet set({1, 43, 130, 7, 20, 3});
  const Index c = 86, heads = 2, squares = set.squares() * heads;
  const Padded<T> qkv = draw<T>(set.rows(), 3 * c, 9), d_out = draw<T>(set.rows(), c, 10);
  expect_same_everywhere("attention", [&] {
    Padded<T> out(set.rows(), c), d_qkv(set.rows(), 3 * c), p(1, squares), d_p(1, squares);
    attention<T>(qkv.view(), set.view(), heads, p.view().data, out.view());
    attention_backward<T>(qkv.view(), set.view(), heads, p.view().data, d_out.view(),
                          d_p.view().data, d_qkv.view());
    auto all = values_of(out.view());
    append(all, d_qkv);
    return all;
  });
}

TYPED_TEST(OpsParity, PredictionAttention) {
  using T = TypeParam;
  const SequenceSet set({1, 43, 130, 7, 20, 3, 9, 9, 9, 9});
  const Index c = 86, heads = 2, count = 10;
  const auto gather = set.gather_map(50);
  const GroupLists gathered_by(gather, 50);
  const Padded<T> query = draw<T>(count, c, 11), kv = draw<T>(50, 2 * c, 12);
  const Padded<T> d_out = draw<T>(count, c, 13);
  expect_same_everywhere("prediction_attention", [&] {
    Padded<T> out(count, c), d_query(count, c), d_kv(50, 2 * c);
    Padded<T> p(heads, set.rows(), 0), d_score(heads, set.rows(), 0);
    prediction_attention<T>(query.view(), kv.view(), gather.data(), set.view(), heads,
                            p.view().data, out.view());
    prediction_attention_backward<T>(query.view(), kv.view(), gather.data(), gathered_by.view(),
                                     set.view(), heads, p.view().data, d_out.view(),
                                     d_score.view().data, d_query.view(), d_kv.view());
    auto all = values_of(out.view());
    append(all, d_query);
    append(all, d_kv);
    return all;
  });
}

TYPED_TEST(OpsParity, GeluAndCrossEntropy) {
  using T = TypeParam;
  const Padded<T> x = draw<T>(597, 43, 14);
  const std::vector<std::int32_t> targets(597, 3);
  expect_same_everywhere("pointwise", [&] {
    Padded<T> y(597, 43), slope(597, 43), d_x(597, 43), d_logits(597, 43), losses(1, 597);
    gelu<T>(x.view(), y.view(), slope.view());
    gelu_backward<T>(x.view(), slope.view(), d_x.view());
    const double mean =
        cross_entropy<T>(x.view(), targets.data(), losses.view().data, d_logits.view());
    std::vector<T> all = {T(mean)};
    for (const auto* more : {&y, &slope, &d_x, &losses, &d_logits}) append(all, *more);
    return all;
  });
}

TYPED_TEST(OpsParity, Norms) {
  using T = TypeParam;
  constexpr Index kCols = 45;
  for (const NormCase& c : norm_cases(kCols)) {
    expect_same_everywhere(trace_of(c), [&] {
      NormRun<T> run(c.norm, 597, kCols);
      run.draw_counts();
      run.forward();
      run.backward();
      std::vector<T> all = values_of(run.output.view());
      append(all, run.d_input);
      for (const auto* more :
           {&run.d_gain, &run.d_bias, &run.d_shape, &run.running_mean, &run.running_variance}) {
        // What the norm does not learn stays NaN, which has the same bits everywhere.
        all.insert(all.end(), more->begin(), more->end());
      }
      run.forward(Phase::evaluation);
      append(all, run.output);
      return all;
    });
  }
}

TYPED_TEST(OpsParity, Adam) {
  using T = TypeParam;
  constexpr Index kSize = 40000;
  const auto first = draw_vector<T>(kSize, 15), gradient = draw_vector<T>(kSize, 16);
  expect_same_everywhere("adam", [&] {
    auto weights = first;
    Adam<T> adam(kSize, {});
    for (int step = 0; step < 3; ++step) adam.step(weights.data(), gradient.data());
    return weights;
  });
}

/// The gradient's norm is a sum of many shards.
TYPED_TEST(OpsParity, AdamWithEveryOption) {
  using T = TypeParam;
  constexpr Index kSize = 4096 * 40 + 77;
  const auto first = draw_vector<T>(kSize, 17), gradient = draw_vector<T>(kSize, 18);
  std::vector<bool> decays(kSize);
  for (std::size_t i = 0; i < decays.size(); ++i) decays[i] = i % 3 != 0;
  AdamOptions options;
  options.weight_decay = 0.1;
  options.clip_norm = 0.5;
  options.schedule = {2, 6, 0.1};
  expect_same_everywhere("adam", [&] {
    auto weights = first;
    Adam<T> adam(kSize, options, decays);
    for (int step = 0; step < 5; ++step) adam.step(weights.data(), gradient.data());
    return weights;
  });
}

TYPED_TEST(OpsParity, ScaledRows) {
  using T = TypeParam;
  const Padded<T> rows = draw<T>(597, 43, 19);
  expect_same_everywhere("scale_rows", [&] {
    Padded<T> out(597, 43);
    scale_rows<T>(rows.view(), T(0.3), out.view());
    return values_of(out.view());
  });
}

}  // namespace
}  // namespace libnorm::test
