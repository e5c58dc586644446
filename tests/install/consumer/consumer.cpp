// What a stranger's program does with the installed library: train a small model.

#include <cstdio>

#include "libnorm/core/launch.hpp"
#include "libnorm/data/associative_recall.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"

namespace {

/// Mean loss of a few hundred steps ago and of the last ones, or a code for what went wrong.
int train() {
  libnorm::AssociativeRecall task;
  task.entities = 4;
  task.attributes = 4;
  task.rank = 6;
  task.batch = 32;

  libnorm::TransformerOptions options;
  options.vocabulary = options.outputs = task.vocabulary();
  options.channels = 16;
  options.hidden = 32;
  options.normalization.norm = libnorm::find_norm("layernorm").norm;
  libnorm::Transformer<float> model(options);
  model.initialize(0);

  libnorm::AdamOptions rate;
  rate.learning_rate = 1e-2;
  libnorm::Adam<float> adam(model.size(), rate);
  libnorm::Batch batch;
  double first = 0, last = 0;
  constexpr unsigned kSteps = 40;
  for (unsigned step = 0; step < kSteps; ++step) {
    task.draw(0, libnorm::Purpose::training_batch, step, libnorm::Path::shortcut, batch);
    last = model.loss_and_gradient(batch);
    if (step == 0) first = last;
    adam.step(model.weights_data(), model.gradient_data());
  }
  std::printf("loss %.4f, after %u steps %.4f\n", first, kSteps, last);
  // 18 ids: a model that knows nothing has a loss near log 18 = 2.9.
  return first > 2.0 && last < 0.5 * first ? 0 : 1;
}

}  // namespace

int main() {
  int code = 1;
  libnorm::with_threads(2, [&] { code = train(); });
  try {
    libnorm::find_norm("no such norm");
    return 1;
  } catch (const libnorm::ValueError&) {
    return code;
  }
}
