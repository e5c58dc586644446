#include <cstdint>
#include <vector>

#include <cuda_runtime.h>

/// What libnorm takes of cuBLAS, for the emulator: plain loops over matrices by columns, summed in
/// double, and cuBLAS's checks of its arguments.
namespace {

constexpr int kSuccess = 0, kInvalidValue = 7;
int handles = 0;

/// A matrix [rows, cols] by columns on the device, each `stride` behind the other.
std::vector<float> fetched(const float* from, std::int64_t rows, std::int64_t cols,
                           std::int64_t stride) {
  std::vector<float> m(std::size_t(rows * cols));
  for (std::int64_t j = 0; j < cols && rows > 0; ++j) {
    cudaMemcpyAsync(m.data() + j * rows, from + j * stride, std::size_t(rows) * sizeof(float),
                    cudaMemcpyDeviceToHost, nullptr);
  }
  return m;
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
  *handle = new int(++handles);
  return kSuccess;
}
int cublasDestroy_v2(void* handle) {
  delete static_cast<int*>(handle);
  return kSuccess;
}
int cublasGetVersion_v2(void*, int* version) {
  *version = 130102;
  return kSuccess;
}
int cublasSetStream_v2(void*, cudaStream_t) { return kSuccess; }

int cublasSgemm_v2_64(void* handle, int turn_a, int turn_b, std::int64_t m, std::int64_t n,
                      std::int64_t k, const float* alpha, const float* a, std::int64_t lda,
                      const float* b, std::int64_t ldb, const float* beta, float* c,
                      std::int64_t ldc) {
  const std::int64_t a_rows = turn_a == 0 ? m : k, a_cols = turn_a == 0 ? k : m;
  const std::int64_t b_rows = turn_b == 0 ? k : n, b_cols = turn_b == 0 ? n : k;
  if (handle == nullptr || turn_a > 1 || turn_b > 1 || m < 0 || n < 0 || k < 0 ||
      lda < (a_rows > 1 ? a_rows : 1) || ldb < (b_rows > 1 ? b_rows : 1) || ldc < (m > 1 ? m : 1)) {
    return kInvalidValue;
  }
  const std::vector<float> x = fetched(a, a_rows, a_cols, lda), y = fetched(b, b_rows, b_cols, ldb);
  std::vector<float> before;
  if (*beta != 0) before = fetched(c, m, n, ldc);
  std::vector<float> column(std::size_t(m), 0.0f);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) {
      double sum = 0;
      for (std::int64_t l = 0; l < k; ++l) {
        sum += double(x[std::size_t(turn_a == 0 ? l * m + i : i * k + l)]) *
               double(y[std::size_t(turn_b == 0 ? j * k + l : l * n + j)]);
      }
      if (*beta != 0) sum += double(*beta) * double(before[std::size_t(j * m + i)]);
      column[std::size_t(i)] = float(double(*alpha) * sum);
    }
    cudaMemcpyAsync(c + j * ldc, column.data(), std::size_t(m) * sizeof(float),
                    cudaMemcpyHostToDevice, nullptr);
  }
  return kSuccess;
}

}  // extern "C"
