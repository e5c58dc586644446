#include "libnorm/metrics/landscape/sharpness.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "libnorm/python/landscape.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

Ball ball_of(std::span<const double> w, double radius, bool adaptive) {
  return adaptive ? adaptive_ball(w, radius) : Ball{radius};
}

WorstCaseSharpness first_order(nb::handle objective, nb::handle w, double radius, bool adaptive) {
  const AnyObjective any(objective);
  const std::vector<double> weights = weights_for("sam_sharpness", any, w);
  nb::gil_scoped_release release;
  return first_order_sharpness(any.view(), weights, ball_of(weights, radius, adaptive));
}

WorstCaseSharpness worst_case(nb::handle objective, nb::handle w, double radius, bool adaptive,
                              Index iterations, double tolerance, Index random_starts,
                              std::uint64_t seed) {
  const AnyObjective any(objective);
  const std::vector<double> weights = weights_for("worst_case_sharpness", any, w);
  nb::gil_scoped_release release;
  return worst_case_sharpness(any.view(), weights, ball_of(weights, radius, adaptive),
                              {iterations, tolerance, random_starts, seed});
}

AverageCaseSharpness average_case(nb::handle objective, nb::handle w, double radius, bool adaptive,
                                  Index pairs, const std::string& region, std::uint64_t seed) {
  if (region != "sphere" && region != "ball") {
    throw ValueError("region: unknown word (" + region + "); use sphere or ball");
  }
  const AnyObjective any(objective);
  const std::vector<double> weights = weights_for("average_case_sharpness", any, w);
  nb::gil_scoped_release release;
  return average_case_sharpness(any.view(), weights, ball_of(weights, radius, adaptive),
                                {pairs, region == "sphere" ? Region::sphere : Region::ball, seed});
}

template <auto kFunction>
ScaledSharpness scaled(nb::handle objective, nb::handle w, const Ranges& ranges, double tolerance,
                       Index products, std::uint64_t seed) {
  const AnyObjective any(objective);
  const std::vector<double> weights = weights_for("scale_invariant_sharpness", any, w);
  LanczosOptions options;
  options.tolerance = tolerance;
  options.products = products;
  options.seed = seed;
  nb::gil_scoped_release release;
  return kFunction(any.view(), weights, ranges_of(ranges), options);
}

void bind_results(nb::module_& m) {
  nb::class_<WorstCaseSharpness> worst(
      m, "WorstCaseSharpness", "How much a loss can increase within a ball; a lower bound.");
  add_values(worst, [](const WorstCaseSharpness& s) {
    return "worst-case sharpness, radius " + json_number(s.radius);
  });
  worst.def_ro("value", &WorstCaseSharpness::value, "L(w + d) - L(w)");
  worst.def_ro("loss", &WorstCaseSharpness::loss, "L(w)");
  worst.def_ro("gap", &WorstCaseSharpness::gap, "0 where d is stationary.");
  worst.def_ro("converged", &WorstCaseSharpness::converged, "Whether the gap is small.");
  worst.def_prop_ro(
      "displacement",
      [](nb::pointer_and_handle<WorstCaseSharpness> s) {
        return shown_array(s.p->displacement, s.h);
      },
      "d [n], the point found.");
  nb::class_<AverageCaseSharpness> average(m, "AverageCaseSharpness",
                                           "The mean increase of a loss over displacements.");
  add_values(average, [](const AverageCaseSharpness& s) {
    return "average-case sharpness, radius " + json_number(s.radius);
  });
  average.def_ro("value", &AverageCaseSharpness::value, "The mean.");
  average.def_ro("standard_error", &AverageCaseSharpness::standard_error, "Over the pairs.");
  average.def_ro("loss", &AverageCaseSharpness::loss, "L(w)");
  nb::class_<ScaledSharpness> result(m, "ScaledSharpness",
                                     "An eigenvalue scaled by the weights' length.");
  add_values(result, [](const ScaledSharpness&) { return std::string("scaled sharpness"); });
  result.def_ro("value", &ScaledSharpness::value, "The sharpness.");
  result.def_ro("residual", &ScaledSharpness::residual, "Scaled as the value.");
  result.def_ro("weight_length", &ScaledSharpness::weight_length, "||w||");
  result.def_ro("eigenvalues", &ScaledSharpness::eigenvalues, "Unscaled.");
}

}  // namespace

void bind_sharpness(nb::module_& m) {
  bind_results(m);
  m.def(
      "sam_sharpness", &first_order, nb::arg("objective").none(), nb::arg("w").none(),
      nb::arg("radius"), nb::arg("adaptive") = false,
      "L(w + d) - L(w) after SAM's single step, d = radius g / ||g||; adaptive: the ball of ASAM, "
      "|w_i| + 0.01.\nSource: Foret et al. 2021; Kwon et al. 2021.");
  m.def("worst_case_sharpness", &worst_case, nb::arg("objective").none(), nb::arg("w").none(),
        nb::arg("radius"), nb::arg("adaptive") = false, nb::arg("iterations") = 100,
        nb::arg("tolerance") = 1e-6, nb::arg("random_starts") = 0, nb::arg("seed") = 0,
        "The same by gradient ascent, at least that of one step.");
  m.def("average_case_sharpness", &average_case, nb::arg("objective").none(), nb::arg("w").none(),
        nb::arg("radius"), nb::arg("adaptive") = false, nb::arg("pairs") = 100,
        nb::arg("region") = "sphere", nb::arg("seed") = 0,
        "Mean increase over random displacements of the sphere or ball, each with its opposite.");
  m.def("scale_invariant_sharpness", &scaled<&scale_invariant_sharpness>,
        nb::arg("objective").none(), nb::arg("w").none(), nb::arg("ranges"),
        nb::arg("tolerance") = 1e-8, nb::arg("products") = 1000, nb::arg("seed") = 0,
        "lambda_max ||w_b||^2 over the weights at the ranges (first, count).");
  m.def("spherical_sharpness", &scaled<&spherical_sharpness>, nb::arg("objective").none(),
        nb::arg("w").none(), nb::arg("ranges"), nb::arg("tolerance") = 1e-8,
        nb::arg("products") = 1000, nb::arg("seed") = 0,
        "lambda_max of the Hessian on the unit sphere's tangent space. Source: Lyu, Li, Arora "
        "2022.");
}

}  // namespace libnorm::python
