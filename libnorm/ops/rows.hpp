#pragma once

#include "libnorm/core/groups.hpp"
#include "libnorm/core/tensor.hpp"
#include "libnorm/ops/gemm.hpp"

namespace libnorm {

/// Rows that are chained before they join a sum over rows. Part of the order of summation.
inline constexpr Index kShard = 128;
/// The most rows whose floats are added as floats; those of more are added in double, in the same
/// order, and rounded once. Part of the order of summation.
inline constexpr Index kManyRows = 32768;

/// out[r, :] = table[index[r], :]
///
/// table [U, C], index [R] with values in 0 .. U-1, out [R, C].
/// Throws: ShapeError unless the sizes fit.
template <class T>
void gather_rows(const MatrixView<const T>& table, const std::int32_t* index,
                 const MatrixView<T>& out);

/// out = 0, [R, C].
template <class T>
void zero_rows(const MatrixView<T>& out);

/// out = rows. Both [R, C].
template <class T>
void copy_rows(const MatrixView<const T>& rows, const MatrixView<T>& out);

/// out[index[r], :] = rows[r, :], or += with Output::add. No two indices may be equal.
///
/// rows [R, C], index [R] with values in 0 .. out.rows-1.
template <class T>
void scatter_rows(const MatrixView<const T>& rows, const std::int32_t* index,
                  const MatrixView<T>& out, Output output);

/// out = x + branch
///
/// x, branch, out [R, C]; an empty branch is 0. `out` may be one of the others.
template <class T>
void add_rows(const MatrixView<const T>& x, const MatrixView<const T>& branch,
              const MatrixView<T>& out);

/// out = x + scale branch, each channel by its own number or all by one.
///
/// x, branch, out [R, C], scale [scales], with 1 or C scales. `out` may be x or branch.
template <class T>
void add_scaled_rows(const MatrixView<const T>& x, const MatrixView<const T>& branch,
                     Pointer<const T> scale, Index scales, const MatrixView<T>& out);

/// out = factor rows, one factor for all; both [R, C]. `out` may be `rows`.
template <class T>
void scale_rows(const MatrixView<const T>& rows, Real<T> factor, const MatrixView<T>& out);

/// out[g, :] = start[g, :] + sum of rows[m, :] over the members m of group g
///
/// rows [R, C], out [G, C], start [G, C] or empty (then zero). `out` may be `start`.
/// Order: start, then members ascending; of more than kLongSum in double.
template <class T>
void sum_groups(const MatrixView<const T>& rows, const Groups& groups,
                const MatrixView<const T>& start, const MatrixView<T>& out);

/// out[c] = sum over r of rows[r, c]: the gradient of a bias.
///
/// Order: shards of kShard rows, each chained in ascending order, then added from left to right;
/// of more than kManyRows in double.
template <class T>
void sum_columns(const MatrixView<const T>& rows, Pointer<T> out);

}  // namespace libnorm
