#include <mutex>
#include <optional>
#include <string>

#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/row_gram.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {
namespace {

Centring centring_of(const std::string& text) {
  if (text == "mean") return Centring::mean;
  if (text == "none") return Centring::none;
  throw ValueError("centring: unknown word (" + text + "); use mean or none");
}

/// Adds rows to what takes them a few at a time.
template <class Sums>
void add_rows(Sums& sums, const Rows& rows, const float* count) {
  rows.in_blocks([&](const auto& block, Index first) {
    sums.add(block, count == nullptr ? nullptr : count + first);
  });
}

ActivationSpectrum spectrum(nb::handle x, const std::string& centring, nb::handle weights) {
  const Centring how = centring_of(centring);
  const Rows rows("spectrum", x);
  const auto count = weights_of("spectrum", weights, rows.rows());
  nb::gil_scoped_release release;
  RowGram gram(rows.cols());
  add_rows(gram, rows, data_of(count));
  return gram.spectrum(how);
}

/// A RowGram whose width is that of the first rows. Threads take turns.
class SpectrumAccumulator {
 public:
  void add(nb::handle x, nb::handle weights) {
    const Rows rows("SpectrumAccumulator.add", x);
    const auto count = weights_of("SpectrumAccumulator.add", weights, rows.rows());
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    if (!gram_) gram_.emplace(rows.cols());
    add_rows(*gram_, rows, data_of(count));
  }
  void merge(const SpectrumAccumulator& other) {
    if (&other == this)
      throw ValueError("SpectrumAccumulator.merge: the other is this one; need another");
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_, other.mutex_);
    if (!other.gram_) return;
    if (!gram_) {
      gram_ = other.gram_;
    } else {
      gram_->merge(*other.gram_);
    }
  }
  double rows() const {
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return gram_ ? gram_->rows() : 0;
  }
  ActivationSpectrum spectrum(const std::string& centring) const {
    const Centring how = centring_of(centring);
    nb::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    if (!gram_) {
      throw ShapeError("SpectrumAccumulator.spectrum: no rows were added; need one at least");
    }
    return gram_->spectrum(how);
  }

 private:
  mutable std::mutex mutex_;
  std::optional<RowGram> gram_;
};

std::string title_of(const ActivationSpectrum& s) {
  const std::string text = libnorm::text_of(s);
  return text.substr(0, text.find('\n'));
}

nb::dict to_dict(const ActivationSpectrum& s) {
  nb::dict all;
  all["rows"] = s.rows;
  all["channels"] = s.channels;
  all["centring"] = s.centring == Centring::mean ? "mean" : "none";
  all["path"] = spectrum_path_name(s.path);
  nb::list values;
  for (const double value : s.singular_values) values.append(value);
  all["singular_values"] = values;
  all["metrics"] = dict_of(values_of(s));
  return all;
}

void bind_result(nb::module_& m) {
  nb::class_<ActivationSpectrum> result(
      m, "Spectrum",
      "The spectrum of a set of rows. Metrics are its attributes and items; those that need a "
      "centred spectrum\nraise ValueError for another.");
  add_table(result, &title_of);
  result.def("to_dict", &to_dict, nb::sig("def to_dict(self) -> dict[str, typing.Any]"),
             "Rows, channels, centring, path, singular_values and metrics.");
  result.def(
      "to_json", [](const ActivationSpectrum& s) { return json_of(s); },
      "to_dict() as JSON. JSON has no infinity: it becomes the string \"inf\".");
  result.def_prop_ro(
      "singular_values",
      [](nb::pointer_and_handle<ActivationSpectrum> s) {
        return shown_array(s.p->singular_values, s.h);
      },
      "s [min(rows, C)], descending, float64: of diag(sqrt(weight)) (X - mean), or of X itself if "
      "not centred.");
  result.def_prop_ro(
      "eigenvalues", [](const ActivationSpectrum& s) { return owned_array(s.eigenvalues()); },
      nb::rv_policy::automatic,
      "l = s^2 / rows, descending: centred, the covariance's eigenvalues (divided by rows, not by "
      "rows - 1).");
  result.def_ro("rows", &ActivationSpectrum::rows, "Sum of the rows' weights.");
  result.def_ro("channels", &ActivationSpectrum::channels, "C");
  result.def_prop_ro(
      "centring",
      [](const ActivationSpectrum& s) { return s.centring == Centring::mean ? "mean" : "none"; },
      "`mean` if the mean row was subtracted, else `none`.");
  result.def_prop_ro(
      "path", [](const ActivationSpectrum& s) { return spectrum_path_name(s.path); },
      "How it was computed: `qr` (error of each s about C u s_max, u = 1.1e-16), `gram` or `both` "
      "(error at most about C 1e-11 s_max; chosen only where the matrix is well conditioned).");
  for (const ActivationMetric& metric : activation_metrics()) {
    const std::string doc = std::string(metric.definition) + " (" +
                            (metric.of == SpectrumValues::s ? "of s" : "of l = s^2 / rows") +
                            ", in " + std::string(metric.unit) + "). " +
                            std::string(metric.degenerate) + ". " + std::string(metric.source);
    result.def_prop_ro(
        std::string(metric.name).c_str(),
        [&metric](const ActivationSpectrum& s) { return metric.value(s); }, doc.c_str());
  }
  result.def(
      "noise_edges", [](const ActivationSpectrum& s) { return noise_edges(s); },
      "The spectrum's edges if the rows were noise. Source: Marchenko, Pastur 1967; Johnstone "
      "2001.");
}

