#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/metrics/activations/row_gram.hpp"
#include "libnorm/ops/attention.hpp"
#include "libnorm/ops/cross_entropy.hpp"
#include "libnorm/ops/gelu.hpp"
#include "libnorm/ops/rows.hpp"
#include "libnorm/optim/adam.hpp"
#include "tests/cuda/placed.hpp"
#include "tests/support/sequences.hpp"

/// Each operation gives the processor's bits on a GPU, at sizes that no tile divides.
namespace libnorm::test {
namespace {

/// Rows with a mean and counts, as they come and less a few; what becomes of their squares goes
/// through a solver, which gets the same bits.
template <class T>
void expect_same_spectra(Index rows, Index cols, T size = 1) {
  SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(cols));
  Padded<float> drawn = draw<float>(rows, cols, 10);
  std::vector<T> x;
  std::vector<float> count;
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; ++c) x.push_back((T(drawn.view()(r, c)) + T(c % 5)) * size);
    for (Index c = 0; c < 3; ++c) x.push_back(std::numeric_limits<T>::quiet_NaN());
    count.push_back(r == 2 ? 0.0f : float(1 + r % 3));
  }
  expect_same_on_gpu("spectrum", [&](Placed&) {
    RowGram gram(cols);
    gram.add(MatrixView<const T>(x.data(), rows, cols, cols + 3), count.data());
    std::vector<double> all;
    for (const Centring centring : {Centring::none, Centring::mean}) {
      const ActivationSpectrum found = gram.spectrum(centring);
      EXPECT_EQ(found.path, rows > cols ? SpectrumPath::gram : SpectrumPath::qr);
      all.insert(all.end(), found.singular_values.begin(), found.singular_values.end());
    }
    return all;
  });
}

TEST(DeviceOps, GramOfRows) {
  expect_same_spectra<float>(70, 1);
  expect_same_spectra<float>(700, 43);
  expect_same_spectra<double>(530, 130);
  expect_same_spectra<double>(40, 5, 1e200);
  expect_same_spectra<float>(20, 33);
  // More than a stretch, of which the first goes there as it is.
  expect_same_spectra<float>(4100, 9);
}

/// More channels than stretches are cut into shards for.
TEST(DeviceOps, GramOfManyChannels) { expect_same_spectra<float>(290, 260); }

/// A number that is not finite is refused there too.
TEST(DeviceOps, GramRefusesWhatIsNotFinite) {
  std::vector<float> x(4096 * 2, 1.0f);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    x[2 * 600 + 1] = bad;
    const DeviceScope scope(Device::cuda);
    RowGram gram(2);
    EXPECT_THROW(gram.add(MatrixView<const float>(x.data(), 4096, 2)), ValueError) << bad;
  }
}

TEST(DeviceOps, Rows) {
  const Index rows = 300, cols = 43;
  const Padded<float> x = draw<float>(rows, cols, 6), table = draw<float>(50, cols, 7);
  const Random random(8, Purpose::test);
  std::vector<std::int32_t> index, distinct;
  for (std::uint64_t r = 0; r < std::uint64_t(rows); ++r) {
    index.push_back(std::int32_t(random.below(r, 50)));
    distinct.push_back(std::int32_t(rows - 1 - Index(r)));
  }
  const GroupLists groups(index, 50);
  const std::vector<float> scale = draw_vector<float>(cols, 9);
  expect_same_on_gpu("rows", [&](Placed& at) {
    Padded<float> gathered(rows, cols), scattered = x, sums(50, cols), columns(1, cols);
    Padded<float> added(rows, cols), scaled(rows, cols), zeros(rows, cols);
    Groups view = groups.view();
    view.first = at.in(groups.first);
    view.members = at.in(groups.members);
    const auto placed = at.in(x.view());
    const auto gathered_there = at.inout(gathered.view());
    gather_rows<float>(at.in(table.view()), at.in(index), gathered_there);
    scatter_rows<float>(gathered_there, at.in(distinct), at.inout(scattered.view()), Output::add);
    sum_groups<float>(placed, view, at.in(table.view()), at.inout(sums.view()));
    sum_columns<float>(placed, at.inout(columns.view()).data);
    add_rows<float>(placed, gathered_there, at.inout(added.view()));
    add_scaled_rows<float>(placed, gathered_there, at.in(scale), cols, at.inout(scaled.view()));
    zero_rows<float>(at.inout(zeros.view()));
    at.fetch();
    std::vector<float> all;
    for (const auto* m : {&gathered, &scattered, &sums, &columns, &added, &scaled, &zeros}) {
      EXPECT_TRUE(m->padding_is_untouched());
      append(all, *m);
    }
    return all;
  });
}

