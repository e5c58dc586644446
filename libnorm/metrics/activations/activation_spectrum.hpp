#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/activations/row_factor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// How singular values were computed, and so their error. With u = 1.1e-16:
/// - qr: from a QR decomposition. The error of each s is at most about C u s_max.
/// - gram: roots of the eigenvalues of X^T X. The error of s is about C u s_max^2 / (2 s). Taken
///   only if no s is below 1e-5 s_max, so the error is at most about C 1e-11 s_max.
/// - both: some rows each way, or gram where the mean is far from 0. The error is that of gram.
enum class SpectrumPath { qr, gram, both };

/// `qr`, `gram` or `both`.
std::string_view spectrum_path_name(SpectrumPath path);

/// The spectrum of a set of rows, and its conventions.
struct ActivationSpectrum {
  /// s, descending: those of diag(sqrt(count)) (X - 1 m^T), or of X itself if not centred. min(n,
  /// C) of them, n the larger of `rows` (rounded up) and the rows that were given; 0 beyond the
  /// rank that the rows given can have, which is one less if centred.
  std::vector<double> singular_values;
  /// Sum of the counts; a row without a count is one.
  double rows = 0;
  /// C
  Index channels = 0;
  /// Whether the mean row was subtracted.
  Centring centring = Centring::none;
  /// How the values were computed.
  SpectrumPath path = SpectrumPath::qr;

  /// l = s^2 / rows, descending: centred, the eigenvalues of the covariance (divided by rows, not
  /// by rows - 1). s^2 is infinite for s beyond 1e154; no metric below uses these.
  std::vector<double> eigenvalues() const;
};

/// The spectrum of rows in memory.
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

/// The spectrum of the rows added to a RowFactor.
/// Throws: ShapeError if there are none.
ActivationSpectrum activation_spectrum(const RowFactor& factor, Centring centring);

/// exp H(p + epsilon), H(q) = -sum q log q, p = s / sum s. Zeros give 0. k equal of k values give
/// k to about k epsilon log k; every value that is 0 adds its epsilon. Throws: ValueError unless
/// epsilon >= 0 is finite. Source: RankMe (Garrido et al. 2023), with their epsilon, for spectra
/// that are not centred.
double rankme(std::span<const double> s, double epsilon = 1e-7);

/// exp of the entropy of l / sum l, l = s^2. k equal values give k; zeros give 0.
double eigen_effective_rank(std::span<const double> s);

/// Share of the variance, or of the squared norm, in the first k values: the sum of the first k s^2
/// over that of all. 1 for k beyond the last; zeros give 0.
/// Throws: ValueError if k < 0.
double variance_share(std::span<const double> s, Index k);

/// IsoScore (PR - 1) / (C - 1), PR the participation ratio of the covariance: 1 if all directions
/// have the same variance, (k - 1) / (C - 1) if k do and the others have none, 0 on a line and for
/// constant rows. C = 1 and not constant: 1.
/// Throws: ValueError unless the spectrum is centred.
/// Source: Rudman et al. 2022, whose steps simplify to this.
double iso_score(const ActivationSpectrum& spectrum);

/// The spectrum's edges if the rows were noise: iid, with the same variance in all channels.
struct NoiseEdges {
  /// Estimated from the eigenvalues that are not spikes.
  double variance = 0;
  /// Bounds of noise's eigenvalues l, for many rows: variance (1 -+ sqrt(C / n))^2.
  /// @{
  double lower = 0, upper = 0;
  /// @}
  /// Number of l beyond `upper`. The largest of pure noise exceeds it now and then.
  Index above = 0;
  /// The 0.99 quantile of pure noise's largest l.
  double threshold = 0;
  /// Number of l beyond `threshold`.
  Index spikes = 0;
};

/// Marchenko-Pastur's edges, and how many values of a spectrum are beyond them. n is rows, one less
/// if centred; for C > n there are also C - n zeros. The variance is the mean of the eigenvalues
/// without spikes, computed again until no more spikes are found. Zeros, or n < 1: all 0. Throws:
/// ValueError for values that are no spectrum (is_spectrum), as a count cannot be NaN. Source:
/// Marchenko, Pastur 1967; the threshold is that of Johnstone 2001, with the 0.99 quantile of the
/// law of Tracy and Widom, 2.0234.
NoiseEdges noise_edges(const ActivationSpectrum& spectrum);

/// The values that a metric's formula is in.
enum class SpectrumValues { s, l };
/// What a metric needs: the values of any spectrum alone, or a centred spectrum.
enum class SpectrumKind { any, centred };

/// A metric of a spectrum, and its conventions.
struct ActivationMetric {
  /// `effective_rank`
  std::string_view name;
  /// `1` where it has none.
  std::string_view unit;
  /// The formula, for people.
  std::string_view definition;
  /// s, or l = s^2 / rows.
  SpectrumValues of;
  /// The kind of spectrum it is defined for; `value` may throw for another.
  SpectrumKind asks;
  /// Its value for zeros, and for a single direction.
  std::string_view degenerate;
  /// Its publication; empty if none.
  std::string_view source;
  /// Computes it.
  double (*value)(const ActivationSpectrum&);
};

/// The catalogue of metrics of a spectrum: those above, and those of spectrum.hpp.
std::span<const ActivationMetric> activation_metrics();

/// Throws: ValueError for an unknown name, with the known ones.
const ActivationMetric& find_activation_metric(std::string_view name);

/// All metrics of the spectrum; those that need a centred one only if it is.
std::vector<MetricValue> values_of(const ActivationSpectrum& spectrum);

/// All metrics that descending singular values alone have: those that need no centred spectrum.
std::vector<MetricValue> values_of(std::span<const double> singular_values);

/// A line about the spectrum, then one for each metric.
std::string text_of(const ActivationSpectrum& spectrum);

/// {"rows": ..., "channels": ..., "centring": "mean", "path": "gram", "singular_values": [...],
/// "metrics": {...}}; see json_of of values.
std::string json_of(const ActivationSpectrum& spectrum);

}  // namespace libnorm
