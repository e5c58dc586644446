#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/results.hpp"

namespace harness {

/// A number taken from a row. `value` throws DataError where the row does not hold it.
struct Metric {
  std::string name;
  /// Raised when the definition changes, so that old verdicts are not compared with new ones.
  int version = 1;
  std::string unit;
  std::function<double(const Row&)> value;
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

enum class Relation { larger, equivalent };

/// `larger`: A's metric is larger than B's by at least the margin. `equivalent`: the two differ by
/// less than the margin. Where B names several arms it is the largest of them, seed by seed.
struct Part {
  Relation relation = Relation::larger;
  std::string a;
  std::vector<std::string> b;
  Metric metric;
  Margin margin;
  std::vector<Control> controls;
};

/// A sentence of the paper under one protocol. It holds if all its parts hold.
struct Claim {
  std::string id;
  std::string experiment;
  std::string protocol;
  std::string sentence;
  std::vector<Part> parts;
};

/// The seven claims on experiments 1 to 3, under each protocol that bears on them.
const std::vector<Claim>& claims();

}  // namespace harness
