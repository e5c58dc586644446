#pragma once

#include "harness/studies/study.hpp"

namespace harness {

/// Experiment 4.
const Study& encoder_study();

}  // namespace harness
