#include "libnorm/core/runner.hpp"
#include "libnorm/norms/norm.hpp"
#include "libnorm/norms/row_norm.hpp"

namespace libnorm {

template struct Runner<LIBNORM_ISA, AddRowsBody<float>>;
template struct Runner<LIBNORM_ISA, AffineGradientBody<float>>;
template struct Runner<LIBNORM_ISA, ColumnStatisticsBody<float>>;
template struct Runner<LIBNORM_ISA, RunningScaleBody<float>>;
template struct Runner<LIBNORM_ISA, StandardizeColumnsBody<float>>;
template struct Runner<LIBNORM_ISA, StandardizeColumnsBackwardBody<float>>;
template struct Runner<LIBNORM_ISA, RowNormBody<float, Identity>>;
template struct Runner<LIBNORM_ISA, RowNormBackwardBody<float, Identity>>;
template struct Runner<LIBNORM_ISA, RowNormBody<float, Sphere>>;
template struct Runner<LIBNORM_ISA, RowNormBackwardBody<float, Sphere>>;
template struct Runner<LIBNORM_ISA, RowNormBody<float, StandardizeRows>>;
template struct Runner<LIBNORM_ISA, RowNormBackwardBody<float, StandardizeRows>>;

template struct Runner<LIBNORM_ISA, AddRowsBody<double>>;
template struct Runner<LIBNORM_ISA, AffineGradientBody<double>>;
template struct Runner<LIBNORM_ISA, ColumnStatisticsBody<double>>;
template struct Runner<LIBNORM_ISA, RunningScaleBody<double>>;
template struct Runner<LIBNORM_ISA, StandardizeColumnsBody<double>>;
template struct Runner<LIBNORM_ISA, StandardizeColumnsBackwardBody<double>>;
template struct Runner<LIBNORM_ISA, RowNormBody<double, Identity>>;
template struct Runner<LIBNORM_ISA, RowNormBackwardBody<double, Identity>>;
template struct Runner<LIBNORM_ISA, RowNormBody<double, Sphere>>;
template struct Runner<LIBNORM_ISA, RowNormBackwardBody<double, Sphere>>;
template struct Runner<LIBNORM_ISA, RowNormBody<double, StandardizeRows>>;
template struct Runner<LIBNORM_ISA, RowNormBackwardBody<double, StandardizeRows>>;

}  // namespace libnorm
