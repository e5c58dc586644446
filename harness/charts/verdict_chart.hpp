#pragma once

#include <vector>

#include "harness/charts/chart.hpp"
#include "harness/claims/verdict.hpp"

namespace harness {

/// `verdict-steps`: the verdicts at points of training, for published definitions that have any;
/// the effect of each part in margins against the step, its interval as a band, beside the band of
/// the margin, in the colour of the claim's word at that step. No panels if none has any.
Chart steps_chart(const std::vector<Verdict>& verdicts);

/// `verdict-definitions-<claim>` for each claim: the effect of each part under each definition, in
/// the definition's margin, with its interval, in the colour of the definition's word.
std::vector<Chart> definition_charts(const std::vector<Verdict>& verdicts);

}  // namespace harness
