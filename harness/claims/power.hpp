#pragma once

#include <optional>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/statistics.hpp"

// How often the rules of judge.hpp find a difference, by simulating studies with normal
// differences.

namespace harness {

/// What one comparison must reach.
struct Bar {
  Relation relation = Relation::larger;
  Index seeds = 0;
  /// Level of the sign-flip test, in (0, 1).
  double level = 0.05;
  /// In standard deviations of the differences.
  double margin = 0;
};

/// The share of studies that find a true difference of so many standard deviations: as SUPPORTED
/// for `larger`, as beyond the margin (on one side) for the other relations. 0 if no difference
/// reaches the level. Of 4,000 studies, always the same; the standard error is below 0.008.
/// Order: each study has a least difference from which on it finds one, in closed form: a flip of
/// the seeds F counts against d + x while x <= -mean of d over F. Above 12 seeds, Student's t
/// stands for the sign-flip test.
/// Throws: ValueError if seeds < 2, the level is outside (0, 1) or the margin is negative.
double power_of(const Bar& bar, double difference);

/// The true difference, in standard deviations, that is found with probability `power`; nothing if
/// no difference reaches the level.
std::optional<double> detectable_difference(const Bar& bar, double power = 0.8);

/// The share of studies without any true difference that find it within the margin at the level.
double power_of_equivalence(const Bar& bar);

}  // namespace harness
