#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/charts/chart.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// How a value that is not finite enters the median: as a loss beyond all others, or not at all.
enum class NonFinite { largest, absent };

/// Median and range of the finite values.
Point summarize(double x, std::vector<double> values, NonFinite rule);

/// `arm layernorm, seed 3`.
std::string describe_run(const RunResult& result);

/// The runs of some arms, and their parts of a chart: a curve for each arm (the median over its
/// seeds, with their range), the key and the notes.
class ArmCurves {
 public:
  /// Reads a curve from a run. It is shorter than the grid only if the run diverged.
  using Read = std::function<std::vector<double>(const RunResult&)>;

  /// Takes the results of these arms, in the order of the names, and ignores others. It points to
  /// the results.
  /// Throws: ValueError for no arms, or one named twice; DataError if an arm has no result, a seed
  /// occurs twice, or tasks, profiles or data sets are mixed.
  ArmCurves(const std::vector<RunResult>& results, const std::vector<std::string>& names);

  /// All runs, arm by arm and then by seed; never none.
  const std::vector<const RunResult*>& runs() const { return runs_; }
  /// A run to ask for what all runs have in common.
  const RunResult& first() const { return *runs_.front(); }

  /// A curve for each arm over the grid. what: the curve's name in errors.
  /// Throws: DataError if a run has another number of values than the grid, or the grid is empty.
  std::vector<Curve> curves(const std::vector<double>& grid, const std::string& what,
                            const Read& read, NonFinite rule) const;

  /// Training loss against step. Throws: as curves; DataError for runs of different lengths.
  Panel loss_panel(const std::string& title) const;
  /// Singular values against their index, without a y axis. Throws: as curves.
  Panel spectrum_panel(const std::string& title, const std::string& what, const Read& read) const;

  /// An entry for each arm: its name, how many of its runs diverged, and what `words` says about
  /// those that did not, if there are any. Colours are the paper's hues, in variants that readers
  /// with red-green blindness can tell apart. An arm of another training, `none_masked`, has the
  /// colours of the arm that it is shown beside.
  std::vector<KeyEntry> key(
      const std::function<std::string(const std::vector<const RunResult*>&)>& words = {}) const;

  /// What line and band are, and of how many seeds; which runs diverged, and what that does to the
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
