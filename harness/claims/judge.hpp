#pragma once

#include <cstddef>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/verdict.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// A verdict for each claim, in order, from the results of one profile. The claims are one family,
/// of one task. Results of another task are no evidence; the notes name them if there are no
/// others.
///
/// Seeds: those of any result. A verdict is COULD NOT CHECK if a needed arm lacks a seed, a run
/// diverged, a metric is absent or not finite, or runs are on more than one data set; its notes
/// name these. With fewer seeds than `golden_seeds`, every verdict that can be checked is
/// INCONCLUSIVE.
///
/// A difference part is SUPPORTED if its Holm p <= 0.05, its interval lies above 0, its effect is
/// at least the margin, and P(A > B) >= 0.75 with a lower end above 0.5; CONTRADICTED in the mirror
/// image if no control flips it; NEGLIGIBLE if the Holm p of the equivalence test is <= 0.05. An
/// equivalence part is NEGLIGIBLE (it holds) by the same test, and CONTRADICTED if the difference
/// is beyond the margin with Holm p <= 0.05 and an interval wholly beyond it. A part that asks for
/// "not less" is SUPPORTED if A - B lies above -margin with Holm p <= 0.05 and its whole interval,
/// and CONTRADICTED if it lies below with both.
///
/// A control flips a difference part if the effect then has the other sign, or is negligible
/// (p <= 0.05, not adjusted) where it was at least the margin; and any other part if the effect is
/// then on the other side of the margin.
///
/// A claim is CONTRADICTED if a part is; SUPPORTED if all parts hold, but FRAGILE if a control
/// flips one; NEGLIGIBLE if a claimed difference is; else INCONCLUSIVE.
///
/// Order of adjustment: one p per claim and question. "It holds" takes the largest p of its parts
/// (all must hold); "the opposite" and "negligible" take the smallest times the number of parts
/// (one is enough). Each question is a family of its own, adjusted by Holm over all claims, a claim
/// that could not be checked counting as p = 1. A part's adjusted p is what the claim's would be if
/// the part's p stood in its place.
///
/// Throws: ValueError if the claims are of several tasks; DataError if two results of their task
/// have the same arm and seed, or the profiles differ.
std::vector<Verdict> judge(const std::vector<Claim>& claims, const std::vector<RunResult>& results,
                           std::size_t golden_seeds = 0);

/// The same for all claims of a study, in their order, each family by itself. Claims of a family
/// must be adjacent.
std::vector<Verdict> judge_study(const std::vector<Claim>& claims,
                                 const std::vector<RunResult>& results,
                                 std::size_t golden_seeds = 0);

}  // namespace harness
