#include "harness/activations/sound_rows.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace harness {
namespace {

using libnorm::Index;
using libnorm::MatrixView;
using libnorm::StoredRows;

/// The largest number that libnorm's metrics take.
constexpr double kLargest = 1e290;

template <class T>
bool is_measurable(T x) {
  return std::abs(double(x)) <= kLargest;
}

template <class T, class Is>
bool all(const T* row, Index channels, Is is) {
  bool holds = true;
  for (Index c = 0; c < channels; ++c) holds &= is(row[c]);
  return holds;
}

template <class T>
std::string fault_of(T x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return "an infinity";
  return fmt::format("a number beyond 1e290 ({})", x);
}

}  // namespace

std::string place_text(const StoredRows& rows, Index row, Index channel) {
  std::string text = fmt::format("row {}, channel {}", row, channel);
  const std::vector<Index>& shape = rows.shape();
  if (shape.size() <= 2) return text;
  std::vector<Index> index = {channel};
  for (std::size_t d = shape.size() - 1; d-- > 0; row /= shape[d]) index.push_back(row % shape[d]);
  std::reverse(index.begin(), index.end());
  return text + fmt::format(" ([{}])", fmt::join(index, ", "));
}

template <class T>
void require_finite(const ActivationFile& file, const MatrixView<const T>& rows,
                    const std::function<Index(Index)>& file_row, const std::string& advice) {
  for (Index r = 0; r < rows.rows; ++r) {
    const T* row = rows.row(r);
    if (all(row, rows.cols, is_measurable<T>)) continue;
    const T* place = std::find_if_not(row, row + rows.cols, is_measurable<T>);
    throw libnorm::DataError(fmt::format(
        "measure: {}: {} in {}, from 0; need finite numbers{}", file.name(), fault_of(*place),
        place_text(file.rows, file_row(r), place - row), std::isfinite(*place) ? "" : advice));
  }
}

template void require_finite<float>(const ActivationFile&, const MatrixView<const float>&,
                                    const std::function<Index(Index)>&, const std::string&);
template void require_finite<double>(const ActivationFile&, const MatrixView<const double>&,
                                     const std::function<Index(Index)>&, const std::string&);

std::vector<Index> unsound_rows(const ActivationFile& file, Index count,
                                const std::function<void(Index)>& progress) {
  // Read about 32 MB at a time. In double, no finite number overflows when it is read.
  const Index c = file.rows.cols(), piece = std::max<Index>(1, (Index{1} << 22) / c);
  std::vector<double> numbers(std::size_t(std::min(piece, count) * c));
  std::vector<Index> found;
  for (Index first = 0; first < count; first += piece) {
    const MatrixView<double> part(numbers.data(), std::min(piece, count - first), c);
    file.rows.read(first, part);
    for (Index r = 0; r < part.rows; ++r) {
      if (!all(part.row(r), c, [](double x) { return std::isfinite(x); }))
        found.push_back(first + r);
    }
    progress(first + part.rows);
  }
  return found;
}

RowSelection::RowSelection(Index count, std::vector<Index> left_out)
    : count_(count), left_out_(std::move(left_out)) {}

Index RowSelection::file_row(Index row) const {
  // Find how many rows were left out before this one: left_out_[i] comes after left_out_[i] - i
  // rows of the selection.
  Index low = 0, high = left_out();
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    if (left_out_[std::size_t(middle)] - middle <= row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return row + low;
}

template <class T>
void RowSelection::read(const StoredRows& from, Index first, const MatrixView<T>& into) const {
  for (Index done = 0; done < into.rows;) {
    const Index begin = file_row(first + done);
    const auto next = std::lower_bound(left_out_.begin(), left_out_.end(), begin);
    const Index run = (next == left_out_.end() ? count_ : *next) - begin;
    const Index rows = std::min(run, into.rows - done);
    from.read(begin, into.row_range(done, rows));
    done += rows;
  }
}

template void RowSelection::read<float>(const StoredRows&, Index, const MatrixView<float>&) const;
template void RowSelection::read<double>(const StoredRows&, Index, const MatrixView<double>&) const;

}  // namespace harness
