#include "libnorm/python/objective.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "libnorm/models/curvature.hpp"
#include "libnorm/python/curvature.hpp"
#include "libnorm/python/results.hpp"
#include "libnorm/python/rows.hpp"

namespace libnorm::python {

PythonObjective::PythonObjective(nb::handle object) : object_(nb::borrow(object)) {
  for (const char* name : {"dimension", "loss", "gradient"}) {
    if (!nb::hasattr(object, name)) {
      throw nb::type_error((std::string("objective: no `") + name + "` (" +
                            nb::type_name(object.type()).c_str() +
                            "); need an object with dimension, loss(w) and gradient(w), such as "
                            "libnorm.Objective")
                               .c_str());
    }
  }
  dimension_ = nb::cast<Index>(object.attr("dimension"));
}

PythonObjective::~PythonObjective() {
  nb::gil_scoped_acquire gil;
  last_array_.reset();
  object_.reset();
}

nb::object PythonObjective::array_of(std::span<const double> numbers) const {
  return nb::cast(owned_array(std::vector<double>(numbers.begin(), numbers.end())));
}

nb::object PythonObjective::weights_of(std::span<const double> w) {
  if (!last_array_.is_valid() || last_.size() != w.size() ||
      std::memcmp(last_.data(), w.data(), w.size_bytes()) != 0) {
    last_.assign(w.begin(), w.end());
    last_array_ = array_of(w);
    last_array_.attr("flags").attr("writeable") = false;
  }
  return last_array_;
}

void PythonObjective::take(const char* name, nb::handle result, std::span<double> out) const {
  const std::string where = std::string("objective.") + name;
  const std::vector<double> numbers = doubles_of(where.c_str(), result);
  if (numbers.size() != out.size()) {
    throw ShapeError(where + ": returned another number of numbers (" +
                     std::to_string(numbers.size()) + "); need " + std::to_string(out.size()));
  }
  std::copy(numbers.begin(), numbers.end(), out.begin());
}

double PythonObjective::loss(std::span<const double> w) {
  nb::gil_scoped_acquire gil;
  const nb::object number = nb::steal(PyNumber_Float(object_.attr("loss")(weights_of(w)).ptr()));
  if (!number.is_valid()) throw nb::python_error();
  return nb::cast<double>(number);
}

void PythonObjective::gradient(std::span<const double> w, std::span<double> g) {
  nb::gil_scoped_acquire gil;
  take("gradient", object_.attr("gradient")(weights_of(w)), g);
}

void PythonObjective::product(const char* name, std::span<const double> w,
                              std::span<const double> v, std::span<double> out) {
  nb::gil_scoped_acquire gil;
  take(name, object_.attr(name)(weights_of(w), array_of(v)), out);
}

namespace {

constexpr const char* kHessian = "hessian_vector_product";
constexpr const char* kGaussNewton = "gauss_newton_product";

/// An ObjectiveView asks for products by the type: one for each set of them.
struct Plain {
  PythonObjective& own;
  Index dimension() const { return own.dimension(); }
  double loss(std::span<const double> w) { return own.loss(w); }
  void gradient(std::span<const double> w, std::span<double> g) { own.gradient(w, g); }
};
template <class Base>
struct WithHessian : Base {
  void hessian_vector_product(std::span<const double> w, std::span<const double> v,
                              std::span<double> hv) {
    this->own.product(kHessian, w, v, hv);
  }
};
template <class Base>
struct WithGaussNewton : Base {
  void gauss_newton_product(std::span<const double> w, std::span<const double> v,
                            std::span<double> gv) {
    this->own.product(kGaussNewton, w, v, gv);
  }
};

bool has(nb::handle object, const char* name) {
  return nb::hasattr(object, name) && !object.attr(name).is_none();
}

}  // namespace

struct AnyObjective::Held {
  explicit Held(nb::handle object) : own(object) {}
  PythonObjective own;
  Plain plain{own};
  WithHessian<Plain> hessian{{own}};
  WithGaussNewton<Plain> gauss_newton{{own}};
  WithGaussNewton<WithHessian<Plain>> both{{{own}}};
};

AnyObjective::AnyObjective(nb::handle object) {
  if (nb::isinstance<SharedCurvature>(object)) {
    view_ = std::make_unique<ObjectiveView>(nb::cast<SharedCurvature&>(object));
    return;
  }
  held_ = std::make_unique<Held>(object);
  if (has(object, kHessian) && has(object, kGaussNewton)) {
    view_ = std::make_unique<ObjectiveView>(held_->both);
  } else if (has(object, kHessian)) {
    view_ = std::make_unique<ObjectiveView>(held_->hessian);
  } else if (has(object, kGaussNewton)) {
    view_ = std::make_unique<ObjectiveView>(held_->gauss_newton);
  } else {
    view_ = std::make_unique<ObjectiveView>(held_->plain);
  }
}

AnyObjective::~AnyObjective() = default;

}  // namespace libnorm::python
