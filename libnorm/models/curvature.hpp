#pragma once

#include <span>
#include <string>
#include <vector>

#include "libnorm/models/transformer.hpp"

namespace libnorm {

/// The mean loss of a transformer over one batch, in training (BatchNorm's statistics are the
/// batch's, and are not updated), as a function of its weights: loss, gradient and exact products
/// with the Hessian and the Gauss-Newton matrix, in double. The model itself does not change.
///
/// If tensors are chosen, the others are held fixed, and w holds the chosen ones in the model's
/// order.
///
/// A product with the Hessian costs about two gradients, one with the Gauss-Newton matrix less: the
/// values of a pass are computed once for each w. The class satisfies the concept
/// TwiceDifferentiable of metrics/landscape/objective.hpp. Source: Pearlmutter 1994, "Fast exact
/// multiplication by the Hessian"; Schraudolph 2002.
class Curvature {
 public:
  /// At the model's weights. `tensors` are names of its parameters; empty: all.
  /// Throws: ValueError for an unknown or duplicate name.
  template <class T>
  Curvature(const Transformer<T>& model, const Batch& batch,
            const std::vector<std::string>& tensors = {});

  /// n, the number of chosen weights.
  Index dimension() const { return dimension_; }
  /// The chosen weights of the model.
  const std::vector<double>& weights() const { return weights_; }

  /// In nats. Throws: ShapeError for a w of another size.
  double loss(std::span<const double> w);
  /// g [n] by the chosen weights. Throws: ShapeError for a w or g of another size, as all below.
  void gradient(std::span<const double> w, std::span<double> g);
  /// hv = H(w) v.
  void hessian_vector_product(std::span<const double> w, std::span<const double> v,
                              std::span<double> hv);
  /// gv = J^T B J v, J the derivative of the logits and B the Hessian of the loss by them.
  void gauss_newton_product(std::span<const double> w, std::span<const double> v,
                            std::span<double> gv);

 private:
  /// A range of the model's flat weights.
  struct Part {
    Index offset, size;
  };

  void choose(const std::vector<std::string>& tensors);
  void require_size(const char* where, std::size_t size) const;
  void spread(std::span<const double> from, std::vector<double>& flat) const;
  void collect(const std::vector<double>& flat, std::span<double> to) const;
  /// Forward and backward pass at the current weights.
  void pass();
  /// Sets the weights' values, unless they are set already, and their tangents.
  void set(std::span<const double> w, std::span<const double> v);

  Transformer<Dual<double>> model_;
  Batch batch_;
  std::vector<Part> parts_;
  Index dimension_ = 0;
  std::vector<double> weights_;
  /// Whether the values of a pass at the present weights are kept, and whether the model's gradient
  /// is that of the loss.
  bool has_values_ = false, has_gradient_ = false;
  double loss_ = 0;
  Buffer<Dual<double>> d_logits_;
};

}  // namespace libnorm
