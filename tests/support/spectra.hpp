#pragma once

#include <utility>
#include <vector>

#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "tests/support/rows.hpp"

namespace libnorm::test {

/// Normal rows with channel j times spread[j], about a mean of level.
inline std::vector<double> graded(Index rows, const std::vector<double>& spread, double level,
                                  std::uint32_t stream) {
  const Index cols = Index(spread.size());
  std::vector<double> x = normals(rows * cols, stream);
  for (Index i = 0; i < rows * cols; ++i) {
    x[std::size_t(i)] = x[std::size_t(i)] * spread[std::size_t(i % cols)] + level;
  }
  return x;
}

inline ActivationSpectrum of(const std::vector<double>& x, Index cols, Centring centring,
                             const float* count = nullptr) {
  return activation_spectrum(rows_in(x, cols), centring, count);
}

/// A spectrum with these values.
inline ActivationSpectrum made_of(std::vector<double> s, Centring centring = Centring::mean,
                                  double rows = 100) {
  ActivationSpectrum spectrum;
  spectrum.channels = Index(s.size());
  spectrum.singular_values = std::move(s);
  spectrum.rows = rows;
  spectrum.centring = centring;
  return spectrum;
}

}  // namespace libnorm::test
