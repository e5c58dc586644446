#include <algorithm>
#include <string>

#include <dlfcn.h>

#include "libnorm/core/cuda.hpp"
#include "libnorm/core/device.hpp"
#include "libnorm/ops/gemm_cuda.hpp"

namespace libnorm {
namespace {

/// What is taken of cuBLAS, version 12 or later, as its header declares it: handles are pointers,
/// results are codes with 0 for success, matrices stand by columns.
struct Cublas {
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*get_version)(void* handle, int* version);
  int (*set_stream)(void* handle, cudaStream_t stream);
  int (*sgemm)(void* handle, int turn_a, int turn_b, Index m, Index n, Index k, const float* alpha,
               const float* a, Index lda, const float* b, Index ldb, const float* beta, float* c,
               Index ldc);
};

template <class Function>
void find(void* library, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  if (function != nullptr) return;
  throw BackendError("cublas: the library lacks a function (" + std::string(symbol) +
                     "); need cuBLAS 12 or later, or exact products");
}

/// Loaded when it is first asked for, and kept.
const Cublas& cublas() {
  static const Cublas library = [] {
    const std::string name = "libcublas.so." + std::to_string(CUDART_VERSION / 1000);
    void* const opened = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (opened == nullptr) {
      throw BackendError("cublas: cannot load " + name + " (" + std::string(dlerror()) +
                         "); install cuBLAS, or take exact products");
    }
    Cublas found{};
    find(opened, "cublasCreate_v2", found.create);
    find(opened, "cublasDestroy_v2", found.destroy);
    find(opened, "cublasGetVersion_v2", found.get_version);
    find(opened, "cublasSetStream_v2", found.set_stream);
    find(opened, "cublasSgemm_v2_64", found.sgemm);
    return found;
  }();
  return library;
}

void require(int status, const char* what) {
  if (status == 0) return;
  throw BackendError("cublas: " + std::string(what) + " failed (cublasStatus_t " +
                     std::to_string(status) + "); need a working GPU, or exact products");
}

/// A factor of a product of transposes, as cuBLAS has it: by columns, turned or not.
struct Columns {
  int turn;
  Index stride;

  Columns(const char* name, const Factor<float>& f) : turn(f.col_stride != 1), stride(1) {
    if (turn && f.row_stride != 1) {
      throw ShapeError("gemm: cuBLAS takes contiguous rows or columns (" + std::string(name) +
                       " has strides " + std::to_string(f.row_stride) + ", " +
                       std::to_string(f.col_stride) + "); need one of them 1");
    }
    // Of a single row or column the stride may be anything.
    stride = turn ? std::max(f.col_stride, f.rows) : std::max(f.row_stride, f.cols);
    stride = std::max<Index>(stride, 1);
  }
};

}  // namespace

void* open_cublas() {
  void* handle = nullptr;
  require(cublas().create(&handle), "cublasCreate");
  require(cublas().set_stream(handle, current_stream()), "cublasSetStream");
  return handle;
}

void close_cublas(void* handle) noexcept { cublas().destroy(handle); }

std::string describe_cublas(void* handle) {
  int version = 0;
  require(cublas().get_version(handle, &version), "cublasGetVersion");
  // 120103 is 12.1.3.
  return "cuBLAS " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
         "." + std::to_string(version % 100);
}

void gemm_by_cublas(void* handle, const Factor<float>& a, const Factor<float>& b,
                    const MatrixView<float>& c, const float* bias, Output output) {
  // By columns C^T = B^T A^T, and a matrix by rows is its transpose by columns.
  const Columns left("B", b), right("A", a);
  const float one = 1, keep = output == Output::add ? 1.0f : 0.0f;
  require(
      cublas().sgemm(handle, left.turn, right.turn, c.cols, c.rows, a.cols, &one, b.data,
                     left.stride, a.data, right.stride, &keep, c.data, std::max(c.stride, c.cols)),
      "cublasSgemm");
  if (bias != nullptr) add_bias_on_gpu(bias, c);
}

}  // namespace libnorm
