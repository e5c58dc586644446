#include "libnorm/python/curvature.hpp"

#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "libnorm/python/models.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

using Numbers = nb::ndarray<nb::numpy, double>;

/// Calls f(w, out) without the GIL, `out` as large as the curvature.
template <class F>
Numbers computed(const SharedCurvature& c, const char* where, nb::handle w, F f) {
  const std::vector<double> weights = doubles_of(where, w);
  std::vector<double> out(std::size_t(c.dimension()));
  {
    nb::gil_scoped_release release;
    f(std::span<const double>(weights), std::span<double>(out));
  }
  return owned_array(std::move(out));
}

template <class T>
void add_constructor(nb::class_<SharedCurvature>& curvature) {
  curvature.def(
      "__init__",
      [](SharedCurvature* self, SharedModel<T>& model, const Batch& batch,
         const std::vector<std::string>& tensors) {
        nb::gil_scoped_release release;
        model.use([&](const Transformer<T>& m) {
          new (self) SharedCurvature(Curvature(m, batch, tensors));
        });
      },
      nb::arg("model"), nb::arg("batch"), nb::arg("tensors") = std::vector<std::string>{});
}

}  // namespace

void bind_curvature(nb::module_& m) {
  nb::class_<SharedCurvature> curvature(
      m, "Curvature",
      "The mean loss of a model over one batch, in training, as a function of its weights: loss, "
      "gradient and exact\nproducts with the Hessian and the Gauss-Newton matrix, in double, at "
      "the "
      "model's weights when it was made.\ntensors: names of the parameters that w holds; all if "
      "empty. It is an objective for eigenvalues() and the like.\nSource: Pearlmutter 1994; "
      "Schraudolph 2002.");
  add_constructor<float>(curvature);
  add_constructor<double>(curvature);
  curvature.def_prop_ro("dimension", &SharedCurvature::dimension, "n");
  curvature.def_prop_ro(
      "weights",
      [](nb::pointer_and_handle<SharedCurvature> c) { return shown_array(c.p->weights(), c.h); },
      "[n], the chosen weights.");
  curvature.def(
      "loss",
      [](SharedCurvature& c, nb::handle w) {
        const std::vector<double> weights = doubles_of("Curvature.loss", w);
        nb::gil_scoped_release release;
        return c.loss(weights);
      },
      nb::arg("w").none(), "In nats.");
  curvature.def(
      "gradient",
      [](SharedCurvature& c, nb::handle w) {
        return computed(c, "Curvature.gradient", w,
                        [&](auto weights, auto out) { c.gradient(weights, out); });
      },
      nb::arg("w").none(), "g [n]");
  curvature.def(
      "hessian_vector_product",
      [](SharedCurvature& c, nb::handle w, nb::handle v) {
        const std::vector<double> along = doubles_of("Curvature.hessian_vector_product", v);
        return computed(c, "Curvature.hessian_vector_product", w, [&](auto weights, auto out) {
          c.hessian_vector_product(weights, along, out);
        });
      },
      nb::arg("w").none(), nb::arg("v"), "H(w) v");
  curvature.def(
      "gauss_newton_product",
      [](SharedCurvature& c, nb::handle w, nb::handle v) {
        const std::vector<double> along = doubles_of("Curvature.gauss_newton_product", v);
        return computed(c, "Curvature.gauss_newton_product", w, [&](auto weights, auto out) {
          c.gauss_newton_product(weights, along, out);
        });
      },
      nb::arg("w").none(), nb::arg("v"), "J^T B J v");
}

}  // namespace libnorm::python
