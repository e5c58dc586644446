#include "libnorm/core/runner.hpp"
#include "libnorm/core/vector_sums_body.hpp"

namespace libnorm {

template struct Runner<LIBNORM_ISA, DotRowsBody<float>>;
template struct Runner<LIBNORM_ISA, DotRowsBody<double>>;
template struct Runner<LIBNORM_ISA, AddCombinationBody>;

}  // namespace libnorm
