#pragma once

#include <algorithm>
#include <cctype>
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

/// The oracle's name of the norm that a text begins with: the published norm's, or the
/// stabilizer's.
inline std::string oracle_name(std::string_view text) {
  return std::string(text.substr(0, text.find_first_of("+@")));
}

/// Every norm of the catalogue as the paper places it, and every placement, residual scale and norm
/// of queries and keys, as parse_normalization reads them; and each stabilizer that is in none of
/// these. Groups divide the small models' channels.
inline std::vector<std::string> model_texts() {
  std::vector<std::string> texts;
  for (const NamedNorm& norm : named_norms()) {
    texts.push_back(std::string(norm.name) + (norm.norm.groups > 1 ? "+groups=2" : ""));
  }
  for (const char* text :
       {"rms+gain@pre", "layernorm@pre@qk:rms+gain", "batchnorm@pre", "layernorm@sandwich",
        "instancenorm@sandwich", "layernorm@deep", "unit_sphere@deep@residual_channels", "dyt@pre",
        "identity@pre@residual_scalar", "layernorm@residual_channels@qk:unit_sphere", "centre@pre",
        "rms+gain+bias+groups=5", "standardize+scalar_gain"}) {
    texts.push_back(text);
  }
  for (const NamedStabilizer& named : named_stabilizers()) {
    const bool is_in = std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
      return oracle::stabilizer_of(oracle_name(text)) == named.name;
    });
    if (!is_in) texts.push_back(std::string(named.name) + "+gain+bias@pre");
  }
  return texts;
}
/// As a test's name.
inline std::string word_of(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c != '_' && !std::isalnum(c); }, '_');
  return text;
}
/// Whether what all rows of a branch share goes away in a later norm, by its normalization's text.
inline bool removes_what_rows_share(std::string_view text) {
  const Norm norm = parse_normalization(text).norm;
  return norm.has_running_mean() || (norm.family() == Family::instance && norm.groups == 0);
}

/// A small model whose widths are no multiple of the 32 lanes. Biases and gains are moved from
/// their initial 0 and 1, so that no term is absent.
template <class T>
Transformer<T> small_model(std::string_view norm, Depth depth, std::uint64_t seed = 1,
                           double head_multiplier = 1, double initial_std = 0) {
  TransformerOptions options;
  options.vocabulary = 13;
  options.channels = 10;
  options.hidden = 37;
  options.outputs = 11;
  options.heads = depth.heads;
  options.blocks = depth.blocks;
  options.normalization = parse_normalization(norm);
  options.head_multiplier = head_multiplier;
  options.initial_std = initial_std;
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

  /// What its error is held against. One number may be a sum of many that cancel; they are of the
  /// size of 1 in the small models.
  double scale(double largest) const { return noise || size == 1 ? 1.0 : largest; }
};

inline std::vector<GradientPart> gradient_parts(const ParameterList& list, std::string_view text) {
  const bool batchnorm = removes_what_rows_share(text);
  const bool keys_are_normed = text.find("qk:") != text.npos;
  std::vector<GradientPart> parts;
  for (const Parameter& p : list.all()) {
    const auto ends_with = [&](const std::string& end) {
      return p.name.size() >= end.size() && p.name.substr(p.name.size() - end.size()) == end;
    };
    if (ends_with("in_proj.bias")) {
      const Index third = p.size() / 3;
      parts.push_back({p.name + " of queries", p.offset, third, false});
      parts.push_back({p.name + " of keys", p.offset + third, third, !keys_are_normed});
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

/// Token ids and the prediction position.
struct Sample {
  std::string name;
  Index length, prediction_position;
  std::vector<std::int32_t> ids, targets;

  /// What norms that lie one behind the other may multiply roundings by: where all tokens (of a
  /// sequence) are equal, BatchNorm's (InstanceNorm's) variance is 0, and it divides by
  /// sqrt(epsilon). Forward each starts anew,
  /// for what its rows share goes away.
  double amplification(std::string_view norm, Index norms = 1) const {
    const bool of_batch = norm.find("batchnorm") != norm.npos && all_equal();
    const bool of_sequence = norm.find("instancenorm") != norm.npos && has_equal_sequence();
    const double each = norm.find("@sandwich") != norm.npos ? 2 : 1;
    return of_batch || of_sequence ? std::pow(317.0, each * double(norms)) : 1;
  }
  bool all_equal() const {
    return std::all_of(ids.begin(), ids.end(), [&](auto id) { return id == ids[0]; });
  }
  bool has_equal_sequence() const {
    for (Index b = 0; b < sequences(); ++b) {
      const auto first = ids.begin() + b * length;
      if (std::all_of(first, first + length, [&](auto id) { return id == *first; })) return true;
    }
    return false;
  }
  Index sequences() const { return Index(ids.size()) / length; }
  Batch batch(Path path, Index vocabulary = 13) const {
    Batch b;
    b.assign(ids, sequences(), length, prediction_position, targets, vocabulary, path);
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
  const Normalization& n = model.options().normalization;
  o.norm = oracle_name(norm);
  o.placement = n.placement == Placement::pre        ? "pre"
                : n.placement == Placement::sandwich ? "sandwich"
                : n.placement == Placement::deep     ? "deep"
                                                     : "post";
  const std::size_t qk = norm.find("qk:");
  if (qk != norm.npos) o.query_key_norm = oracle_name(norm.substr(qk + 3));
  for (const StabilizerParameter& shape : n.norm.stabilizer_parameters(model.options().channels)) {
    o.shapes.push_back(shape.name);
  }
  o.groups = std::size_t(n.norm.groups == 0 ? model.options().channels : n.norm.groups);
  o.heads = std::size_t(model.options().heads);
  o.blocks = std::size_t(model.options().blocks);
  o.head_multiplier = model.options().head_multiplier;
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
    if (statistics.mean.empty()) statistics.mean.assign(std::size_t(p.size()), 0.0);
  }
  return o;
}

}  // namespace libnorm::test
