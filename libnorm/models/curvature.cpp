#include "libnorm/models/curvature.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "libnorm/ops/cross_entropy.hpp"

namespace libnorm {

template <class T>
Curvature::Curvature(const Transformer<T>& model, const Batch& batch,
                     const std::vector<std::string>& tensors)
    : model_(model.options()), batch_(batch) {
  const auto copy = [](const std::vector<T>& from, DualArray<double>& to) {
    std::copy(from.begin(), from.end(), to.values().begin());
  };
  copy(model.weights(), model_.weights());
  copy(model.running_values(), model_.running_values());
  choose(tensors);
  weights_.resize(std::size_t(dimension_));
  collect(model_.weights().values(), weights_);
}

void Curvature::choose(const std::vector<std::string>& tensors) {
  std::multiset<std::string> wanted(tensors.begin(), tensors.end());
  for (const Parameter& p : model_.parameters().all()) {
    const auto found = wanted.find(p.name);
    if (!tensors.empty() && found == wanted.end()) continue;
    if (found != wanted.end()) wanted.erase(found);
    parts_.push_back({p.offset, p.size()});
    dimension_ += p.size();
  }
  if (!wanted.empty()) {
    throw ValueError("Curvature: no such tensor, or named twice (" + *wanted.begin() +
                     "); need names of the model's parameters, once each");
  }
}

void Curvature::require_size(const char* where, std::size_t size) const {
  if (Index(size) == dimension_) return;
  throw ShapeError(std::string("Curvature::") + where + ": sizes differ (" + std::to_string(size) +
                   " numbers, dimension " + std::to_string(dimension_) + "); need the same");
}

void Curvature::spread(std::span<const double> from, std::vector<double>& flat) const {
  auto next = from.begin();
  for (const Part& p : parts_) {
    std::copy_n(next, p.size, flat.begin() + p.offset);
    next += p.size;
  }
}

void Curvature::collect(const std::vector<double>& flat, std::span<double> to) const {
  auto next = to.begin();
  for (const Part& p : parts_) next = std::copy_n(flat.begin() + p.offset, p.size, next);
}

void Curvature::set(std::span<const double> w, std::span<const double> v) {
  std::vector<double>& values = model_.weights().values();
  auto next = w.begin();
  for (const Part& p : parts_) {
    has_values_ = has_values_ && std::equal(next, next + p.size, values.begin() + p.offset);
    next += p.size;
  }
  if (!has_values_) spread(w, values);
  if (v.empty()) {
    std::fill(model_.weights().tangents().begin(), model_.weights().tangents().end(), 0.0);
  } else {
    spread(v, model_.weights().tangents());
  }
  if (has_values_) {
    model_.products().begin_again();
  } else {
    model_.products().begin_new();
  }
}

void Curvature::pass() {
  loss_ = model_.loss_and_gradient_only(batch_);
  has_values_ = has_gradient_ = true;
}

double Curvature::loss(std::span<const double> w) {
  require_size("loss", w.size());
  set(w, {});
  if (!has_values_) pass();
  return loss_;
}

void Curvature::gradient(std::span<const double> w, std::span<double> g) {
  require_size("gradient", w.size());
  require_size("gradient", g.size());
  set(w, {});
  if (!has_values_ || !has_gradient_) pass();
  collect(model_.gradient().values(), g);
}

void Curvature::hessian_vector_product(std::span<const double> w, std::span<const double> v,
                                       std::span<double> hv) {
  require_size("hessian_vector_product", w.size());
  require_size("hessian_vector_product", v.size());
  require_size("hessian_vector_product", hv.size());
  set(w, v);
  pass();
  collect(model_.gradient().tangents(), hv);
}

void Curvature::gauss_newton_product(std::span<const double> w, std::span<const double> v,
                                     std::span<double> gv) {
  require_size("gauss_newton_product", w.size());
  require_size("gauss_newton_product", v.size());
  require_size("gauss_newton_product", gv.size());
  set(w, v);
  if (has_values_) {
    model_.loss_and_d_logits(batch_);
  } else {
    pass();
  }
  has_gradient_ = false;
  // The tangent of the loss's gradient by the logits is B J v; it is pulled back as a gradient is.
  const MatrixView<const Dual<double>> d_logits = model_.d_logits();
  const auto pulled = d_logits_.view(d_logits.rows, d_logits.cols);
  for (Index i = 0; i < d_logits.size(); ++i) {
    pulled.data[i] = Dual<double>(d_logits.data.tangent[i]);
  }
  model_.products().begin_values();
  collect(model_.pull_back(batch_, pulled).values(), gv);
}

template Curvature::Curvature(const Transformer<float>&, const Batch&,
                              const std::vector<std::string>&);
template Curvature::Curvature(const Transformer<double>&, const Batch&,
                              const std::vector<std::string>&);

}  // namespace libnorm
