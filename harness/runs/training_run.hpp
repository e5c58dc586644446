#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/result.hpp"
#include "harness/results/spec.hpp"
#include "libnorm/core/types.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {
template <class T>
class Transformer;
template <class T>
class Adam;
}  // namespace libnorm

namespace harness {

using libnorm::Index;

/// One arm in training from one seed. It can stop after any step and resume with the same bits.
class TrainingRun {
 public:
  virtual ~TrainingRun() = default;

  virtual Index steps_done() const = 0;
  virtual bool finished() const = 0;
  virtual double last_loss() const = 0;
  /// Floating-point operations of the products so far; a multiply-add counts as two.
  virtual double flop() const = 0;
  /// Whether the last step did so much work that a checkpoint is worthwhile.
  virtual bool at_landmark() const { return false; }

  /// The model and its optimizer after the steps done, for saving and restoring.
  /// @{
  virtual libnorm::Transformer<float>& model() = 0;
  virtual libnorm::Adam<float>& adam() = 0;
  /// @}

  /// Called before the first step and before restore() with what will be measured at the end. What
  /// is of the course of training and on request is looked at only then.
  virtual void expect(const std::vector<std::string>& measures) { (void)measures; }

  /// One training step. A loss that is not finite ends the run.
  virtual void step() = 0;

  /// Everything that later steps depend on.
  virtual std::vector<std::byte> state() const = 0;
  /// Where the state was saved by a run that did not look at what this one expects to measure, the
  /// run begins anew. Throws: DataError for a state of another size.
  virtual void restore(std::span<const std::byte> state) = 0;

  /// The result of a finished run, with its measures unless it diverged.
  virtual RunResult result(std::string_view profile) = 0;

  /// Measures the model as it is, which may be a loaded one, into the result of its run: every
  /// measure in `which`, to the same bits as result(). The rest of the result stays.
  /// Throws: ValueError for what the run cannot measure: of the course of training where it has not
  /// made all steps, of Adam's moments where it has none.
  virtual void measure(const std::vector<std::string>& which, RunResult& result) = 0;
};

/// Whether runs train side by side (small) or one after the other (large).
enum class RunSize { small, large };

/// A run to train.
struct PlannedRun {
  std::string task, profile, arm;
  std::uint64_t seed = 0;
  Index steps = 0;
  RunSize size = RunSize::small;
  /// Everything that the run's bits depend on.
  Spec spec;
  std::function<std::unique_ptr<TrainingRun>()> make;
  /// How products are computed; the spec says it too.
  libnorm::Gemm gemm = libnorm::Gemm::exact;
  /// Lower bound of its memory.
  double bytes = 0;
};

}  // namespace harness
