#include "libnorm/ops/rows.hpp"

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/row_sums_body.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {
namespace {

template <class T>
void require_one_shape(const std::string& where, const MatrixView<const T>& x,
                       const MatrixView<const T>& branch, const MatrixView<T>& out) {
  const bool branch_fits =
      branch.data == nullptr || (x.rows == branch.rows && x.cols == branch.cols);
  if (branch_fits && x.rows == out.rows && x.cols == out.cols) return;
  throw ShapeError(where + ": shapes differ (x " + shape_text(x.rows, x.cols) + ", branch " +
                   shape_text(branch.rows, branch.cols) + ", out " +
                   shape_text(out.rows, out.cols) + "); need one shape");
}

}  // namespace

template <class T>
void gather_rows(const MatrixView<const T>& table, const std::int32_t* index,
                 const MatrixView<T>& out) {
  if (table.cols != out.cols) {
    throw ShapeError("gather_rows: widths differ (table " + shape_text(table.rows, table.cols) +
                     ", out " + shape_text(out.rows, out.cols) + "); need the same columns");
  }
  launch(out.rows, 256, GatherRowsBody<T>{table, index, out});
}

template <class T>
void zero_rows(const MatrixView<T>& out) {
  launch(out.rows, 256, ZeroRowsBody<T>{out});
}

template <class T>
void copy_rows(const MatrixView<const T>& rows, const MatrixView<T>& out) {
  add_rows<T>(rows, {}, out);
}

template <class T>
void scatter_rows(const MatrixView<const T>& rows, const std::int32_t* index,
                  const MatrixView<T>& out, Output output) {
  if (rows.cols != out.cols) {
    throw ShapeError("scatter_rows: widths differ (rows " + shape_text(rows.rows, rows.cols) +
                     ", out " + shape_text(out.rows, out.cols) + "); need the same columns");
  }
  launch(rows.rows, 256, ScatterRowsBody<T>{rows, index, out, output});
}

template <class T>
void add_rows(const MatrixView<const T>& x, const MatrixView<const T>& branch,
              const MatrixView<T>& out) {
  require_one_shape("add_rows", x, branch, out);
  launch(x.rows, 256, AddRowsBody<T>{x, branch, out});
}

template <class T>
void add_scaled_rows(const MatrixView<const T>& x, const MatrixView<const T>& branch,
                     Pointer<const T> scale, Index scales, const MatrixView<T>& out) {
  require_one_shape("add_scaled_rows", x, branch, out);
  launch(x.rows, 256, AddScaledRowsBody<T>{x, branch, scale, scales, out});
}

template <class T>
void scale_rows(const MatrixView<const T>& rows, Real<T> factor, const MatrixView<T>& out) {
  require_one_shape<T>("scale_rows", rows, {}, out);
  launch(rows.rows, 256, ScaleRowsBody<T>{rows, T(factor), out});
}

template <class T>
void sum_groups(const MatrixView<const T>& rows, const Groups& groups,
                const MatrixView<const T>& start, const MatrixView<T>& out) {
  if (rows.cols != out.cols || out.rows != groups.count ||
      (start.data != nullptr && (start.rows != out.rows || start.cols != out.cols))) {
    throw ShapeError("sum_groups: sizes differ (rows " + shape_text(rows.rows, rows.cols) +
                     ", start " + shape_text(start.rows, start.cols) + ", out " +
                     shape_text(out.rows, out.cols) + ", groups " + std::to_string(groups.count) +
                     "); need out [groups, rows.cols]");
  }
  launch(groups.count, 32, SumGroupsBody<T>{rows, groups, start, out});
}

template <class T>
void sum_columns(const MatrixView<const T>& rows, Pointer<T> out) {
  launch_row_sums<T>(ColumnRowSums<T>{rows, out});
}

#define LIBNORM_INSTANTIATE(T)                                                             \
  template void gather_rows<T>(const MatrixView<const T>&, const std::int32_t*,            \
                               const MatrixView<T>&);                                      \
  template void scatter_rows<T>(const MatrixView<const T>&, const std::int32_t*,           \
                                const MatrixView<T>&, Output);                             \
  template void zero_rows<T>(const MatrixView<T>&);                                        \
  template void copy_rows<T>(const MatrixView<const T>&, const MatrixView<T>&);            \
  template void add_rows<T>(const MatrixView<const T>&, const MatrixView<const T>&,        \
                            const MatrixView<T>&);                                         \
  template void add_scaled_rows<T>(const MatrixView<const T>&, const MatrixView<const T>&, \
                                   Pointer<const T>, Index, const MatrixView<T>&);         \
  template void scale_rows<T>(const MatrixView<const T>&, Real<T>, const MatrixView<T>&);  \
  template void sum_groups<T>(const MatrixView<const T>&, const Groups&,                   \
                              const MatrixView<const T>&, const MatrixView<T>&);           \
  template void sum_columns<T>(const MatrixView<const T>&, Pointer<T>);
LIBNORM_INSTANTIATE(float)
LIBNORM_INSTANTIATE(double)
LIBNORM_INSTANTIATE(Dual<double>)
#undef LIBNORM_INSTANTIATE

}  // namespace libnorm
