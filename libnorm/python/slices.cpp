#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <string>
#include <vector>

#include "libnorm/metrics/landscape/loss_surface.hpp"
#include "libnorm/python/landscape.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

template <class Value>
Value word_of(const char* what, const std::map<std::string, Value>& words,
              const std::string& text) {
  std::string known;
  for (const auto& [word, value] : words) {
    if (word == text) return value;
    known += (known.empty() ? "" : ", ") + word;
  }
  throw ValueError(std::string(what) + ": unknown word (" + text + "); use one of " + known);
}

/// Tensors by their names and shapes; the first axis of two or more is that of the filters.
ParameterList parameters_of(const std::vector<std::pair<std::string, std::vector<Index>>>& shapes) {
  ParameterList list;
  for (const auto& [name, shape] : shapes) {
    Index rows = 1, cols = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      (i == 0 && shape.size() > 1 ? rows : cols) *= shape[i];
    }
    list.add(name, rows, cols, Initial::zero);
  }
  return list;
}

nb::ndarray<nb::numpy, double> direction(
    nb::handle w, const std::vector<std::pair<std::string, std::vector<Index>>>& shapes,
    const std::string& scale, const std::string& vectors, std::uint64_t seed,
    std::uint32_t stream) {
  const auto how = word_of<DirectionScale>("scale",
                                           {{"raw", DirectionScale::raw},
                                            {"unit", DirectionScale::unit},
                                            {"layer", DirectionScale::layer},
                                            {"filter", DirectionScale::filter}},
                                           scale);
  const auto policy = word_of<VectorPolicy>("vectors",
                                            {{"as_drawn", VectorPolicy::as_drawn},
                                             {"zero", VectorPolicy::zero},
                                             {"normalized", VectorPolicy::normalized}},
                                            vectors);
  return owned_array(draw_direction(Random(seed, Purpose::direction, stream), parameters_of(shapes),
                                    doubles_of("direction", w), how, policy));
}

nb::ndarray<nb::numpy, double> orthogonal(nb::handle second, nb::handle first) {
  std::vector<double> turned = doubles_of("orthogonal", second);
  make_orthogonal(turned, doubles_of("orthogonal", first));
  return owned_array(std::move(turned));
}

LossSlice slice(nb::handle objective, nb::handle w, nb::handle along, nb::handle alpha) {
  const AnyObjective any(objective);
  const auto weights = weights_for("loss_slice", any, w);
  const auto d = doubles_of("loss_slice", along), at = doubles_of("loss_slice", alpha);
  nb::gil_scoped_release release;
  return loss_line(any.view(), weights, d, at);
}

LossSurface surface(nb::handle objective, nb::handle w, nb::handle first, nb::handle second,
                    nb::handle alpha, nb::handle beta) {
  const AnyObjective any(objective);
  const auto weights = weights_for("loss_surface", any, w);
  const auto d = doubles_of("loss_surface", first), e = doubles_of("loss_surface", second);
  const auto a = doubles_of("loss_surface", alpha), b = doubles_of("loss_surface", beta);
  nb::gil_scoped_release release;
  return loss_surface(any.view(), weights, d, e, a, b);
}

}  // namespace

void bind_slices(nb::module_& m) {
  nb::class_<LossSlice>(m, "LossSlice", "A loss along a line through weight space.")
      .def_prop_ro(
          "alpha", [](nb::pointer_and_handle<LossSlice> s) { return shown_array(s.p->alpha, s.h); },
          "Positions along the direction.")
      .def_prop_ro(
          "loss", [](nb::pointer_and_handle<LossSlice> s) { return shown_array(s.p->loss, s.h); },
          "The loss at each.")
      .def(
          "to_json", [](const LossSlice& s) { return json_of(s); }, "Its members as JSON.");
  nb::class_<LossSurface>(m, "LossSurface", "A loss over a plane through weight space.")
      .def_prop_ro(
          "alpha",
          [](nb::pointer_and_handle<LossSurface> s) { return shown_array(s.p->alpha, s.h); },
          "Positions along the first direction.")
      .def_prop_ro(
          "beta", [](nb::pointer_and_handle<LossSurface> s) { return shown_array(s.p->beta, s.h); },
          "Positions along the second.")
      .def_prop_ro(
          "loss",
          [](nb::pointer_and_handle<LossSurface> s) {
            return shown_array(s.p->loss.data(), {s.p->alpha.size(), s.p->beta.size()}, s.h);
          },
          "[alpha, beta]")
      .def(
          "to_json", [](const LossSurface& s) { return json_of(s); }, "Its members as JSON.");
  m.def("direction", &direction, nb::arg("w").none(), nb::arg("shapes"),
        nb::arg("scale") = "filter", nb::arg("vectors") = "zero", nb::arg("seed") = 0,
        nb::arg("stream") = 0,
        "A direction [n] drawn N(0, 1) over all weights w [n], then scaled. shapes: (name, shape) "
        "of each tensor in the\norder of w; filters are along the first axis. scale: raw, unit, "
        "layer or filter; vectors (gains and biases):\nas_drawn, zero or normalized. stream: "
        "another number draws another direction. Source: Li et al. 2018.");
  m.def("orthogonal", &orthogonal, nb::arg("second"), nb::arg("first"),
        "`second` made orthogonal to `first`, with its own length.");
  m.def("loss_slice", &slice, nb::arg("objective").none(), nb::arg("w").none(),
        nb::arg("direction"), nb::arg("alpha"), "The loss at w + alpha_i d.");
  m.def("loss_surface", &surface, nb::arg("objective").none(), nb::arg("w").none(),
        nb::arg("first"), nb::arg("second"), nb::arg("alpha"), nb::arg("beta"),
        "The loss at w + alpha_i d + beta_j e.");
}

}  // namespace libnorm::python
