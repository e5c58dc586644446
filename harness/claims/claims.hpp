#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/claims/metric.hpp"

namespace harness {

/// The smallest difference that matters, in the metric's unit, and why.
struct Margin {
  double size = 0;
  std::string unit;
  std::string why;
};

/// A control: the claim is judged again with `stand_in` instead of `arm`, because of the confound
/// that `why` names.
struct Control {
  std::string arm;
  std::string stand_in;
  std::string why;
};

enum class Relation { larger, equivalent, not_less };

/// Where a metric is read: an arm, and a layer if the metric's text has a place for one.
struct Site {
  std::string arm;
  std::optional<int> layer = std::nullopt;
};

/// `larger`: A's metric is larger than B's by at least the margin. `equivalent`: the two differ by
/// less than the margin. `not_less`: A's is not below B's by the margin or more. A is the lowest of
/// its sites for each seed and B the highest, so that the part is about all of them.
struct Part {
  Relation relation = Relation::larger;
  std::vector<Site> a, b;
};

/// One way to measure what a claim is about. All of a claim's are judged.
struct Definition {
  std::string name;
  Metric metric;
  Margin margin;
  /// What it varies, compared with the published one: `slice radius`. Empty for that one.
  std::string axis = {};
  std::string source = {};
  /// If not empty: each difference is compared with the same difference of this arm, which is
  /// subtracted from it.
  std::string beside = {};
  /// Whether the metric is known at points of training, where the claim has any.
  bool has_landmarks = true;
};

/// The points of training at which a claim is judged, besides the end.
struct Landmarks {
  /// The end of each epoch.
  bool epochs = false;
  /// In steps; empty with `epochs`.
  std::vector<std::int64_t> steps;
};

/// A sentence of the paper. It holds if all its parts hold. Its verdict is that of its first
/// definition, the published one.
struct Claim {
  std::string id;
  std::string experiment;
  std::string sentence;
  std::string source;
  std::vector<Part> parts;
  std::vector<Control> controls;
  std::vector<Definition> definitions;
  Landmarks landmarks;
  /// The study of its runs; its claim profile and seeds are the evidence.
  std::string study;
  /// The runs' task: results of substitute data are no evidence.
  std::string task;
  /// The family for the adjustment of p, in which each claim counts once, by its published
  /// definition. With n seeds, a claim of k terms in a family of m can be contradicted only if
  /// m k 2^-n <= 0.05.
  std::string family;
  /// SHA-256 of the claim's file.
  std::string sha256;
};

/// The number of comparisons of a part, each of one site of A with one of B.
std::size_t count_terms(const Part& part);
/// The same of all its parts.
std::size_t count_terms(const Claim& claim);

/// The project's claims, from the files of harness/claims/catalogue, which the program contains.
const std::vector<Claim>& claims();

/// The claims of one study.
std::vector<Claim> claims_of(std::string_view study);

}  // namespace harness
