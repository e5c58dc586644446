// A program with Eigen of its own, which its flags may have compiled for another instruction set
// than the library's: none of the library's is that of the program.
#include <cmath>
#include <cstdio>
#include <vector>

#include <Eigen/Eigenvalues>
#include <Eigen/QR>

#include "libnorm/metrics/activations/eigen_rows.hpp"
#include "libnorm/metrics/activations/neural_collapse.hpp"
#include "libnorm/metrics/activations/row_geometry.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/landscape/lanczos.hpp"
#include "libnorm/metrics/landscape/spectral_density.hpp"

namespace {

int faults = 0;

void expect(const char* what, double got, double want) {
  if (std::abs(got - want) <= 1e-9 * (1 + std::abs(want))) return;
  std::printf("%s: %.17g, not %.17g\n", what, got, want);
  ++faults;
}

/// What the program does itself, in the types that the library uses too.
double own_largest(const Eigen::MatrixXd& a) {
  const Eigen::MatrixXd q = Eigen::HouseholderQR<Eigen::MatrixXd>(a).householderQ();
  const Eigen::MatrixXd g = (q.transpose() * a).transpose() * (q.transpose() * a);
  return std::sqrt(Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(g).eigenvalues().maxCoeff());
}

void run() {
  Eigen::MatrixXd a(40, 7);
  for (Eigen::Index i = 0; i < a.size(); ++i) a.data()[i] = double(i * 37 % 101) / 50 - 1;
  const double want = own_largest(a);
  const auto rows = libnorm::rows_of(a);
  expect("singular_values", libnorm::singular_values(rows.view())[0], want);
  libnorm::RowFactor factor(7);
  factor.add(rows.view());
  expect("RowFactor", factor.singular_values(libnorm::Centring::none)[0], want);
  const auto spectrum = libnorm::activation_spectrum(a, libnorm::Centring::none);
  expect("activation_spectrum", spectrum.singular_values[0], want);
  const Eigen::MatrixXd gram = a.transpose() * a;
  const libnorm::LinearOperator of_gram =
      libnorm::matrix_operator(libnorm::MatrixView<const double>(gram.data(), 7, 7));
  const auto found = libnorm::extreme_eigenvalues(of_gram, libnorm::End::largest);
  expect("extreme_eigenvalues", std::sqrt(found.values[0]), want);
  const auto density = libnorm::spectral_density(of_gram);
  expect("spectral_density", std::sqrt(density.probes[0].nodes.back()), want);
  expect("partition_isotropy", libnorm::partition_isotropy(rows.view()) > 0, 1);
  const std::vector<std::int32_t> labels = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
                                            0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
                                            0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
  const auto collapse = libnorm::neural_collapse(rows.view(), labels.data(), 2);
  expect("neural_collapse", collapse.mean_cosines, 0);
  expect("afterwards", own_largest(a), want);
}

}  // namespace

int main() {
  run();
  std::printf("%d faults\n", faults);
  return faults == 0 ? 0 : 1;
}
