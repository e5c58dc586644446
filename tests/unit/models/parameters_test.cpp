#include "libnorm/models/parameters.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "libnorm/models/transformer.hpp"
#include "tests/support/models.hpp"

namespace libnorm::test {
namespace {

TransformerOptions published(std::string_view norm) {
  TransformerOptions options;
  options.normalization = parse_normalization(norm);
  return options;
}

TEST(Parameters, StandOneBehindTheOther) {
  ParameterList list;
  EXPECT_EQ(list.add("a", 2, 3, Initial::normal), 0);
  EXPECT_EQ(list.add("b", 1, 5, Initial::zero), 6);
  EXPECT_EQ(list.size(), 11);
  EXPECT_EQ(list.find("b").offset, 6);
  EXPECT_TRUE(list.find("a").is_matrix());
  EXPECT_FALSE(list.find("b").is_matrix());
}

/// Where names were looked up one by one, this took minutes.
TEST(Parameters, AreFoundAmongMany) {
  ParameterList list;
  constexpr Index kCount = 200000;
  for (Index i = 0; i < kCount; ++i) list.add("p" + std::to_string(i), 1, 1, Initial::constant, 1);
  for (Index i = 0; i < kCount; ++i) list.scale_initial(i, 0, double(i));
  for (Index i = 0; i < kCount; ++i) ASSERT_EQ(list.find("p" + std::to_string(i)).scale, i);
}

TEST(Parameters, ScalesTheTensorAtAnOffset) {
  ParameterList list;
  list.add("empty", 1, 0, Initial::constant, 1);
  list.add("a", 1, 2, Initial::constant, 1);
  list.add("b", 2, 2, Initial::constant, 1);
  list.scale_initial(0, 0, 3);
  list.scale_initial(2, 1, 5);
  std::vector<double> values(6);
  list.draw(1, values.data());
  EXPECT_EQ(values, (std::vector<double>{3, 3, 1, 1, 5, 5}));
  EXPECT_THROW(list.scale_initial(1, 0, 2), ValueError);
  EXPECT_THROW(list.scale_initial(6, 0, 2), ValueError);
}

/// A list that has a tensor of each kind, the second matrix with a factor from its second row on.
ParameterList one_of_each() {
  ParameterList list;
  list.add("embedding", 40, 30, Initial::normal);
  list.add("weight", 50, 20, Initial::uniform, 0.25);
  list.scale_initial(list.find("weight").offset, 1, 0.5);
  list.add("bias", 1, 50, Initial::uniform, 0.25);
  list.add("gain", 1, 3, Initial::one);
  list.add("alpha", 1, 1, Initial::constant, 0.7);
  return list;
}

TEST(Parameters, AllMatricesCanBeDrawnWithOneDeviation) {
  ParameterList list = one_of_each();
  std::vector<double> before(std::size_t(list.size())), after(std::size_t(list.size()));
  list.draw(3, before.data());
  list.draw_matrices(0.02);
  list.draw(3, after.data());
  // The embedding's numbers are the same but for the deviation, which was 1.
  for (std::size_t i = 0; i < 1200; ++i) EXPECT_EQ(after[i], 0.02 * before[i]);
  const auto deviation = [&](std::size_t first, std::size_t end) {
    double squares = 0;
    for (std::size_t i = first; i < end; ++i) squares += after[i] * after[i];
    return std::sqrt(squares / double(end - first));
  };
  // Five deviations of the square root of a mean of 980 squares, 1 / sqrt(2 x 980) each.
  EXPECT_NEAR(deviation(1220, 2200), 0.01, 0.01 * 5 / std::sqrt(1960.0));
  for (std::size_t i = 2200; i < 2250; ++i) EXPECT_EQ(after[i], 0);
  EXPECT_EQ(std::vector<double>(after.begin() + 2250, after.end()),
            (std::vector<double>{1, 1, 1, 0.7}));
}

TEST(Parameters, TellsMatricesFromVectors) {
  const std::vector<bool> in = one_of_each().in_matrices();
  ASSERT_EQ(in.size(), 2254u);
  EXPECT_EQ(std::count(in.begin(), in.end(), true), 2200);
  EXPECT_TRUE(in[2199]);
  EXPECT_FALSE(in[2200]);
}

TEST(Parameters, ModelTakesTheDeviation) {
  TransformerOptions options = published("layernorm@deep");
  options.initial_std = 0.02;
  Transformer<float> model(options);
  model.initialize(1);
  // DeepNorm's factor, (8 N)^(-1/4) for one block, stays.
  for (const auto& [name, factor] : {std::pair("embedding.weight", 1.0),
                                     {"head.weight", 1.0},
                                     {"blocks.0.ffn.linear1.weight", std::pow(8.0, -0.25)}}) {
    const Parameter& p = model.parameters().find(name);
    double squares = 0;
    for (Index i = p.offset; i < p.offset + p.size(); ++i) {
      squares += double(model.weights()[std::size_t(i)]) * double(model.weights()[std::size_t(i)]);
    }
    const double expected = 0.02 * factor;
    EXPECT_NEAR(std::sqrt(squares / double(p.size())), expected,
                expected * 5 / std::sqrt(2.0 * double(p.size())))
        << name;
  }
  for (const char* name : {"head.bias", "blocks.0.ffn.linear1.bias"}) {
    const Parameter& p = model.parameters().find(name);
    for (Index i = p.offset; i < p.offset + p.size(); ++i) {
      EXPECT_EQ(model.weights()[std::size_t(i)], 0) << name;
    }
  }
}

TEST(Parameters, ModelHasPublishedTensors) {
  const Transformer<float> model(published("layernorm"));
  std::set<std::string> names;
  Index size = 0;
  for (const Parameter& p : model.parameters().all()) {
    names.insert(p.name);
    EXPECT_EQ(p.offset, size);
    size += p.size();
  }
  EXPECT_EQ(names,
            (std::set<std::string>{
                "embedding.weight", "blocks.0.attention.in_proj.weight",
                "blocks.0.attention.in_proj.bias", "blocks.0.attention.out_proj.weight",
                "blocks.0.attention.out_proj.bias", "blocks.0.norm1.gain", "blocks.0.norm1.bias",
                "blocks.0.ffn.linear1.weight", "blocks.0.ffn.linear1.bias",
                "blocks.0.ffn.linear2.weight", "blocks.0.ffn.linear2.bias", "blocks.0.norm2.gain",
                "blocks.0.norm2.bias", "head.weight", "head.bias"}));
  // 402 x 128 + (384 x 128 + 384) + (128 x 128 + 128) + (512 x 128 + 512) + (128 x 512 + 128)
  // + 4 x 128 + (402 x 128 + 402)
  EXPECT_EQ(model.size(), 301586);
  EXPECT_EQ(size, model.size());
  EXPECT_EQ(Transformer<float>(published("none")).size(), 301586 - 4 * 128);
  EXPECT_EQ(Transformer<float>(published("batchnorm")).running().size(), 4 * 128);
  EXPECT_EQ(model.running().size(), 0);
}

struct Moments {
  double mean = 0, variance = 0, largest = 0;
};

Moments moments(const std::vector<float>& values) {
  Moments m;
  for (float v : values) m.mean += double(v) / double(values.size());
  for (float v : values) {
    m.variance += (double(v) - m.mean) * (double(v) - m.mean) / double(values.size());
    m.largest = std::max(m.largest, std::abs(double(v)));
  }
  return m;
}

TEST(Parameters, FirstValuesArePyTorchsDefaults) {
  Transformer<float> model(published("batchnorm"));
  model.initialize(1);
  const double from_channels = 1 / std::sqrt(128.0), from_hidden = 1 / std::sqrt(512.0);
  const std::map<std::string, double> bounds = {
      {"blocks.0.attention.in_proj.weight", std::sqrt(6.0 / (384 + 128))},
      {"blocks.0.attention.out_proj.weight", from_channels},
      {"blocks.0.ffn.linear1.weight", from_channels},
      {"blocks.0.ffn.linear1.bias", from_channels},
      {"blocks.0.ffn.linear2.weight", from_hidden},
      {"blocks.0.ffn.linear2.bias", from_hidden},
      {"head.weight", from_channels},
      {"head.bias", from_channels}};
  for (const Parameter& p : model.parameters().all()) {
    SCOPED_TRACE(p.name);
    const auto values = slice(model.weights(), p.offset, p.size());
    const Moments m = moments(values);
    const double n = double(p.size());
    const auto bound = bounds.find(p.name);
    if (bound != bounds.end()) {
      const double a = bound->second;
      // Five standard errors; nearest to the end, a (1 - 20 / n) is missed once in e^-20.
      EXPECT_LE(m.largest, a);
      EXPECT_GT(m.largest, a * (1 - 20 / n));
      EXPECT_NEAR(m.mean, 0, 5 * a / std::sqrt(3 * n));
      EXPECT_NEAR(m.variance, a * a / 3, 5 * a * a * std::sqrt(4 / 45.0 / n) + a * a / n);
    } else if (p.name == "embedding.weight") {
      EXPECT_NEAR(m.mean, 0, 5 / std::sqrt(n));
      EXPECT_NEAR(m.variance, 1, 5 * std::sqrt(2 / n));
    } else {
      const bool gain = p.name.find("gain") != std::string::npos;
      EXPECT_EQ(values, std::vector<float>(values.size(), gain ? 1.0f : 0.0f));
    }
  }
  for (const Parameter& p : model.running().all()) {
    const bool variance = p.name.find("running_var") != std::string::npos;
    EXPECT_EQ(slice(model.running_values(), p.offset, p.size()),
              std::vector<float>(128, variance ? 1.0f : 0.0f))
        << p.name;
  }
}

TEST(Parameters, ArmsShareFirstValuesByName) {
  Transformer<float> reference(published("layernorm"));
  reference.initialize(3);
  for (const NamedNorm& norm : named_norms()) {
    Transformer<float> model(published(norm.name));
    model.initialize(3);
    for (const Parameter& p : model.parameters().all()) {
      const auto& all = reference.parameters().all();
      const bool shared = std::any_of(all.begin(), all.end(), [&](const Parameter& q) {
        return q.name == p.name && q.size() == p.size();
      });
      if (!shared) continue;
      const Parameter& same = reference.parameters().find(p.name);
      EXPECT_EQ(slice(model.weights(), p.offset, p.size()),
                slice(reference.weights(), same.offset, same.size()))
          << norm.name << " " << p.name;
    }
  }
}

TEST(Parameters, FirstValuesDependOnTheSeedAndTheTensor) {
  Transformer<float> model(published("none")), other = model, again = model;
  model.initialize(1);
  other.initialize(2);
  again.initialize(1);
  EXPECT_EQ(model.weights(), again.weights());
  const auto tensor = [](const Transformer<float>& m, const std::string& name) {
    const Parameter& p = m.parameters().find(name);
    return slice(m.weights(), p.offset, 128);
  };
  for (const Parameter& p : model.parameters().all()) {
    if (p.initial == Initial::zero) continue;
    EXPECT_NE(tensor(model, p.name), tensor(other, p.name)) << p.name;
  }
  EXPECT_NE(tensor(model, "head.weight"), tensor(model, "blocks.0.attention.out_proj.weight"));
}

}  // namespace
}  // namespace libnorm::test
