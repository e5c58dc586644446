#include <nanobind/stl/vector.h>

#include <string>
#include <type_traits>
#include <vector>

#include "libnorm/metrics/activations/intrinsic_dimension.hpp"
#include "libnorm/metrics/activations/neural_collapse.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

template <class View>
using NumberOf = std::remove_const_t<std::remove_pointer_t<decltype(std::declval<View>().data)>>;

/// The metrics of row_geometry.hpp that one pass over rows gives.
struct Geometry {
  ChannelMoments moments;
  double mean_cosine = 0;
};

std::vector<MetricValue> values_of(const Geometry& geometry) {
  std::vector<MetricValue> values = libnorm::values_of(geometry.moments);
  values.push_back({"mean_cosine", "1", geometry.mean_cosine, "of rows, not centred"});
  return values;
}

Geometry geometry(nb::handle x, nb::handle weights) {
  const Rows rows("geometry", x);
  const auto count = weights_of("geometry", weights, rows.rows());
  nb::gil_scoped_release release;
  Geometry result{ChannelMoments(rows.cols())};
  RowDirections directions(rows.cols());
  rows.in_blocks([&](const auto& block, Index first) {
    const float* its_count = count ? count->data() + first : nullptr;
    result.moments.add(block, its_count);
    directions.add(block, its_count);
  });
  result.mean_cosine = directions.mean_cosine();
  return result;
}

double isotropy(nb::handle x, nb::handle weights) {
  const Rows rows("partition_isotropy", x);
  const auto count = weights_of("partition_isotropy", weights, rows.rows());
  nb::gil_scoped_release release;
  return rows.view([&](const auto& all) { return partition_isotropy(all, data_of(count)); });
}

struct IntrinsicDimension {
  double two_nn = 0, likelihood = 0, likelihood_of_inverses = 0;
  Index rows = 0, neighbours = 0;
};

std::vector<MetricValue> values_of(const IntrinsicDimension& d) {
  const std::string k = "of " + std::to_string(d.neighbours) + " neighbours";
  return {{"two_nn", "dimensions", d.two_nn, "Facco et al. 2017"},
          {"likelihood", "dimensions", d.likelihood, k + ", Levina, Bickel 2004"},
          {"likelihood_of_inverses", "dimensions", d.likelihood_of_inverses,
           k + ", MacKay, Ghahramani 2005"}};
}

IntrinsicDimension intrinsic_dimension(nb::handle x, Index k) {
  if (k < 2) {
    throw ValueError("intrinsic_dimension: too few neighbours (" + std::to_string(k) +
                     "); need 2 or more");
  }
  const Rows rows("intrinsic_dimension", x);
  nb::gil_scoped_release release;
  const Neighbours found = rows.view([&](const auto& all) { return nearest_neighbours(all, k); });
  return {two_nn_dimension(found), likelihood_dimension(found, Averaging::estimates),
          likelihood_dimension(found, Averaging::inverses), found.rows, found.k};
}

/// A head's matrix and bias, in the type of the rows.
template <class T>
struct Head {
  std::vector<T> weight, bias;
};

NeuralCollapse collapse(nb::handle x, nb::handle labels, nb::handle head, nb::handle bias,
                        Index classes, nb::handle weights) {
  const Rows rows("neural_collapse", x);
  const std::vector<std::int64_t> wide = integers_of("neural_collapse", labels, rows.rows());
  std::vector<std::int32_t> own;
  for (const std::int64_t label : wide) {
    if (label < 0 || label > 0x7ffffffe) {
      throw ValueError("neural_collapse: a label outside its domain (" + std::to_string(label) +
                       "); need 0 .. classes - 1");
    }
    own.push_back(std::int32_t(label));
    if (classes < 0) continue;
  }
  if (classes < 0) {
    for (const std::int32_t label : own) classes = std::max(classes, Index(label) + 1);
  }
  const auto count = weights_of("neural_collapse", weights, rows.rows());
  std::vector<double> w, b;
  if (!head.is_none()) w = doubles_of("neural_collapse", head);
  if (!bias.is_none()) b = doubles_of("neural_collapse", bias);
  if (!w.empty() && Index(w.size()) != classes * rows.cols()) {
    throw ShapeError("neural_collapse: the head does not fit (" + std::to_string(w.size()) +
                     " numbers); need " + shape_text(classes, rows.cols()));
  }
  if (!b.empty() && (w.empty() || Index(b.size()) != classes)) {
    throw ShapeError("neural_collapse: the bias does not fit (" + std::to_string(b.size()) +
                     " numbers); need a head, and one number for each of " +
                     std::to_string(classes) + " classes");
  }
  nb::gil_scoped_release release;
  return rows.view([&](const auto& all) {
    using T = NumberOf<std::decay_t<decltype(all)>>;
    const std::vector<T> weight(w.begin(), w.end()), offset(b.begin(), b.end());
    MatrixView<const T> view;
    if (!weight.empty()) view = {weight.data(), classes, all.cols};
    return neural_collapse(all, own.data(), classes, view, offset.empty() ? nullptr : offset.data(),
                           data_of(count));
  });
}

