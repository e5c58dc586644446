#include "libnorm/models/norm_layer.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libnorm/models/normalization.hpp"
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
    const auto out = layer.forward(pass, RowSet::prediction, {x.data(), rows, kChannels}, {});
    const std::vector<float> apart(out.data, out.data + x.size());
    layer.forward_in_place(pass, {x.data(), rows, kChannels});
    EXPECT_TRUE(same_bits("in place", apart, x));
  }
}

TEST(Normalization, HasOneTextForAliases) {
  EXPECT_EQ(canonical_normalization("l2+gain@pre@residual_scalar@qk:mean_center+bias"),
            "unit_sphere+gain@pre@residual_scalar@qk:centre+bias");
  EXPECT_EQ(parse_normalization("rms@qk:l2_sqrt").query_key_norm->stabilizer.index(),
            parse_normalization("root_sphere").norm.stabilizer.index());
  // Only a whole alias where a norm stands.
  for (const char* text : {"layernorm", "rms+gain@pre", "l2x@l2", "x+l2", "@qk:", "a@@", ""}) {
    EXPECT_EQ(canonical_normalization(text), text);
  }
}

}  // namespace
}  // namespace libnorm::test
