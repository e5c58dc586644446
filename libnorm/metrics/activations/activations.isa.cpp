#include "libnorm/core/runner.hpp"
#include "libnorm/metrics/activations/gram_body.hpp"

namespace libnorm {

template struct Runner<LIBNORM_ISA, GramBody<float>>;
template struct Runner<LIBNORM_ISA, GramBody<double>>;
template struct Runner<LIBNORM_ISA, GramJoinBody>;

}  // namespace libnorm
