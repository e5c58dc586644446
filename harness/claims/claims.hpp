#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// A number of a result. `value` throws DataError if the result lacks it.
struct Metric {
  std::string name;
  /// Raised when the definition changes, so that old verdicts are not compared with new ones.
  int version = 1;
  std::string unit;
  std::function<double(const RunResult&)> value;
  /// Its place in the model, put after the arm in labels: `layer 3`. Empty for the whole model.
  std::string at = {};
};

/// The smallest difference that matters, in the metric's unit, and why.
struct Margin {
  double size = 0;
  std::string why;
};

/// A control: the part is evaluated again with `stand_in` instead of `arm`.
struct Control {
  std::string arm;
  std::string stand_in;
};

enum class Relation { larger, equivalent, not_less };

/// `larger`: A's metric is larger than B's by at least the margin. `equivalent`: the two differ by
/// less than the margin. `not_less`: A's is not below B's by the margin or more. If B names several
/// arms, B is the largest of them for each seed.
struct Part {
  Relation relation = Relation::larger;
  std::string a;
  std::vector<std::string> b;
  Metric metric;
  Margin margin;
  std::vector<Control> controls;
  /// B's metric if it differs from A's, as for one arm at two depths.
  std::optional<Metric> b_metric = std::nullopt;
};

/// A sentence of the paper under one protocol. It holds if all its parts hold.
struct Claim {
  std::string id;
  std::string experiment;
  std::string protocol;
  std::string sentence;
  std::vector<Part> parts;
  /// The study of its runs; its claim profile and seeds are the evidence.
  std::string study;
  /// The runs' task: results of substitute data are no evidence.
  std::string task;
  /// The family for the adjustment of p. With n seeds, a claim of k parts in a family of m can be
  /// contradicted only if m k 2^-n <= 0.05.
  std::string family;
};

/// The paper's claims, under each protocol that bears on them: those on experiments 1 to 3 are one
/// family, each one on experiment 4 is a family of its own.
const std::vector<Claim>& claims();

/// The claims of one study.
std::vector<Claim> claims_of(std::string_view study);

}  // namespace harness
