#pragma once

#include <string_view>
#include <vector>

#include "libnorm/data/associative_recall.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"
#include "tests/support/everywhere.hpp"
#include "tests/support/models.hpp"

namespace libnorm::test {

/// The task of the experiments, smaller, with enough rows for several tasks of every launch.
inline const AssociativeRecall kTask{6, 10, 12, 40};

/// Whether everything that is off by default is on: another initial scale, a multiplied head,
/// weight decay, clipping, warm-up and a cosine.
enum class Recipe { plain, full };

template <class T>
Transformer<T> task_model(std::string_view norm, Depth depth, const AssociativeRecall& task = kTask,
                          Recipe recipe = Recipe::plain) {
  TransformerOptions options;
  options.vocabulary = task.vocabulary();
  options.outputs = task.outputs();
  if (recipe == Recipe::full) {
    options.initial_std = 0.1;
    options.head_multiplier = 3;
  }
  options.channels = 40;
  options.hidden = 131;
  options.heads = depth.heads;
  options.blocks = depth.blocks;
  options.normalization = parse_normalization(norm);
  Transformer<T> model(options);
  model.initialize(5);
  return model;
}

/// Losses, weights and running statistics of three steps, then the logits in evaluation.
template <class T>
std::vector<T> train(std::string_view norm, Depth depth, Path path,
                     const AssociativeRecall& task = kTask, Recipe recipe = Recipe::plain) {
  Transformer<T> model = task_model<T>(norm, depth, task, recipe);
  AdamOptions options;
  options.learning_rate = 1e-2;
  if (recipe == Recipe::full) {
    options.weight_decay = 0.3;
    options.clip_norm = 0.25;
    options.schedule = {2, 5, 0.1};
  }
  Adam<T> adam(model.size(), options, model.parameters().in_matrices());
  Batch batch;
  std::vector<T> all;
  for (std::uint32_t step = 0; step < 3; ++step) {
    task.draw(1, Purpose::training_batch, step, path, batch);
    all.push_back(T(model.loss_and_gradient(batch)));
    adam.step(model.weights_data(), model.gradient_data());
  }
  for (const auto& more :
       {model.weights(), model.running_values(), values_of(model.logits(batch))}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace libnorm::test
