#include "libnorm/ops/gemm.hpp"

#include <cstdint>
#include <deque>
#include <vector>

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gemm_body.hpp"
#if defined(LIBNORM_CUDA)
#include "libnorm/ops/gemm_cuda.hpp"
#endif

namespace libnorm {
namespace {

/// Blocks of C for each thread.
constexpr Index kTasksPerThread = 1;
/// Terms from which on a product is cut by its output alone: a factor is then read along its terms
/// once for each row or column of blocks, and packed as it comes.
constexpr Index kManyTerms = 16 * kSegment;
/// Rows of blocks from which on B is packed for all of them together.
constexpr Index kManyRowBlocks = 4;

/// Heights and widths of blocks of C.
struct Cut {
  Index rows, cols;
};

Index round_up(Index size, Index unit) { return (size + unit - 1) / unit * unit; }
Index count_of(Index size, Index block) { return (size + block - 1) / block; }

/// Blocks of few rows with all columns; or, for many terms, as few as keep the threads busy.
Cut cut_of(Index rows, Index cols, Index terms) {
  constexpr Index kRowUnit = 12, kColumnUnit = kPackedColumns;
  const Index wanted = kTasksPerThread * available_threads();
  const bool has_rows_to_cut = terms < kManyTerms && rows > kRowBlock;
  const Index row_blocks = has_rows_to_cut ? even_blocks(rows, kRowBlock) : 1;
  Cut cut{round_up(count_of(rows, row_blocks), kRowUnit), round_up(cols, kColumnUnit)};
  while (count_of(rows, cut.rows) * count_of(cols, cut.cols) < wanted) {
    const bool splits_rows =
        cut.rows > 2 * kRowUnit && (cut.rows >= cut.cols || cut.cols == kColumnUnit);
    if (!splits_rows && cut.cols == kColumnUnit) break;
    Index& size = splits_rows ? cut.rows : cut.cols;
    size = round_up((size + 1) / 2, splits_rows ? kRowUnit : kColumnUnit);
  }
  return cut;
}

/// Memory for B's panels: of the calling thread's queue, or else its own, kept from call to call.
/// A thread that waits for a product may take up a task with another one, within it.
template <class T>
class PanelMemory {
 public:
  explicit PanelMemory(const Factor<T>& b) {
    const std::size_t size =
        std::size_t(round_up(b.cols, kPackedColumns)) * std::size_t(round_up(b.rows, kSegment));
    data_ = static_cast<T*>(detail::queue_memory(size * sizeof(T)));
    if (data_ != nullptr) return;
    is_own_ = true;
    if (kept.size() == used) kept.emplace_back();
    Array<T>& own = kept[used++];
    constexpr std::uintptr_t kLine = 64;
    if (own.size() < size + kLine / sizeof(T)) own.resize(size + kLine / sizeof(T));
    const auto address = reinterpret_cast<std::uintptr_t>(own.data());
    data_ = own.data() + (kLine - address % kLine) % kLine / sizeof(T);
  }
  ~PanelMemory() { used -= is_own_; }
  PanelMemory(const PanelMemory&) = delete;
  PanelMemory& operator=(const PanelMemory&) = delete;

  T* data() const { return data_; }

 private:
  static thread_local std::deque<Array<T>> kept;
  static thread_local std::size_t used;
  T* data_;
  bool is_own_ = false;
};
template <class T>
thread_local std::deque<Array<T>> PanelMemory<T>::kept;
template <class T>
thread_local std::size_t PanelMemory<T>::used = 0;

template <class T>
void multiply_on_processor(const Factor<T>& a, const Factor<T>& b, const MatrixView<T>& c,
                           const T* bias, Output output) {
  const Index outputs_to_pack = count_of(b.cols, kPackedColumns);
  if (a.col_stride == 1 && detail::queues_rows(c.rows)) {
    const PanelMemory<T> panels(b);
    detail::queue_before_rows(outputs_to_pack, PackPanelsBody<T>{b, panels.data()});
    launch(c.rows, 1, GemmRowsBody<T>{{a, b, c, bias, output, panels.data()}});
    return;
  }
  // Before memory is taken that it has.
  if (!detail::keeps_after_rows()) detail::run_queued();
  const Cut cut = cut_of(c.rows, c.cols, a.cols);
  const Index row_blocks = count_of(c.rows, cut.rows), column_blocks = count_of(c.cols, cut.cols);
  GemmBody<T> body{{a, b, c, bias, output}, cut.rows, cut.cols, column_blocks};
  if (row_blocks < kManyRowBlocks || a.cols >= kManyTerms) {
    launch(row_blocks * column_blocks, 1, body);
    return;
  }
  const PanelMemory<T> panels(b);
  launch(outputs_to_pack, 1, PackPanelsBody<T>{b, panels.data()});
  body.product.panels = panels.data();
  launch(row_blocks * column_blocks, 1, body);
}

/// cuBLAS's state, where the calling thread's products are its.
thread_local void* this_cublas = nullptr;

}  // namespace

#if defined(LIBNORM_CUDA)

GemmScope::GemmScope(Gemm gemm) : before_(this_cublas) {
  if (gemm == Gemm::cublas) {
    if (current_device() != Device::cuda) {
      throw BackendError(
          "gemm: cuBLAS needs a GPU (this thread's device is the processor); need a "
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
  multiply_on_processor(a, b, c, bias, output);
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
