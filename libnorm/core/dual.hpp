#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

#include "libnorm/core/error.hpp"
#include "libnorm/core/simd.hpp"

namespace libnorm {

/// value + tangent e with e^2 = 0. A function computed on it gives its value and its derivative
/// along the tangent. A gradient computed on it gives the gradient at the weights' values and, as
/// its tangent, the Hessian times the weights' tangent. So every mechanism with a forward and a
/// backward pass has exact Hessian-vector products without further code (Pearlmutter 1994).
template <class T>
struct Dual {
  /// The number itself.
  T value = 0;
  /// The factor of e.
  T tangent = 0;

  Dual() = default;
  /// One number alone is a constant. Implicit, so that formulas may mix the two.
  LIBNORM_INLINE Dual(T value_, T tangent_ = T(0)) : value(value_), tangent(tangent_) {}
};

namespace detail {
template <class T>
struct NumberTraits {
  using Real = T;
  using Pointer = T*;
  using Array = std::vector<std::remove_const_t<T>>;
};
}  // namespace detail

/// A pointer to duals. Values and tangents are two arrays, so that matrix products work on each as
/// on any array.
template <class T>
struct DualPointer {
  /// Both null, or two arrays of one size, which their owner keeps alive.
  /// @{
  T* value = nullptr;
  T* tangent = nullptr;
  /// @}

  /// A reference to a dual in memory.
  struct Reference {
    /// Addresses of its two numbers.
    /// @{
    T* value;
    T* tangent;
    /// @}
    /// Reads both.
    LIBNORM_INLINE operator Dual<std::remove_const_t<T>>() const { return {*value, *tangent}; }
    /// Writes both: the reference is constant, what it refers to is not.
    LIBNORM_INLINE const Reference& operator=(const Dual<std::remove_const_t<T>>& x) const {
      *value = x.value;
      *tangent = x.tangent;
      return *this;
    }
  };

  DualPointer() = default;
  /// A null pointer.
  LIBNORM_INLINE DualPointer(std::nullptr_t) {}
  /// A pointer to two arrays.
  LIBNORM_INLINE DualPointer(T* value_, T* tangent_) : value(value_), tangent(tangent_) {}
  /// Converts as T* converts to const T*.
  LIBNORM_INLINE operator DualPointer<const T>() const { return {value, tangent}; }

  /// Pointer arithmetic and comparison as of T*; only the values' addresses are compared.
  /// @{
  LIBNORM_INLINE DualPointer operator+(Index n) const { return {value + n, tangent + n}; }
  LIBNORM_INLINE Reference operator[](Index i) const { return {value + i, tangent + i}; }
  LIBNORM_INLINE bool operator==(std::nullptr_t) const { return value == nullptr; }
  LIBNORM_INLINE bool operator==(const DualPointer& other) const { return value == other.value; }
  /// @}
};

/// Memory for duals: the part of std::vector's interface that the library needs.
template <class T>
class DualArray {
 public:
  /// As in std::vector, for both arrays.
  /// @{
  void assign(std::size_t size, const Dual<T>& x) {
    value_.assign(size, x.value);
    tangent_.assign(size, x.tangent);
  }
  void resize(std::size_t size) {
    value_.resize(size);
    tangent_.resize(size);
  }
  std::size_t size() const { return value_.size(); }
  /// @}
  /// Valid until the size changes.
  /// @{
  DualPointer<T> data() { return {value_.data(), tangent_.data()}; }
  DualPointer<const T> data() const { return {value_.data(), tangent_.data()}; }
  /// @}
  /// The two arrays; their sizes must stay equal.
  /// @{
  std::vector<T>& values() { return value_; }
  const std::vector<T>& values() const { return value_; }
  std::vector<T>& tangents() { return tangent_; }
  const std::vector<T>& tangents() const { return tangent_; }
  /// @}

 private:
  std::vector<T> value_, tangent_;
};

namespace detail {
template <class T>
struct NumberTraits<Dual<T>> {
  using Real = T;
  using Pointer = DualPointer<T>;
  using Array = DualArray<T>;
};
template <class T>
struct NumberTraits<const Dual<T>> {
  using Real = T;
  using Pointer = DualPointer<const T>;
  using Array = DualArray<T>;
};
}  // namespace detail

/// The real type of a number type: T itself, or that of a dual.
template <class T>
using Real = typename detail::NumberTraits<T>::Real;
/// T*, or a DualPointer if T is a dual. Write `Pointer<const T>` for a pointer to constants.
template <class T>
using Pointer = typename detail::NumberTraits<T>::Pointer;
/// std::vector<T>, or a DualVector if T is a dual.
template <class T>
using Array = typename detail::NumberTraits<T>::Array;

/// Whether T is a dual.
template <class T>
inline constexpr bool is_dual = !std::is_same_v<Real<T>, std::remove_const_t<T>>;

/// A pointer to the values of numbers in memory.
/// @{
template <class T>
LIBNORM_INLINE T* value_of(T* p) {
  return p;
}
template <class T>
LIBNORM_INLINE T* value_of(const DualPointer<T>& p) {
  return p.value;
}
/// @}
/// The value of a number: of a dual its value, of a real number itself.
/// @{
LIBNORM_INLINE float value_of(float x) { return x; }
LIBNORM_INLINE double value_of(double x) { return x; }
template <class T>
LIBNORM_INLINE T value_of(const Dual<T>& x) {
  return x.value;
}
/// @}

/// Arithmetic; tangents follow the rules of differentiation. The value's bits are those of the
/// operation on real numbers.
/// @{
template <class T>
LIBNORM_INLINE Dual<T> operator+(const Dual<T>& a, const Dual<T>& b) {
  return {a.value + b.value, a.tangent + b.tangent};
}
template <class T>
LIBNORM_INLINE Dual<T> operator-(const Dual<T>& a, const Dual<T>& b) {
  return {a.value - b.value, a.tangent - b.tangent};
}
template <class T>
LIBNORM_INLINE Dual<T> operator-(const Dual<T>& a) {
  return {-a.value, -a.tangent};
}
template <class T>
LIBNORM_INLINE Dual<T> operator*(const Dual<T>& a, const Dual<T>& b) {
  return {a.value * b.value, fused(a.value, b.tangent, a.tangent * b.value)};
}
template <class T>
LIBNORM_INLINE Dual<T> operator/(const Dual<T>& a, const Dual<T>& b) {
  const T q = a.value / b.value;
  return {q, fused(-q, b.tangent, a.tangent) / b.value};
}
/// @}
/// Compares the values only.
/// @{
template <class T>
LIBNORM_INLINE bool operator<(const Dual<T>& a, const Dual<T>& b) {
  return a.value < b.value;
}
template <class T>
LIBNORM_INLINE bool operator>(const Dual<T>& a, const Dual<T>& b) {
  return a.value > b.value;
}
/// @}
/// a b + c, the value rounded once.
template <class T>
LIBNORM_INLINE Dual<T> fused(const Dual<T>& a, const Dual<T>& b, const Dual<T>& c) {
  return {fused(a.value, b.value, c.value),
          fused(a.value, b.tangent, fused(a.tangent, b.value, c.tangent))};
}
/// The root, and tangent / (2 root); of 0, whose root has no slope, the tangent is 0.
template <class T>
LIBNORM_INLINE Dual<T> square_root(const Dual<T>& a) {
  const T root = square_root(a.value);
  return {root, root > T(0) ? a.tangent / (root + root) : T(0)};
}

}  // namespace libnorm
