#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "libnorm/models/transformer.hpp"
#include "tests/oracle/oracle.hpp"

namespace libnorm::test {

/// Blocks and heads that the models of the tests have.
struct Depth {
  Index blocks, heads;
};
inline constexpr Depth kDepths[] = {{1, 1}, {2, 2}};

/// A small model whose widths are no multiple of the 32 lanes. Biases and gains are moved from
/// their initial 0 and 1, so that no term is absent.
template <class T>
Transformer<T> small_model(std::string_view norm, Depth depth, std::uint64_t seed = 1) {
  TransformerOptions options;
  options.vocabulary = 13;
  options.channels = 10;
  options.hidden = 37;
  options.outputs = 11;
  options.heads = depth.heads;
  options.blocks = depth.blocks;
  options.norm = find_norm(norm).norm;
  Transformer<T> model(options);
  model.initialize(seed);
  const Random random(seed, Purpose::test, 99);
  for (std::size_t i = 0; i < model.weights().size(); ++i) {
    model.weights()[i] += T(float(0.1 * random.normal(i)));
  }
  return model;
}

/// A stretch of the flat gradient that has a size of its own: a tensor, or a third of an
/// in-projection's bias (queries, keys, values).
struct GradientPart {
  std::string name;
  Index first, size;
  /// Whether it is 0 but for rounding: softmax ignores what all keys share, and BatchNorm what all
  /// rows share.
  bool noise;
};

inline std::vector<GradientPart> gradient_parts(const ParameterList& list, bool batchnorm) {
  std::vector<GradientPart> parts;
  for (const Parameter& p : list.all()) {
    const auto ends_with = [&](const std::string& end) {
      return p.name.size() >= end.size() && p.name.substr(p.name.size() - end.size()) == end;
    };
    if (ends_with("in_proj.bias")) {
      const Index third = p.size() / 3;
      parts.push_back({p.name + " of queries", p.offset, third, false});
      parts.push_back({p.name + " of keys", p.offset + third, third, true});
      parts.push_back({p.name + " of values", p.offset + 2 * third, third, batchnorm});
    } else {
      const bool shared = ends_with("out_proj.bias") || ends_with("linear2.bias");
      parts.push_back({p.name, p.offset, p.size(), batchnorm && shared});
    }
  }
  return parts;
}

template <class T>
std::vector<T> slice(const std::vector<T>& values, Index first, Index size) {
  return {values.begin() + first, values.begin() + first + size};
}

/// Token ids and the position that is read out.
struct Sample {
  std::string name;
  Index length, readout;
  std::vector<std::int32_t> ids, targets;

  /// What norms that lie one behind the other may multiply roundings by: where all tokens are
  /// equal, BatchNorm's variance is 0, and it divides by sqrt(epsilon). Forward each starts anew,
  /// for what its rows share goes away.
  double amplification(std::string_view norm, Index norms = 1) const {
    return norm == "batchnorm" && all_equal() ? std::pow(317.0, double(norms)) : 1;
  }
  bool all_equal() const {
    return std::all_of(ids.begin(), ids.end(), [&](auto id) { return id == ids[0]; });
  }
  Index sequences() const { return Index(ids.size()) / length; }
  Batch batch(Path path, Index vocabulary = 13) const {
    Batch b;
    b.assign(ids, sequences(), length, readout, targets, vocabulary, path);
    return b;
  }
};

/// Repetitions of every kind, so that the sequences have different numbers of distinct tokens.
inline std::vector<Sample> samples() {
  return {
      {"ragged",
       6,
       5,
       {1, 2, 3, 4, 5, 6, 7, 0, 7, 3,  0, 7, 9,  9,  2,
        9, 2, 8, 4, 4, 4, 4, 4, 4, 12, 0, 1, 12, 12, 1},
       {6, 7, 0, 10, 1}},
      {"read at the front", 4, 0, {5, 1, 2, 5, 3, 3, 3, 0, 8, 9, 10, 11}, {0, 3, 10}},
      // Texts of 3, 1, 0 and 6 tokens, filled up with padding.
      {"padded",
       6,
       0,
       {5, 1, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 9, 9, 9, 12},
       {1, 10, 0, 3}},
      {"all equal", 5, 2, {2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, {2, 4}},
      {"one token each", 1, 0, {3, 7, 3, 1}, {3, 7, 1, 0}},
  };
}

/// The row of the batch that holds position i of the sample.
inline Index row_of_position(const Batch& batch, const Sample& sample, Index i) {
  const Index b = i / sample.length;
  if (batch.path == Path::dense) return i;
  Index row = batch.first[std::size_t(b)];
  while (batch.ids[std::size_t(row)] != sample.ids[std::size_t(i)]) ++row;
  return row;
}

/// The oracle with the model's weights and running statistics.
template <class T>
oracle::Transformer oracle_of(const Transformer<T>& model, std::string_view norm) {
  oracle::Transformer o;
  o.norm = norm;
  o.heads = std::size_t(model.options().heads);
  o.blocks = std::size_t(model.options().blocks);
  const auto copy = [](const std::vector<T>& from, const Parameter& p) {
    return std::vector<double>(from.begin() + p.offset, from.begin() + p.offset + p.size());
  };
  for (const Parameter& p : model.parameters().all()) {
    o.parameters[p.name] =
        oracle::Matrix(std::size_t(p.rows), std::size_t(p.cols), copy(model.weights(), p));
  }
  for (const Parameter& p : model.running().all()) {
    const std::string owner = p.name.substr(0, p.name.rfind('.'));
    auto& statistics = o.running[owner];
    (p.name == owner + ".running_mean" ? statistics.mean : statistics.variance) =
        copy(model.running_values(), p);
  }
  return o;
}

}  // namespace libnorm::test
