#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "harness/runs/model_run.hpp"
#include "harness/studies/encoder_measures.hpp"
#include "harness/studies/encoder_options.hpp"

namespace harness {

/// One arm of Experiment 4 in training: epochs over a shuffled corpus, the last, smaller batch
/// included. After each epoch the model is tested, and the spectra of all blocks are computed.
class EncoderRun final : public ModelRun {
 public:
  /// Throws: ValueError for options outside their domain.
  EncoderRun(const EncoderOptions& options, const EncoderArm& arm, std::uint64_t seed,
             std::shared_ptr<const EncoderData> data);

  bool finished() const override { return ModelRun::finished() && (diverged() || !epoch_is_due()); }
  /// True after each epoch.
  bool at_landmark() const override { return steps_done() % steps_per_epoch() == 0; }
  void step() override;
  std::vector<std::byte> state() const override;
  void restore(std::span<const std::byte> state) override;
  RunResult result(std::string_view profile) override;
  void measure(const std::vector<std::string>& which, RunResult& result) override;

 private:
  /// What is stored of an epoch. Spectra: variants of block 1, of block 2, ...
  struct Epoch {
    std::int64_t correct = 0, held_out_correct = 0;
    std::vector<double> spectra;
  };

  Index steps_per_epoch() const;
  EncoderMeter meter() { return {options_, arm_, seed(), *data_, model(), batch_}; }
  void shuffle(Index epoch);
  /// Whether all steps of an epoch are done, but not its tests and spectra.
  bool epoch_is_due() const { return Index(epochs_.size()) < steps_done() / steps_per_epoch(); }
  /// Throws: Interrupted after a signal; the epoch is then still due.
  void finish_epoch();
  std::int64_t test();
  void add_epochs(RunResult& result) const;

  EncoderOptions options_;
  EncoderArm arm_;
  std::shared_ptr<const EncoderData> data_;
  libnorm::Batch batch_;
  /// The order of texts in the current epoch, and the number of that epoch.
  std::vector<std::int32_t> order_;
  Index order_of_ = -1;
  std::int64_t correct_ = 0;
  /// From the last test in this process.
  std::vector<bool> held_out_correct_;
  std::vector<Epoch> epochs_;
};

}  // namespace harness
