// What a stranger's program does with the metrics alone: measure activations from a file and from
// Eigen, without anything that trains.

#include <cmath>
#include <cstdio>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/core/version.hpp"
#include "libnorm/data/npy.hpp"
#include "libnorm/data/safetensors.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"
#include "libnorm/metrics/activations/cka.hpp"
#include "libnorm/metrics/activations/eigen_rows.hpp"
#include "libnorm/metrics/activations/intrinsic_dimension.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "libnorm/metrics/activations/row_gram.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/landscape/slice.hpp"
// Paths that headers had before, of both halves.
#include "libnorm/metrics/spectrum.hpp"
#include "libnorm/metrics/trace.hpp"

static_assert(libnorm::kVersion >= libnorm::Version{0, 1});

namespace {

using libnorm::Index;

int faults = 0;

void expect(const char* what, double found, double right) {
  std::printf("%s %.9f\n", what, found);
  if (std::abs(found - right) < 1e-6) return;
  std::printf("  need %.9f\n", right);
  ++faults;
}

/// The corners of a cube, many times: all directions alike.
Eigen::MatrixXf corners() {
  Eigen::MatrixXf x(8000, 3);
  for (Index r = 0; r < x.rows(); ++r) {
    for (Index c = 0; c < 3; ++c) x(r, c) = (r >> c & 1) != 0 ? 1.0f : -1.0f;
  }
  return x;
}

void measure() {
  const Eigen::MatrixXf x = corners();
  const auto rows = libnorm::rows_of(x);
  const char* path = "corners.npy";
  libnorm::write_npy(path, rows.view());

  const libnorm::NpyFile file(path);
  std::vector<double> numbers(std::size_t(file.rows() * file.cols()));
  const libnorm::MatrixView<double> read(numbers.data(), file.rows(), file.cols());
  file.read(0, read);
  libnorm::RowGram gram(3);
  gram.add<double>(read);
  const libnorm::ActivationSpectrum spectrum = gram.spectrum(libnorm::Centring::mean);
  expect("effective rank", libnorm::effective_rank(spectrum.singular_values), 3);
  expect("isoscore", libnorm::iso_score(spectrum), 1);
  expect("of Eigen", libnorm::activation_spectrum(x, libnorm::Centring::none).eigenvalues()[2], 1);
  expect("cka", libnorm::linear_cka(rows.view(), rows.view()), 1);
  expect("mean cosine", libnorm::mean_cosine(rows.view()), -1.0 / 7999);
  expect("corners", double(libnorm::nearest_neighbours(rows.view(), 2).rows), 8);
  expect("grid", libnorm::even_grid(-1, 2, 4)[2], 1);
}

}  // namespace

int main() {
  libnorm::with_threads(2, measure);
  try {
    const libnorm::SafetensorsFile none("no such file");
    return 1;
  } catch (const libnorm::DataError&) {
    return faults;
  }
}
