#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/charts/chart.hpp"
#include "harness/results/result.hpp"

// What the figures share: which rows an arm has, how it is drawn, and what is summarized over
// seeds.

namespace harness {

/// The runs of an arm, by seed.
struct ArmRows {
  std::string name;
  std::vector<const RunResult*> rows;
};

/// The rows of these arms, in the order of the names; others are skipped.
/// throws: ValueError for no arms, or one named twice; DataError if an arm has no row, a seed comes
///   twice, or tasks, profiles or data sets are mixed
std::vector<ArmRows> select_arms(const std::vector<RunResult>& rows,
                                 const std::vector<std::string>& names);

/// `arm layernorm, seed 3`.
std::string describe_run(const RunResult& row);

struct CurveStyle {
  std::string_view colour, dash;
};

/// The paper's hues, in variants that are distinct without red-green vision. An unknown arm gets a
/// style by its position.
CurveStyle style_of(std::string_view arm, std::size_t position);

/// How the median treats a value that is not finite: as larger than all others, or as absent.
enum class NonFinite { largest, absent };

/// Median and range of the finite values.
Point summarize(double x, std::vector<double> values, NonFinite rule);

/// A curve for each arm over the grid, from values read from each run: one for each grid point,
/// fewer only if it diverged. throws: DataError if a run has another number of values, or the grid
/// is empty; `what` names them
std::vector<Curve> collect_all(const std::vector<ArmRows>& arms, const std::vector<double>& grid,
                               const std::string& what,
                               const std::function<std::vector<double>(const RunResult&)>& read,
                               NonFinite rule);

/// `log` or `linear`.
std::string scale_word(const Axis& axis);

/// How many runs of an arm diverged.
std::size_t count_diverged(const ArmRows& arm);

/// `none`, or `none (2 of 8 diverged)`.
std::string name_with_divergence(const ArmRows& arm);

/// Notes that explain line and band, with the number of seeds.
std::vector<std::string> seed_notes(const std::vector<ArmRows>& arms);

/// Notes on the runs that diverged and the effect on the figure; none if no run did.
std::vector<std::string> divergence_notes(const std::vector<ArmRows>& arms,
                                          const std::string& consequence);

/// A note that values below the axis are drawn at its foot; none if there are none. where: `(c)`.
std::vector<std::string> foot_notes(const std::string& where, const Axis& axis);

}  // namespace harness
