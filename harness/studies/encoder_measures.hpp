#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/results/measures.hpp"
#include "harness/studies/encoder_options.hpp"
#include "libnorm/data/batch.hpp"

namespace harness {

/// What is measured on a model of Experiment 4: `spectra` and `held_out` of the trained one, and
/// `epochs` after each epoch. On request:
///
///     rows        the output of each block on the batch of `spectra`: rows.layer3.all, and
///                 rows.layer3.text without padding; rows.layer3.read: at the position that the
///                 head reads, of the first 4,096 texts to train on, or all; see measure_rows
///     untrained   the same before the first step: untrained.layer3.all, ..., without the spectra
const std::vector<Measure>& encoder_measures();

/// A model of Experiment 4 with what is needed to test and to measure it.
class EncoderMeter {
 public:
  /// All arguments must outlive the meter. batch: its memory is used.
  EncoderMeter(const EncoderOptions& options, const EncoderArm& arm, std::uint64_t seed,
               const EncoderData& data, libnorm::Transformer<float>& model, libnorm::Batch& batch)
      : options_(options), arm_(arm), seed_(seed), data_(data), model_(model), batch_(batch) {}

  /// Whether the model classifies each text of the test set correctly. Throws: Interrupted.
  std::vector<bool> held_out_correct();

  /// Descending singular values of every block's output over one shuffled batch: the variants of
  /// block 1, of block 2, ...
  std::vector<double> spectra();

  /// `rows` under a name, into a result.
  void add_rows(const std::string& name, RunResult& result);

  /// `untrained`, into a result.
  void add_untrained(RunResult& result);

  /// Lays out texts of a corpus as the arm takes them.
  void lay_out(const libnorm::Corpus& corpus, std::span<const std::int32_t> which);

 private:
  libnorm::Padding padding() const;
  void draw_probe();

  const EncoderOptions& options_;
  const EncoderArm& arm_;
  std::uint64_t seed_;
  const EncoderData& data_;
  libnorm::Transformer<float>& model_;
  libnorm::Batch& batch_;
};

/// Calls `use` with each spectrum of spectra(), and its name in a result: `layer3.no_padding`.
void for_each_spectrum(
    const EncoderOptions& options, std::span<const double> spectra,
    const std::function<void(const std::string& name, std::span<const double> values)>& use);

/// Calls `use` with the metrics of one spectrum: `effective_rank`.
void for_each_metric(std::span<const double> spectrum,
                     const std::function<void(std::string_view name, double value)>& use);

/// Moves `count` items drawn without replacement to the front.
void shuffle_front(std::vector<std::int32_t>& items, Index count, const libnorm::Random& random);

/// Whether the largest logit of row b, the first if there are several, is that of its target.
bool is_correct(const libnorm::MatrixView<const float>& logits, Index b,
                const std::vector<std::int32_t>& targets);

/// Measures the trained model into a result: every measure in `which`, in place of what the result
/// had.
/// Throws: ValueError for an unknown measure, or one of the course of training; Interrupted.
void measure_encoder(const EncoderOptions& options, const std::vector<std::string>& which,
                     EncoderMeter& meter, RunResult& result);

}  // namespace harness
