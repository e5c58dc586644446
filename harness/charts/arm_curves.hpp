#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/charts/chart.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// What a value that is not finite means for the median: a loss beyond all others, or no value.
enum class NonFinite { largest, absent };

/// Median and range of the finite values.
Point summarize(double x, std::vector<double> values, NonFinite rule);

/// `arm layernorm, seed 3`.
std::string describe_run(const RunResult& result);

/// The runs of some arms, and what a chart shows and says of them: a curve for each arm, the median
/// over its seeds with their range, and key and notes to these.
class ArmCurves {
 public:
  /// What is read from a run; shorter than the grid only where the run diverged.
  using Read = std::function<std::vector<double>(const RunResult&)>;

  /// Takes the results of these arms, in the order of the names, and passes over others. It points
  /// to them.
  /// throws: ValueError for no arms, or one named twice; DataError if an arm has no result, a seed
  ///   comes twice, or tasks, profiles or data sets are mixed
  ArmCurves(const std::vector<RunResult>& results, const std::vector<std::string>& names);

  /// All runs, arm by arm and then by seed; never none.
  const std::vector<const RunResult*>& runs() const { return runs_; }
  /// For what all runs share.
  const RunResult& first() const { return *runs_.front(); }

  /// A curve for each arm over the grid. throws: DataError if a run has another number of values
  /// than the grid, or the grid is empty; `what` names them
  std::vector<Curve> curves(const std::vector<double>& grid, const std::string& what,
                            const Read& read, NonFinite rule) const;

  /// Training loss against step. throws: as curves; DataError for runs of different lengths
  Panel loss_panel(const std::string& title) const;
  /// Singular values against their index, without a y axis. throws: as curves
  Panel spectrum_panel(const std::string& title, const std::string& what, const Read& read) const;

  /// An entry for each arm: its name, how many of its runs diverged, and what `words` says of those
  /// that did not, if there are any. Colours are the paper's hues, in variants that those who do
  /// not tell red from green can tell apart; an arm of another training, `none_masked`, has those
  /// of the arm that it stands beside.
  std::vector<KeyEntry> key(
      const std::function<std::string(const std::vector<const RunResult*>&)>& words = {}) const;

  /// What line and band are and of how many seeds; who diverged, and then what that does to the
  /// chart.
  std::vector<std::string> notes(const std::string& of_divergence) const;

 private:
  /// The runs of one arm, by seed.
  struct Arm {
    std::string name;
    std::vector<const RunResult*> runs;

    std::size_t diverged() const;
  };
  static Arm select(const std::vector<RunResult>& results, const std::string& name,
                    const RunResult* first);

  std::vector<Arm> arms_;
  std::vector<const RunResult*> runs_;
};

}  // namespace harness
