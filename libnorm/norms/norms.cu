#include "libnorm/core/cuda_runner.hpp"
#include "libnorm/norms/norm_runs.hpp"

namespace libnorm {

template struct NormRuns<Cuda, float, Stabilizer>;

}  // namespace libnorm
