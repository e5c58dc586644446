#include "libnorm/metrics/activations/activation_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/math.hpp"
#include "libnorm/metrics/activations/row_gram.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"

namespace libnorm {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double largest(std::span<const double> s) {
  return s.empty() ? 0 : *std::max_element(s.begin(), s.end());
}

/// s^2 over the largest, so that no square overflows or vanishes.
std::vector<double> relative_squares(std::span<const double> s) {
  std::vector<double> squares;
  const double top = largest(s);
  for (const double x : s) squares.push_back(top > 0 ? (x / top) * (x / top) : 0.0);
  return squares;
}

std::string convention_of(const ActivationMetric& metric) {
  return metric.of == SpectrumValues::s ? "of s" : "of l";
}

template <double (*metric)(std::span<const double>)>
double of_values(const ActivationSpectrum& spectrum) {
  return metric(spectrum.singular_values);
}

}  // namespace

std::string_view spectrum_path_name(SpectrumPath path) {
  switch (path) {
    case SpectrumPath::qr: return "qr";
    case SpectrumPath::gram: return "gram";
    case SpectrumPath::both: return "both";
  }
  return "?";
}

std::vector<double> ActivationSpectrum::eigenvalues() const {
  std::vector<double> l;
  for (const double s : singular_values) l.push_back(s * s / rows);
  return l;
}

template <class T>
ActivationSpectrum activation_spectrum(const MatrixView<const T>& x, Centring centring,
                                       const float* count) {
  RowGram gram(x.cols);
  gram.add(x, count);
  return gram.spectrum(centring);
}

template ActivationSpectrum activation_spectrum<float>(const MatrixView<const float>&, Centring,
                                                       const float*);
template ActivationSpectrum activation_spectrum<double>(const MatrixView<const double>&, Centring,
                                                        const float*);

ActivationSpectrum activation_spectrum(const RowFactor& factor, Centring centring) {
  ActivationSpectrum spectrum;
  spectrum.singular_values = factor.singular_values(centring);
  spectrum.rows = factor.rows();
  spectrum.channels = Index(factor.mean().size());
  spectrum.centring = centring;
  return spectrum;
}

double rankme(std::span<const double> s, double epsilon) {
  if (!(epsilon >= 0) || !std::isfinite(epsilon)) {
    throw ValueError("rankme: epsilon outside its domain (" + number_text(epsilon) +
                     "); need 0 or a number above it");
  }
  if (!is_spectrum(s)) return kNaN;
  const double top = largest(s);
  if (!(top > 0)) return 0;
  double total = 0, entropy = 0;
  for (const double x : s) total += x / top;
  for (const double x : s) {
    const double share = x / top / total + epsilon;
    if (share > 0) entropy -= share * math::log(share);
  }
  return math::exp(entropy);
}

double eigen_effective_rank(std::span<const double> s) {
  return is_spectrum(s) ? effective_rank(relative_squares(s)) : kNaN;
}

double variance_share(std::span<const double> s, Index k) {
  if (k < 0) {
    throw ValueError("variance_share: k is negative (" + std::to_string(k) + "); need k >= 0");
  }
  if (!is_spectrum(s)) return kNaN;
  double first = 0, total = 0;
  Index i = 0;
  for (const double square : relative_squares(s)) {
    total += square;
    if (i++ < k) first = total;
  }
  return total > 0 ? first / total : 0;
}

double iso_score(const ActivationSpectrum& spectrum) {
  if (spectrum.centring != Centring::mean) {
    throw ValueError(
        "iso_score: the spectrum is not centred (Centring::none); need that of the "
        "covariance");
  }
  const double ratio = participation_ratio(spectrum.singular_values);
  if (!(ratio > 0)) return ratio;
  if (spectrum.channels == 1) return 1;
  // One direction has a ratio of 1, which may be rounded to less.
  return std::max(0.0, (ratio - 1) / double(spectrum.channels - 1));
}

NoiseEdges noise_edges(const ActivationSpectrum& spectrum) {
  constexpr double kTracyWidom99 = 2.0234;
  if (!is_spectrum(spectrum.singular_values) || !std::isfinite(spectrum.rows)) {
    throw ValueError("noise_edges: no spectrum (" +
                     std::to_string(spectrum.singular_values.size()) + " values of " +
                     number_text(spectrum.rows) +
                     " rows, not all finite and at least 0); need one that is");
  }
  NoiseEdges edges;
  const double top = largest(spectrum.singular_values);
  const double n = spectrum.rows - (spectrum.centring == Centring::mean ? 1 : 0);
  if (!(top > 0) || n < 1) return edges;
  const std::vector<double> squares = relative_squares(spectrum.singular_values);
  // In units of top^2; noise of variance v has s^2 / v between (sqrt n - sqrt p)^2 and its like.
  double variance = 0, lower = 0, upper = 0, threshold = 0;
  Index spikes = 0;
  const auto beyond = [&](double level) {
    return Index(
        std::count_if(squares.begin(), squares.end(), [&](double x) { return x > level; }));
  };
  for (bool more = true; more && spikes < spectrum.channels;) {
    double noise = 0;
    for (std::size_t i = std::size_t(spikes); i < squares.size(); ++i) noise += squares[i];
    const double p = double(spectrum.channels - spikes);
    const double root_n = std::sqrt(n), root_p = std::sqrt(p), root_less = std::sqrt(n - 1);
    variance = noise / (n * p);
    lower = variance * (root_n - root_p) * (root_n - root_p);
    upper = variance * (root_n + root_p) * (root_n + root_p);
    threshold = upper;
    if (n > 1) {
      const double sum = root_less + root_p;
      const double width = sum * std::cbrt(1 / root_less + 1 / root_p);
      threshold = variance * (sum * sum + kTracyWidom99 * width);
    }
    const Index found = beyond(threshold);
    more = found > spikes;
    spikes = std::max(spikes, found);
  }
  // Not by top^2, which may be infinite beside an edge of 0.
  edges.variance = variance * top * top;
  edges.lower = lower * top * (top / spectrum.rows);
  edges.upper = upper * top * (top / spectrum.rows);
  edges.threshold = threshold * top * (top / spectrum.rows);
  edges.above = beyond(upper);
  edges.spikes = spikes;
  return edges;
}

