#include "libnorm/ops/gemm_cuda.hpp"
#include "libnorm/ops/gemm_kernel.hpp"

namespace libnorm {
namespace {

struct OneProblem {
  GemmProblem problem;

  __device__ GemmProblem operator()(Index) const { return problem; }
};

/// Each segment of a product by itself, into matrices that follow each other.
struct SegmentProblems {
  GemmProblem whole;
  float* partial;

  __device__ GemmProblem operator()(Index segment) const {
    const Index first = segment * kSegment, left = whole.a.cols - first;
    GemmProblem p = whole;
    p.a.data += first * p.a.col_stride;
    p.b.data += first * p.b.row_stride;
    p.a.cols = p.b.rows = left < kSegment ? left : kSegment;
    p.c = MatrixView<float>(partial + segment * whole.c.size(), whole.c.rows, whole.c.cols);
    p.bias = nullptr;
    p.add = false;
    return p;
  }
};

/// C from its segments, left to right; one output is a row.
template <class T>
struct JoinSegmentsBody {
  const T* partial;
  Index segments;
  MatrixView<T> c;
  const T* bias;
  bool add;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index j = 0; j < c.cols; j += kLanes) {
      const Index left = c.cols - j;
      const T* next = partial + r * c.cols + j;
      P total = P::load(next, left);
      if (add) total = P::load(c.row(r) + j, left) + total;
      for (Index s = 1; s < segments; ++s) {
        next += c.size();
        total = total + P::load(next, left);
      }
      if (bias != nullptr) total = total + P::load(bias + j, left);
      total.store(c.row(r) + j, left);
    }
  }
};

/// One output is a row.
template <class T>
struct AddBiasBody {
  const T* bias;
  MatrixView<T> c;

  template <class W>
  LIBNORM_DEVICE void operator()(W, Index r) const {
    using P = typename W::template Lanes<T>;
    for (Index j = 0; j < c.cols; j += kLanes) {
      const Index left = c.cols - j;
      (P::load(c.row(r) + j, left) + P::load(bias + j, left)).store(c.row(r) + j, left);
    }
  }
};

/// Segments from which on they are worth matrices of their own, where C has few tiles.
constexpr Index kEnoughSegments = 4;

}  // namespace

void add_bias_on_gpu(const float* bias, const MatrixView<float>& c) {
  KernelEntry<Cuda, AddBiasBody<float>>::run({bias, c}, 0, c.rows);
}

void gemm_on_gpu(const Factor<float>& a, const Factor<float>& b, const MatrixView<float>& c,
                 const float* bias, Output output) {
  const GemmProblem problem{a, b, c, bias, output == Output::add};
  const Index segments = (a.cols + kSegment - 1) / kSegment;
  const bool few_tiles = tiles_of(c.rows, 64) * tiles_of(c.cols, 64) < multiprocessors();
  if (segments < kEnoughSegments || !few_tiles) {
    launch_gemm(OneProblem{problem}, 1, c.rows, c.cols);
    return;
  }
  DeviceMemory memory;
  const auto bytes = std::size_t(segments * c.size()) * sizeof(float);
  auto* partial = static_cast<float*>(
      memory.reserve(bytes, "a product's segments " + shape_text(segments, c.size())));
  launch_gemm(SegmentProblems{problem, partial}, segments, c.rows, c.cols);
  KernelEntry<Cuda, JoinSegmentsBody<float>>::run(
      {partial, segments, c, bias, output == Output::add}, 0, c.rows);
}

}  // namespace libnorm
