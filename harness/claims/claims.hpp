#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/results/result.hpp"

namespace harness {

/// A number taken from a row. `value` throws DataError where the row does not hold it.
struct Metric {
  std::string name;
  /// Raised when the definition changes, so that old verdicts are not compared with new ones.
  int version = 1;
  std::string unit;
  std::function<double(const RunResult&)> value;
  /// Where in the model it is taken, in labels after the arm: `layer 3`. Empty if it is of the
  /// whole.
  std::string at = {};
};

/// The smallest difference that matters, in the metric's unit, and why.
struct Margin {
  double size = 0;
  std::string why;
};

/// The part is looked at again with `stand_in` in the place of `arm`.
struct Control {
  std::string arm;
  std::string stand_in;
};

enum class Relation { larger, equivalent, not_less };

/// `larger`: A's metric is larger than B's by at least the margin. `equivalent`: the two differ by
/// less than the margin. `not_less`: A's is below B's by less than the margin, if it is below at
/// all. Where B names several arms it is the largest of them, seed by seed.
struct Part {
  Relation relation = Relation::larger;
  std::string a;
  std::vector<std::string> b;
  Metric metric;
  Margin margin;
  std::vector<Control> controls;
  /// What is read from B, where that is not what is read from A: one arm at two depths.
  std::optional<Metric> b_metric = std::nullopt;
};

/// A sentence of the paper under one protocol. It holds if all its parts hold.
struct Claim {
  std::string id;
  std::string experiment;
  std::string protocol;
  std::string sentence;
  std::vector<Part> parts;
  /// The study that makes its runs, at whose claim profile and seeds it is judged.
  std::string study = "recall";
  /// What they must have been trained on: the rows of a stand-in are no evidence.
  std::string task = "associative_recall";
  /// Claims of one family are adjusted for one another. With n seeds a claim of k parts, in a
  /// family of m, can be contradicted only if m k 2^-n <= 0.05.
  std::string family = "e1-e3";
};

/// The paper's claims, under each protocol that bears on them: those on experiments 1 to 3 are one
/// family, each one on experiment 4 is a family of its own.
const std::vector<Claim>& claims();

}  // namespace harness