/// More shards than a team has warps.
TEST(DeviceOps, ColumnSumsOfManyRows) {
  const Padded<float> x = draw<float>(2500, 5, 6);
  expect_same_on_gpu("sums", [&](Placed& at) {
    std::vector<float> sums(5);
    sum_columns<float>(at.in(x.view()), at.inout(sums));
    at.fetch();
    return sums;
  });
}

Sequences placed_sequences(Placed& at, const SequenceSet& set) {
  Sequences s = set.view();
  s.first = at.in(set.first());
  s.square_first = at.in(set.square_first());
  s.of_row = at.in(set.of_row());
  s.log_count = at.in(set.log_counts());
  return s;
}

TEST(DeviceOps, Attention) {
  const SequenceSet set({1, 43, 130, 7, 3});
  const Index c = 86, heads = 2, squares = set.squares() * heads;
  const Padded<float> qkv = draw<float>(set.rows(), 3 * c, 9),
                      d_out = draw<float>(set.rows(), c, 10);
  expect_same_on_gpu("attention", [&](Placed& at) {
    Padded<float> out(set.rows(), c), d_qkv(set.rows(), 3 * c), p(1, squares), d_p(1, squares);
    const Sequences sequences = placed_sequences(at, set);
    const auto there = at.in(qkv.view());
    float* const share = at.inout(p.view()).data;
    attention<float>(there, sequences, heads, share, at.inout(out.view()));
    attention_backward<float>(there, sequences, heads, share, at.in(d_out.view()),
                              at.inout(d_p.view()).data, at.inout(d_qkv.view()));
    at.fetch();
    std::vector<float> all;
    for (const auto* m : {&out, &d_qkv, &p, &d_p}) append(all, *m);
    return all;
  });
}

TEST(DeviceOps, PredictionAttention) {
  const SequenceSet set({1, 43, 130, 7, 20, 3, 9});
  const Index c = 86, heads = 2, count = 7;
  const auto gather = set.gather_map(50);
  const GroupLists gathered_by(gather, 50);
  const Padded<float> query = draw<float>(count, c, 11), kv = draw<float>(50, 2 * c, 12);
  const Padded<float> d_out = draw<float>(count, c, 13);
  expect_same_on_gpu("prediction_attention", [&](Placed& at) {
    Padded<float> out(count, c), d_query(count, c), d_kv(50, 2 * c);
    Padded<float> p(heads, set.rows(), 0), d_score(heads, set.rows(), 0);
    const Sequences sequences = placed_sequences(at, set);
    Groups groups = gathered_by.view();
    groups.first = at.in(gathered_by.first);
    groups.members = at.in(gathered_by.members);
    const auto query_there = at.in(query.view()), kv_there = at.in(kv.view());
    const std::int32_t* const table = at.in(gather);
    float* const share = at.inout(p.view()).data;
    prediction_attention<float>(query_there, kv_there, table, sequences, heads, share,
                                at.inout(out.view()));
    prediction_attention_backward<float>(query_there, kv_there, table, groups, sequences, heads,
                                         share, at.in(d_out.view()), at.inout(d_score.view()).data,
                                         at.inout(d_query.view()), at.inout(d_kv.view()));
    at.fetch();
    std::vector<float> all;
    for (const auto* m : {&out, &d_query, &d_kv}) append(all, *m);
    return all;
  });
}

TEST(DeviceOps, GeluAndCrossEntropy) {
  Padded<float> x = draw<float>(97, 43, 14);
  const float special[] = {0.0f, -0.0f, 1e-30f, -1e-30f, 40.5f, -40.5f, 3e38f, -3e38f};
  for (Index i = 0; i < 8; ++i) x.view()(5, i) = special[i];
  Padded<float> logits = draw<float>(97, 43, 15);
  logits.view()(3, 7) = -std::numeric_limits<float>::infinity();
  const std::vector<std::int32_t> targets(97, 3);
  expect_same_on_gpu("pointwise", [&](Placed& at) {
    Padded<float> y(97, 43), slope(97, 43), d_x(97, 43), d_logits(97, 43);
    std::vector<float> losses(97);
    const auto there = at.in(std::as_const(x).view());
    const auto slope_there = at.inout(slope.view());
    gelu<float>(there, at.inout(y.view()), slope_there);
    gelu_backward<float>(there, slope_there, at.inout(d_x.view()));
    const double mean = cross_entropy<float>(at.in(std::as_const(logits).view()), at.in(targets),
                                             at.inout(losses), at.inout(d_logits.view()));
    at.fetch();
    std::vector<float> all = {float(mean)};
    for (const auto* m : {&y, &slope, &d_x, &d_logits}) append(all, *m);
    all.insert(all.end(), losses.begin(), losses.end());
    return all;
  });
}

