#include "libnorm/metrics/landscape/linear_operator.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "libnorm/core/domain.hpp"
#include "libnorm/core/vector_sums.hpp"

namespace libnorm {

Index count_of(std::span<const IndexRange> ranges, Index dimension) {
  std::vector<IndexRange> sorted(ranges.begin(), ranges.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const IndexRange& a, const IndexRange& b) { return a.first < b.first; });
  Index end = 0, count = 0;
  for (const IndexRange& range : sorted) {
    if (range.count < 1 || range.first < end || range.count > dimension - range.first) {
      throw ValueError("index ranges: a range does not fit (" + std::to_string(range.count) +
                       " positions from " + std::to_string(range.first) + ", of " +
                       std::to_string(dimension) + ", those before end at " + std::to_string(end) +
                       "); need ranges that are not empty and do not overlap");
    }
    end = range.first + range.count;
    count += range.count;
  }
  if (count < 1) throw ValueError("index ranges: there are none (0); need at least one position");
  return count;
}

std::vector<double> gather(std::span<const double> x, std::span<const IndexRange> ranges) {
  count_of(ranges, Index(x.size()));
  std::vector<double> part;
  for (const IndexRange& range : ranges) {
    part.insert(part.end(), x.begin() + range.first, x.begin() + range.first + range.count);
  }
  return part;
}

void scatter(std::span<const double> part, std::span<const IndexRange> ranges,
             std::span<double> x) {
  const Index count = count_of(ranges, Index(x.size()));
  if (count != Index(part.size())) {
    throw ShapeError("scatter: sizes differ (" + std::to_string(part.size()) + " numbers, " +
                     std::to_string(count) + " positions); need the same");
  }
  auto from = part.begin();
  for (const IndexRange& range : ranges) {
    std::copy(from, from + range.count, x.begin() + range.first);
    from += range.count;
  }
}

LinearOperator::LinearOperator(std::string name, Index dimension, Apply apply)
    : name_(std::move(name)), dimension_(dimension), apply_(std::move(apply)) {
  if (dimension < 1) {
    throw ShapeError("linear operator: no dimensions (" + std::to_string(dimension) +
                     "); need at least one");
  }
}

void LinearOperator::apply(std::span<const double> in, std::span<double> out) const {
  if (Index(in.size()) != dimension_ || Index(out.size()) != dimension_) {
    throw ShapeError("linear operator: sizes do not fit (" + std::to_string(in.size()) + " in, " +
                     std::to_string(out.size()) + " out); need " + std::to_string(dimension_));
  }
  apply_(in, out);
  if (!all_finite(out)) {
    throw ValueError("linear operator: a product holds a number that is not finite (" + name_ +
                     "); need none");
  }
}

LinearOperator principal_block(const LinearOperator& a, std::vector<IndexRange> ranges) {
  const Index count = count_of(ranges, a.dimension());
  return {"block of " + a.name(), count,
          [a, ranges = std::move(ranges)](std::span<const double> in, std::span<double> out) {
            std::vector<double> whole(std::size_t(a.dimension()), 0.0), product(whole.size());
            scatter(in, ranges, whole);
            a.apply(whole, product);
            const std::vector<double> part = gather(product, ranges);
            std::copy(part.begin(), part.end(), out.begin());
          }};
}

LinearOperator matrix_operator(const MatrixView<const double>& a) {
  if (a.rows != a.cols) {
    throw ShapeError("matrix_operator: the matrix is not square (" + shape_text(a.rows, a.cols) +
                     "); need as many rows as columns");
  }
  double largest = 0, difference = 0;
  bool finite = true;
  for (Index i = 0; i < a.rows; ++i) {
    finite = finite && all_finite({a.row(i), std::size_t(a.cols)});
    for (Index j = 0; j <= i; ++j) {
      largest = std::max({largest, std::abs(a(i, j)), std::abs(a(j, i))});
      difference = std::max(difference, std::abs(a(i, j) - a(j, i)));
    }
  }
  if (!finite || difference > 1e-12 * largest) {
    throw ValueError(
        "matrix_operator: the matrix is not symmetric, or not finite (differences of " +
        number_text(difference) + "); need A = A^T in finite numbers");
  }
  return {"matrix", a.rows,
          [a](std::span<const double> in, std::span<double> out) { dot_rows(a, in, out); }};
}

}  // namespace libnorm
