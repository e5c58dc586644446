// What does this norm do? Trains a small transformer with LayerNorm, with norms put together from
// the library's parts, and with a stabilizer of one's own: a norm is a stabilizer, which has no
// parameters, and then an affine part, which is learned.

#include <cstdint>
#include <cstdio>

#include "libnorm/data/associative_recall.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/models/transformer.hpp"
#include "libnorm/optim/adam.hpp"

namespace {

using namespace libnorm;

template <class T>
T size_of(const T& x) {
  return x < T(0) ? -x : x;
}

/// z = x / max |x|: onto a cube where others put rows onto a sphere.
struct Cube {
  template <class T>
  T forward(Pointer<T> x, Index channels) const {
    T largest(0);
    for (Index c = 0; c < channels; ++c) {
      const T size = size_of(T(x[c]));
      if (largest < size) largest = size;
    }
    const T scale = T(1) / largest;
    for (Index c = 0; c < channels; ++c) x[c] = T(x[c]) * scale;
    return scale;
  }

  /// The largest channel takes what all of them lose when it grows.
  template <class T>
  void backward(Pointer<const T> z, T scale, Pointer<T> g, Index channels) const {
    T along(0);
    Index largest = 0;
    for (Index c = 0; c < channels; ++c) {
      along = along + T(z[c]) * T(g[c]);
      if (size_of(T(z[largest])) < size_of(T(z[c]))) largest = c;
    }
    const T lost = T(z[largest]) < T(0) ? -along : along;
    g[largest] = T(g[largest]) - lost;
    for (Index c = 0; c < channels; ++c) g[c] = T(g[c]) * scale;
  }
};

void train(const char* name, const Norm& norm) {
  AssociativeRecall task;
  task.entities = task.attributes = 8;
  task.rank = 16;
  task.batch = 32;

  TransformerOptions options;
  options.vocabulary = options.outputs = task.vocabulary();
  options.channels = 32;
  options.hidden = 64;
  options.normalization.norm = norm;
  Transformer<float> model(options);
  model.initialize(/*seed=*/0);
  Adam<float> adam(model.size(), {.learning_rate = 3e-3});

  // Every norm sees the same batches and starts from the same weights, to the bit: what differs in
  // the end is the norm's doing.
  Batch batch;
  double loss = 0;
  for (std::uint32_t step = 0; step < 200; ++step) {
    task.draw(/*seed=*/0, Purpose::training_batch, step, Path::shortcut, batch);
    loss = model.loss_and_gradient(batch);
    adam.step(model.weights_data(), model.gradient_data());
  }

  task.draw(/*seed=*/0, Purpose::probe_batch, 0, Path::dense, batch);
  const auto spectrum = activation_spectrum(model.activations(batch, /*block=*/0), Centring::mean);
  std::printf("%-20s loss %.4f nats, effective rank %.1f of %d\n", name, loss,
              effective_rank(spectrum.singular_values), int(options.channels));
}

}  // namespace

int main() {
  train("layernorm", find_norm("layernorm").norm);
  train("sphere of radius 1", {Sphere{Sphere::Radius::one}, Affine::none});
  train("and an affine part", {Sphere{Sphere::Radius::one}, Affine::gain_and_bias});
  train("a cube of one's own", {custom_rows(Cube{}), Affine::gain_and_bias});
}