void bind_geometry_result(nb::module_& m) {
  nb::class_<Geometry> result(m, "Geometry", "Moments of channels and directions of rows.");
  add_values(result, [](const Geometry& g) {
    return "geometry of " + json_number(g.moments.rows()) + " rows, " +
           std::to_string(g.moments.mean().size()) + " channels";
  });
  result.def_prop_ro(
      "rows", [](const Geometry& g) { return g.moments.rows(); }, "Sum of the weights.");
  result.def_prop_ro(
      "mean",
      [](nb::pointer_and_handle<Geometry> g) {
        const auto mean = g.p->moments.mean();
        return shown_array(mean.data(), {mean.size()}, g.h);
      },
      "[C]");
  result.def_prop_ro(
      "variance", [](const Geometry& g) { return owned_array(g.moments.variance()); },
      nb::rv_policy::automatic, "[C], the sum of squares divided by rows.");
  result.def_prop_ro(
      "kurtosis", [](const Geometry& g) { return owned_array(g.moments.kurtosis()); },
      nb::rv_policy::automatic,
      "[C], mean (x - m)^4 / variance^2: 3 for a normal distribution, 0 for a "
      "constant.");
  result.def(
      "outlier_channels",
      [](const Geometry& g, double ratio) { return g.moments.outlier_channels(ratio); },
      nb::arg("ratio") = 5.0,
      "Channels whose variance is at least `ratio` times the mean. Source: Rudman et al. "
      "2023.");
  result.def_prop_ro(
      "rank_one_distance", [](const Geometry& g) { return g.moments.rank_one_distance(); },
      "||X - 1 m^T|| / ||X||: 0 if all rows are equal. Source: Dong et al. 2021.");
  result.def_ro("mean_cosine", &Geometry::mean_cosine,
                "Mean cosine over all pairs of different rows. Source: Ethayarajh 2019.");
}

void bind_dimension_result(nb::module_& m) {
  nb::class_<IntrinsicDimension> result(m, "IntrinsicDimension",
                                        "Estimates from distances to the nearest rows.");
  add_values(result, [](const IntrinsicDimension& d) {
    return "intrinsic dimension of " + std::to_string(d.rows) + " distinct rows";
  });
  result.def_ro("two_nn", &IntrinsicDimension::two_nn, "TwoNN. Source: Facco et al. 2017.");
  result.def_ro("likelihood", &IntrinsicDimension::likelihood,
                "The mean of the rows' estimates. Source: Levina, Bickel 2004.");
  result.def_ro("likelihood_of_inverses", &IntrinsicDimension::likelihood_of_inverses,
                "One over the mean of their inverses. Source: MacKay, Ghahramani 2005.");
  result.def_ro("rows", &IntrinsicDimension::rows, "Distinct rows.");
  result.def_ro("neighbours", &IntrinsicDimension::neighbours, "Of each row.");
}

