#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/spectral_density.hpp"
#include "libnorm/metrics/landscape/trace.hpp"
#include "libnorm/python/landscape.hpp"
#include "libnorm/python/objective.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {

std::vector<IndexRange> ranges_of(const Ranges& ranges) {
  std::vector<IndexRange> result;
  for (const auto& [first, count] : ranges) result.push_back({first, count});
  return result;
}

std::vector<double> weights_for(const char* where, const AnyObjective& objective, nb::handle w) {
  std::vector<double> numbers = doubles_of(where, w);
  if (Index(numbers.size()) != objective.view().dimension()) {
    throw ShapeError(std::string(where) + ": w has another size (" +
                     std::to_string(numbers.size()) + "); need " +
                     std::to_string(objective.view().dimension()));
  }
  return numbers;
}

namespace {

LinearOperator operator_of(const AnyObjective& objective, std::span<const double> w,
                           const std::string& matrix, const std::optional<Ranges>& ranges) {
  if (matrix != "hessian" && matrix != "gauss_newton") {
    throw ValueError("matrix: unknown word (" + matrix + "); use hessian or gauss_newton");
  }
  LinearOperator whole =
      matrix == "hessian" ? hessian(objective.view(), w) : gauss_newton(objective.view(), w);
  return ranges ? principal_block(whole, ranges_of(*ranges)) : whole;
}

End end_of(const std::string& text) {
  for (const End end : {End::largest, End::smallest, End::largest_magnitude}) {
    if (text == end_name(end)) return end;
  }
  throw ValueError("end: unknown word (" + text + "); use largest, smallest or largest_magnitude");
}

Eigenvalues eigenvalues(nb::handle objective, nb::handle w, const std::string& end, Index count,
                        double tolerance, Index basis, Index products, std::uint64_t seed,
                        bool vectors, const std::string& matrix,
                        const std::optional<Ranges>& ranges) {
  const AnyObjective any(objective);
  const std::vector<double> weights = weights_for("eigenvalues", any, w);
  nb::gil_scoped_release release;
  return extreme_eigenvalues(operator_of(any, weights, matrix, ranges), end_of(end),
                             {count, tolerance, basis, products, seed,
                              vectors ? Eigenvectors::kept : Eigenvectors::dropped});
}

TraceEstimate trace(nb::handle objective, nb::handle w, const std::string& method, Index products,
                    std::uint64_t seed, const std::string& matrix,
                    const std::optional<Ranges>& ranges) {
  if (method != "hutchinson" && method != "hutch_plus_plus") {
    throw ValueError("method: unknown word (" + method + "); use hutchinson or hutch_plus_plus");
  }
  const AnyObjective any(objective);
  const std::vector<double> weights = weights_for("trace", any, w);
  nb::gil_scoped_release release;
  const LinearOperator a = operator_of(any, weights, matrix, ranges);
  return method == "hutchinson" ? hutchinson_trace(a, {products, seed})
                                : hutch_plus_plus_trace(a, {products, seed});
}

SpectralDensity density(nb::handle objective, nb::handle w, Index probes, Index steps,
                        std::uint64_t seed, const std::string& matrix,
                        const std::optional<Ranges>& ranges) {
  const AnyObjective any(objective);
  const std::vector<double> weights = weights_for("spectral_density", any, w);
  nb::gil_scoped_release release;
  return libnorm::spectral_density(operator_of(any, weights, matrix, ranges),
                                   {probes, steps, seed});
}

void bind_eigenvalues(nb::module_& m) {
  nb::class_<Eigenvalues> result(m, "Eigenvalues",
                                 "Eigenvalues from one end of the spectrum, with residuals.");
  add_values(result, [](const Eigenvalues& e) {
    return std::string(end_name(e.end)) + " eigenvalues of the " + e.of + " [" +
           std::to_string(e.dimension) + ", " + std::to_string(e.dimension) + "]" +
           (e.converged ? "" : ", NOT converged");
  });
  result.def_ro("of", &Eigenvalues::of, "The operator's name, which says how products are made.");
  result.def_prop_ro(
      "end", [](const Eigenvalues& e) { return end_name(e.end); }, "The end that was asked for.");
  result.def_ro("dimension", &Eigenvalues::dimension, "n of the matrix [n, n].");
  result.def_prop_ro(
      "values", [](nb::pointer_and_handle<Eigenvalues> e) { return shown_array(e.p->values, e.h); },
      "From the end inwards.");
  result.def_prop_ro(
      "residuals",
      [](nb::pointer_and_handle<Eigenvalues> e) { return shown_array(e.p->residuals, e.h); },
      "||A v - l v||, ||v|| = 1: an eigenvalue is within this distance of l.");
  result.def_prop_ro(
      "vectors",
      [](nb::pointer_and_handle<Eigenvalues> e) {
        const std::size_t rows = e.p->vectors.empty() ? 0 : e.p->values.size();
        return shown_array(e.p->vectors.data(), {rows, std::size_t(e.p->dimension)}, e.h);
      },
      "[count, n], v of values[i] at row i; no rows unless asked for.");
  result.def_ro("norm", &Eigenvalues::norm, "The largest ||A x|| and |l| seen.");
  result.def_ro("products", &Eigenvalues::products, "Products with A.");
  result.def_ro("restarts", &Eigenvalues::restarts, "Restarts.");
  result.def_ro("converged", &Eigenvalues::converged,
                "Whether every residual is at most tolerance times norm.");
}

void bind_trace(nb::module_& m) {
  nb::class_<TraceEstimate> result(m, "Trace", "A trace and its standard error.");
  add_values(result, [](const TraceEstimate& t) {
    return "trace of the " + t.of + " by " + std::string(trace_method_name(t.method));
  });
  result.def_ro("of", &TraceEstimate::of, "The operator's name.");
  result.def_prop_ro(
      "method", [](const TraceEstimate& t) { return trace_method_name(t.method); },
      "`hutchinson`, `hutch_plus_plus`, or `exact` where the products suffice.");
  result.def_ro("value", &TraceEstimate::value, "tr A, or its estimate.");
  result.def_ro("standard_error", &TraceEstimate::standard_error, "0 if exact.");
  result.def_ro("probes", &TraceEstimate::probes, "Random vectors.");
  result.def_ro("products", &TraceEstimate::products, "Products with A.");
}

void bind_density(nb::module_& m) {
  nb::class_<DensityCurve>(m, "DensityCurve", "A density along a line of eigenvalues.")
      .def_prop_ro(
          "at", [](nb::pointer_and_handle<DensityCurve> c) { return shown_array(c.p->at, c.h); },
          "t")
      .def_prop_ro(
          "density",
          [](nb::pointer_and_handle<DensityCurve> c) { return shown_array(c.p->density, c.h); },
          "Per unit of t; its integral is 1.")
      .def_prop_ro(
          "standard_error",
          [](nb::pointer_and_handle<DensityCurve> c) {
            return shown_array(c.p->standard_error, c.h);
          },
          "Over the probes.")
      .def_ro("width", &DensityCurve::width, "Of the Gaussians.")
      .def(
          "to_json", [](const DensityCurve& c) { return json_of(c); }, "Its members as JSON.");
  nb::class_<SpectralDensity> result(m, "SpectralDensity",
                                     "The spectrum as a distribution of its eigenvalues.");
  add_values(result, [](const SpectralDensity& d) {
    return "spectral density of the " + d.of + ", " + std::to_string(d.probes.size()) + " probes";
  });
  result.def_ro("products", &SpectralDensity::products, "Products with A.");
  result.def(
      "moment",
      [](const SpectralDensity& d, Index order) {
        const MeanEstimate estimate = moment(d, order);
        return std::pair(estimate.value, estimate.standard_error);
      },
      nb::arg("order"), "tr A^order / n and its standard error.");
  result.def(
      "curve",
      [](const SpectralDensity& d, Index points, std::optional<double> width) {
        const double w = width ? *width : default_width(d);
        return density_curve(d, density_grid(d, points, w), w);
      },
      nb::arg("points") = 400, nb::arg("width") = nb::none(),
      "Each node as a Gaussian; width: a hundredth of the range if None.");
}

}  // namespace

