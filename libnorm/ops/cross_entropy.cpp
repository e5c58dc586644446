#include "libnorm/ops/cross_entropy.hpp"

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/cross_entropy_body.hpp"

namespace libnorm {

template <class T>
double cross_entropy(const MatrixView<const T>& logits, const std::int32_t* target, Pointer<T> loss,
                     const MatrixView<T>& d_logits) {
  if (logits.rows < 1 || logits.cols < 1) {
    throw ShapeError("cross_entropy: no logits (" + shape_text(logits.rows, logits.cols) +
                     "); need a row, for a mean, and a column, for a target");
  }
  if (d_logits.data != nullptr && (d_logits.rows != logits.rows || d_logits.cols != logits.cols)) {
    throw ShapeError("cross_entropy: sizes differ (logits " + shape_text(logits.rows, logits.cols) +
                     ", d_logits " + shape_text(d_logits.rows, d_logits.cols) +
                     "); need one shape");
  }
  // Targets on a GPU were looked at where they came from.
  for (Index b = 0; current_device() == Device::cpu && b < logits.rows; ++b) {
    if (target[b] < 0 || target[b] >= logits.cols) {
      throw ValueError("cross_entropy: target out of range (target[" + std::to_string(b) +
                       "] = " + std::to_string(target[b]) + "); need 0 .. " +
                       std::to_string(logits.cols - 1));
    }
  }
  launch(logits.rows, 16, CrossEntropyBody<T>{logits, target, loss, d_logits});
  double mean = 0;
  if constexpr (std::is_same_v<T, float>) {
    if (current_device() == Device::cuda) {
      DeviceMemory memory;
      auto* on_gpu = static_cast<double*>(memory.reserve(sizeof mean, "a mean"));
      launch(1, 1, MeanBody<T>{loss, logits.rows, on_gpu});
      copy_to_host(&mean, on_gpu, sizeof mean);
      return mean;
    }
  }
  launch(1, 1, MeanBody<Real<T>>{value_of(loss), logits.rows, &mean});
  return mean;
}

template double cross_entropy<float>(const MatrixView<const float>&, const std::int32_t*, float*,
                                     const MatrixView<float>&);
template double cross_entropy<double>(const MatrixView<const double>&, const std::int32_t*, double*,
                                      const MatrixView<double>&);
template double cross_entropy<Dual<double>>(const MatrixView<const Dual<double>>&,
                                            const std::int32_t*, DualPointer<double>,
                                            const MatrixView<Dual<double>>&);

}  // namespace libnorm
