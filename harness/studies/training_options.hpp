#pragma once

#include <string_view>

#include "libnorm/data/batch.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/ops/gemm.hpp"
#include "libnorm/optim/adam.hpp"

namespace harness {

using libnorm::Index;

/// What the options of every study have: the model, Adam, and how products are computed.
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
  libnorm::Path path = libnorm::Path::shortcut;
  libnorm::Gemm gemm = libnorm::Gemm::exact;

  bool operator==(const TrainingOptions&) const = default;
};

libnorm::TransformerOptions model_options(const TrainingOptions& options, std::string_view norm,
                                          Index vocabulary, Index outputs);
libnorm::AdamOptions adam_options(const TrainingOptions& options);

}  // namespace harness
