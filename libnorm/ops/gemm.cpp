#include "libnorm/ops/gemm.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gemm_body.hpp"

namespace libnorm {
namespace {

/// Rows that share a packed panel of B: few enough that their part of A stays in a core's cache.
constexpr Index kRowBlock = 144;
constexpr Index kEnoughTasks = 8;

}  // namespace

template <class T>
void gemm(const Factor<std::type_identity_t<T>>& a, const Factor<std::type_identity_t<T>>& b,
          const MatrixView<T>& c, const std::type_identity_t<T>* bias, Output output) {
  if (a.cols != b.rows || c.rows != a.rows || c.cols != b.cols) {
    throw ShapeError("gemm: sizes differ (A " + shape_text(a.rows, a.cols) + ", B " +
                     shape_text(b.rows, b.cols) + ", C " + shape_text(c.rows, c.cols) +
                     "); need C [A.rows, B.cols] and A.cols == B.rows");
  }
  if (c.size() == 0) return;
  const Index blocks = (a.rows + kRowBlock - 1) / kRowBlock;
  const Index even = (a.rows + blocks - 1) / blocks;
  const Index row_block = (even + 11) / 12 * 12;
  const Index row_blocks = (a.rows + row_block - 1) / row_block;
  // Wide blocks read A less often; narrow ones keep more threads busy.
  Index column_block = kColumnBlock;
  while (column_block > kLanes &&
         row_blocks * ((b.cols + column_block - 1) / column_block) < kEnoughTasks) {
    column_block /= 2;
  }
  const Index column_blocks = (b.cols + column_block - 1) / column_block;
  launch(row_blocks * column_blocks, 1,
         GemmBody<T>{a, b, c, bias, output, row_block, column_block, column_blocks});
}

template void gemm<float>(const Factor<float>&, const Factor<float>&, const MatrixView<float>&,
                          const float*, Output);
template void gemm<double>(const Factor<double>&, const Factor<double>&, const MatrixView<double>&,
                           const double*, Output);

double fma_peak_gflops() {
  constexpr Index kOutputs = 400;
  std::vector<float> out(kOutputs, 1.0f);
  double lanes = 4;
  if (active_isa() == Isa::avx2) lanes = 8;
  if (active_isa() == Isa::avx512) lanes = 16;
  const double flop = 2.0 * lanes * PeakBody<float>::kChains * PeakBody<float>::kRounds * kOutputs;
  double best = 0;
  for (int attempt = 0; attempt < 7; ++attempt) {
    const auto start = std::chrono::steady_clock::now();
    launch(kOutputs, kOutputs, PeakBody<float>{out.data()});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, flop / seconds.count() * 1e-9);
  }
  return best;
}

}  // namespace libnorm
