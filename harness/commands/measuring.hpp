#pragma once

#include <string>
#include <vector>

#include "harness/activations/measure_activations.hpp"
#include "harness/commands/command.hpp"

namespace harness {

/// The choice of an array for the file of option `name`, by the option `name`-tensor; without a
/// name, by --tensor.
ArrayChoice choice_of(const Arguments& arguments, const std::string& name = "");

/// What the options ask for of a file. Throws: UsageError and DataError for what does not fit it.
Measuring measuring_of(const Arguments& arguments, const ActivationFile& file);

/// Measures, and shows the progress.
Measurement measure(const Arguments& arguments, const Measuring& asked);

}  // namespace harness
