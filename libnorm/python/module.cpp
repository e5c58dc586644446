#include <exception>

#include "libnorm/core/error.hpp"
#include "libnorm/core/launch.hpp"
#include "libnorm/core/version.hpp"
#include "libnorm/python/results.hpp"

namespace libnorm::python {
namespace {

/// The library's errors, with its sentences. They are Python's own where Python has them.
void bind_errors(nb::module_& m) {
  nb::exception<ShapeError>(m, "ShapeError", PyExc_ValueError);
  nb::exception<DataError>(m, "DataError", PyExc_RuntimeError);
  nb::exception<BackendError>(m, "BackendError", PyExc_RuntimeError);
  m.attr("ShapeError").attr("__doc__") = "Extents that do not fit each other.";
  m.attr("DataError").attr("__doc__") = "A file that is missing, damaged or not what it says.";
  m.attr("BackendError").attr("__doc__") = "A machine that cannot do what was asked of it.";
  nb::register_exception_translator([](const std::exception_ptr& error, void*) {
    try {
      std::rethrow_exception(error);
    } catch (const ValueError& wrong) {
      PyErr_SetString(PyExc_ValueError, wrong.what());
    }
  });
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "The compiled half of libnorm.";
  m.attr("__version__") = nb::cast(kVersionText);
  bind_errors(m);
  m.def("threads", &available_threads,
        "Threads that the library uses. Results do not depend on their number.");
  bind_spectrum(m);
  bind_geometry(m);
  bind_cka(m);
  bind_norms(m);
  bind_models(m);
  bind_curvature(m);
  bind_landscape(m);
}

}  // namespace libnorm::python
