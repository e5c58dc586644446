#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/results/measures.hpp"
#include "harness/studies/recall_options.hpp"

namespace harness {

/// What is measured on a trained model of Experiments 1 to 3: `spectrum` and `slices`.
const std::vector<Measure>& recall_measures();

/// Measures a model as it stands into a result: all that `which` names, in place of what the result
/// had. Throws: ValueError for a name of none.
void measure_recall(const RecallOptions& options, std::uint64_t seed,
                    const std::vector<std::string>& which, libnorm::Transformer<float>& model,
                    RunResult& result);

}  // namespace harness
