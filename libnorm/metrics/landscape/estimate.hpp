#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm {

/// The mean of independent samples and its standard error.
struct MeanEstimate {
  /// Their mean.
  double value = 0;
  /// s / sqrt(samples), s^2 the samples' variance with divisor samples - 1. 0 where the value is
  /// exact; infinite for a single sample.
  double standard_error = 0;
  /// Number of samples.
  Index samples = 0;
};

/// Mean and standard error; the deviations are centred before squaring. Order: along the axis. No
/// samples: 0 and infinite. If a sample is not finite, neither is the mean, and the standard error
/// is NaN.
MeanEstimate mean_estimate(std::span<const double> samples);

/// Probe number `index` of x.size() random signs, +1 and -1 equally likely. `purpose` names the
/// stream: the same name and seed give the same probes.
void rademacher_probe(std::uint64_t seed, std::string_view purpose, Index index,
                      std::span<double> x);

/// The same, drawn from N(0, 1).
void normal_probe(std::uint64_t seed, std::string_view purpose, Index index, std::span<double> x);

}  // namespace libnorm
