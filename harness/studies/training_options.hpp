#pragma once

#include <string_view>

#include "libnorm/data/batch.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/optim/adam.hpp"

namespace harness {

using libnorm::Index;

/// What the options of every study have: the model, Adam, and how products are computed. Those with
/// a comment are not the paper's, and off by default.
struct TrainingOptions {
  Index batch = 128;
  Index channels = 128;
  Index hidden = 512;
  Index heads = 1;
  Index blocks = 1;
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  /// See TransformerOptions.
  /// @{
  double initial_std = 0;
  double head_multiplier = 1;
  /// @}
  /// See AdamOptions and RateSchedule; cosine_to is the latter's final_share.
  /// @{
  double weight_decay = 0;
  double clip_norm = 0;
  Index warmup_steps = 0;
  double cosine_to = 1;
  /// @}
  libnorm::Path path = libnorm::Path::shortcut;
  libnorm::Gemm gemm = libnorm::Gemm::exact;

  bool operator==(const TrainingOptions&) const = default;
};

libnorm::TransformerOptions model_options(const TrainingOptions& options, std::string_view norm,
                                          Index vocabulary, Index outputs);
/// steps: of the whole run.
libnorm::AdamOptions adam_options(const TrainingOptions& options, Index steps);

}  // namespace harness
