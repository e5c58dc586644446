#include "libnorm/python/models.hpp"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <string>
#include <vector>

#include "libnorm/data/associative_recall.hpp"
#include "libnorm/models/weights_file.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

/// An array of a view that f(model) returns and that is valid only until the next pass: a copy,
/// made without the GIL.
template <class T, class F>
nb::ndarray<nb::numpy, T> copied(SharedModel<T>& model, F f) {
  std::vector<T> numbers;
  std::size_t rows = 0, cols = 0;
  {
    nb::gil_scoped_release release;
    model.use([&](Transformer<T>& own) {
      const MatrixView<const T> view = f(own);
      rows = std::size_t(view.rows);
      cols = std::size_t(view.cols);
      numbers.reserve(rows * cols);
      for (Index r = 0; r < view.rows; ++r) {
        numbers.insert(numbers.end(), view.row(r), view.row(r) + view.cols);
      }
    });
  }
  return owned_array(std::move(numbers), {rows, cols});
}

Batch make_batch(nb::handle ids, nb::handle targets, Index vocabulary, Index position, bool dense) {
  const auto array = array_of("Batch", ids);
  if (array.ndim() != 2) {
    throw ShapeError("Batch: ids are not sequences (" + python::text_of(array) +
                     "); need [sequences, positions]");
  }
  const Index length = Index(array.shape(1)), sequences = Index(array.shape(0));
  const auto narrow = [](const std::vector<std::int64_t>& wide) {
    std::vector<std::int32_t> numbers;
    for (const std::int64_t number : wide) {
      if (number != std::int64_t(std::int32_t(number))) {
        throw ValueError("Batch: an id beyond 32 bits (" + std::to_string(number) +
                         "); need 0 .. vocabulary - 1");
      }
      numbers.push_back(std::int32_t(number));
    }
    return numbers;
  };
  std::vector<std::int32_t> labels;
  if (!targets.is_none()) labels = narrow(integers_of("Batch", targets, sequences));
  Batch batch;
  batch.assign(narrow(integers_of("Batch", ids)), sequences, length,
               position < 0 ? length + position : position, labels, vocabulary,
               dense ? Path::dense : Path::shortcut);
  return batch;
}

void bind_data(nb::module_& m) {
  nb::class_<Batch>(m, "Batch", "Sequences of token ids, laid out for a model without positions.")
      .def(
          "__init__",
          [](Batch* self, nb::handle ids, nb::handle targets, Index vocabulary, Index position,
             bool dense) {
            new (self) Batch(make_batch(ids, targets, vocabulary, position, dense));
          },
          nb::arg("ids"), nb::arg("targets").none(), nb::arg("vocabulary"),
          nb::arg("prediction_position") = -1, nb::arg("dense") = false,
          nb::sig("def __init__(self, ids: typing.Any, targets: typing.Any | None, vocabulary: "
                  "int, prediction_position: int = -1, dense: bool = False) -> None"),
          "ids [B, T] and targets [B] of integers. dense: a row for each position; else one for "
          "each distinct token of a\nsequence, which gives the same results. Raises: ShapeError, "
          "ValueError for an id outside 0 .. vocabulary-1.")
      .def_ro("sequences", &Batch::sequences, "B")
      .def_prop_ro("rows", &Batch::rows, "R, the rows of activations.")
      .def_prop_ro(
          "ids",
          [](nb::pointer_and_handle<Batch> b) {
            return shown_array(b.p->ids.data(), {b.p->ids.size()}, b.h);
          },
          "[R], the token of each row.")
      .def_prop_ro(
          "counts",
          [](nb::pointer_and_handle<Batch> b) {
            return shown_array(b.p->counts.data(), {b.p->counts.size()}, b.h);
          },
          "[R], how many positions each row stands for: weights for spectrum().");
  nb::class_<AssociativeRecall>(m, "AssociativeRecall", "The task of Experiments 1 to 3.")
      .def(
          "__init__",
          [](AssociativeRecall* self, Index entities, Index attributes, Index rank, Index batch) {
            const AssociativeRecall task{entities, attributes, rank, batch};
            task.check();
            new (self) AssociativeRecall(task);
          },
          nb::arg("entities") = 20, nb::arg("attributes") = 20, nb::arg("rank") = 40,
          nb::arg("batch") = 128)
      .def_prop_ro("vocabulary", &AssociativeRecall::vocabulary, "V")
      .def(
          "draw",
          [](const AssociativeRecall& task, std::uint64_t seed, std::uint32_t index, bool probe,
             bool dense) {
            Batch batch;
            task.draw(seed, probe ? Purpose::probe_batch : Purpose::training_batch, index,
                      dense ? Path::dense : Path::shortcut, batch);
            return batch;
          },
          nb::arg("seed"), nb::arg("index"), nb::arg("probe") = false, nb::arg("dense") = false,
          "Batch number `index` of a seed; probe: of those that are not trained on.");
}

