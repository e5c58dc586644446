#include "libnorm/metrics/activations/row_gram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/metrics/activations/gram_body.hpp"
#include "libnorm/metrics/decompositions.hpp"
#if defined(LIBNORM_CUDA)
#include "libnorm/metrics/activations/gram_cuda.hpp"
#endif
#include "libnorm/metrics/row_check.hpp"

namespace libnorm {
namespace {

using View = MatrixView<const double>;

/// So that sums of them, and singular values, stay finite.
constexpr double kLargest = 1e290;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// Rows of a shard, and channels up to which a stretch has more than one. Of more channels there
/// are pairs of blocks enough to keep threads busy.
constexpr Index kShard = 512, kShardedChannels = 256;
/// Rows of a square that are worth a task when shards are joined.
constexpr Index kJoinGrain = 16;

/// Several times the channels, so that a stretch is well conditioned if its rows are; of very many
/// channels twice as many, for the memory.
Index stretch_rows(Index channels) {
  if (channels <= 512) return 4096;
  return std::max<Index>(8192, (2 * channels + 1023) / 1024 * 1024);
}

Index shard_rows(Index channels) {
  return channels <= kShardedChannels ? kShard : stretch_rows(channels);
}

/// Not above the smallest eigenvalue of a symmetric matrix; 0 where Cholesky finds none above 0.
double least_eigenvalue(const double* gram, Index c) {
  const double trace = eigen::inverse_trace({gram, c, c});
  return std::isfinite(trace) ? 1 / trace : 0;
}

/// That of a symmetric matrix [C, C] of which what is below the diagonal does not count.
double norm_of_symmetric(const std::vector<double>& m, Index c) {
  double diagonal = 0, above = 0;
  for (Index i = 0; i < c; ++i) {
    const double* row = m.data() + i * c;
    diagonal += row[i] * row[i];
    for (Index j = i + 1; j < c; ++j) above += row[j] * row[j];
  }
  return std::sqrt(diagonal + 2 * above);
}

}  // namespace

RowGram::RowGram(Index channels) : channels_(channels) {
  if (channels < 1) {
    throw ShapeError("RowGram: no channels (" + std::to_string(channels) + "); need at least 1");
  }
  mean_.assign(std::size_t(channels), 0.0);
}

template <class T>
void RowGram::add(const MatrixView<const T>& x, const float* count) {
  if (x.cols != channels_) {
    throw ShapeError("RowGram::add: another width (" + shape_text(x.rows, x.cols) + "); need " +
                     std::to_string(channels_) + " columns");
  }
  const Index whole = stretch_rows(channels_);
  if (pending_.empty()) {
    pending_.reserve(std::size_t((x.rows < whole ? x.rows : x.rows % whole) * channels_));
  }
  for (Index first = 0; first < x.rows;) {
    const Index waiting = Index(pending_count_.size());
    const Index rows = std::min(whole - waiting, x.rows - first);
    if (rows == whole) {
      take(x.row_range(first, rows), count == nullptr ? nullptr : count + first);
      seen_ += rows;
    } else {
      for (Index r = first; r < first + rows; ++r) {
        pending_.insert(pending_.end(), x.row(r), x.row(r) + channels_);
        pending_count_.push_back(count == nullptr ? 1.0f : count[r]);
      }
      if (waiting + rows == whole) flush();
    }
    first += rows;
  }
}

template void RowGram::add<float>(const MatrixView<const float>&, const float*);
template void RowGram::add<double>(const MatrixView<const double>&, const float*);

MatrixView<const double> RowGram::waiting() const {
  return {pending_.data(), Index(pending_count_.size()), channels_};
}

void RowGram::flush() {
  if (pending_count_.empty()) return;
  const std::vector<double> rows = std::move(pending_);
  const std::vector<float> count = std::move(pending_count_);
  pending_.clear();
  pending_count_.clear();
  take(View(rows.data(), Index(count.size()), channels_), count.data());
  seen_ += Index(count.size());
}

/// One stretch: its square, or where that would lose digits its triangle, and its mean.
template <class T>
void RowGram::take(const MatrixView<const T>& x, const float* count) {
  const double added = weigh(x.rows, count);
  // Means are taken from the first row that counts, so that those of equal rows are exact.
  Index origin = 0;
  while (origin + 1 < x.rows && !(weight_[std::size_t(origin)] > 0)) ++origin;
  const std::vector<double> start(x.row(origin), x.row(origin) + channels_);
  const double top = square(x, start);
  if (!(added >= 0) || !(top <= kLargest)) refuse(x, count);
  if (!(added > 0)) return;
  const Index counted =
      std::count_if(weight_.begin(), weight_.end(), [](double w) { return w > 0; });
  const double scale = next_scale(scale_, top, is_zero());
  // Rows that do not count may be of another size.
  if (scale != 1 && counted < x.rows) return take_counted(x, count);
  if (scale != scale_) {
    scale_by(scale / scale_);
    scale_ = scale;
    square(x, start);
  }
  given_ += counted;
  const std::vector<double> mean = join_shards(added, start);
  if (!accept()) {
    centre(x, mean);
    factorize(x.rows);
  }
  join_mean(added, mean);
}

/// The rows of a stretch that count, without the others.
template <class T>
void RowGram::take_counted(const MatrixView<const T>& x, const float* count) {
  std::vector<T> rows;
  std::vector<float> counts;
  for (Index r = 0; r < x.rows; ++r) {
    if (!(count[r] > 0)) continue;
    rows.insert(rows.end(), x.row(r), x.row(r) + x.cols);
    counts.push_back(count[r]);
  }
  take(MatrixView<const T>(rows.data(), Index(counts.size()), x.cols), counts.data());
}

template <class T>
void RowGram::refuse(const MatrixView<const T>& x, const float* count) const {
  const RowCheck check = check_rows("RowGram::add", x, count, seen_);
  throw ValueError("RowGram::add: counts times numbers overflow (numbers up to " +
                   number_text(check.largest) + ", counts of " + number_text(check.rows) +
                   " in all); need smaller ones");
}

/// Keeps the counts of a stretch, and returns what they add up to; NaN where one cannot count.
double RowGram::weigh(Index rows, const float* count) {
  const Index per_shard = shard_rows(channels_), shards = (rows + per_shard - 1) / per_shard;
  weight_.assign(std::size_t(rows), 1.0);
  root_.assign(std::size_t(rows), 1.0);
  shard_weight_.assign(std::size_t(shards), 0.0);
  double total = 0;
  for (Index r = 0; r < rows; ++r) {
    double& weight = weight_[std::size_t(r)];
    if (count != nullptr) {
      weight = double(count[r]);
      root_[std::size_t(r)] = std::sqrt(weight);
    }
    shard_weight_[std::size_t(r / per_shard)] += weight;
    total += weight >= 0 && std::isfinite(weight) ? weight : kNaN;
  }
  return total;
}

/// The means and squares of the shards of a stretch; returns the largest magnitude.
template <class T>
double RowGram::square(const MatrixView<const T>& x, const std::vector<double>& start) {
  const Index c = channels_, shards = Index(shard_weight_.size()), pairs = gram_pairs(c);
  means_.resize(std::size_t(shards * c));
  sums_.resize(means_.size());
  tops_.resize(means_.size());
  blocks_.resize(std::size_t(shards * pairs * kGramBlock * kGramBlock));
  const GramTask<T> task{x,
                         weight_.data(),
                         root_.data(),
                         start.data(),
                         shard_weight_.data(),
                         scale_,
                         shard_rows(c),
                         means_.data(),
                         sums_.data(),
                         tops_.data(),
                         blocks_.data()};
#if defined(LIBNORM_CUDA)
  if (current_device() == Device::cuda) {
    do_on_gpu(task);
  } else
#endif
  {
    launch(shards * pairs, 1, GramBody<T>{task});
  }
  return *std::max_element(tops_.begin(), tops_.end());
}

/// square_ from those of the shards, for rows less the mean of the stretch, which is returned.
std::vector<double> RowGram::join_shards(double added, const std::vector<double>& start) {
  const Index c = channels_, shards = Index(shard_weight_.size());
  const Index padded = gram_blocks(c) * kGramBlock;
  std::vector<double> mean(std::size_t(c), 0.0), shift(std::size_t(shards * padded), 0.0);
  for (Index s = 0; s < shards; ++s) {
    for (Index j = 0; j < c; ++j) mean[std::size_t(j)] += sums_[std::size_t(s * c + j)];
  }
  for (Index j = 0; j < c; ++j) {
    double& m = mean[std::size_t(j)];
    m = (start[std::size_t(j)] + m / added) * scale_;
    for (Index s = 0; s < shards; ++s) {
      shift[std::size_t(s * padded + j)] = means_[std::size_t(s * c + j)] - m;
    }
  }
  square_.resize(std::size_t(c * c));
  launch(c, kJoinGrain,
         GramJoinBody{c, shards, blocks_.data(), shift.data(), shard_weight_.data(), padded,
                      square_.data()});
  return mean;
}

/// The stretch less its mean, each row times the root of its count.
template <class T>
void RowGram::centre(const MatrixView<const T>& x, const std::vector<double>& mean) {
  const Index c = channels_, shards = (x.rows + kShard - 1) / kShard;
  stretch_.resize(std::size_t(x.rows * c));
  for_each_output(shards, [&](Index shard) {
    const Index end = std::min(x.rows, (shard + 1) * kShard);
    for (Index r = shard * kShard; r < end; ++r) {
      const T* from = x.row(r);
      double* to = stretch_.data() + r * c;
      const double root = root_[std::size_t(r)];
      for (Index j = 0; j < c; ++j) {
        to[j] = (double(from[j]) * scale_ - mean[std::size_t(j)]) * root;
      }
    }
  });
}

/// Whether no row was anything but zeros.
bool RowGram::is_zero() const {
  const bool no_mean = std::all_of(mean_.begin(), mean_.end(), [](double m) { return m == 0; });
  return most_ == 0 && triangle_.empty() && no_mean;
}

void RowGram::scale_by(double factor) {
  for (double& x : mean_) x *= factor;
  for (double& x : gram_) x = x * factor * factor;
  least_ = least_ * factor * factor;
  most_ = most_ * factor * factor;
  for (double& x : triangle_) x *= factor;
  for (double& x : shifts_) x *= factor;
}

/// Adds the square to the others if that keeps the digits.
bool RowGram::accept() {
  const double most = most_ + norm_of_symmetric(square_, channels_);
  double least = least_;
  if (!(least >= kSquaring * most)) least += least_eigenvalue(square_.data(), channels_);
  if (!(least >= kSquaring * most)) return false;
  if (gram_.empty()) gram_.assign(square_.size(), 0.0);
  for (std::size_t i = 0; i < square_.size(); ++i) gram_[i] += square_[i];
  least_ = least;
  most_ = most;
  return true;
}

/// The triangle of the stretch, by quarters, joins the one there is.
void RowGram::factorize(Index rows) {
  const Index c = channels_;
  const Index part = std::max(c, stretch_rows(c) / 4), parts = (rows + part - 1) / part;
  eigen::Columns stacked((parts + 1) * c, c);
  for_each_output(parts, [&](Index p) {
    const Index first = p * part, n = std::min(part, rows - first);
    eigen::Columns of_part(std::max(n, c), c);
    of_part.put_rows(0, {stretch_.data() + first * c, n, c});
    stacked.put_triangle((p + 1) * c, of_part.triangle());
  });
  absorb(stacked);
}

/// Rows join the triangle, for which the first C of `stacked` are free.
void RowGram::absorb(eigen::Columns& stacked) {
  stacked.put_triangle(0, triangle_);
  triangle_ = stacked.triangle();
}

/// Rows that were centred by `mean` now are by the mean of all. See RowFactor for the formula.
void RowGram::join_mean(double added, const std::vector<double>& mean) {
  const double total = rows_ + added, root = std::sqrt(rows_ / total * added);
  bool moved = false;
  std::vector<double> shift(mean.size());
  for (std::size_t j = 0; j < mean.size(); ++j) {
    const double difference = mean[j] - mean_[j];
    mean_[j] += added / total * difference;
    shift[j] = root * difference;
    moved = moved || shift[j] != 0;
  }
  if (moved) shifts_.insert(shifts_.end(), shift.begin(), shift.end());
  if (Index(shifts_.size()) >= 256 * channels_) {
    const Index count = Index(shifts_.size()) / channels_;
    eigen::Columns stacked(channels_ + count, channels_);
    stacked.put_rows(channels_, {shifts_.data(), count, channels_});
    absorb(stacked);
    shifts_.clear();
  }
  rows_ = total;
}

void RowGram::merge(const RowGram& other) {
  if (other.channels_ != channels_) {
    throw ShapeError("RowGram::merge: another width (" + std::to_string(other.channels_) +
                     "); need " + std::to_string(channels_));
  }
  RowGram from = other;
  // Rows that are no stretch yet stay that, as fewer than channels are best left alone.
  if (!(from.rows_ > 0)) return add(from.waiting(), from.pending_count_.data());
  if (!(rows_ > 0)) {
    from.add(waiting(), pending_count_.data());
    *this = std::move(from);
    return;
  }
  flush();
  from.flush();
  double scale = std::min(scale_, from.scale_);
  if (is_zero()) scale = from.scale_;
  if (from.is_zero()) scale = scale_;
  scale_by(scale / scale_);
  scale_ = scale;
  from.scale_by(scale / from.scale_);
  if (!from.gram_.empty()) {
    if (gram_.empty()) gram_.assign(from.gram_.size(), 0.0);
    for (std::size_t i = 0; i < gram_.size(); ++i) gram_[i] += from.gram_[i];
    least_ += from.least_;
    most_ += from.most_;
  }
  if (!from.triangle_.empty()) {
    eigen::Columns stacked(2 * channels_, channels_);
    stacked.put_triangle(channels_, from.triangle_);
    absorb(stacked);
  }
  shifts_.insert(shifts_.end(), from.shifts_.begin(), from.shifts_.end());
  given_ += from.given_;
  seen_ += from.seen_;
  join_mean(from.rows_, from.mean_);
}

double RowGram::rows() const {
  double total = rows_;
  for (const float count : pending_count_) total += double(count);
  return total;
}

}  // namespace libnorm
