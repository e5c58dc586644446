#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/results/measures.hpp"
#include "harness/studies/recall_options.hpp"

namespace harness {

/// What is measured on a trained model of Experiments 1 to 3: `spectrum` and `slices`.
const std::vector<Measure>& recall_measures();

/// Measures a model as it is into a result: every measure in `which`, in place of what the result
/// had.
/// Throws: ValueError for an unknown measure.
void measure_recall(const RecallOptions& options, std::uint64_t seed,
                    const std::vector<std::string>& which, libnorm::Transformer<float>& model,
                    RunResult& result);

}  // namespace harness
