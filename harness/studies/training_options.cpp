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
  return m;
}

libnorm::AdamOptions adam_options(const TrainingOptions& options) {
  return {options.learning_rate, options.beta1, options.beta2, options.epsilon};
}

}  // namespace harness
