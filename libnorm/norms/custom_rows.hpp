#pragma once

#include <memory>
#include <utility>

#include "libnorm/core/dual.hpp"
#include "libnorm/norms/family.hpp"

namespace libnorm {

/// A stabilizer of rows defined by a program that links the library: see custom_rows. It runs on
/// the processor only; its author decides the order of summation.
class CustomRows {
 public:
  /// A stabilizer of rows.
  static constexpr Family kFamily = Family::row;
  /// Marks bodies that have no kernels: norm_forward throws on a GPU.
  static constexpr bool kOnProcessorAlone = true;

  /// The author's functions, for each type of number that a model may have.
  class Functions {
   public:
    virtual ~Functions() = default;
    /// The author's templates for float, double and duals; see custom_rows.
    /// @{
    virtual float forward(float* x, Index channels) const = 0;
    virtual double forward(double* x, Index channels) const = 0;
    virtual Dual<double> forward(DualPointer<double> x, Index channels) const = 0;
    virtual void backward(const float* z, float scale, float* g, Index channels) const = 0;
    virtual void backward(const double* z, double scale, double* g, Index channels) const = 0;
    virtual void backward(DualPointer<const double> z, Dual<double> scale, DualPointer<double> g,
                          Index channels) const = 0;
    /// @}
  };
  /// For custom_rows. Copies share the functions. Throws: ValueError for null.
  explicit CustomRows(std::shared_ptr<const Functions> functions)
      : functions_(std::move(functions)) {
    if (functions_ == nullptr) throw ValueError("CustomRows: no functions (null); need an object");
  }

  /// x [C] becomes z. Returns the number that the author's forward returns.
  template <class T, class W>
  T forward(W, Pointer<T> x, Index channels) const {
    return functions_->forward(x, channels);
  }
  /// The gradient by z, g [C], becomes that by x.
  template <class T, class W>
  void backward(W, Pointer<const T> z, T scale, Pointer<T> g, Index channels) const {
    functions_->backward(z, scale, g, channels);
  }
  /// Itself: a scaled row is passed to the same functions.
  const CustomRows& scaled(double) const { return *this; }

 private:
  std::shared_ptr<const Functions> functions_;
};

/// A stabilizer from an object with two member templates. T is float, double, or a dual (for exact
/// Hessian-vector products) and has arithmetic, comparison and square_root:
///
///     template <class T> T forward(Pointer<T> x, Index channels) const;
///     template <class T> void backward(Pointer<const T> z, T scale, Pointer<T> g,
///                                      Index channels) const;
///
/// forward replaces x by z and returns a positive number for backward, such as the factor of x. If
/// it is not between 0 and 2^60 (double: 2^500), forward is called again with x times a power of
/// two. backward replaces the gradient by z with the gradient by x. Read an element as T(x[i]).
/// Both may be called by several threads at once.
template <class Author>
CustomRows custom_rows(Author author) {
  class Bound final : public CustomRows::Functions {
   public:
    explicit Bound(Author a) : author_(std::move(a)) {}
    float forward(float* x, Index n) const override {
      return author_.template forward<float>(x, n);
    }
    double forward(double* x, Index n) const override {
      return author_.template forward<double>(x, n);
    }
    Dual<double> forward(DualPointer<double> x, Index n) const override {
      return author_.template forward<Dual<double>>(x, n);
    }
    void backward(const float* z, float scale, float* g, Index n) const override {
      author_.template backward<float>(z, scale, g, n);
    }
    void backward(const double* z, double scale, double* g, Index n) const override {
      author_.template backward<double>(z, scale, g, n);
    }
    void backward(DualPointer<const double> z, Dual<double> scale, DualPointer<double> g,
                  Index n) const override {
      author_.template backward<Dual<double>>(z, scale, g, n);
    }

   private:
    Author author_;
  };
  return CustomRows(std::make_shared<const Bound>(std::move(author)));
}

}  // namespace libnorm