template <class T>
nb::dict named(const ParameterList& list, T* numbers, nb::handle owner) {
  nb::dict all;
  for (const Parameter& p : list.all()) {
    const std::size_t shape[] = {std::size_t(p.rows), std::size_t(p.cols)};
    const bool vector = p.rows == 1;
    all[p.name.c_str()] = nb::ndarray<nb::numpy, T>(numbers + p.offset, vector ? 1 : 2,
                                                    vector ? shape + 1 : shape, owner);
  }
  return all;
}

template <class T>
using Held = nb::pointer_and_handle<SharedModel<T>>;

template <class T>
void add_arrays(nb::class_<SharedModel<T>>& model) {
  model.def_prop_ro(
      "weights",
      [](Held<T> m) {
        auto& weights = m.p->own().weights();
        return nb::ndarray<nb::numpy, T>(weights.data(), {weights.size()}, m.h);
      },
      "[n], in place: what is written to it changes the model.");
  model.def_prop_ro(
      "gradient",
      [](Held<T> m) {
        const auto& gradient = m.p->own().gradient();
        return shown_array(gradient.data(), {gradient.size()}, m.h);
      },
      "[n], of the last loss_and_gradient.");
  model.def_prop_ro(
      "state",
      [](Held<T> m) {
        nb::dict all = named(m.p->own().parameters(), m.p->own().weights().data(), m.h);
        nb::dict running = named(m.p->own().running(), m.p->own().running_values().data(), m.h);
        all.update(running);
        return all;
      },
      nb::sig("def state(self) -> dict[str, numpy.typing.NDArray]"),
      "Weights and running statistics by PyTorch's names, in place.");
  model.def_prop_ro(
      "shapes",
      [](SharedModel<T>& m) {
        nb::list all;
        for (const Parameter& p : m.own().parameters().all()) {
          all.append(nb::make_tuple(
              p.name, p.rows == 1 ? nb::make_tuple(p.cols) : nb::make_tuple(p.rows, p.cols)));
        }
        return all;
      },
      nb::sig("def shapes(self) -> list[tuple[str, tuple[int, ...]]]"),
      "(name, shape) of each tensor in the order of weights, for direction().");
}

using Release = nb::call_guard<nb::gil_scoped_release>;

template <class T>
void add_passes(nb::class_<SharedModel<T>>& model) {
  using Model = SharedModel<T>;
  model.def(
      "loss_and_gradient",
      [](Model& own, const Batch& batch) {
        return own.use([&](auto& t) { return t.loss_and_gradient(batch); });
      },
      nb::arg("batch"), Release(), "Mean cross-entropy in nats, in training; sets gradient.");
  model.def(
      "loss",
      [](Model& own, const Batch& batch) {
        return own.use([&](auto& t) { return t.loss(batch); });
      },
      nb::arg("batch"), Release(), "Mean cross-entropy in nats, in evaluation.");
  model.def(
      "logits",
      [](Model& own, const Batch& batch) {
        return copied(own, [&](auto& t) { return t.logits(batch); });
      },
      nb::arg("batch"), "[B, outputs], in evaluation.");
  model.def(
      "activations",
      [](Model& own, const Batch& batch, Index block) {
        return copied(own, [&](auto& t) { return t.activations(batch, block); });
      },
      nb::arg("batch"), nb::arg("block"),
      "[R, C] of a block, in evaluation; weights: batch.counts.");
}