TEST(DeviceOps, Adam) {
  const std::vector<float> start = draw_vector<float>(2100, 16),
                           gradient = draw_vector<float>(2100, 17);
  expect_same_on_gpu("adam", [&](Placed& at) {
    std::vector<float> weights = start;
    Adam<float> adam(2100, {});
    float* const there = at.inout(weights);
    for (int step = 0; step < 3; ++step) adam.step(there, at.in(gradient));
    at.fetch();
    std::vector<float> all = weights;
    for (const auto* m : {&adam.first_moment(), &adam.second_moment()}) {
      all.insert(all.end(), m->begin(), m->end());
    }
    return all;
  });
}

/// The gradient is longer than a shard of its sum of squares.
TEST(DeviceOps, AdamWithEveryOption) {
  constexpr Index kSize = 4096 * 3 + 77;
  const auto start = draw_vector<float>(kSize, 18), gradient = draw_vector<float>(kSize, 19);
  std::vector<bool> decays(kSize);
  for (std::size_t i = 0; i < decays.size(); ++i) decays[i] = i % 3 != 0;
  AdamOptions options;
  options.weight_decay = 0.1;
  options.clip_norm = 0.5;
  options.schedule = {2, 6, 0.1};
  expect_same_on_gpu("adam", [&](Placed& at) {
    std::vector<float> weights = start;
    Adam<float> adam(kSize, options, decays);
    float* const there = at.inout(weights);
    for (int step = 0; step < 3; ++step) adam.step(there, at.in(gradient));
    at.fetch();
    return weights;
  });
}

/// Every stabilizer with every affine part, forward in both phases and backward.
void expect_same_norms(Index rows, Index cols) {
  for (const NormCase& c : norm_cases(cols)) {
    SCOPED_TRACE(trace_of(c) + " on " + shape_text(rows, cols));
    for (Phase phase : {Phase::training, Phase::evaluation}) {
      expect_same_on_gpu("norm", [&](Placed& at) {
        NormRun<float> run(c.norm, rows, cols);
        run.draw_counts();
        const NormArrays<float> arrays = at.inout(run);
        norm_forward<float>(c.norm, phase, arrays);
        if (phase == Phase::training) {
          norm_backward<float>(c.norm, arrays, at.in(std::as_const(run.d_output).view()),
                               at.inout(run.d_input.view()),
                               {has_gain(c.norm.affine) ? at.inout(run.d_gain) : nullptr,
                                has_bias(c.norm.affine) ? at.inout(run.d_bias) : nullptr,
                                run.shape.empty() ? nullptr : at.inout(run.d_shape)});
        }
        at.fetch();
        std::vector<float> all = values_of(run.output.view());
        for (const auto* m : {&run.stabilized, &run.d_input, &run.saved}) append(all, *m);
        for (const auto* v :
             {&run.running_mean, &run.running_variance, &run.d_gain, &run.d_bias, &run.d_shape}) {
          all.insert(all.end(), v->begin(), v->end());
        }
        return all;
      });
    }
  }
}

TEST(DeviceOps, Norms) {
  expect_same_norms(5, 43);
  expect_same_norms(150, 6);
  expect_same_norms(2, 96);
}

/// Rows and columns whose squares are out of range take other ways.
TEST(DeviceOps, NormsOfFarRows) {
  for (const NormCase& c : norm_cases(43)) {
    SCOPED_TRACE(trace_of(c));
    expect_same_on_gpu("norm", [&](Placed& at) {
      NormRun<float> run(c.norm, 6, 43);
      const float size[] = {1e30f, 1e-30f, 0.0f, 1.0f, 3e38f, 1e-42f};
      for (Index r = 0; r < 6; ++r) {
        for (Index j = 0; j < 43; ++j) {
          run.input.view()(r, j) *= size[r];
          run.branch.view()(r, j) = 0;
        }
      }
      norm_forward<float>(c.norm, Phase::training, at.inout(run));
      at.fetch();
      return values_of(run.output.view());
    });
  }
}

/// So do those that are close together, and equal ones; beside them stand others.
TEST(DeviceOps, NormsOfCloseNumbers) {
  for (const NormCase& c : norm_cases(43)) {
    SCOPED_TRACE(trace_of(c));
    expect_same_on_gpu("norm", [&](Placed& at) {
      NormRun<float> run(c.norm, 70, 43);
      run.draw_counts();
      for (Index r = 0; r < 70; ++r) {
        for (Index j = 0; j < 43; ++j) {
          const bool is_close = c.norm.family() == Family::row ? r % 7 != 3 : j % 11 != 5;
          if (is_close) run.input.view()(r, j) = 1234567.0f + float(r * j % 3);
          run.branch.view()(r, j) = 0;
        }
      }
      norm_forward<float>(c.norm, Phase::training, at.inout(run));
      at.fetch();
      return values_of(run.output.view());
    });
  }
}

}  // namespace
}  // namespace libnorm::test
