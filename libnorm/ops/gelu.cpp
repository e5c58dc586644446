#include "libnorm/ops/gelu.hpp"

#include "libnorm/core/launch.hpp"
#include "libnorm/ops/gelu_body.hpp"

namespace libnorm {
namespace {

template <class A, class B>
bool same_shape(const A& a, const B& b) {
  return a.rows == b.rows && a.cols == b.cols;
}

}  // namespace

template <class T>
void gelu(const MatrixView<const T>& x, const MatrixView<T>& value, const MatrixView<T>& slope) {
  if (!same_shape(x, value) || !same_shape(x, slope)) {
    throw ShapeError("gelu: shapes differ (x " + shape_text(x.rows, x.cols) + ", value " +
                     shape_text(value.rows, value.cols) + ", slope " +
                     shape_text(slope.rows, slope.cols) + "); need one shape");
  }
  launch(x.rows, 8, GeluBody<T>{x, value, slope});
}

template <class T>
void gelu_backward(const MatrixView<const T>& d_value, const MatrixView<const T>& slope,
                   const MatrixView<T>& d_x) {
  if (!same_shape(d_value, slope) || !same_shape(d_value, d_x)) {
    throw ShapeError("gelu_backward: shapes differ (d_value " +
                     shape_text(d_value.rows, d_value.cols) + ", slope " +
                     shape_text(slope.rows, slope.cols) + ", d_x " +
                     shape_text(d_x.rows, d_x.cols) + "); need one shape");
  }
  launch(d_value.rows, 32, MultiplyBody<T>{d_value, slope, d_x});
}

#define LIBNORM_INSTANTIATE(T)                                                                   \
  template void gelu<T>(const MatrixView<const T>&, const MatrixView<T>&, const MatrixView<T>&); \
  template void gelu_backward<T>(const MatrixView<const T>&, const MatrixView<const T>&,         \
                                 const MatrixView<T>&);
LIBNORM_INSTANTIATE(float)
LIBNORM_INSTANTIATE(double)
LIBNORM_INSTANTIATE(Dual<double>)
#undef LIBNORM_INSTANTIATE

}  // namespace libnorm