void bind_collapse_result(nb::module_& m) {
  nb::class_<NeuralCollapse> result(
      m, "NeuralCollapse",
      "NC1 to NC4: all go to 0 as rows collapse. Source: Papyan, Han, Donoho "
      "2020.");
  add_values(result, [](const NeuralCollapse& c) {
    return "neural collapse of " + std::to_string(c.classes) + " classes" +
           (c.has_head ? "" : ", without a head");
  });
  const auto number = [&](const char* name, double NeuralCollapse::*member, const char* doc) {
    result.def_ro(name, member, doc);
  };
  result.def_ro("classes", &NeuralCollapse::classes, "K");
  result.def_ro("has_head", &NeuralCollapse::has_head, "Without one, its measures are 0.");
  number("within_to_between", &NeuralCollapse::within_to_between, "NC1: tr(S_w S_b^+) / K.");
  number("trace_ratio", &NeuralCollapse::trace_ratio, "tr S_w / tr S_b");
  number("mean_norms", &NeuralCollapse::mean_norms, "NC2: spread of the means' norms.");
  number("mean_cosines", &NeuralCollapse::mean_cosines, "NC2: spread of their cosines.");
  number("mean_angles", &NeuralCollapse::mean_angles, "NC2: mean |cosine + 1 / (K - 1)|.");
  number("head_norms", &NeuralCollapse::head_norms, "NC2 of the head's rows.");
  number("head_cosines", &NeuralCollapse::head_cosines, "NC2 of the head's rows.");
  number("head_angles", &NeuralCollapse::head_angles, "NC2 of the head's rows.");
  number("self_duality", &NeuralCollapse::self_duality, "NC3: ||W / ||W|| - B / ||B|| ||^2.");
  number("disagreement", &NeuralCollapse::disagreement,
         "NC4: share of rows whose largest logit is not that of the nearest mean.");
}

}  // namespace

void bind_geometry(nb::module_& m) {
  bind_geometry_result(m);
  bind_dimension_result(m);
  bind_collapse_result(m);
  m.def("geometry", &geometry, nb::arg("x").none(), nb::arg("weights") = nb::none(),
        nb::sig("def geometry(x: typing.Any, weights: typing.Any | None = None) -> Geometry"),
        "Kurtosis and outlier channels, distance to rank one, mean cosine of pairs. x and weights "
        "as of spectrum().\nHalves and strided rows are copied 1024 rows at a time.");
  m.def("partition_isotropy", &isotropy, nb::arg("x").none(), nb::arg("weights") = nb::none(),
        nb::sig("def partition_isotropy(x: typing.Any, weights: typing.Any | None = None) -> "
                "float"),
        "min Z / max Z, Z(c) = sum w exp(c . x) over the eigenvectors c of X^T X, each with both "
        "signs: 1 if all\ndirections are equal. x [..., C] of float32 or float64, rows of adjacent "
        "numbers; not centred.\nSource: Mu, Viswanath 2018.");
  m.def("intrinsic_dimension", &intrinsic_dimension, nb::arg("x").none(),
        nb::arg("neighbours") = 10,
        nb::sig("def intrinsic_dimension(x: typing.Any, neighbours: int = 10) -> "
                "IntrinsicDimension"),
        "TwoNN and maximum likelihood dimension of rows, by their exact nearest neighbours. x "
        "[..., C] of float32 or\nfloat64, rows of adjacent numbers. Equal rows count once. Fewer "
        "than three different rows: 0. Cost: R^2 C.");
  m.def("neural_collapse", &collapse, nb::arg("x").none(), nb::arg("labels").none(),
        nb::arg("head") = nb::none(), nb::arg("bias") = nb::none(), nb::arg("classes") = -1,
        nb::arg("weights") = nb::none(),
        nb::sig("def neural_collapse(x: typing.Any, labels: typing.Any, head: typing.Any | None = "
                "None, bias: typing.Any | None = None, classes: int = -1, weights: typing.Any | "
                "None = None) -> NeuralCollapse"),
        "Measures of neural collapse. x [..., C] of float32 or float64, labels [R] of integers, "
        "head [classes, C] and\nbias [classes] of the last layer; classes: one more than the "
        "largest label if negative. Raises: ValueError for a\nlabel outside 0 .. classes-1 or a "
        "class without rows; ShapeError where shapes do not fit.");
}

}  // namespace libnorm::python
