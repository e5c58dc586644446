#include "libnorm/models/norm_layer.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/compare.hpp"
#include "tests/support/norm_run.hpp"

/// A layer of a model does what its norm does.
namespace libnorm::test {
namespace {

/// Rows of all sizes: their squares overflow, vanish, or do neither.
std::vector<float> rows_of_all_sizes() {
  std::vector<float> x;
  for (const float size : {1.0f, 1e25f, 1e-25f, 0.0f, 1e38f}) {
    for (const float part : {1.0f, -1.0f, 0.5f, 0.25f}) x.push_back(size * part);
  }
  return x;
}

TEST(NormLayer, DoesInPlaceWhatItDoesApart) {
  constexpr Index kChannels = 4;
  for (const NormCase& c : norm_cases(kChannels)) {
    if (c.norm.family() != Family::row && c.norm.family() != Family::pointwise) continue;
    SCOPED_TRACE(trace_of(c));
    ParameterList parameters, running;
    NormLayer<float> layer(c.norm, kChannels, "norm.", parameters, running);
    std::vector<float> weights(std::size_t(parameters.size()), 0.5f);
    const BatchView batch;
    const Pass<float> pass{batch, Phase::training, weights.data(), nullptr};
    std::vector<float> x = rows_of_all_sizes();
    const Index rows = Index(x.size()) / kChannels;
    const auto out = layer.forward(pass, RowSet::readout, {x.data(), rows, kChannels}, {});
    const std::vector<float> apart(out.data, out.data + x.size());
    layer.forward_in_place(pass, {x.data(), rows, kChannels});
    EXPECT_TRUE(same_bits("in place", apart, x));
  }
}

}  // namespace
}  // namespace libnorm::test
