#include "libnorm/core/cuda_runner.hpp"
#include "libnorm/ops/attention_body.hpp"
#include "libnorm/ops/cross_entropy_body.hpp"
#include "libnorm/ops/gelu_body.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {

template struct Runner<Cuda, ReadoutAttentionBody<float>>;
template struct Runner<Cuda, ReadoutQueryBackwardBody<float>>;
template struct Runner<Cuda, ReadoutKeyBackwardBody<float>>;
template struct Runner<Cuda, GeluBody<float>>;
template struct Runner<Cuda, MultiplyBody<float>>;
template struct Runner<Cuda, CrossEntropyBody<float>>;
template struct Runner<Cuda, MeanBody<float>>;
template struct Runner<Cuda, GatherRowsBody<float>>;
template struct Runner<Cuda, AddRowsBody<float>>;
template struct Runner<Cuda, AddScaledRowsBody<float>>;
template struct Runner<Cuda, ScatterRowsBody<float>>;
template struct Runner<Cuda, SumGroupsBody<float>>;
template struct Runner<Cuda, SumColumnsBody<float>>;
template struct Runner<Cuda, ZeroRowsBody<float>>;

}  // namespace libnorm
