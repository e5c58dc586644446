#pragma once

#include <nanobind/nanobind.h>

#include <utility>
#include <vector>

#include "libnorm/metrics/landscape/linear_operator.hpp"
#include "libnorm/python/objective.hpp"

namespace libnorm::python {

/// Ranges of weights as Python gives them: (first, count).
using Ranges = std::vector<std::pair<Index, Index>>;

/// The same as the library has them.
std::vector<IndexRange> ranges_of(const Ranges& ranges);

/// w as doubles. Throws: ShapeError unless it has the objective's dimension.
std::vector<double> weights_for(const char* where, const AnyObjective& objective, nb::handle w);

/// The parts of bind_landscape.
/// @{
void bind_sharpness(nb::module_& m);
void bind_slices(nb::module_& m);
/// @}

}  // namespace libnorm::python
