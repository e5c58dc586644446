#include "libnorm/core/cuda_runner.hpp"
#include "libnorm/ops/op_runs.hpp"

namespace libnorm {

template struct OpRuns<Cuda, float>;

}  // namespace libnorm