void bind_noise_edges(nb::module_& m) {
  nb::class_<NoiseEdges>(m, "NoiseEdges",
                         "Edges of the eigenvalues l of iid rows with the same variance in all "
                         "channels.")
      .def_ro("variance", &NoiseEdges::variance, "Of the eigenvalues that are not spikes.")
      .def_ro("lower", &NoiseEdges::lower, "variance (1 - sqrt(C / n))^2")
      .def_ro("upper", &NoiseEdges::upper, "variance (1 + sqrt(C / n))^2")
      .def_ro("above", &NoiseEdges::above, "Number of l beyond `upper`.")
      .def_ro("threshold", &NoiseEdges::threshold, "The 0.99 quantile of noise's largest l.")
      .def_ro("spikes", &NoiseEdges::spikes, "Number of l beyond `threshold`.");
}

}  // namespace

void bind_spectrum(nb::module_& m) {
  bind_noise_edges(m);
  bind_result(m);
  m.def("spectrum", &spectrum, nb::arg("x").none(), nb::arg("centring") = "mean",
        nb::arg("weights") = nb::none(),
        nb::sig("def spectrum(x: typing.Any, centring: str = 'mean', weights: typing.Any | None = "
                "None) -> Spectrum"),
        "The spectrum of rows, with all metrics of the catalogue.\n\n"
        "x [..., C]: rows of float32 or float64, which are read where they lie, or of float16 or "
        "bfloat16, which\nare widened 1024 rows at a time; a NumPy array, a torch tensor on the "
        "processor, or anything else with\nDLPack or the buffer protocol. weights [R]: row r "
        "counts as weights[r] rows (rounded to float32).\ncentring: `mean` subtracts the mean row; "
        "`none` does not.\n\n"
        "Raises: ShapeError for no rows; ValueError for a number that is not finite, with its row; "
        "TypeError for\nother types and devices. The result does not depend on the threads.");
  nb::class_<SpectrumAccumulator>(
      m, "SpectrumAccumulator",
      "The spectrum of rows that are added a few at a time, as by hooks over a data loader. Holds "
      "a few thousand\nrows and a few matrices [C, C], however many rows there are. Bits do not "
      "depend on the pieces in which rows\nare added. Threads that share one take turns.")
      .def(nb::init<>())
      .def("add", &SpectrumAccumulator::add, nb::arg("x").none(), nb::arg("weights") = nb::none(),
           nb::sig("def add(self, x: typing.Any, weights: typing.Any | None = None) -> None"),
           "Adds rows [..., C]; see spectrum(). Raises: ShapeError for another width.")
      .def("merge", &SpectrumAccumulator::merge, nb::arg("other"), "Adds all rows of another one.")
      .def("spectrum", &SpectrumAccumulator::spectrum, nb::arg("centring") = "mean",
           "The spectrum of all rows so far. Raises: ShapeError if there are none.")
      .def_prop_ro("rows", &SpectrumAccumulator::rows, "Sum of the weights so far.");
  m.def(
      "catalogue",
      [] {
        nb::dict all;
        for (const ActivationMetric& metric : activation_metrics()) {
          nb::dict one;
          one["unit"] = metric.unit;
          one["definition"] = metric.definition;
          one["degenerate"] = metric.degenerate;
          one["source"] = metric.source;
          one["needs_centring"] = metric.asks == SpectrumKind::centred;
          all[nb::cast(metric.name)] = one;
        }
        return all;
      },
      nb::sig("def catalogue() -> dict[str, dict[str, typing.Any]]"),
      "The metrics of a spectrum: unit, definition, what degenerate input gives, source.");
}

}  // namespace libnorm::python
