#pragma once

#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"

namespace libnorm {
namespace eigen {
class Columns;
}

/// The spectrum of rows that come a few at a time, by the fastest way that keeps the digits. Holds
/// 4096 rows (of more than 512 channels 8192; of more than 4096, 2 C rounded up to 1024s) and a few
/// matrices [C, C], however many rows there are; of fewer rows than channels only these, and a
/// spectrum costs R^2 C.
///
/// Rows are taken in such stretches. Each is centred by its own mean, and squared: G = X^T X, in
/// double (see GramBody). In G an eigenvalue is off by about C u l_max (u = 1.1e-16), so that a
/// small one loses its digits. Hence a stretch joins the sum of G only where that stays well
/// conditioned:
///   l_min >= 1e-10 l_max,
/// with l_min bounded from below by 1 / tr(G^-1), by Weyl's inequality also over stretches, and
/// l_max from above by Frobenius norms. Then no s is off by more than about C 1e-11 s_max. The rows
/// of any other stretch (fewer than C, a channel that is constant, rows without their mean) go into
/// the triangle of a QR decomposition, as in RowFactor, unsquared. What means of stretches differ
/// by, and the mean itself, are kept as rows and squared only under the same condition. So the
/// choice needs no second pass; SpectrumPath says how it fell.
///
/// Order: stretches ascending; in each, shards of 512 rows (of more than 256 channels it is one
/// shard), which are centred by their own means and squared, each element by fma over rows
/// ascending in segments of 128; then the shards from left to right, each with what its mean
/// differs by. So G has the same bits with every instruction set, and on a GPU, which squares the
/// shards where it is the thread's device. Triangles of quarters of a stretch, from first to last.
/// The same in any number of threads, and in whatever pieces rows come (merges aside); Eigen
/// factorizes: compared to digits, not to bits.
class RowGram {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit RowGram(Index channels);

  /// Takes rows in: x [R, C], row r standing for count[r] rows; null: each for one.
  /// Throws: ShapeError for another width; as check_rows, here or once a spectrum is asked for,
  /// where rows are numbered from the first that came; what came before that stretch is kept.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Takes in all rows that another has. Throws: ShapeError for another width.
  void merge(const RowGram& other);

  /// Counts added up so far.
  double rows() const;

  /// Beyond the rank that so many rows can have, which is one less where their mean is off, values
  /// are 0. Throws: ShapeError if no rows were taken in; as add.
  ActivationSpectrum spectrum(Centring centring) const;

 private:
  template <class T>
  void take(const MatrixView<const T>& x, const float* count);
  template <class T>
  void take_counted(const MatrixView<const T>& x, const float* count);
  template <class T>
  [[noreturn]] void refuse(const MatrixView<const T>& x, const float* count) const;
  double weigh(Index rows, const float* count);
  template <class T>
  double square(const MatrixView<const T>& x, const std::vector<double>& start);
  std::vector<double> join_shards(double added, const std::vector<double>& start);
  template <class T>
  void centre(const MatrixView<const T>& x, const std::vector<double>& mean);
  bool is_zero() const;
  void scale_by(double factor);
  bool accept();
  void factorize(Index rows);
  void absorb(eigen::Columns& stacked);
  void join_mean(double added, const std::vector<double>& mean);
  MatrixView<const double> waiting() const;
  void flush();
  ActivationSpectrum spectrum_of_few(Centring centring) const;

  Index channels_;
  double rows_ = 0;
  /// Rows of stretches, and those of them that count for something.
  Index seen_ = 0, given_ = 0;
  /// A power of two that all below is multiplied by, so that no square overflows or vanishes.
  double scale_ = 1;
  std::vector<double> mean_;
  /// [C, C], on and above the diagonal; empty until a stretch is squared.
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

  /// The stretch at work: its square, what that is made of (see GramBody), and, where it is not
  /// squared, its rows less their mean.
  std::vector<double> square_;
  std::vector<double> weight_, root_, shard_weight_, means_, sums_, tops_, blocks_;
  std::vector<double> stretch_;
};

}  // namespace libnorm