template <class T>
void add_files(nb::class_<SharedModel<T>>& model) {
  using Model = SharedModel<T>;
  model.def(
      "save",
      [](Model& own, const std::filesystem::path& path) {
        own.use([&](auto& t) { save_weights(t, path); });
      },
      nb::arg("path"), Release(), "Writes a safetensors file under PyTorch's names.");
  model.def(
      "load",
      [](Model& own, const std::filesystem::path& path) {
        own.use([&](auto& t) { load_weights(t, path); });
      },
      nb::arg("path"), Release(), "Reads one. Raises: DataError unless names and shapes fit.");
}

template <class T>
void bind_model(nb::module_& m, const char* name) {
  using Model = SharedModel<T>;
  nb::class_<Model> model(m, name,
                          "A transformer without positions, mask or dropout, with any norms: the "
                          "paper's model. Threads that share\none take turns.");
  model.def(
      "__init__",
      [](Model* self, const std::string& normalization, Index vocabulary, Index channels,
         Index hidden, Index heads, Index blocks, Index outputs, std::uint64_t seed,
         double initial_std, double head_multiplier) {
        TransformerOptions options{vocabulary,
                                   channels,
                                   hidden,
                                   heads,
                                   blocks,
                                   outputs,
                                   parse_normalization(normalization),
                                   initial_std,
                                   head_multiplier};
        options.check();
        new (self) Model(options);
        self->own().initialize(seed);
      },
      nb::arg("normalization") = "layernorm", nb::arg("vocabulary") = 402,
      nb::arg("channels") = 128, nb::arg("hidden") = 512, nb::arg("heads") = 1,
      nb::arg("blocks") = 1, nb::arg("outputs") = 402, nb::arg("seed") = 0,
      nb::arg("initial_std") = 0.0, nb::arg("head_multiplier") = 1.0,
      "normalization: a norm and its place, such as `rms+gain@pre`. initial_std: of all matrices;\n"
      "0: as PyTorch draws them. Raises: ValueError for an unknown word or sizes that do not fit.");
  add_arrays(model);
  add_passes(model);
  add_files(model);
}

template <class T>
void bind_adam(nb::module_& m, const char* name) {
  using Model = SharedModel<T>;
  nb::class_<ModelAdam<T>>(m, name,
                           "Adam (Kingma, Ba 2015) as PyTorch defines it; with weight_decay,\n"
                           "AdamW, and matrices decay. clip_norm: the longest gradient; 0: any.\n"
                           "The rate rises over warmup_steps, and falls as a cosine to the share\n"
                           "final_share of it at step `steps`.")
      .def(
          "__init__",
          [](ModelAdam<T>* self, Model& own, double rate, double beta1, double beta2,
             double epsilon, double weight_decay, double clip_norm, Index warmup_steps, Index steps,
             double final_share) {
            const AdamOptions options{rate,
                                      beta1,
                                      beta2,
                                      epsilon,
                                      weight_decay,
                                      clip_norm,
                                      {warmup_steps, steps, final_share}};
            options.check<T>();
            new (self) ModelAdam<T>{
                &own, Adam<T>(own.own().size(), options, own.own().parameters().in_matrices())};
          },
          nb::arg("model"), nb::arg("learning_rate") = 1e-4, nb::arg("beta1") = 0.9,
          nb::arg("beta2") = 0.999, nb::arg("epsilon") = 1e-8, nb::arg("weight_decay") = 0.0,
          nb::arg("clip_norm") = 0.0, nb::arg("warmup_steps") = 0, nb::arg("steps") = 0,
          nb::arg("final_share") = 1.0, nb::keep_alive<1, 2>())
      .def(
          "step",
          [](ModelAdam<T>& adam) {
            adam.model->use([&](auto& t) { adam.adam.step(t.weights_data(), t.gradient_data()); });
          },
          Release(), "One step along the model's gradient.");
}

}  // namespace

void bind_models(nb::module_& m) {
  bind_data(m);
  bind_model<float>(m, "Transformer");
  bind_adam<float>(m, "Adam");
  bind_model<double>(m, "TransformerFloat64");
  bind_adam<double>(m, "AdamFloat64");
}

}  // namespace libnorm::python