std::span<const ActivationMetric> activation_metrics() {
  using enum SpectrumValues;
  using enum SpectrumKind;
  using Spectrum = const ActivationSpectrum&;
  static constexpr ActivationMetric kMetrics[] = {
      {"effective_rank", "dimensions", "exp of the entropy of s / sum s", s, any,
       "zeros 0; one direction 1", "Roy, Vetterli 2007", &of_values<&effective_rank>},
      {"rankme", "dimensions", "exp of -sum q log q, q = s / sum s + 1e-7", s, any,
       "zeros 0; one direction 1 and its epsilons", "Garrido et al. 2023",
       [](Spectrum x) { return rankme(x.singular_values); }},
      {"eigen_effective_rank", "dimensions", "exp of the entropy of l / sum l", l, any,
       "zeros 0; one direction 1", "", &of_values<&eigen_effective_rank>},
      {"participation_ratio", "dimensions", "(sum l)^2 / sum l^2", l, any,
       "zeros 0; one direction 1", "", &of_values<&participation_ratio>},
      {"stable_rank", "dimensions", "sum l / max l", l, any, "zeros 0; one direction 1", "",
       &of_values<&stable_rank>},
      {"decay_exponent", "1", "a of the least-squares fit l_i ~ i^-a", l, any,
       "fewer than two values above 1e-6 of the largest s: 0", "Agrawal et al. 2022",
       &of_values<&decay_exponent>},
      {"condition_number", "1", "max s / min s", s, any, "infinite where the smallest is 0", "",
       &of_values<&condition_number>},
      {"first_share", "1", "max l / sum l", l, any, "zeros 0; one direction 1", "",
       [](Spectrum x) { return variance_share(x.singular_values, 1); }},
      {"first_ten_share", "1", "sum of the first ten l / sum l", l, any,
       "zeros 0; up to ten directions 1", "",
       [](Spectrum x) { return variance_share(x.singular_values, 10); }},
      {"iso_score", "1", "(PR - 1) / (C - 1), PR the participation ratio", l, centred,
       "zeros 0; one direction 0; one channel 1", "Rudman et al. 2022", &iso_score},
      {"above_noise_edge", "dimensions", "values l above Marchenko and Pastur's upper edge", l,
       centred, "zeros 0", "Marchenko, Pastur 1967",
       [](Spectrum x) { return double(noise_edges(x).above); }},
      {"spikes", "dimensions", "values l that noise does not reach in 99 of 100 draws", l, centred,
       "zeros 0", "Johnstone 2001", [](Spectrum x) { return double(noise_edges(x).spikes); }},
  };
  return kMetrics;
}

const ActivationMetric& find_activation_metric(std::string_view name) {
  std::string known;
  for (const ActivationMetric& metric : activation_metrics()) {
    if (metric.name == name) return metric;
    known += known.empty() ? "" : ", ";
    known += metric.name;
  }
  throw ValueError("activation metric: unknown name (" + std::string(name) + "); use one of " +
                   known);
}

std::vector<MetricValue> values_of(const ActivationSpectrum& spectrum) {
  std::vector<MetricValue> values;
  for (const ActivationMetric& metric : activation_metrics()) {
    if (metric.asks == SpectrumKind::centred && spectrum.centring != Centring::mean) continue;
    const char* centred = spectrum.centring == Centring::mean ? ", centred" : ", not centred";
    values.push_back({std::string(metric.name), std::string(metric.unit), metric.value(spectrum),
                      convention_of(metric) + centred});
  }
  return values;
}

std::vector<MetricValue> values_of(std::span<const double> singular_values) {
  ActivationSpectrum spectrum;
  spectrum.singular_values.assign(singular_values.begin(), singular_values.end());
  std::vector<MetricValue> values;
  for (const ActivationMetric& metric : activation_metrics()) {
    if (metric.asks != SpectrumKind::any) continue;
    values.push_back({std::string(metric.name), std::string(metric.unit), metric.value(spectrum),
                      convention_of(metric)});
  }
  return values;
}

std::string text_of(const ActivationSpectrum& spectrum) {
  return "spectrum of " + number_text(spectrum.rows) + " rows, " +
         std::to_string(spectrum.channels) + " channels, " +
         (spectrum.centring == Centring::mean ? "centred" : "not centred") + ", by " +
         std::string(spectrum_path_name(spectrum.path)) + "\n" + text_of(values_of(spectrum));
}

std::string json_of(const ActivationSpectrum& spectrum) {
  return "{\"rows\": " + json_number(spectrum.rows) +
         ", \"channels\": " + std::to_string(spectrum.channels) + ", \"centring\": \"" +
         (spectrum.centring == Centring::mean ? "mean" : "none") + "\", \"path\": \"" +
         std::string(spectrum_path_name(spectrum.path)) +
         "\", \"singular_values\": " + json_array(spectrum.singular_values) +
         ", \"metrics\": " + json_of(values_of(spectrum)) + "}";
}

}  // namespace libnorm
