#include "libnorm/ops/rows.hpp"

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {

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
void scatter_rows(const MatrixView<const T>& rows, const std::int32_t* index,
                  const MatrixView<T>& out, Output output) {
  if (rows.cols != out.cols) {
    throw ShapeError("scatter_rows: widths differ (rows " + shape_text(rows.rows, rows.cols) +
                     ", out " + shape_text(out.rows, out.cols) + "); need the same columns");
  }
  launch(rows.rows, 256, ScatterRowsBody<T>{rows, index, out, output});
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
void sum_columns(const MatrixView<const T>& rows, T* out) {
  launch((rows.cols + kLanes - 1) / kLanes, 1, SumColumnsBody<T>{rows, out});
}

template void gather_rows<float>(const MatrixView<const float>&, const std::int32_t*,
                                 const MatrixView<float>&);
template void gather_rows<double>(const MatrixView<const double>&, const std::int32_t*,
                                  const MatrixView<double>&);
template void scatter_rows<float>(const MatrixView<const float>&, const std::int32_t*,
                                  const MatrixView<float>&, Output);
template void sum_groups<float>(const MatrixView<const float>&, const Groups&,
                                const MatrixView<const float>&, const MatrixView<float>&);
template void scatter_rows<double>(const MatrixView<const double>&, const std::int32_t*,
                                   const MatrixView<double>&, Output);
template void sum_groups<double>(const MatrixView<const double>&, const Groups&,
                                 const MatrixView<const double>&, const MatrixView<double>&);
template void sum_columns<float>(const MatrixView<const float>&, float*);
template void sum_columns<double>(const MatrixView<const double>&, double*);

}  // namespace libnorm
