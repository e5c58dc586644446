#include "libnorm/metrics/landscape/estimate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "libnorm/core/rng.hpp"
#include "libnorm/core/simd.hpp"
#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/row_check.hpp"

namespace libnorm {

MeanEstimate mean_estimate(std::span<const double> samples) {
  const double n = double(samples.size());
  MeanEstimate estimate;
  estimate.samples = Index(samples.size());
  estimate.standard_error = std::numeric_limits<double>::infinity();
  if (samples.empty()) return estimate;
  // In units of the largest, so that the sum is finite where the mean is.
  double largest = 0;
  for (const double sample : samples) largest = std::max(largest, std::abs(sample));
  const double unit = unit_scale(largest);
  std::vector<double> scaled(samples.begin(), samples.end());
  scale<double>(scaled, unit);
  const double mean = dot<double>(scaled, std::vector<double>(samples.size(), 1.0)) / n;
  estimate.value = mean / unit;
  if (samples.size() == 1) return estimate;
  for (double& sample : scaled) sample -= mean;
  estimate.standard_error = length<double>(scaled) / square_root(n * (n - 1)) / unit;
  return estimate;
}

void rademacher_probe(std::uint64_t seed, std::string_view purpose, Index index,
                      std::span<double> x) {
  const Random random(seed, Purpose::direction, stream_of(purpose));
  const std::size_t words = (x.size() + 63) / 64;
  for (std::size_t word = 0; word < words; ++word) {
    std::uint64_t bits = random.bits(std::uint64_t(index) * words + word);
    for (std::size_t i = 64 * word; i < x.size() && i < 64 * word + 64; ++i) {
      x[i] = (bits & 1) != 0 ? 1.0 : -1.0;
      bits >>= 1;
    }
  }
}

void normal_probe(std::uint64_t seed, std::string_view purpose, Index index, std::span<double> x) {
  const Random random(seed, Purpose::direction, stream_of(purpose));
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = random.normal(std::uint64_t(index) * x.size() + i);
  }
}

}  // namespace libnorm
