#pragma once

#include "harness/studies/study.hpp"

namespace harness {

/// Experiments 1 to 3.
const Study& recall_study();

}  // namespace harness
