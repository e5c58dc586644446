#include "libnorm/ops/gemm.hpp"

#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gemm_body.hpp"
#if defined(LIBNORM_CUDA)
#include "libnorm/ops/gemm_cuda.hpp"
#endif

namespace libnorm {
namespace {

/// Blocks that keep several threads busy.
constexpr Index kEnoughTasks = 8;

/// cuBLAS's state, where the calling thread's products are its.
thread_local void* this_cublas = nullptr;

}  // namespace

#if defined(LIBNORM_CUDA)

GemmScope::GemmScope(Gemm gemm) : before_(this_cublas) {
  if (gemm == Gemm::cublas) {
    if (current_device() != Device::cuda) {
      throw BackendError(
          "gemm: cuBLAS multiplies on a GPU alone (this thread's device is the processor); need a "
          "DeviceScope of cuda");
    }
    own_ = open_cublas();
  }
  this_cublas = own_;
}

GemmScope::~GemmScope() {
  if (own_ != nullptr) close_cublas(own_);
  this_cublas = before_;
}

std::string describe_gemm() { return this_cublas == nullptr ? "" : describe_cublas(this_cublas); }

#else

GemmScope::GemmScope(Gemm gemm) : before_(this_cublas) {
  if (gemm == Gemm::cublas) {
    throw BackendError(
        "gemm: this build has no CUDA (cublas); need exact products, or the preset "
        "`cuda`");
  }
}
GemmScope::~GemmScope() { this_cublas = before_; }
std::string describe_gemm() { return ""; }

#endif

template <class T>
void gemm(const Factor<std::type_identity_t<T>>& a, const Factor<std::type_identity_t<T>>& b,
          const MatrixView<T>& c, Pointer<const std::type_identity_t<T>> bias, Output output) {
  if (a.cols != b.rows || c.rows != a.rows || c.cols != b.cols) {
    throw ShapeError("gemm: sizes differ (A " + shape_text(a.rows, a.cols) + ", B " +
                     shape_text(b.rows, b.cols) + ", C " + shape_text(c.rows, c.cols) +
                     "); need C [A.rows, B.cols] and A.cols == B.rows");
  }
  if (c.size() == 0) return;
#if defined(LIBNORM_CUDA)
  if constexpr (std::is_same_v<T, float>) {
    if (current_device() == Device::cuda) {
      return this_cublas == nullptr ? gemm_on_gpu(a, b, c, bias, output)
                                    : gemm_by_cublas(this_cublas, a, b, c, bias, output);
    }
  }
#endif
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

double chain_fmas(Index outputs) {
  std::vector<float> out(std::size_t(outputs), 1.0f);
  launch(outputs, outputs, PeakBody<float>{out.data()});
  double lanes = 4;
  if (active_isa() == Isa::avx2) lanes = 8;
  if (active_isa() == Isa::avx512) lanes = 16;
  return 2.0 * lanes * PeakBody<float>::kChains * PeakBody<float>::kRounds * double(outputs);
}

}  // namespace libnorm
