#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libnorm/metrics/landscape/linear_operator.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// How a trace was computed. `exact`: the sum of e_i^T A e_i.
enum class TraceMethod { hutchinson, hutch_plus_plus, exact };

/// `hutchinson`, `hutch_plus_plus` or `exact`.
std::string_view trace_method_name(TraceMethod method);

/// Cost and seed of a trace estimate.
struct TraceOptions {
  /// The most products with A. If the dimension is no larger, the trace is computed exactly.
  Index products = 99;
  /// Seed of the probes.
  std::uint64_t seed = 0;
};

/// A trace and its standard error.
struct TraceEstimate {
  /// The operator's name.
  std::string of;
  /// How it was computed; exact if the products suffice.
  TraceMethod method = TraceMethod::exact;
  /// The operator's dimension.
  Index dimension = 0;
  /// tr A, or its estimate.
  double value = 0;
  /// Standard error of the mean over the probes: s / sqrt(probes); 0 if the method is exact.
  double standard_error = 0;
  /// Number of random vectors; 0 if the method is exact.
  Index probes = 0;
  /// Products with A, all counted.
  Index products = 0;
};

/// tr A as the mean of z^T A z over random signs z; unbiased. Its variance is 2 sum a_ij^2, i != j,
/// over the number of probes, so the estimate is exact for a diagonal matrix.
/// Probes are those of spectral_density at the same seed. Order: along the axis; same bits
/// everywhere. Throws: ValueError for fewer than 2 products, and as A.
/// Source: Hutchinson 1990.
TraceEstimate hutchinson_trace(const LinearOperator& a, const TraceOptions& options = {});

/// tr A = tr Q^T A Q + tr P A P, P = I - Q Q^T: the first exactly, Q an orthonormal basis of A S
/// for random signs S, the second as Hutchinson's. A third of the products goes to each of A S, A Q
/// and the probes; for a decaying spectrum, the error falls with products, not with their root. The
/// standard error is that of the second part for the given Q: the first is exact.
/// Memory: products / 3 vectors. Order: along the axis; same bits everywhere.
/// Throws: ValueError for fewer than 6 products, and as A.
/// Source: Hutch++, Meyer, Musco, Musco, Woodruff 2021 (arXiv:2010.09649), algorithm 1.
TraceEstimate hutch_plus_plus_trace(const LinearOperator& a, const TraceOptions& options = {});

/// trace, trace_standard_error, trace_probes, trace_products.
std::vector<MetricValue> values_of(const TraceEstimate& trace);

}  // namespace libnorm
