#pragma once

#include <cstddef>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/claims/verdict.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// A verdict for each definition of each claim, in order, from the results of one profile. The
/// claims are one family, of one task. Results of another task are no evidence; the notes name them
/// if there are no others.
///
/// Seeds: those of any result. A verdict is COULD NOT CHECK if a needed arm lacks a seed, a run
/// diverged, a metric is absent or not finite, or runs are on more than one data set; its notes
/// name these. With fewer seeds than `golden_seeds`, every verdict that can be checked is
/// INCONCLUSIVE.
///
/// A part with several sites has a term for each pair of them; a claim has the terms of its parts.
/// A part holds by its whole (the lowest A less the highest B), and its opposite by any term:
/// - `larger` holds if Holm's p <= 0.05, the interval lies above 0, the effect is at least the
///   margin, and the lower end of P(A > B) is above 0.5 (9 of 10 seeds, 8 of 8); the opposite is
///   the mirror image. It is too small if a term's equivalence has Holm's p <= 0.05.
/// - `equivalent` holds if the equivalence has Holm's p <= 0.05; the opposite: a difference beyond
///   the margin with Holm's p <= 0.05, and an interval beyond it.
/// - `not_less` holds if A - B lies above -margin with Holm's p <= 0.05 and its whole interval; the
///   opposite: below it with both.
///
/// A control keeps a part if the part with the stand-in has the same finding by the same rules;
/// flips it, if another one; else it leaves it open.
///
/// As defined, a claim is CONTRADICTED if a part's opposite holds; SUPPORTED if all parts hold;
/// NEGLIGIBLE if a claimed difference is too small; else INCONCLUSIVE. The first two stand only if
/// they do with each control (all parts; for an opposite, one part). They become FRAGILE if a
/// control flips them; if at a landmark in the second half of training an effect has the other sign
/// or is below the margin; and, under the published definition, if another definition contradicts
/// what this one supports, or supports what it contradicts. Else, if a control leaves them open,
/// they become INCONCLUSIVE.
///
/// Order of adjustment: one p per claim and question. "It holds" takes the largest p of its parts
/// and their controls (all must hold). "The opposite" takes for each part the largest of its own
/// and its controls', and of these the smallest times the number of terms (one is enough);
/// "negligible" the smallest times that number. Each question is a family of its own, adjusted by
/// Holm over all claims under their published definitions, a claim that could not be checked
/// counting as p = 1. Under another definition, and at a landmark, a claim is adjusted as if it
/// stood in its own place.
///
/// Throws: ValueError if the claims are of several tasks; DataError if two results of their task
/// have the same arm and seed, or the profiles differ.
std::vector<Verdict> judge(const std::vector<Claim>& claims, const std::vector<RunResult>& results,
                           std::size_t golden_seeds = 0);

/// The same for all claims of a study, in their order, each family by itself.
std::vector<Verdict> judge_study(const std::vector<Claim>& claims,
                                 const std::vector<RunResult>& results,
                                 std::size_t golden_seeds = 0);

}  // namespace harness
