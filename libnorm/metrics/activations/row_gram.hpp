#pragma once

#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/activations/activation_spectrum.hpp"

namespace libnorm {
namespace eigen {
class Columns;
}

/// The spectrum of rows that are added a few at a time, by the fastest method that loses no digits.
/// Holds 4096 rows (more than 512 channels: 8192; more than 4096: 2 C rounded up to 1024s) and a
/// few matrices [C, C], however many rows there are. With fewer rows than channels it holds the
/// rows only, and a spectrum costs R^2 C.
///
/// Rows are processed in stretches of this size. Each is centred by its own mean, and squared:
/// G = X^T X, in double (see GramBody). The error of G's eigenvalues is about C u l_max
/// (u = 1.1e-16), so small ones lose their digits. Hence a stretch is added to the sum of G only if
/// the sum stays well conditioned:
///   l_min >= 1e-10 l_max,
/// with l_min bounded from below by 1 / tr(G^-1), by Weyl's inequality also over stretches, and
/// l_max from above by Frobenius norms. Then the error of each s is at most about C 1e-11 s_max.
/// The rows of any other stretch (fewer than C rows, a constant channel, rows with mean 0) go into
/// the triangle of a QR decomposition, as in RowFactor. Differences between means of stretches, and
/// the mean itself, are kept as rows and squared only under the same condition. So no second pass
/// is needed; SpectrumPath says which way was taken.
///
/// Order: stretches ascending; in each, shards of 512 rows (of more than 256 channels it is one
/// shard), which are centred by their own means and squared, each element by fma over rows
/// ascending in segments of 128; then the shards from left to right, each with what its mean
/// differs by. So G has the same bits with every instruction set and on a GPU, which squares the
/// shards if it is the thread's device. Triangles of quarters of a stretch, from first to last.
/// The result does not depend on the number of threads, nor on the pieces in which rows are added
/// (merges excepted). Eigen factorizes: compared to digits, not to bits.
class RowGram {
 public:
  /// No rows yet. Throws: ShapeError for fewer than one channel.
  explicit RowGram(Index channels);

  /// Adds rows: x [R, C]; row r counts count[r] times, or once if null.
  /// Throws: ShapeError for another width; as check_rows, here or in spectrum(), with row numbers
  /// that count from the first row added. Stretches before the faulty one are kept.
  template <class T>
  void add(const MatrixView<const T>& x, const float* count = nullptr);

  /// Adds all rows of another object. Throws: ShapeError for another width.
  void merge(const RowGram& other);

  /// Sum of the counts so far.
  double rows() const;

  /// The spectrum of all rows. Values beyond the largest possible rank, which is one less if
  /// centred, are 0. Throws: ShapeError if no rows were added; as add.
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

  /// Smallest eigenvalue over largest, below which rows are not squared.
  static constexpr double kSquaring = 1e-10;

  Index channels_;
  double rows_ = 0;
  /// Rows of stretches, and those of them whose count is above 0.
  Index seen_ = 0, given_ = 0;
  /// A power of two; all members below are in this unit, so that no square overflows or vanishes.
  double scale_ = 1;
  std::vector<double> mean_;
  /// [C, C], on and above the diagonal; empty until a stretch is squared.
  std::vector<double> gram_;
  /// Bounds of its eigenvalues.
  double least_ = 0, most_ = 0;
  /// [C, C] by columns; empty until a stretch is not squared.
  std::vector<double> triangle_;
  /// Rows [n, C]: differences between means of stretches.
  std::vector<double> shifts_;
  /// Rows that do not fill a stretch yet.
  std::vector<double> pending_;
  std::vector<float> pending_count_;

  /// The current stretch: its square, the arrays of GramTask, and, if it is not squared, its
  /// centred rows.
  std::vector<double> square_;
  std::vector<double> weight_, root_, shard_weight_, means_, sums_, tops_, blocks_;
  std::vector<double> stretch_;
};

}  // namespace libnorm
