#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <string>
#include <type_traits>
#include <vector>

#include "libnorm/core/tensor.hpp"
#include "libnorm/metrics/metric_value.hpp"

namespace libnorm::python {

namespace nb = nanobind;

/// Metrics as Python sees them: a table, a dict, numbers by their names.
/// @{
std::string table_of(const std::string& title, const std::vector<MetricValue>& values);
nb::dict dict_of(const std::vector<MetricValue>& values);
nb::dict numbers_of(const std::vector<MetricValue>& values);
/// Throws: nb::key_error with the known names.
double number_of(const std::vector<MetricValue>& values, const std::string& name);
/// @}

/// A read-only array that shows numbers of `owner`, which it keeps alive.
template <class T>
nb::ndarray<nb::numpy, const T> shown_array(const T* data, std::initializer_list<size_t> shape,
                                            nb::handle owner) {
  return nb::ndarray<nb::numpy, const T>(data, shape, owner);
}
inline nb::ndarray<nb::numpy, const double> shown_array(const std::vector<double>& numbers,
                                                        nb::handle owner) {
  return shown_array(numbers.data(), {numbers.size()}, owner);
}

/// An array that owns its numbers.
template <class T>
nb::ndarray<nb::numpy, T> owned_array(std::vector<T> numbers, std::initializer_list<size_t> shape) {
  auto* memory = new std::vector<T>(std::move(numbers));
  nb::capsule owner(memory, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::ndarray<nb::numpy, T>(memory->data(), shape, owner);
}
inline nb::ndarray<nb::numpy, double> owned_array(std::vector<double> numbers) {
  const size_t size = numbers.size();
  return owned_array(std::move(numbers), {size});
}

/// What every result has: it prints as a table, metrics, r["name"]. R has values_of(const R&);
/// `title` makes the line above the table.
template <class R, class Title>
void add_table(nb::class_<R>& result, Title title) {
  result.def("__repr__", [title](const R& r) { return table_of(title(r), values_of(r)); });
  result.def(
      "__getitem__",
      [](const R& r, const std::string& name) { return number_of(values_of(r), name); },
      nb::arg("name"), "A metric by its name. Raises KeyError with the known names.");
  result.def_prop_ro(
      "metrics", [](const R& r) { return numbers_of(values_of(r)); },
      nb::sig("def metrics(self) -> dict[str, float]"), "The metrics' values by their names.");
}

/// And to_dict() and to_json() of metrics alone.
template <class R, class Title>
void add_values(nb::class_<R>& result, Title title) {
  add_table(result, title);
  result.def(
      "to_dict", [](const R& r) { return dict_of(values_of(r)); },
      nb::sig("def to_dict(self) -> dict[str, typing.Any]"),
      "The metrics by their names, each with value, unit and convention.");
  result.def(
      "to_json", [](const R& r) { return json_of(values_of(r)); },
      "to_dict() as JSON, which has no infinity: it becomes the string \"inf\".");
}

/// What binds a topic's functions and classes.
/// @{
void bind_spectrum(nb::module_& m);
void bind_geometry(nb::module_& m);
void bind_cka(nb::module_& m);
void bind_norms(nb::module_& m);
void bind_models(nb::module_& m);
void bind_curvature(nb::module_& m);
void bind_landscape(nb::module_& m);
/// @}

}  // namespace libnorm::python