void bind_landscape(nb::module_& m) {
  bind_eigenvalues(m);
  bind_trace(m);
  bind_density(m);
  bind_sharpness(m);
  bind_slices(m);
  const char* common =
      "objective: libnorm.Objective, Curvature, or any object with dimension, loss(w) and "
      "gradient(w); products with\nthe Hessian are its hessian_vector_product(w, v), or "
      "differences "
      "of gradients if it has none. w [n], float64.\nmatrix: hessian or gauss_newton. ranges: "
      "(first, count) of the weights whose block is taken.";
  m.def("eigenvalues", &eigenvalues, nb::arg("objective").none(), nb::arg("w").none(),
        nb::arg("end") = "largest", nb::arg("count") = 1, nb::arg("tolerance") = 1e-8,
        nb::arg("basis") = 0, nb::arg("products") = 1000, nb::arg("seed") = 0,
        nb::arg("vectors") = false, nb::arg("matrix") = "hessian", nb::arg("ranges") = nb::none(),
        (std::string("Eigenvalues from one end (largest, smallest or largest_magnitude) by Lanczos "
                     "with full reorthogonalization and\nthick restarts. ") +
         common + " Source: Wu, Simon 2000.")
            .c_str());
  m.def("trace", &trace, nb::arg("objective").none(), nb::arg("w").none(),
        nb::arg("method") = "hutchinson", nb::arg("products") = 99, nb::arg("seed") = 0,
        nb::arg("matrix") = "hessian", nb::arg("ranges") = nb::none(),
        (std::string("The trace with its standard error; exact if `products` suffice.\n") + common +
         " Source: Hutchinson 1990; Meyer et al. 2021.")
            .c_str());
  m.def("spectral_density", &density, nb::arg("objective").none(), nb::arg("w").none(),
        nb::arg("probes") = 10, nb::arg("steps") = 80, nb::arg("seed") = 0,
        nb::arg("matrix") = "hessian", nb::arg("ranges") = nb::none(),
        (std::string("The density of eigenvalues by stochastic Lanczos quadrature.\n") + common +
         " Source: Ghorbani, Krishnan, Xiao 2019.")
            .c_str());
}

}  // namespace libnorm::python
