#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <span>
#include <vector>

#include "libnorm/metrics/landscape/objective.hpp"

namespace libnorm::python {

namespace nb = nanobind;

/// An objective of Python's: an object with `dimension`, `loss(w)`, `gradient(w)` and perhaps
/// `hessian_vector_product(w, v)` and `gauss_newton_product(w, v)`. Each call takes the GIL.
class PythonObjective {
 public:
  explicit PythonObjective(nb::handle object);
  ~PythonObjective();

  Index dimension() const { return dimension_; }
  double loss(std::span<const double> w);
  void gradient(std::span<const double> w, std::span<double> g);
  void product(const char* name, std::span<const double> w, std::span<const double> v,
               std::span<double> out);

 private:
  nb::object array_of(std::span<const double> numbers) const;
  nb::object weights_of(std::span<const double> w);
  void take(const char* name, nb::handle result, std::span<double> out) const;

  nb::object object_;
  Index dimension_;
  /// The last w as Python has it: the same object as long as the numbers are the same.
  std::vector<double> last_;
  nb::object last_array_;
};

/// An objective that a function of this module was given: one of Python's, or the library's own
/// curvature, which runs without Python. Must live, with the GIL held where it ends, as long as its
/// view is used.
class AnyObjective {
 public:
  explicit AnyObjective(nb::handle object);
  ~AnyObjective();
  const ObjectiveView& view() const { return *view_; }

 private:
  struct Held;
  std::unique_ptr<Held> held_;
  std::unique_ptr<ObjectiveView> view_;
};

}  // namespace libnorm::python
