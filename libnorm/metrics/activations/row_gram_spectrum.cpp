#include <algorithm>
#include <cmath>
#include <utility>

#include "libnorm/metrics/activations/known_rank.hpp"
#include "libnorm/metrics/activations/row_gram.hpp"
#include "libnorm/metrics/activations/spectrum.hpp"
#include "libnorm/metrics/decompositions.hpp"
#include "libnorm/metrics/row_check.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {
namespace {

using View = MatrixView<const double>;

double squared_norm(const std::vector<double>& m) {
  double sum = 0;
  for (const double x : m) sum += x * x;
  return sum;
}

}  // namespace

ActivationSpectrum RowGram::spectrum(Centring centring) const {
  if (seen_ == 0 && Index(pending_count_.size()) < channels_) return spectrum_of_few(centring);
  if (!pending_count_.empty()) {
    RowGram whole = *this;
    whole.flush();
    return whole.spectrum(centring);
  }
  if (!(rows_ > 0)) {
    throw ShapeError("RowGram::spectrum: no rows were added (0); need at least one");
  }
  const Index c = channels_;
  std::vector<double> extra = shifts_;
  if (centring == Centring::none) {
    for (const double m : mean_) extra.push_back(std::sqrt(rows_) * m);
  }
  const Index extras = Index(extra.size()) / c;
  const bool squared = most_ > 0;
  std::vector<double> s;
  ActivationSpectrum result;
  if (squared && triangle_.empty() && least_ >= kSquaring * (most_ + squared_norm(extra))) {
    std::vector<double> gram = gram_;
    const MatrixView<const double> rows(extra.data(), extras, c);
    gemm<double>(transposed(rows), plain(rows), {gram.data(), c, c}, nullptr, Output::add);
    s = eigen::eigensystem_of({gram.data(), c, c}, eigen::Vectors::dropped).values;
    if (s.empty()) {
      throw ValueError("RowGram::spectrum: Eigen found no eigenvalues of X^T X (" +
                       shape_text(c, c) + "); need finite numbers of one scale");
    }
    std::reverse(s.begin(), s.end());
    for (double& x : s) x = std::sqrt(std::max(x, 0.0));
    result.path = SpectrumPath::gram;
  } else {
    eigen::Columns stacked(2 * c + extras, c);
    if (squared) stacked.put_triangle(0, eigen::cholesky_of({gram_.data(), c, c}));
    stacked.put_triangle(c, triangle_);
    stacked.put_rows(2 * c, {extra.data(), extras, c});
    s = stacked.singular_values();
    result.path = squared ? SpectrumPath::both : SpectrumPath::qr;
  }
  result.singular_values = told_values(std::move(s), scale_, {rows_, given_, c}, centring);
  result.rows = rows_;
  result.channels = c;
  result.centring = centring;
  return result;
}

/// Of fewer rows than channels: those of the rows as they are, or less their mean, counted from the
/// first that counts; no matrix is [C, C].
ActivationSpectrum RowGram::spectrum_of_few(Centring centring) const {
  const View given = waiting();
  const Index n = given.rows, c = channels_;
  const RowCheck check = check_rows("RowGram::add", given, pending_count_.data());
  if (!(check.rows > 0)) {
    throw ShapeError("RowGram::spectrum: no rows were added (0); need at least one");
  }
  Index origin = 0, counted = 0;
  while (!(pending_count_[std::size_t(origin)] > 0)) ++origin;
  std::vector<double> rows(std::size_t(n * c), 0.0), mean(std::size_t(c), 0.0);
  const auto from = [&](Index r, Index j) {
    const double start = centring == Centring::mean ? given(origin, j) : 0.0;
    return given(r, j) * check.scale - start * check.scale;
  };
  for (Index r = 0; r < n; ++r) {
    const double weight = double(pending_count_[std::size_t(r)]);
    counted += weight > 0;
    for (Index j = 0; weight > 0 && j < c; ++j) {
      rows[std::size_t(r * c + j)] = from(r, j);
      mean[std::size_t(j)] += weight * from(r, j) / check.rows;
    }
  }
  for (Index r = 0; centring == Centring::mean && r < n; ++r) {
    for (Index j = 0; j < c; ++j) rows[std::size_t(r * c + j)] -= mean[std::size_t(j)];
  }
  ActivationSpectrum result;
  result.singular_values =
      told_values(singular_values<double>(View(rows.data(), n, c), pending_count_.data()),
                  check.scale, {check.rows, counted, c}, centring);
  result.rows = check.rows;
  result.channels = c;
  result.centring = centring;
  return result;
}

}  // namespace libnorm
