#pragma once

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "libnorm/models/transformer.hpp"
#include "tests/reference/reference_file.hpp"

namespace libnorm::test {

/// The model of a reference file, with its weights.
template <class T>
Transformer<T> model_of(const nlohmann::json& shared, const nlohmann::json& settings) {
  TransformerOptions options;
  options.vocabulary = extent(shared, "embedding.weight", 0);
  options.channels = extent(shared, "embedding.weight", 1);
  options.hidden = extent(shared, "blocks.0.ffn.linear1.weight", 0);
  options.outputs = extent(shared, "head.weight", 0);
  options.heads = settings.at("heads");
  options.blocks = settings.at("blocks");
  options.normalization = parse_normalization(settings.at("arm").get<std::string>());
  Transformer<T> model(options);
  for (const Parameter& p : model.parameters().all()) {
    const auto values = numbers<T>(shared, p.name);
    EXPECT_EQ(Index(values.size()), p.size()) << p.name;
    std::copy(values.begin(), values.end(), model.weights().begin() + p.offset);
  }
  return model;
}

}  // namespace libnorm::test
