#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/models/transformer.hpp"
#include "tests/gradient/differences.hpp"
#include "tests/support/models.hpp"

namespace libnorm::test {
namespace {

/// At most `kPicks` places of a tensor: its ends, and some between.
constexpr Index kPicks = 6;

std::vector<Index> places(const GradientPart& part) {
  std::vector<Index> at = {part.first, part.first + part.size - 1};
  const Random random(31, Purpose::test, stream_of(part.name));
  for (std::uint64_t i = 2; i < std::uint64_t(kPicks); ++i) {
    at.push_back(part.first + random.below(i, part.size));
  }
  return at;
}

void expect_gradient(std::string_view norm, Depth depth, const Sample& sample, Path path,
                     double head_multiplier = 1, double initial_std = 0) {
  Transformer<double> model = small_model<double>(norm, depth, 1, head_multiplier, initial_std);
  const Batch batch = sample.batch(path);
  const auto loss = [&] { return model.loss_and_gradient(batch); };
  loss();
  const std::vector<double> gradient = model.gradient();
  const double few =
      kDifference + tolerance<double>(kModelValue) * sample.amplification(norm, 2 * depth.blocks);
  for (const GradientPart& part : gradient_parts(model.parameters(), norm)) {
    for (Index i : places(part)) {
      EXPECT_TRUE(
          is_derivative(gradient[std::size_t(i)], loss, model.weights()[std::size_t(i)], few))
          << part.name << "[" << i - part.first << "]";
    }
  }
}

class TransformerGradient : public testing::TestWithParam<std::string> {};

TEST_P(TransformerGradient, IsTheDifferenceQuotient) {
  for (const Depth& depth : kDepths) {
    for (const Sample& sample : samples()) {
      for (Path path : {Path::shortcut, Path::dense}) {
        SCOPED_TRACE(testing::Message() << depth.blocks << " blocks, " << sample.name
                                        << (path == Path::dense ? ", dense" : ", shortcut"));
        expect_gradient(GetParam(), depth, sample, path);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, TransformerGradient, testing::ValuesIn(model_texts()),
                         [](const auto& text) { return word_of(text.param); });

/// Of the prediction positions' rows alone, and of all.
TEST(TransformerGradient, OfAMultipliedHeadIsTheDifferenceQuotient) {
  for (const char* norm : {"layernorm", "rms+gain@pre", "batchnorm"}) {
    for (Path path : {Path::shortcut, Path::dense}) {
      SCOPED_TRACE(testing::Message() << norm << (path == Path::dense ? ", dense" : ", shortcut"));
      expect_gradient(norm, {2, 2}, samples()[0], path, 3, 0.3);
    }
  }
}

}  // namespace
}  // namespace libnorm::test
