#include "harness/studies/training_options.hpp"

#include "libnorm/models/normalization.hpp"

namespace harness {

libnorm::TransformerOptions model_options(const TrainingOptions& options, std::string_view norm,
                                          Index vocabulary, Index outputs) {
  libnorm::TransformerOptions m;
  m.vocabulary = vocabulary;
  m.outputs = outputs;
  m.channels = options.channels;
  m.hidden = options.hidden;
  m.heads = options.heads;
  m.blocks = options.blocks;
  m.normalization = libnorm::parse_normalization(norm);
  m.initial_std = options.initial_std;
  m.head_multiplier = options.head_multiplier;
  return m;
}

libnorm::AdamOptions adam_options(const TrainingOptions& options, Index steps) {
  return {.learning_rate = options.learning_rate,
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .epsilon = options.epsilon,
          .weight_decay = options.weight_decay,
          .clip_norm = options.clip_norm,
          .schedule = {options.warmup_steps, steps, options.cosine_to}};
}

}  // namespace harness
