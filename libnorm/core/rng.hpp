#pragma once

#include <cstdint>
#include <string_view>

#include "libnorm/core/error.hpp"

namespace libnorm {

/// The purpose that random numbers are drawn for. Each purpose has its own streams, so that arms
/// share the draws they should share and a new purpose changes no other draw.
enum class Purpose : std::uint32_t {
  initial_values = 1,
  training_batch = 2,
  probe_batch = 3,
  direction = 4,
  resampling = 5,
  test = 6,
  corpus = 7,
};

/// Random numbers as a function: f(seed, purpose, stream, index), the same on every machine, in any
/// order of calls. Source: Philox4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405).
class Random {
 public:
  /// `stream` distinguishes the draws of one purpose: a batch's number, or stream_of(name).
  Random(std::uint64_t seed, Purpose purpose, std::uint32_t stream = 0)
      : seed_(seed), purpose_(static_cast<std::uint32_t>(purpose)), stream_(stream) {}

  /// 64 random bits.
  std::uint64_t bits(std::uint64_t index) const;

  /// Uniform in (0, 1), an odd multiple of 2^-53.
  double uniform(std::uint64_t index) const;

  /// Normal with mean 0 and variance 1, by inversion: one uniform makes one number.
  /// Source: algorithm AS 241 (Wichura 1988, doi:10.2307/2347330), relative error about 1e-16.
  double normal(std::uint64_t index) const;

  /// Uniform in 0 .. n-1, with a bias below n / 2^64. Throws: ValueError if n < 1.
  Index below(std::uint64_t index, Index n) const;

 private:
  std::uint64_t seed_;
  std::uint32_t purpose_;
  std::uint32_t stream_;
};

/// A stream number for a name (FNV-1a, 32 bits).
std::uint32_t stream_of(std::string_view name);

}  // namespace libnorm
