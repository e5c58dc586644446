#include "harness/studies/row_measures.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "libnorm/core/vector_sums.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"

namespace harness {
namespace {

using libnorm::Centring;
using libnorm::Index;
using libnorm::MatrixView;

/// Rows in double, each standing for a number of rows.
struct Rows {
  Index count = 0, channels = 0;
  std::vector<double> values = {};
  std::vector<float> weights = {};

  MatrixView<const double> view() const { return {values.data(), count, channels}; }
  std::span<double> row(Index r) {
    return std::span(values).subspan(std::size_t(r * channels), std::size_t(channels));
  }
  double weight(Index r) const { return double(weights[std::size_t(r)]); }
  void add(const float* row, float weight) {
    if (!(weight > 0)) return;
    values.insert(values.end(), row, row + channels);
    weights.push_back(weight);
    ++count;
  }
};

std::vector<double> lengths_of(Rows& rows) {
  std::vector<double> lengths;
  for (Index r = 0; r < rows.count; ++r) lengths.push_back(libnorm::length<double>(rows.row(r)));
  return lengths;
}

Rows normalized(Rows rows, const std::vector<double>& lengths) {
  for (Index r = 0; r < rows.count; ++r) {
    const double length = lengths[std::size_t(r)];
    for (double& x : rows.row(r)) x = length > 0 ? x / length : 0.0;
  }
  return rows;
}

Rows centred(Rows rows) {
  libnorm::ChannelMoments moments(rows.channels);
  moments.add(rows.view(), rows.weights.data());
  for (Index r = 0; r < rows.count; ++r) {
    const std::span<double> row = rows.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) row[c] -= moments.mean()[c];
  }
  return rows;
}

void add_lengths(const std::string& name, const Rows& rows, const std::vector<double>& lengths,
                 RunResult& result) {
  double total = 0, sum = 0, squares = 0;
  for (Index r = 0; r < rows.count; ++r) {
    total += rows.weight(r);
    sum += rows.weight(r) * lengths[std::size_t(r)];
  }
  const double mean = sum / total;
  for (Index r = 0; r < rows.count; ++r) {
    const double from_mean = lengths[std::size_t(r)] - mean;
    squares += rows.weight(r) * from_mean * from_mean;
  }
  const auto [low, high] = std::minmax_element(lengths.begin(), lengths.end());
  result.metrics[name + ".row_length_mean"] = mean;
  result.metrics[name + ".row_length_spread"] = mean > 0 ? std::sqrt(squares / total) / mean : 0;
  result.metrics[name + ".row_length_lowest"] = *low;
  result.metrics[name + ".row_length_highest"] = *high;
}

/// The spectrum of rows with the mean taken off by the spectrum itself, which loses no digits.
void add_spectrum(const std::string& name, const Rows& rows, Centring centring, RunResult& result) {
  const auto spectrum =
      libnorm::activation_spectrum<double>(rows.view(), centring, rows.weights.data());
  result.spectra[name] = spectrum.singular_values;
  for (const libnorm::MetricValue& metric : libnorm::values_of(spectrum)) {
    result.metrics[name + "." + metric.name] = metric.value;
  }
}

void add_pair(const std::string& plain, const std::string& centred_name, const Rows& rows,
              RunResult& result) {
  add_spectrum(plain, rows, Centring::none, result);
  add_spectrum(centred_name, rows, Centring::mean, result);
  const auto cosine = [](const Rows& of) {
    return libnorm::mean_cosine<double>(of.view(), of.weights.data());
  };
  result.metrics[plain + ".mean_cosine"] = cosine(rows);
  result.metrics[centred_name + ".mean_cosine"] = cosine(centred(rows));
}

}  // namespace

void measure_rows(const std::string& name, const MatrixView<const float>& x, const float* count,
                  RunResult& result) {
  Rows rows{.channels = x.cols};
  for (Index r = 0; r < x.rows; ++r) rows.add(x.row(r), count == nullptr ? 1.0f : count[r]);
  const std::vector<double> lengths = lengths_of(rows);
  const auto variant = [&](std::size_t i) { return name + "." + std::string(kRowVariants[i]); };
  add_pair(variant(0), variant(1), rows, result);
  add_pair(variant(2), variant(3), normalized(rows, lengths), result);
  add_lengths(name, rows, lengths, result);
}

}  // namespace harness
