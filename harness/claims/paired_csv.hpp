#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/claims/claims.hpp"
#include "harness/results/result.hpp"

namespace harness {

/// Reads paired results of other programs, to be judged by claims: CSV (RFC 4180) with a heading
/// and the columns `arm`, `seed`, and one for each metric that the claims name; other columns are
/// ignored. `name` is the file's, for messages and as the results' data.
/// Throws: DataError with line and column for a missing cell, a number that is none or not finite,
/// a seed that one arm has and another lacks, a row that occurs twice, a missing column, a broken
/// row, and more than 20 seeds.
std::vector<RunResult> read_paired_csv(std::string_view text, const std::string& name,
                                       const std::vector<Claim>& claims);

}  // namespace harness
