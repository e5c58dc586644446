#pragma once

#include <type_traits>

namespace libnorm::test {

/// How far two ways to compute one number may lie apart, in units of a rounding u (2^-24 for float,
/// 2^-53 for double) of the largest number of the tensor or of the terms that it is a sum of.
struct Tolerance {
  double float_units, double_units;
};

template <class T>
constexpr double tolerance(const Tolerance& t) {
  return std::is_same_v<T, float> ? t.float_units * 0x1p-24 : t.double_units * 0x1p-53;
}

/// A sum of n terms, in units of the sum of their sizes: n roundings here and n in the oracle,
/// whose double roundings count nothing against float's.
constexpr Tolerance sum_of(double n) { return {n + 2, 2 * n + 2}; }

/// One function of one number: its own rounding, the oracle's, and libm's last place; a last place
/// is two roundings. The tail of GELU is off by 1.3e-15, 12 u (core/math.hpp).
inline constexpr Tolerance kPointwise{4, 16};

/// A softmax and its weighted sum: the error of a score of size 8 over 43 channels, 344 u, becomes
/// a relative error of the share; the sums over at most 130 keys add 130 roundings.
inline constexpr Tolerance kAttention{512, 512};

/// A norm over 43 to 597 numbers: the mean, the variance and the quotient each carry the error of
/// a sum, at most 43 / 32 + 5 roundings a row and 128 + 4 a column, and a few of their own.
inline constexpr Tolerance kNorm{300, 300};

/// A value of a model of at most two blocks: 12 operations a block, each with a sum of at most 37
/// terms whose roundings partly cancel (4 in practice, not 37), about 100 in all.
inline constexpr Tolerance kModelValue{100, 100};

/// A gradient passes the model twice, and the backward pass of a norm takes the mean and the part
/// along z out of it, which may leave a tenth: 10 x 100.
inline constexpr Tolerance kModelGradient{1000, 1000};

/// The same with a norm on each side of every branch, one of them over four rows of a sequence:
/// twice as many norms, which may magnify roundings by the inverse of a deviation of two thirds.
inline constexpr Tolerance kMechanismValue{300, 300};

/// A product with the Hessian is the derivative of a gradient along a direction: it passes every
/// step of the gradient twice, once with the step's own second derivative.
inline constexpr Tolerance kModelCurvature{2000, 2000};

/// A loss or weight norm after 50 steps of Adam: each step moves a weight by the rate x m /
/// sqrt(v), of which the error relative to the weight is the rate (5e-3) x a gradient's error, 50
/// of them in a row: 0.25 x 1000.
inline constexpr Tolerance kTraining{250, 250};

/// The same for three blocks: a value has half as many operations again, a gradient ten times a
/// value's error; 20 steps of Adam at a rate of 2e-4 add 20 x 2e-4 x 1500 to a value's.
inline constexpr Tolerance kEncoderValue{150, 150};
inline constexpr Tolerance kEncoderGradient{1500, 1500};
inline constexpr Tolerance kEncoderTraining{156, 156};

/// A derivative by five points a step h = 2^-10 apart, of a function of size 1: its rounding,
/// 1.5 x 100 u / h, is 2e-11; the formula's error, h^4 / 30 times the fifth derivative (up to 2e3,
/// where norms divide by deviations of a third), 6e-11.
inline constexpr double kDifference = 1e-10;

}  // namespace libnorm::test
