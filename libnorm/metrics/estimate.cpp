#include "libnorm/metrics/estimate.hpp"

#include <limits>

#include "libnorm/core/rng.hpp"
#include "libnorm/core/simd.hpp"
#include "libnorm/core/vector_sums.hpp"

namespace libnorm {

MeanEstimate mean_estimate(std::span<const double> samples) {
  const double n = double(samples.size());
  MeanEstimate estimate;
  estimate.samples = Index(samples.size());
  estimate.standard_error = std::numeric_limits<double>::infinity();
  if (samples.empty()) return estimate;
  const std::vector<double> ones(samples.size(), 1.0);
  estimate.value = dot<double>(samples, ones) / n;
  if (samples.size() == 1) return estimate;
  std::vector<double> centred;
  for (const double sample : samples) centred.push_back(sample - estimate.value);
  estimate.standard_error = length<double>(centred) / square_root(n * (n - 1));
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
