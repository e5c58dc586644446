#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/activations/row_factor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// How singular values were found, and so how well they are known. With u = 1.1e-16:
/// - qr: of a triangle; each s is off by about C u s_max at most, whatever its own size.
/// - gram: roots of the eigenvalues of X^T X; an s is off by about C u s_max^2 / (2 s). Taken only
///   where no s is below 1e-5 of the largest, so by no more than about C 1e-11 s_max.
/// - both: some rows squared, some not, or rows squared whose mean is far from 0; as gram.
enum class SpectrumPath { qr, gram, both };

/// `qr`, `gram` or `both`.
std::string_view spectrum_path_name(SpectrumPath path);

/// The spectrum of a set of rows, with the conventions it was taken by.
struct ActivationSpectrum {
  /// s, descending: those of diag(sqrt(count)) (X - 1 m^T), or of X itself if not centred. min(n,
  /// C) of them, n the larger of `rows` (rounded up) and the rows that were given; 0 beyond the
  /// rank that the rows given can have, which is one less if centred.
  std::vector<double> singular_values;
  /// Counts added up; rows without counts are one each.
  double rows = 0;
  /// C
  Index channels = 0;
  /// Whether the mean row was taken off.
  Centring centring = Centring::none;
  /// How the values were found.
  SpectrumPath path = SpectrumPath::qr;

  /// l = s^2 / rows, descending: centred, the eigenvalues of the covariance (divided by rows, not
  /// by rows - 1). Past 1e154, s^2 is infinite; no metric below is made of these.
  std::vector<double> eigenvalues() const;
};

/// The spectrum of rows that are in memory.
///
/// x [R, C], row r standing for count[r] rows; null: each for one. A spectrum of doubles in
/// [-1e290, 1e290] neither overflows nor loses what is small. Cost: R C^2 multiply-adds where
/// squaring keeps the digits (see RowGram), else about ten times as much; of fewer rows than
/// channels about ten R^2 C, and nothing is [C, C]. Throws: ShapeError if no rows have a count; as
/// check_rows. Order: stretches of rows ascending; does not depend on the threads. Eigen finds the
/// eigenvalues: compared to digits, not to bits.
template <class T>
ActivationSpectrum activation_spectrum(const MatrixView<const T>& x, Centring centring,
                                       const float* count = nullptr);

/// The spectrum of rows that a RowFactor took in.
/// Throws: ShapeError if there were none.
ActivationSpectrum activation_spectrum(const RowFactor& factor, Centring centring);

/// exp H(p + epsilon), H(q) = -sum q log q, p = s / sum s. Zeros give 0. k equal of k values give
/// k, but for about k epsilon log k; every value that is 0 adds its epsilon. Throws: ValueError
/// unless epsilon >= 0 is finite. Source: RankMe (Garrido et al. 2023), their epsilon; of spectra
/// that are not centred.
double rankme(std::span<const double> s, double epsilon = 1e-7);

/// exp of the entropy of l / sum l, l = s^2. k equal values give k; zeros give 0.
double eigen_effective_rank(std::span<const double> s);

/// Share of the variance, or of the squared norm, in the first k values: the sum of the first k s^2
/// over that of all. 1 for k beyond the last; zeros give 0.
/// Throws: ValueError if k < 0.
double variance_share(std::span<const double> s, Index k);

/// IsoScore (PR - 1) / (C - 1), PR the participation ratio of the covariance: 1 where all channels
/// vary alike, (k - 1) / (C - 1) where k directions do, 0 on a line and where nothing varies. One
/// channel that varies: 1.
/// Throws: ValueError unless the spectrum is centred.
/// Source: Rudman et al. 2022, whose steps come to this.
double iso_score(const ActivationSpectrum& spectrum);

/// What the spectrum would be if the rows were noise, iid with one variance in all channels.
struct NoiseEdges {
  /// Estimated from what is not a spike.
  double variance = 0;
  /// Where noise's eigenvalues l lie, for many rows: variance (1 -+ sqrt(C / n))^2.
  /// @{
  double lower = 0, upper = 0;
  /// @}
  /// Values l beyond `upper`. The largest of pure noise is beyond it every so often.
  Index above = 0;
  /// What the largest of pure noise is below in 99 of 100 draws.
  double threshold = 0;
  /// Values beyond `threshold`.
  Index spikes = 0;
};

/// Marchenko-Pastur's edges, and how many values of a spectrum are beyond them. n is rows, one less
/// if centred; C > n has C - n zeros beside what lies between the edges.
/// The variance is the mean of the eigenvalues; then spikes are taken out, and it is taken again,
/// as long as more are found. Zeros, or n < 1: all 0. Throws: ValueError for values that are no
/// spectrum (is_spectrum), as a count cannot be NaN. Source: Marchenko, Pastur 1967; the threshold
/// is that of Johnstone 2001, with the 0.99 quantile of the law of Tracy and Widom, 2.0234.
NoiseEdges noise_edges(const ActivationSpectrum& spectrum);

/// What a metric is made of.
enum class SpectrumValues { s, l };
/// What it asks for: the values of any spectrum, and nothing else; or a centred spectrum.
enum class SpectrumKind { any, centred };

/// A number made of a spectrum, and its conventions.
struct ActivationMetric {
  /// `effective_rank`
  std::string_view name;
  /// `1` where it has none.
  std::string_view unit;
  /// The formula, for people.
  std::string_view definition;
  /// s, or l = s^2 / rows.
  SpectrumValues of;
  /// Of another spectrum it says nothing, and `value` may throw.
  SpectrumKind asks;
  /// Where every value is 0; where there is one direction.
  std::string_view degenerate;
  /// Who published it; empty where nobody is named.
  std::string_view source;
  /// The number, of a spectrum that it asks for.
  double (*value)(const ActivationSpectrum&);
};

/// The catalogue of what is made of a spectrum: those above, and those of spectrum.hpp.
std::span<const ActivationMetric> activation_metrics();

/// Throws: ValueError for an unknown name, with the known ones.
const ActivationMetric& find_activation_metric(std::string_view name);

/// All that this spectrum has: those that ask for a centred one only if it is.
std::vector<MetricValue> values_of(const ActivationSpectrum& spectrum);

/// All that singular values alone have, descending, of whatever spectrum: those that ask for any.
std::vector<MetricValue> values_of(std::span<const double> singular_values);

/// A line on the spectrum, then one a metric.
std::string text_of(const ActivationSpectrum& spectrum);

/// {"rows": ..., "channels": ..., "centring": "mean", "path": "gram", "singular_values": [...],
/// "metrics": {...}}; see json_of of values.
std::string json_of(const ActivationSpectrum& spectrum);

}  // namespace libnorm
