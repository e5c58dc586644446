#include "libnorm/core/runner.hpp"
#include "libnorm/ops/attention_body.hpp"
#include "libnorm/ops/cross_entropy_body.hpp"
#include "libnorm/ops/gelu_body.hpp"
#include "libnorm/ops/rows_body.hpp"

namespace libnorm {

template struct Runner<LIBNORM_ISA, AttentionBody<float>>;
template struct Runner<LIBNORM_ISA, AttentionBackwardBody<float>>;
template struct Runner<LIBNORM_ISA, ReadoutAttentionBody<float>>;
template struct Runner<LIBNORM_ISA, ReadoutQueryBackwardBody<float>>;
template struct Runner<LIBNORM_ISA, ReadoutKeyBackwardBody<float>>;
template struct Runner<LIBNORM_ISA, GeluBody<float>>;
template struct Runner<LIBNORM_ISA, MultiplyBody<float>>;
template struct Runner<LIBNORM_ISA, CrossEntropyBody<float>>;
template struct Runner<LIBNORM_ISA, MeanBody<float>>;
template struct Runner<LIBNORM_ISA, GatherRowsBody<float>>;
template struct Runner<LIBNORM_ISA, ZeroRowsBody<float>>;
template struct Runner<LIBNORM_ISA, AddRowsBody<float>>;
template struct Runner<LIBNORM_ISA, AddScaledRowsBody<float>>;
template struct Runner<LIBNORM_ISA, ScatterRowsBody<float>>;
template struct Runner<LIBNORM_ISA, SumGroupsBody<float>>;
template struct Runner<LIBNORM_ISA, SumColumnsBody<float>>;

template struct Runner<LIBNORM_ISA, AttentionBody<double>>;
template struct Runner<LIBNORM_ISA, AttentionBackwardBody<double>>;
template struct Runner<LIBNORM_ISA, ReadoutAttentionBody<double>>;
template struct Runner<LIBNORM_ISA, ReadoutQueryBackwardBody<double>>;
template struct Runner<LIBNORM_ISA, ReadoutKeyBackwardBody<double>>;
template struct Runner<LIBNORM_ISA, GeluBody<double>>;
template struct Runner<LIBNORM_ISA, MultiplyBody<double>>;
template struct Runner<LIBNORM_ISA, CrossEntropyBody<double>>;
template struct Runner<LIBNORM_ISA, MeanBody<double>>;
template struct Runner<LIBNORM_ISA, GatherRowsBody<double>>;
template struct Runner<LIBNORM_ISA, ZeroRowsBody<double>>;
template struct Runner<LIBNORM_ISA, AddRowsBody<double>>;
template struct Runner<LIBNORM_ISA, AddScaledRowsBody<double>>;
template struct Runner<LIBNORM_ISA, ScatterRowsBody<double>>;
template struct Runner<LIBNORM_ISA, SumGroupsBody<double>>;
template struct Runner<LIBNORM_ISA, SumColumnsBody<double>>;

template struct Runner<LIBNORM_ISA, AttentionBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, AttentionBackwardBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, ReadoutAttentionBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, ReadoutQueryBackwardBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, ReadoutKeyBackwardBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, GeluBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, MultiplyBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, CrossEntropyBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, GatherRowsBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, ZeroRowsBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, AddRowsBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, AddScaledRowsBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, ScatterRowsBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, SumGroupsBody<Dual<double>>>;
template struct Runner<LIBNORM_ISA, SumColumnsBody<Dual<double>>>;

}  // namespace libnorm
