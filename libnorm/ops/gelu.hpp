#pragma once

#include "libnorm/core/tensor.hpp"

namespace libnorm {

/// value = x Phi(x), slope = d value / d x
///
/// Phi is the normal distribution function, by erf. x, value, slope [R, C]; value may be x.
/// Saves: slope, for gelu_backward. Source: Hendrycks, Gimpel 2016 (arXiv:1606.08415); PyTorch's
/// `approximate='none'`.
template <class T>
void gelu(const MatrixView<const T>& x, const MatrixView<T>& value, const MatrixView<T>& slope);

/// d_x = d_value slope, element by element. d_x may be d_value.
template <class T>
void gelu_backward(const MatrixView<const T>& d_value, const MatrixView<const T>& slope,
                   const MatrixView<T>& d_x);

}  // namespace libnorm
