#pragma once

#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/activation_spectrum.hpp"

namespace libnorm {

/// The spectrum of rows that come a few at a time, by the fastest way that keeps the digits. Holds
/// max(4096, 8 C) rows and a few matrices [C, C], however many rows there are.
///
/// Rows are taken in such stretches. Each is centred by its own mean, and squared: G = X^T X, by
/// gemm<double>. In G an eigenvalue is off by about C u l_max (u = 1.1e-16), so that a small one
/// loses its digits. Hence a stretch joins the sum of G only where that stays well conditioned:
///   l_min >= 1e-10 l_max,
/// with l_min bounded from below by 1 / tr(G^-1), by Weyl's inequality also over stretches, and
/// l_max from above by Frobenius norms. Then no s is off by more than about C 1e-11 s_max. The rows
/// of any other stretch (fewer than C, a channel that is constant, rows without their mean) go into
/// the triangle of a QR decomposition, as in RowFactor, unsquared. What means of stretches differ
/// by, and the mean itself, are kept as rows and squared only under the same condition. So the
/// choice needs no second pass; SpectrumPath says how it fell.
///
/// Order: stretches ascending, in each the order of gemm; triangles of quarters of a stretch, from
/// first to last. The same in any number of threads, and in whatever pieces rows come (merges
/// aside); Eigen factorizes: compared to digits, not to bits.
class RowGram {
 public:
  explicit RowGram(Index channels);

  /// Takes rows in: x [R, C], row r standing for count[r] rows; null: each for one.
  /// Throws: ShapeError for another width, ValueError for a number that is not finite or beyond
  /// 1e290, or a count below 0; what came before that stretch is kept.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Takes in all rows that another has. Throws: ShapeError for another width.
  void merge(const RowGram& other);

  /// Counts added up so far.
  double rows() const;

  /// Throws: ShapeError if no rows were taken in.
  ActivationSpectrum spectrum(Centring centring) const;

 private:
  template <class T>
  void take(const MatrixView<const T>& x, const float* count);
  template <class T>
  double read(const MatrixView<const T>& x, const float* count, std::vector<double>& mean);
  void centre(Index rows, const std::vector<double>& mean);
  void rescale(double largest);
  bool is_zero() const;
  void scale_by(double factor);
  void square(Index rows);
  bool accept();
  void factorize(Index rows);
  void absorb(const double* rows, Index count);
  void join_mean(double added, const std::vector<double>& mean);
  void flush();

  Index channels_;
  double rows_ = 0;
  /// Rows that count for something.
  Index given_ = 0;
  /// A power of two that all below is multiplied by, so that no square overflows or vanishes.
  double scale_ = 1;
  std::vector<double> mean_;
  /// [C, C]; empty until a stretch is squared.
  std::vector<double> gram_;
  /// Bounds of its eigenvalues.
  double least_ = 0, most_ = 0;
  /// [C, C] by columns; empty until a stretch is not squared.
  std::vector<double> triangle_;
  /// Rows [n, C] that means of stretches differ by.
  std::vector<double> shifts_;
  /// Rows that are no stretch yet.
  std::vector<double> pending_;
  std::vector<float> pending_count_;

  /// The stretch at work, its weights and its square.
  std::vector<double> stretch_, weight_, square_;
};

}  // namespace libnorm
